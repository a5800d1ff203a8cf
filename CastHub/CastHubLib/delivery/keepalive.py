"""What is known of a socket's other end, by pings (RFC 6455, 5.5.2).

A ping carries how many events were written before it. A WebSocket keeps order, so the pong that brings the number back
proves that those have arrived. A peer from which nothing at all comes within half of ``ping_seconds`` is gone, unless
it is seen to take what waits for it: behind a large event on a slow connection, a ping needs its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from CastHubLib.delivery.outbox import Outbox, json_frame, write_frame
from CastHubLib.routing.hub_events import HEARTBEAT
from CastHubLib.routing.subscriber import Subscriber, Transport
from CastHubLib.routing.table import Table
from CastLib.message import make_message


def ping_frame(payload: bytes) -> bytes:
    """Return a ping with up to 125 bytes."""
    return b"\x89" + len(payload).to_bytes(1, "big") + payload


class KeepAlive:
    """Pings one socket of a subscriber every ``seconds``, and calls ``on_dead`` once when nothing comes back."""

    __slots__ = (
        "_asked",
        "_listening",
        "_loop",
        "_on_dead",
        "_seconds",
        "_subscriber",
        "_timer",
        "_transport",
        "_waiting",
        "heard",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        subscriber: Subscriber,
        transport: Transport,
        on_dead: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._subscriber = subscriber
        self._transport = transport
        self._on_dead = on_dead
        self._asked, self._listening = False, True
        self._waiting = 0  # bytes, when last checked
        self.heard = False
        """Something has come since the last ping; whoever reads the socket sets it."""
        self._timer = loop.call_later(seconds, self._ping)

    @contextmanager
    def not_listening(self) -> Iterator[None]:
        """Whoever reads the socket does not do so meanwhile: that nothing is heard means nothing."""
        self._listening = False
        try:
            yield
        finally:
            self._listening = self.heard = True

    def stop(self) -> None:
        """Ping no more."""
        self._timer.cancel()

    def ping_now(self) -> None:
        """Ping, unless a ping is waiting for its pong."""
        if not self._asked:
            self._timer.cancel()
            self._ping()

    def pong(self, payload: bytes) -> None:
        """Take a pong; one that no ping of the present socket has asked for proves nothing but life."""
        subscriber = self._subscriber
        if subscriber.transport is not self._transport or not payload.isdigit() or len(payload) >= 20:
            return
        if subscriber.proven < int(payload) <= subscriber.written:
            subscriber.proven = int(payload)

    def _ping(self) -> None:
        self._asked, self.heard = True, False
        write_frame(self._transport, ping_frame(str(self._subscriber.written).encode()))
        self._waiting = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._seconds / 2, self._check)

    def _check(self) -> None:
        self.heard |= not self._listening
        before, self._waiting = self._waiting, self._transport.get_write_buffer_size()
        if not self.heard and self._waiting < before:
            self._timer = self._loop.call_later(self._seconds / 2, self._check)
            return
        self._asked = False
        if self.heard:
            self._timer = self._loop.call_later(self._seconds / 2, self._ping)
        else:
            self._on_dead()


class Heartbeat:
    """The heartbeat event, which left FHIRcast but which some clients still list and wait for; nobody else gets it.

    It is sent every ``seconds`` from now on, on each topic where somebody has listed it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, table: Table, outbox: Outbox, seconds: float) -> None:
        self._loop = loop
        self._table = table
        self._outbox = outbox
        self._seconds = seconds
        self._timer = loop.call_later(seconds, self._send)

    def close(self) -> None:
        """Send no more."""
        self._timer.cancel()

    def _send(self) -> None:
        context = [{"key": "period", "decimal": f"{self._seconds:g}"}]
        for subscriber in self._table:
            subscription = subscriber.subscription
            if subscriber.connected and HEARTBEAT in subscription.events:
                self._outbox.post((subscriber,), json_frame(make_message(HEARTBEAT, subscription.topic, context)))
        self._timer = self._loop.call_later(self._seconds, self._send)
