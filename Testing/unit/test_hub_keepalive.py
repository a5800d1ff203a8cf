"""Pings: when, and what pongs prove."""

from __future__ import annotations

import asyncio

import pytest
from hub_subscribers import unmanaged
from manual_loop import ManualLoop

from CastHubLib.delivery.keepalive import KeepAlive, ping_frame
from CastHubLib.routing.subscriber import Owner
from CastLib.subscription import make_subscription


class Transport(asyncio.WriteTransport):
    def __init__(self) -> None:
        super().__init__()
        self.pings: list[bytes] = []
        self.waiting = 0

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pings.append(bytes(data))


class Bench:
    def __init__(self) -> None:
        self.loop, self.transport, self.dead = ManualLoop(), Transport(), 0
        self.subscriber = unmanaged("s", make_subscription("t", ["*"]), Owner("u", "t"), transport=self.transport)
        self.keepalive = KeepAlive(self.loop, 10.0, self.subscriber, self.transport, self._died)  # type: ignore[arg-type]

    def _died(self) -> None:
        self.dead += 1


def test_a_peer_is_pinged_at_intervals_and_given_up_once_when_nothing_comes() -> None:
    bench = Bench()
    for round in range(1, 4):
        bench.loop.pass_time(10.0)
        assert len(bench.transport.pings) == round
        bench.keepalive.heard = True
    bench.loop.pass_time(14.9)
    assert bench.dead == 0
    bench.loop.pass_time(0.2)
    assert bench.dead == 1 and bench.loop.pending == 0


def test_a_pong_proves_what_was_written_before_its_ping() -> None:
    bench = Bench()
    bench.subscriber.written = 3
    bench.loop.pass_time(10.0)
    assert bench.transport.pings == [ping_frame(b"3")]
    bench.subscriber.written = 5
    bench.keepalive.pong(b"3")
    assert bench.subscriber.proven == 3


@pytest.mark.parametrize("payload", [b"", b"6", b"-1", b"x", b"1" * 100, "\u0663".encode(), b" 4"])
def test_a_pong_that_nobody_asked_for_proves_nothing(payload: bytes) -> None:
    bench = Bench()
    bench.subscriber.written = 5
    bench.keepalive.pong(payload)
    assert bench.subscriber.proven == 0


def test_who_takes_what_waits_for_it_is_there_though_the_pong_is_late() -> None:
    bench = Bench()
    bench.transport.waiting = 3000
    bench.loop.pass_time(10.0)
    for left in (2000, 1000):
        bench.transport.waiting = left
        bench.loop.pass_time(5.0)
        assert bench.dead == 0 and len(bench.transport.pings) == 1
    bench.loop.pass_time(5.0)
    assert bench.dead == 1, "it has stopped"


def test_asked_at_once_and_only_once_at_a_time() -> None:
    bench = Bench()
    bench.loop.pass_time(1.0)
    for _ in range(3):
        bench.keepalive.ping_now()
    assert len(bench.transport.pings) == 1
    bench.keepalive.heard = True
    bench.loop.pass_time(5.0)
    bench.keepalive.ping_now()
    assert len(bench.transport.pings) == 2
    bench.keepalive.stop()
    bench.loop.pass_time(100.0)
    assert bench.dead == 0 and bench.loop.pending == 0
