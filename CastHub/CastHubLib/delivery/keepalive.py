"""What is known of a socket's other end, by pings (RFC 6455, 5.5.2).

A ping carries how many events were written before it. A WebSocket keeps order, so the pong that brings the number back
proves that those have arrived. A peer from which nothing at all comes within half of ``ping_seconds`` is gone, unless
it is seen to take what waits for it: behind a large event on a slow line, a ping needs its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from CastHubLib.delivery.outbox import write_frame
from CastHubLib.routing.table import Subscriber


def ping_frame(payload: bytes) -> bytes:
    """Return a ping with up to 125 bytes."""
    return b"\x89" + len(payload).to_bytes(1, "big") + payload


class Pulse:
    """Pings one socket of a subscriber every ``seconds``, and calls ``on_dead`` once when nothing comes back."""

    __slots__ = (
        "_asked",
        "_deaf",
        "_loop",
        "_on_dead",
        "_seconds",
        "_subscriber",
        "_timer",
        "_transport",
        "_waiting",
        "heard",
        "proven",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        subscriber: Subscriber,
        transport: asyncio.WriteTransport,
        on_dead: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._subscriber = subscriber
        self._transport = transport
        self._on_dead = on_dead
        self._asked = self._deaf = False
        self._waiting = 0  # bytes, when it was last looked
        self.heard = False
        """Something has come since the last ping; whoever reads the socket sets it."""
        self.proven = 0
        """How many of the events written to this socket have arrived, as far as pongs tell."""
        self._timer = loop.call_later(seconds, self._ping)

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Whoever reads the socket does not listen meanwhile: that nothing is heard tells nothing."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf, self.heard = False, True

    def stop(self) -> None:
        """Ping no more."""
        self._timer.cancel()

    def ask(self) -> None:
        """Ping now, unless a ping is waiting for its pong."""
        if not self._asked:
            self._timer.cancel()
            self._ping()

    def pong(self, payload: bytes) -> None:
        """Take a pong; one that no ping of ours has asked for proves nothing but life."""
        if payload.isdigit() and len(payload) < 20 and self.proven < int(payload) <= self._subscriber.written:
            self.proven = int(payload)

    def _ping(self) -> None:
        self._asked, self.heard = True, False
        write_frame(self._transport, ping_frame(str(self._subscriber.written).encode()))
        self._waiting = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._seconds / 2, self._look)

    def _look(self) -> None:
        self.heard |= self._deaf
        before, self._waiting = self._waiting, self._transport.get_write_buffer_size()
        if not self.heard and self._waiting < before:
            self._timer = self._loop.call_later(self._seconds / 2, self._look)
            return
        self._asked = False
        if self.heard:
            self._timer = self._loop.call_later(self._seconds / 2, self._ping)
        else:
            self._on_dead()
