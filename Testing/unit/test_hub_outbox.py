"""Frames on their way: form, order, joining, and slow sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hub_subscribers import Recorder, unmanaged

from CastHubLib.delivery.outbox import Outbox, text_frame, write_frame
from CastHubLib.routing.resume_queue import KeptBytes, Notification, ResumeQueue
from CastHubLib.routing.subscriber import Owner, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.subscription import make_subscription


class FakeSocket(asyncio.WriteTransport):
    """Keeps what is written to it; ``waiting`` is what it says it has not sent yet."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.waiting = 0
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing


REPORTS = Recorder()
SETTINGS = HubSettings(max_backlog_bytes=1000, max_queued_events=3, max_queued_bytes=100)


def subscriber(name: str) -> Subscriber:
    return unmanaged(name, make_subscription("t", ["*"], name=name), Owner("u", "t"), manager=REPORTS)


A, B = subscriber("a"), subscriber("b")


def notification(frame: bytes, number: int = 1) -> Notification:
    return Notification(frame, f"id-{number}", 0.0, KeptBytes())


def run(test: Callable[[Outbox, FakeSocket, FakeSocket, list[str]], None]) -> tuple[FakeSocket, FakeSocket, list[str]]:
    slow = REPORTS.reports
    slow.clear()

    async def main() -> tuple[FakeSocket, FakeSocket, list[str]]:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop, SETTINGS, Table())
        first, second = FakeSocket(), FakeSocket()
        for each, socket in ((A, first), (B, second)):
            each.queue = None
            outbox.attach(each, socket, b"")
            socket.writes.clear()
        test(outbox, first, second, slow)
        outbox.flush()
        return first, second, slow

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("length", "head"),
    [(0, b"\x81\x00"), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65535, b"\x81\x7e\xff\xff"),
     (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00")],
)  # fmt: skip
def test_text_frame(length: int, head: bytes) -> None:
    assert text_frame(b"x" * length) == head + b"x" * length


def test_an_idle_outbox_writes_at_once() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        outbox.post((A, B), b"1")
        assert first.writes == [b"1"] and second.writes == [b"1"]

    run(test)


def test_under_load_frames_are_joined_in_order() -> None:
    both, only_a = (A, B), (A,)
    many = tuple(subscriber(f"x{n}") for n in range(200))

    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        for each in many:
            outbox.attach(each, FakeSocket(), b"")
        outbox.post(many, b"!")
        for receivers, frame in [(both, b"1"), (both, b"2"), (only_a, b"3"), (both, b"4")]:
            outbox.post(receivers, frame)
        assert first.writes == []

    first, second, _ = run(test)
    assert first.writes == [b"1234"] and second.writes == [b"124"]


def test_gathered_frames_are_written_by_the_timer() -> None:
    async def main() -> list[bytes]:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop, SETTINGS, Table())
        everyone = tuple(subscriber(f"x{n}") for n in range(200))
        sockets = [FakeSocket() for _ in everyone]
        for each, socket in zip(everyone, sockets, strict=True):
            outbox.attach(each, socket, b"first")
        outbox.post(everyone, b"1")
        outbox.post(everyone, b"2")
        await asyncio.sleep(0.05)
        return sockets[0].writes

    assert asyncio.run(main()) == [b"first", b"1", b"2"]


def test_a_slow_socket_is_reported_and_written_no_more() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        first.waiting = 1001
        outbox.post((A, B), b"1")

    first, second, slow = run(test)
    assert slow == ["a"] and first.writes == [] and second.writes == [b"1"]


def test_broken_sockets_are_reported_and_detached_ones_passed_over() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        first.closing = True
        B.transport = None
        outbox.post((A, B), b"1")

    first, second, slow = run(test)
    assert first.writes == [] and second.writes == [] and slow == ["lost a"]


def test_what_waits_is_written_after_the_first_frame_when_a_socket_comes() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        A.transport = None
        A.queue = ResumeQueue(3, 100)
        outbox.notify((A, B), notification(b"1", 1))
        outbox.post((A, B), b"question")
        outbox.notify((A, B), notification(b"2", 2))
        outbox.attach(A, first, b"confirmation ")

    first, second, _ = run(test)
    assert first.writes == [b"confirmation 12"] and b"".join(second.writes) == b"1question2"


def test_more_than_may_wait_ends_a_subscriber() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        A.transport = None
        A.queue = ResumeQueue(3, 100)
        for number in range(1, 5):
            outbox.notify((A,), notification(b"x", number))
            outbox.flush()

    assert run(test)[2] == ["a"]


def test_the_oldest_of_a_long_queue_is_forgotten_and_counted() -> None:
    forgotten: list[int] = []

    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        A.queue, A.acknowledges_some = ResumeQueue(3, 100), True
        for number in range(1, 6):
            outbox.notify((A,), notification(b"x", number))
        outbox.flush()
        A.acknowledges_some = False
        forgotten.append(outbox.forgotten)
        assert [kept.id for kept in A.queue] == ["id-3", "id-4", "id-5"] and A.queue.size == 3

    run(test)
    assert forgotten == [2]


def test_who_never_acknowledges_has_no_queue_for_long() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        A.queue = ResumeQueue(100, 100)
        for number in range(1, 66):
            outbox.notify((A,), notification(b"x", number))
        outbox.flush()
        assert A.queue is None and A.written == 65

    assert run(test)[2] == []


@pytest.mark.parametrize(("id", "left"), [("id-1", [2, 1, 3]), ("id-2", [1, 3]), ("id-3", []), ("id-0", [1, 2, 1, 3])])
def test_an_acknowledgement_covers_what_came_before(id: str, left: list[int]) -> None:
    queue = ResumeQueue(10, 100)
    queue.add([notification(b"x", each) for each in (1, 2, 1, 3)], 4)
    queue.acknowledged(id)
    assert [kept.id for kept in queue] == [f"id-{each}" for each in left] and queue.size == len(left)


def test_a_connection_that_broke_unnoticed_is_written_to_no_more() -> None:
    """Neither the frames that begin a socket nor the last ones: uvloop raises where asyncio only drops them."""

    class Broken(FakeSocket):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            raise RuntimeError("the handler is closed")

    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        broken = Broken()
        broken.closing = True
        write_frame(broken, b"last")
        outbox.attach(A, broken, b"first")

    run(test)
