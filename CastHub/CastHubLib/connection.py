"""What the hub asks of a connection beyond its library: bounds, masked frames, and errors in the hub's own form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from CastHubLib import log
from CastHubLib.answers import refusal
from CastHubLib.incoming import Arrival, Incoming
from CastHubLib.settings import HubSettings
from CastHubLib.turns import Turns

_PROTOCOL_ERROR = b"\x88\x02" + (1002).to_bytes(2, "big")  # a close frame (RFC 6455, 5.5.1, 7.4.1)
_CLOSE_SECONDS = 0.5  # for it to arrive
_FRAMES_A_TURN = 2000  # of one socket that are handed on before others have their turn
_PIECE_COSTS = 64  # bytes of memory that a piece of a message takes beside its own


class Runner(web.AppRunner):
    """Runs an application whose connections are the ones below; the library has no other door for that."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        return server


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """One connection: it must bring requests in time, and its WebSocket messages have their share of what comes in."""

    __slots__ = ("_headers_timer", "_holds", "_turns", "incoming", "settings")

    def __init__(self, *arguments: Any, settings: HubSettings, incoming: Incoming, turns: Turns, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._turns = turns
        self.settings = settings
        self.incoming = incoming
        self._holds = 0
        self._headers_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; one connection too many is closed at once."""
        super().connection_made(transport)
        if self._manager is not None and len(self._manager._connections) > self.settings.connections_most:
            self.force_close()
        else:
            self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Take what has come; when it is the beginning of a request, the rest is waited for."""
        self._turns.busy()
        super().data_received(data)
        if self._headers_timer is None and self._waiter is not None and not self._waiter.done():
            self._await_headers()

    def connection_lost(self, error: BaseException | None) -> None:
        """Wait no more."""
        super().connection_lost(error)
        if self._headers_timer is not None:
            self._headers_timer.cancel()

    def _await_headers(self) -> None:
        self._headers_timer = self._loop.call_later(
            self.settings.header_seconds, self._look_for_headers, self._request_count
        )

    def _look_for_headers(self, before: int) -> None:
        self._headers_timer = None
        if self._request_count == before:
            log.info("cut", reason="headers")
            self.force_close()

    @contextmanager
    def reading_paused(self) -> Iterator[None]:
        """Take nothing in meanwhile."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def hold(self) -> None:
        """Take nothing in until it is released as often as it was held, whatever the library wishes meanwhile."""
        self._holds += 1
        if self.transport is not None:
            self.transport.pause_reading()

    def release(self) -> None:
        """Undo one hold."""
        self._holds -= 1
        if not self._holds and not self._reading_paused and self.transport is not None:
            self.transport.resume_reading()

    def resume_reading(self, *arguments: Any, **named: Any) -> None:
        """Go on taking in what comes, as far as nothing holds it."""
        super().resume_reading(*arguments, **named)
        if self._holds and self.transport is not None:
            self.transport.pause_reading()

    def set_parser(self, parser: Any, *more: Any, **named: Any) -> None:
        """Called when the connection becomes a WebSocket, with what reads its frames."""
        super().set_parser(_Frames(parser, self), *more, **named)  # type: ignore[arg-type]

    def refuse_frames(self) -> None:
        """Close the WebSocket of a peer that breaks the protocol.

        What it sends in the meantime is read and thrown away: unread, it would take the closing frame from it.
        """
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(_PROTOCOL_ERROR)
            self._loop.call_later(_CLOSE_SECONDS, self.transport.close)

    def cut(self, reason: str) -> None:
        """End it at once, and with it what it holds."""
        log.info("cut", reason=reason)
        if self.transport is not None:
            self.transport.abort()

    def handle_error(self, *arguments: Any, **named: Any) -> web.StreamResponse:
        """Answer what is no HTTP, or is so to the library, with a sentence in JSON like every other refusal."""
        answer = super().handle_error(*arguments, **named)
        mistake = answer.status >= 500
        told = "the hub made a mistake; its log says where" if mistake else "this is no HTTP request that the hub reads"
        said = refusal(answer.status, told)
        said.force_close()
        return said


class _Frames:
    """Hands on what a client sends, as long as its frames are masked (RFC 6455, 5.1): proxies rely on it.

    What has come of a message that is not whole is counted, and has its time. Of very many frames that come in one
    piece some are handed on, and the others in the next turns of the loop.
    """

    __slots__ = (
        "_arrival",
        "_connection",
        "_goes_on",
        "_head",
        "_parser",
        "_payload",
        "_refused",
        "_rest",
        "_since",
        "_timer",
    )

    def __init__(self, parser: Any, connection: Connection) -> None:
        self._parser = parser
        self._connection = connection
        self._head = b""  # of a frame, as far as it has come
        self._payload = 0  # bytes of the present frame that are still to come
        self._goes_on = False  # the message of the last data frame has more frames
        self._since: int | None = None  # where in the last piece the message began that is under way, if it did there
        self._refused = False
        self._rest = b""  # what has come and waits for its turn
        self._arrival: Arrival | None = None
        self._timer: asyncio.TimerHandle | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what has come."""
        if self._rest:
            self._rest += data
            return False, b""
        return self._feed(data)

    def _feed(self, data: bytes) -> tuple[bool, bytes]:
        looked_at = 0 if self._refused else self._masked(data)
        if looked_at is None:
            self._refused = True
            self._end_arrival()
            self._connection.refuse_frames()
        if self._refused or looked_at is None:
            return False, b""
        if looked_at < len(data):
            self._rest, data = data[looked_at:], data[:looked_at]
            self._connection.hold()
            self._connection._loop.call_soon(self._go_on)
        taken: tuple[bool, bytes] = self._parser.feed_data(data)
        if self._since is not None or not (self._payload or self._goes_on):
            self._end_arrival()
        if self._payload or self._goes_on:
            self._is_coming(len(data) - (self._since or 0))
        return taken

    def _go_on(self) -> None:
        rest, self._rest = self._rest, b""
        self._connection.release()
        broken, _ = self._feed(rest) if rest else (False, b"")
        if broken:
            self._connection.close()

    def feed_eof(self) -> None:
        """Nothing more will come; what waits for its turn is thrown away with the connection."""
        self._rest = b""
        self._end_arrival()
        self._parser.feed_eof()

    def _is_coming(self, size: int) -> None:
        """Count a piece of a message that is not whole."""
        if self._arrival is None:
            connection = self._connection
            self._arrival = connection.incoming.begin(partial(connection.cut, "room"))
            seconds = connection.settings.body_seconds
            self._timer = connection._loop.call_later(seconds, connection.cut, "message")
        self._arrival.came(size + _PIECE_COSTS)

    def _end_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.end()
            self._arrival = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _masked(self, data: bytes) -> int | None:
        """Return how many bytes may be handed on now; None when there is a frame that is not masked."""
        position, left, self._since = 0, _FRAMES_A_TURN, None
        while True:
            step = min(self._payload, len(data) - position)
            self._payload -= step
            position += step
            if position == len(data) or not left:
                return position
            left -= 1
            head = self._head + data[position : position + 14 - len(self._head)]
            if len(head) < 2:
                self._head = head
                return len(data)
            if not head[1] & 0x80:
                return None
            length = head[1] & 0x7F
            size = 6 + {126: 2, 127: 8}.get(length, 0)
            if len(head) < size:
                self._head = head
                return len(data)
            if not head[0] & 0x08:  # control frames stand between those of a message
                self._goes_on = not head[0] & 0x80
                if head[0] & 0x0F:
                    self._since = position
            position += size - len(self._head)
            self._head = b""
            self._payload = length if length < 126 else int.from_bytes(head[2 : size - 4], "big")
