"""The WebSockets of subscribers: read until they end, and closed with manners."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from CastHubLib import log
from CastHubLib.aside import MAX_AT_ONCE, Aside
from CastHubLib.delivery.acknowledgements import Acknowledgements
from CastHubLib.delivery.connection import Connection
from CastHubLib.delivery.outbox import write_frame
from CastHubLib.delivery.requests import Requests
from CastHubLib.delivery.subscriptions import Subscriptions
from CastHubLib.routing.subscriber import Subscriber
from CastHubLib.settings import HubSettings
from CastLib.errors import FieldError
from CastLib.fields import parse_json
from CastLib.frames import parse_frame
from CastLib.message import ANSWERS_NOT, Acknowledgement, Response

_A_TURN = 100  # frames of one socket that are dealt with before others have their turn
_BYTES_AS_A_FRAME = 1024  # that take about as long
_CLOSE_SECONDS = 5.0  # a peer may take this long to answer a close, then its connection is cut


class WebSocket:
    """An open one, as ``Subscriptions`` uses it.

    Closing is RFC 6455's (7.1.2): the hub reads on until the peer answers. Were the connection ended with something
    unread, say an acknowledgement under way, TCP would take from the peer what was written last.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self.transport = transport
        self.closing = False
        self._timer: asyncio.TimerHandle | None = None

    def close(self, code: int) -> None:
        """Close it after what was written; a peer that does not take or answer the closing frame is cut off."""
        if not self.closing:
            self.closing = True
            write_frame(self.transport, b"\x88\x02" + code.to_bytes(2, "big"))
            self._timer = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.transport.abort)

    def ended(self) -> None:
        """It is read no more: let the connection go, when closing it was the hub's word."""
        if self._timer is not None:
            self._timer.cancel()
            self.transport.close()


class _Response(web.WebSocketResponse):
    """The library's, untied at its end.

    It holds an error in whose frames it is itself. In such a ring each connection would stay until the collector goes
    through all that the hub holds, at one go.
    """

    async def write_eof(self) -> None:  # type: ignore[override]
        """Close, and let go of the frames."""
        try:
            await super().write_eof()
        finally:
            error = self.exception()
            while error is not None:
                error.__traceback__ = None
                error = error.__context__


class Sockets:
    """Serves the sockets of all subscribers."""

    def __init__(
        self,
        settings: HubSettings,
        aside: Aside,
        subscriptions: Subscriptions,
        requests: Requests,
        acknowledgements: Acknowledgements,
    ) -> None:
        self._settings = settings
        self._aside = aside
        self._subscriptions = subscriptions
        self._requests = requests
        self._acknowledgements = acknowledgements
        self._open: set[WebSocket] = set()
        self._all_ended = asyncio.Event()

    async def serve(self, request: web.Request, subscriber: Subscriber) -> web.StreamResponse:
        """Bind a socket to a subscription and read from it until it ends; a second socket replaces the first."""
        response = _Response(
            compress=False,
            max_msg_size=self._settings.max_socket_message_bytes,
            timeout=_CLOSE_SECONDS,
            autoping=False,
            autoclose=False,
        )
        await response.prepare(request)
        transport, connection = request.transport, request.protocol
        if transport is None:
            return response
        assert isinstance(connection, Connection)
        socket = WebSocket(transport)
        keepalive = self._subscriptions.bind(subscriber, socket)
        if keepalive is None:
            await response.close(code=WSCloseCode.OK)
            return response
        self._open.add(socket)
        try:
            left = _A_TURN
            async for frame in response:
                keepalive.heard = True
                left -= 1 + (len(frame.data) // _BYTES_AS_A_FRAME if frame.type is WSMsgType.TEXT else 0)
                if left < 0:  # what has come is not waited for, so nobody else would have a turn
                    left = _A_TURN
                    await asyncio.sleep(0)
                if frame.type is WSMsgType.TEXT:
                    if len(frame.data) > MAX_AT_ONCE:
                        with connection.reading_paused(), keepalive.not_listening():
                            await self._received(subscriber, frame.data)
                    else:
                        await self._received(subscriber, frame.data)
                elif frame.type is WSMsgType.PING and not socket.closing:
                    await response.pong(frame.data)
                elif frame.type is WSMsgType.PONG:
                    keepalive.pong(bytes(frame.data))
        finally:
            self._subscriptions.dropped(subscriber, socket, response.close_code)
            socket.ended()
            self._open.discard(socket)
            if not self._open:
                self._all_ended.set()
        return response

    async def deny(self, request: web.Request, reason: str) -> web.StreamResponse:
        """Deny a socket in a frame, and close it (FHIRcast 2.4.3)."""
        response = web.WebSocketResponse(compress=False, max_msg_size=1024, timeout=_CLOSE_SECONDS)
        await response.prepare(request)
        await response.send_json({"hub.mode": "denied", "hub.topic": "", "hub.events": "", "hub.reason": reason})
        await response.close(code=WSCloseCode.POLICY_VIOLATION)
        return response

    async def _received(self, subscriber: Subscriber, text: str) -> None:
        """Take a frame from a subscriber; what is neither answer nor acknowledgement is none of the hub's business."""
        try:
            frame = await self._aside.run(len(text), lambda: parse_frame(parse_json(text, "frame")))
        except FieldError as error:
            log.info("bad frame", endpoint=log.endpoint(subscriber.id), field=error.field)
            return
        if isinstance(frame, Response):
            self._requests.answer(subscriber, frame, len(text))
        elif isinstance(frame, Acknowledgement):
            id = frame.id if self._acknowledgements.knows(frame.id) else "unknown"  # it may be any text
            log.debug("acknowledged", endpoint=log.endpoint(subscriber.id), id=id, status=frame.status)
            self._acknowledgements.received(subscriber, frame)
            if frame.status == ANSWERS_NOT:
                self._requests.declined(subscriber, frame.id)

    async def close(self) -> None:
        """Close every socket after what waits for it; one that has not taken it in time is cut off."""
        self._subscriptions.close()
        self._all_ended.clear()
        if self._open:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._all_ended.wait(), self._settings.shutdown_seconds)
        for socket in self._open:
            socket.transport.abort()
