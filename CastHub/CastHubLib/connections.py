"""A subscription's life: granted, bound to a socket, renewed, ended. The one place where subscriptions come and go."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from CastHubLib import core, log
from CastHubLib.answers import Denied
from CastHubLib.asking import Asking
from CastHubLib.core import Owner, Subscriber, Table
from CastHubLib.outbox import Outbox, json_frame
from CastHubLib.settings import HubSettings
from CastLib.errors import FieldError
from CastLib.fields import parse_json
from CastLib.frames import parse_frame
from CastLib.message import Acknowledgement, Response
from CastLib.subscription import Subscription, make_confirmation, make_denial

_CLOSE_SECONDS = 5.0  # a peer may take this long to answer a close, then its connection is cut


@dataclass(slots=True, eq=False)
class _Socket:
    web_socket: web.WebSocketResponse
    transport: asyncio.Transport


class Connections:
    """Grants subscriptions, serves their sockets and ends them, telling whom it concerns."""

    def __init__(self, settings: HubSettings, table: Table, outbox: Outbox, asking: Asking) -> None:
        self._settings = settings
        self._table = table
        self._outbox = outbox
        self._asking = asking
        self._sockets: dict[str, _Socket] = {}
        self._leases: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    def subscribe(self, subscription: Subscription, owner: Owner, *, strict: bool = False) -> Subscriber:
        """Enter a new subscription; its socket must come within ``bind_seconds``. Raises Denied when full."""
        settings = self._settings
        if len(self._table) >= settings.subscriptions_most:
            raise Denied(503, f"the hub holds {len(self._table)} subscriptions and takes no more; try again later")
        subscriber = Subscriber(secrets.token_urlsafe(24), subscription, owner, self._granted(subscription), strict)
        self._table.add(subscriber)
        self._watch(subscriber, min(settings.bind_seconds, subscriber.lease_seconds))
        log.info("subscribed", endpoint=log.endpoint(subscriber.id), cast=subscription.cast)
        return subscriber

    def renew(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """Give a subscription new events and a new lease, and confirm them (FHIRcast 2.4.1)."""
        self._table.replace_events(subscriber, subscription)
        subscriber.lease_seconds = self._granted(subscription)
        if subscriber.connected:
            self._watch(subscriber, subscriber.lease_seconds)
            self._outbox.post((subscriber,), _confirmation(subscriber))

    def end(self, subscriber: Subscriber, reason: str, told: str = "") -> None:
        """End a subscription: others hear ``subscription-removed``, its own socket gets a denial and a close.

        Ending one that has ended does nothing. ``told`` is the denial's reason in words.
        """
        if self._table.remove(subscriber.id) is None:
            return
        self._leases.pop(subscriber.id).cancel()
        subscriber.connected = False
        socket = self._sockets.pop(subscriber.id, None)
        if socket is not None and told:
            self._outbox.post((subscriber,), json_frame(make_denial(subscriber.subscription, told)))
            self._outbox.flush()
        self._outbox.detach(subscriber.id)
        if socket is not None and told:
            self._close(socket, WSCloseCode.OK)
        self._asking.subscriber_gone(subscriber)
        removed = core.subscription_removed(subscriber.subscription, reason)
        self._outbox.post(self._table.route(removed), json_frame(removed.wire))
        log.info("ended", endpoint=log.endpoint(subscriber.id), reason=reason)

    def too_slow(self, id: str) -> None:
        """End a subscription whose socket does not take its frames; what waits for it is let go."""
        subscriber, socket = self._table.get(id), self._sockets.pop(id, None)
        self._outbox.detach(id)
        if subscriber is None or socket is None:
            return
        denial = make_denial(subscriber.subscription, "too slow: more was waiting than the hub keeps")
        socket.transport.write(json_frame(denial))
        self._close(socket, WSCloseCode.TRY_AGAIN_LATER)
        asyncio.get_running_loop().call_soon(self.end, subscriber, core.SEND_FAILURE)

    async def serve(self, request: web.Request, subscriber: Subscriber) -> web.StreamResponse:
        """Bind a socket to a subscription and read from it until it ends; a second socket replaces the first."""
        web_socket = web.WebSocketResponse(
            compress=False,
            heartbeat=self._settings.ping_seconds,
            max_msg_size=self._settings.socket_message_most,
            timeout=_CLOSE_SECONDS,
        )
        await web_socket.prepare(request)
        transport = request.transport
        if transport is None or self._table.get(subscriber.id) is not subscriber:
            return web_socket
        socket = _Socket(web_socket, transport)
        self._bind(subscriber, socket)
        try:
            async for frame in web_socket:
                if frame.type is WSMsgType.TEXT:
                    self._received(subscriber, frame.data)
        finally:
            if self._sockets.get(subscriber.id) is socket:
                self._dropped(subscriber, web_socket.close_code)
        return web_socket

    def _bind(self, subscriber: Subscriber, socket: _Socket) -> None:
        earlier = self._sockets.pop(subscriber.id, None)
        if earlier is not None:
            self._outbox.flush()
            self._close(earlier, WSCloseCode.OK)
        self._sockets[subscriber.id] = socket
        subscriber.connected = True
        self._outbox.attach(subscriber.id, socket.transport)
        self._outbox.post((subscriber,), _confirmation(subscriber))
        self._watch(subscriber, subscriber.lease_seconds)
        log.info("bound", endpoint=log.endpoint(subscriber.id))

    def _dropped(self, subscriber: Subscriber, close_code: int | None) -> None:
        """The socket is gone. Here a grace time would begin, in which the client may bind again."""
        log.info("dropped", endpoint=log.endpoint(subscriber.id), code=close_code)
        self.end(subscriber, core.DISCONNECT)

    def _received(self, subscriber: Subscriber, text: str) -> None:
        """Take a frame from a subscriber; what is neither answer nor acknowledgement is none of the hub's business."""
        try:
            frame = parse_frame(parse_json(text, "frame"))
        except FieldError as error:
            log.info("bad frame", endpoint=log.endpoint(subscriber.id), field=error.field)
            return
        if isinstance(frame, Response):
            self._asking.answer(subscriber, frame)
        elif isinstance(frame, Acknowledgement):
            subscriber.acknowledges |= frame.status is not None
            log.debug("acknowledged", endpoint=log.endpoint(subscriber.id), id=frame.id, status=frame.status)

    def _granted(self, subscription: Subscription) -> int:
        """A Cast client's wish is a hint that it never renews: it is told the default, and renewed while connected."""
        s = self._settings
        asked = None if subscription.cast else subscription.lease_seconds
        return core.granted_lease(asked, s.lease_default, s.lease_least, s.lease_most)

    def _watch(self, subscriber: Subscriber, seconds: float) -> None:
        watching = self._leases.get(subscriber.id)
        if watching is not None:
            watching.cancel()
        loop = asyncio.get_running_loop()
        self._leases[subscriber.id] = loop.call_later(seconds, self._lease_ended, subscriber)

    def _lease_ended(self, subscriber: Subscriber) -> None:
        if subscriber.connected and subscriber.subscription.cast:
            self._watch(subscriber, subscriber.lease_seconds)
        else:
            self.end(subscriber, core.LEASE_EXPIRED, "lease expired")

    def _close(self, socket: _Socket, code: int) -> None:
        task = asyncio.get_running_loop().create_task(_close_or_cut(socket, code))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close every socket with 1001 after what waits for it is written; clients then look for the hub again."""
        self._outbox.flush()
        sockets, self._sockets = self._sockets, {}
        for lease in self._leases.values():
            lease.cancel()
        for socket in sockets.values():
            self._close(socket, WSCloseCode.GOING_AWAY)
        if self._closing:
            await asyncio.wait(self._closing, timeout=self._settings.shutdown_seconds)
        for socket in sockets.values():
            socket.transport.abort()


async def _close_or_cut(socket: _Socket, code: int) -> None:
    """Close politely; a peer that does not even take the close frame is cut off."""
    try:
        await asyncio.wait_for(socket.web_socket.close(code=code), _CLOSE_SECONDS)
    except (asyncio.TimeoutError, ConnectionError):
        socket.transport.abort()


def _confirmation(subscriber: Subscriber) -> bytes:
    return json_frame(make_confirmation(subscriber.subscription, subscriber.lease_seconds))
