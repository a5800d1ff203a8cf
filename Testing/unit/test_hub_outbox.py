"""Frames on their way: form, order, joining, and slow sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from CastHubLib.core import Owner, Subscriber
from CastHubLib.outbox import Outbox, text_frame
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


def subscriber(name: str) -> Subscriber:
    return Subscriber(name, make_subscription("t", ["*"], name=name), Owner("u", "t"), 60)


A, B = subscriber("a"), subscriber("b")


def run(test: Callable[[Outbox, FakeSocket, FakeSocket, list[str]], None]) -> tuple[FakeSocket, FakeSocket, list[str]]:
    slow: list[str] = []

    async def main() -> tuple[FakeSocket, FakeSocket, list[str]]:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop, join_seconds=0.002, backlog_most=1000, on_slow=slow.append)
        first, second = FakeSocket(), FakeSocket()
        outbox.attach("a", first)
        outbox.attach("b", second)
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
            outbox.attach(each.id, FakeSocket())
        outbox.post(many, b"!")
        for receivers, frame in [(both, b"1"), (both, b"2"), (only_a, b"3"), (both, b"4")]:
            outbox.post(receivers, frame)
        assert first.writes == []

    first, second, _ = run(test)
    assert first.writes == [b"1234"] and second.writes == [b"124"]


def test_gathered_frames_are_written_by_the_timer() -> None:
    async def main() -> list[bytes]:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop, join_seconds=0.002, backlog_most=1000, on_slow=lambda id: None)
        sockets = {each.id: FakeSocket() for each in [A, *(subscriber(f"x{n}") for n in range(200))]}
        for id, socket in sockets.items():
            outbox.attach(id, socket)
        everyone = tuple(subscriber(id) for id in sockets)
        outbox.post(everyone, b"1")
        outbox.post(everyone, b"2")
        await asyncio.sleep(0.05)
        return sockets["a"].writes

    assert asyncio.run(main()) == [b"1", b"2"]


def test_a_slow_socket_is_told_on_and_written_no_more() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        first.waiting = 1001
        outbox.post((A, B), b"1")

    first, second, slow = run(test)
    assert slow == ["a"] and first.writes == [] and second.writes == [b"1"]


def test_closing_and_detached_sockets_are_passed_over() -> None:
    def test(outbox: Outbox, first: FakeSocket, second: FakeSocket, slow: list[str]) -> None:
        first.closing = True
        outbox.detach("b")
        outbox.post((A, B), b"1")

    first, second, slow = run(test)
    assert first.writes == [] and second.writes == [] and slow == []
