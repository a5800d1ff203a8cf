"""What is caught in cycles dies on the main thread while threads of ours are at work."""

from __future__ import annotations

import gc
import threading

import pytest

from CastSlicerLib import garbage as collecting
from CastSlicerLib.garbage import MainThreadCollector


class Owned:
    """Stands for a widget: notes the thread on which it dies."""

    died: list[threading.Thread]

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        self.died.append(threading.current_thread())


@pytest.fixture(autouse=True)
def collector_as_before(monkeypatch):
    monkeypatch.setattr(collecting, "_WATCH_EVERY", 3600)  # but where a test is about it
    gc.collect()
    Owned.died = []
    yield
    gc.enable()
    gc.set_threshold(700, 10, 10)


def allocate_on_a_thread():
    """What a thread does that imports a large module: it makes far more objects than the collector waits for."""
    made: list[list[int]] = []
    thread = threading.Thread(target=lambda: made.extend([number] for number in range(10_000)))
    thread.start()
    thread.join()
    return thread, made


def test_a_thread_collects_what_is_the_main_threads():
    """The reason for it all: without care, this is what Python does."""
    Owned()
    thread, _ = allocate_on_a_thread()
    assert Owned.died == [thread]


def test_it_dies_on_the_main_thread():
    collector = MainThreadCollector()
    collector.begin()
    Owned()
    _made = allocate_on_a_thread()
    assert not Owned.died
    collector.look()
    assert Owned.died == [threading.main_thread()]
    collector.end()
    assert gc.isenabled()


def test_garbage_goes_while_other_code_keeps_the_main_thread(monkeypatch):
    """Another extension's loop that leaves cycles and gives nobody else a turn."""
    monkeypatch.setattr(collecting, "_WATCH_EVERY", 0.02)
    collector = MainThreadCollector()
    collector.begin()
    made = 0
    while not Owned.died and made < 50_000_000:
        Owned()
        made += 1
    collector.end()
    assert set(Owned.died) == {threading.main_thread()}


def test_who_watches_ends_too():
    collector = MainThreadCollector()
    collector.begin()
    (watching,) = (thread for thread in threading.enumerate() if thread.name == "cast garbage")
    collector.end()
    watching.join(60)
    assert not watching.is_alive()


def test_very_many_new_objects_are_looked_at_once():
    collector = MainThreadCollector()
    collector.begin()
    _thread, made = allocate_on_a_thread()
    _thread, more = allocate_on_a_thread()
    collector.look()
    old = {id(one) for one in gc.get_objects(generation=2)}
    assert id(made) in old and id(more) in old
    collector.end()


def test_old_garbage_goes_too(monkeypatch):
    monkeypatch.setattr("CastSlicerLib.garbage._WHOLE_EVERY", 0.0)
    gc.set_threshold(10, 1, 1)
    collector = MainThreadCollector()
    collector.begin()
    kept = Owned()
    made = []
    for _ in range(8):
        made.append(allocate_on_a_thread())
        collector.look()
    del kept
    for _ in range(8):
        made.append(allocate_on_a_thread())
        collector.look()
    assert Owned.died == [threading.main_thread()]


def test_a_host_without_a_collector_keeps_it_so():
    gc.disable()
    collector = MainThreadCollector()
    collector.begin()
    Owned()
    allocate_on_a_thread()
    collector.look()
    collector.end()
    assert not gc.isenabled() and not Owned.died


def test_of_two_the_one_that_goes_on_takes_over():
    """A module that is reloaded has one of its own; the other modules go on with the one that was there before."""
    first, second = MainThreadCollector(), MainThreadCollector()
    first.begin()
    second.begin()
    first.end()
    second.look()
    assert not gc.isenabled()
    Owned()
    _made = allocate_on_a_thread()
    assert not Owned.died
    second.look()
    assert Owned.died == [threading.main_thread()]
    second.end()
    assert gc.isenabled()
