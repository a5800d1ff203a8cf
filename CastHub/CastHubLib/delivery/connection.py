"""What the hub asks of a connection beyond its library: bounds, its turns, and errors in the hub's own form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from CastHubLib import log
from CastHubLib.delivery.incoming_frames import Frames
from CastHubLib.incoming import Incoming
from CastHubLib.responses import refusal
from CastHubLib.settings import HubSettings
from CastHubLib.turns import Turns

_PROTOCOL_ERROR = b"\x88\x02" + (1002).to_bytes(2, "big")  # a close frame (RFC 6455, 5.5.1, 7.4.1)
_CLOSE_SECONDS = 0.5  # for it to arrive
_LINES_A_TURN = 1000  # of HTTP in one piece; with more it is taken by the slice
_SLICE = 16 * 1024  # bytes


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

    __slots__ = ("_headers_timer", "_holds", "_rest", "_turns", "ended", "incoming", "settings")

    def __init__(self, *arguments: Any, settings: HubSettings, incoming: Incoming, turns: Turns, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._turns = turns
        self.settings = settings
        self.incoming = incoming
        self._holds = 0
        self._rest = b""  # what has come and waits for its turn
        self._headers_timer: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when it has ended. The library's ``handler_cancellation`` would also take from the others an event whose
        sender does not wait for the answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; one connection too many is closed at once."""
        super().connection_made(transport)
        if self._manager is not None and len(self._manager._connections) > self.settings.max_connections:
            self.force_close()
        else:
            self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Take what has come, if it is very many lines not all at once; of a request that begins, wait for the rest."""
        self._turns.busy()
        if self._rest and data:
            self._rest += data
            return
        if len(data) > _SLICE and self._payload_parser is None and self._is_many_lines(data):
            self._rest, data = data[_SLICE:], data[:_SLICE]
            self.hold()
            self._loop.call_soon(self._go_on)
        super().data_received(data)
        if self._headers_timer is None and self._waiter is not None and not self._waiter.done():
            self._await_headers()

    def connection_lost(self, error: BaseException | None) -> None:
        """Wait no more."""
        self._rest = b""
        super().connection_lost(error)
        if not self.ended.done():
            self.ended.set_result(None)
        if self._headers_timer is not None:
            self._headers_timer.cancel()

    def _is_many_lines(self, data: bytes) -> bool:
        """Return whether a piece has more lines than a turn should take; a body of known length has none."""
        request = self._current_request
        if request is not None and request.content_length is not None:
            if request.content_length - request.content.total_bytes >= len(data):
                return False
        return data.count(b"\r\n") > _LINES_A_TURN

    def _go_on(self) -> None:
        rest, self._rest = self._rest, b""
        self.release()
        if rest:
            self.data_received(rest)

    def _await_headers(self) -> None:
        self._headers_timer = self._loop.call_later(
            self.settings.header_seconds, self._check_headers, self._request_count
        )

    def _check_headers(self, before: int) -> None:
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
        """Take nothing in until it is released as often as this was called, whatever the library wishes meanwhile."""
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
        super().set_parser(Frames(parser, self), *more, **named)  # type: ignore[arg-type]

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

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or is so to the library, with a sentence in JSON like every other refusal.

        In the place of the library's own, which logs what clients do wrong, and that they break off, as faults of its.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, there cannot be another")
        reason = "this is no HTTP request that the hub reads"
        if isinstance(exc, ConnectionError):
            log.info("cut", reason="gone")  # and nobody hears the answer
        elif status >= 500:
            log.failure("mistake", exc or RuntimeError())
            reason = "the hub made a mistake; its log says where"
        else:
            log.info("denied", status=status, address="unknown", error=type(exc).__name__)
            if isinstance(exc, LineTooLong):
                reason = f"the address or a header is longer than the {self.max_field_size} bytes that the hub reads"
        denied = refusal(status, reason)
        denied.force_close()
        return denied
