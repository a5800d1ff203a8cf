"""What the hub asks of a connection beyond its library: masked frames, and errors in the hub's own form."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from CastHubLib.answers import refusal

_PROTOCOL_ERROR = b"\x88\x02" + (1002).to_bytes(2, "big")  # a close frame (RFC 6455, 5.5.1, 7.4.1)
_CLOSE_SECONDS = 0.5  # for it to arrive


class Runner(web.AppRunner):
    """Runs an application whose connections are the ones below; the library has no other door for that."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        return server


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def set_parser(self, parser: Any, *more: Any, **named: Any) -> None:
        """Called when the connection becomes a WebSocket, with what reads its frames."""
        super().set_parser(_MaskedOnly(parser, self), *more, **named)  # type: ignore[arg-type]

    def refuse_frames(self) -> None:
        """Close the WebSocket of a peer that breaks the protocol.

        What it sends in the meantime is read and thrown away: unread, it would take the closing frame from it.
        """
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(_PROTOCOL_ERROR)
            self._loop.call_later(_CLOSE_SECONDS, self.transport.close)

    def handle_error(self, *arguments: Any, **named: Any) -> web.StreamResponse:
        """Answer what is no HTTP, or is so to the library, with a sentence in JSON like every other refusal."""
        answer = super().handle_error(*arguments, **named)
        mistake = answer.status >= 500
        told = "the hub made a mistake; its log says where" if mistake else "this is no HTTP request that the hub reads"
        said = refusal(answer.status, told)
        said.force_close()
        return said


class _MaskedOnly:
    """Hands on what a client sends, as long as its frames are masked (RFC 6455, 5.1): proxies rely on it."""

    __slots__ = ("_connection", "_head", "_parser", "_payload", "_refused")

    def __init__(self, parser: Any, connection: _Connection) -> None:
        self._parser = parser
        self._connection = connection
        self._head = b""  # of a frame, as far as it has come
        self._payload = 0  # bytes of the present frame that are still to come
        self._refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what has come."""
        if not self._refused and not self._all_masked(data):
            self._refused = True
            self._connection.refuse_frames()
        if self._refused:
            return False, b""
        taken: tuple[bool, bytes] = self._parser.feed_data(data)
        return taken

    def feed_eof(self) -> None:
        """Nothing more will come."""
        self._parser.feed_eof()

    def _all_masked(self, data: bytes) -> bool:
        position = 0
        while True:
            step = min(self._payload, len(data) - position)
            self._payload -= step
            position += step
            if position == len(data):
                return True
            head = self._head + data[position : position + 14 - len(self._head)]
            if len(head) < 2:
                self._head = head
                return True
            if not head[1] & 0x80:
                return False
            length = head[1] & 0x7F
            size = 6 + {126: 2, 127: 8}.get(length, 0)
            if len(head) < size:
                self._head = head
                return True
            position += size - len(self._head)
            self._head = b""
            self._payload = length if length < 126 else int.from_bytes(head[2 : size - 4], "big")
