"""The pump: order, threads, exceptions, nesting, feeding."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from CastLib import thread_time as held
from CastLib.client import Pump
from CastLib.client.pump import BUDGET
from CastLib.errors import TimedOut


def on_thread(work) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_callbacks_run_in_order_on_the_draining_thread():
    pump, ran = Pump(), []
    threads = [on_thread(lambda: [pump.post(ran.append, threading.get_ident()) for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.join()
    for number in range(5):
        pump.post(ran.append, number)
    assert pump.drain(5.0) == 405
    assert ran[-5:] == [0, 1, 2, 3, 4]
    assert pump.drain() == 0


def test_a_raising_callback_is_logged_and_stops_nothing(caplog):
    pump, ran = Pump(), []
    pump.post(lambda: 1 / 0)
    pump.post(ran.append, "after")
    with caplog.at_level(logging.ERROR, "cast.pump"):
        assert pump.run_once(0) == 2
    assert ran == ["after"]
    assert "ZeroDivisionError" in caplog.text


def test_run_once_waits_for_the_first_and_runs_only_what_is_there():
    pump, ran = Pump(), []

    def again(number: int) -> None:
        ran.append(number)
        pump.post(again, number + 1)

    pump.post(again, 0)
    assert pump.run_once() == 1
    assert pump.run_once() == 1
    assert ran == [0, 1]

    began = time.monotonic()
    empty = Pump()
    assert empty.run_once(0.05) == 0
    assert time.monotonic() - began >= 0.04


def test_a_drain_keeps_its_budget_but_always_makes_progress():
    pump, ran = Pump(), []
    for number in range(10):
        pump.post(lambda number=number: (time.sleep(0.01), ran.append(number)))
    assert pump.drain(0.0) == 1
    assert pump.drain(0.025) < 9
    assert ran == list(range(len(ran)))


def test_a_tick_stops_at_its_budget_and_the_next_goes_on(monkeypatch):
    """By a clock that only the callbacks move: many short messages fill a tick no further than one long one does."""
    clock = [0.0]
    monkeypatch.setattr("CastLib.client.pump.time.perf_counter", lambda: clock[0])
    pump, ran = Pump(), []

    def work(seconds: float) -> None:
        clock[0] += seconds
        ran.append(seconds)

    for _ in range(100):
        pump.post(work, 0.003)
    pump.post(work, 0.049)
    pump.post(work, 0.001)
    ticks = []
    while len(ran) < 102:
        began, before = clock[0], len(ran)
        pump.drain()
        assert clock[0] - began < BUDGET + ran[-1], "none is begun after the budget"
        ticks.append(len(ran) - before)
    assert set(ticks[:14]) == {7} and sum(ticks) == 102
    assert ran == [0.003] * 100 + [0.049, 0.001]


def test_call_brings_the_value_or_the_exception_to_the_caller():
    pump, got = Pump(), []

    def ask() -> None:
        got.append(pump.call(threading.get_ident, 60))
        try:
            pump.call(lambda: [][0], 60)
        except IndexError as error:
            got.append(type(error))

    thread = on_thread(ask)
    assert pump.run_until(lambda: len(got) == 2, 60)
    thread.join()
    assert got == [threading.get_ident(), IndexError]
    assert pump.call(lambda: "at once", 0) == "at once"


def test_a_call_that_timed_out_is_never_run():
    pump, ran, errors = Pump(), [], []

    def ask() -> None:
        try:
            pump.call(lambda: ran.append(1), 0.02)
        except TimedOut as error:
            errors.append(error)

    on_thread(ask).join()
    pump.drain()
    assert errors and not ran


def test_a_drain_within_a_callback_runs_no_other_callback():
    pump, ran = Pump(), []

    def outer() -> None:
        ran.append("begin")
        pump.post(ran.append, "inner")
        assert pump.drain() == 0
        ran.append("end")

    pump.post(outer)
    pump.drain()
    assert ran == ["begin", "end", "inner"]


def test_an_explicit_wait_within_a_callback_runs_others():
    pump, ran = Pump(), []

    def outer() -> None:
        pump.post(ran.append, "inner")
        assert pump.run_until(lambda: ran, 60)
        ran.append("outer")

    pump.post(outer)
    pump.drain()
    assert ran == ["inner", "outer"]


def test_run_until_gives_up():
    assert not Pump().run_until(lambda: False, 0.05)


def test_the_longest_callback_is_measured_by_name():
    pump = Pump()

    def slow_one() -> None:
        time.sleep(0.02)

    pump.post(time.monotonic)
    pump.post(slow_one)
    pump.drain()
    assert pump.main_thread.longest >= 0.02 and pump.main_thread.longest > pump.main_thread.longest_cpu
    assert "slow_one" in pump.main_thread.longest_name
    pump.main_thread.reset()
    thread = threading.Thread(target=lambda: pump.call(slow_one, 30))
    thread.start()
    assert pump.run_until(lambda: not thread.is_alive(), 60)
    assert "slow_one" in pump.main_thread.longest_name


def test_what_is_spent_elsewhere_does_not_count(monkeypatch):
    clock, inside = [0.0], [0.0]
    monkeypatch.setattr(held, "now", lambda: (clock[0], clock[0]))
    pump = Pump(elsewhere=lambda: (inside[0], inside[0]))

    def calls_the_host() -> None:
        clock[0] += 5.0
        inside[0] += 3.0

    pump.post(calls_the_host)
    pump.drain()
    assert (pump.main_thread.longest, pump.main_thread.longest_cpu, pump.main_thread.pieces) == (
        2.0,
        2.0,
        1,
    )
    pump.main_thread.reset()
    assert (pump.main_thread.longest, pump.main_thread.longest_cpu_name, pump.main_thread.pieces) == (
        0.0,
        "",
        0,
    )


@pytest.mark.parametrize(("during", "least"), [(None, 0.0), ("connected", 0.001), ("moving", 0.002)])
def test_an_empty_drain_sleeps_only_to_feed_threads(during, least, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("CastLib.client.pump.time.sleep", slept.append)
    pump = Pump()
    if during is None:
        pump.drain()
    else:
        with getattr(pump, during)():
            pump.drain()
        pump.drain()
    assert sum(slept) == least


def test_threads_that_are_still_hungry_are_fed_more_but_not_for_ever(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("CastLib.client.pump.time.sleep", slept.append)
    pump, answers = Pump(), [True, True, False]
    with pump.connected(lambda: answers.pop(0)):
        pump.drain()
    assert slept == [0.001] * 3
    with pump.connected(lambda: True):
        pump.drain()  # ends


def test_what_arrives_while_threads_are_fed_runs_in_the_same_tick():
    pump, ran = Pump(), []
    with pump.connected():
        timer = threading.Timer(0.0, pump.post, (ran.append, 1))
        timer.start()
        end = time.monotonic() + 5
        while not ran and time.monotonic() < end:
            pump.drain(1.0)
        timer.join()
    assert ran == [1]


def test_waiting_calls_are_served_before_a_join():
    pump, got = Pump(), []
    thread = on_thread(lambda: got.append(pump.call(lambda: "served", 10)))
    end = time.monotonic() + 5
    while thread.is_alive() and time.monotonic() < end:
        pump.serve_calls()
        thread.join(0.01)
    assert got == ["served"]
    pump.drain()
