"""A subscription's life: granted, bound to a socket, renewed, ended. The one place where subscriptions come and go."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from CastHubLib import core, log
from CastHubLib.answers import Denied
from CastHubLib.asking import Asking
from CastHubLib.core import Owner, Subscriber, Table
from CastHubLib.outbox import Outbox, json_frame
from CastHubLib.publishing import Publisher
from CastHubLib.settings import HubSettings
from CastHubLib.sync_error import sync_error
from CastHubLib.tail import Tail
from CastLib.errors import FieldError
from CastLib.fields import parse_json
from CastLib.frames import parse_frame
from CastLib.message import Acknowledgement, Response
from CastLib.subscription import Subscription, make_confirmation, make_denial

_CLOSED_BY_CLIENT = (WSCloseCode.OK, 0)  # 0: a close frame without a code, as browsers send it when told none
_NO_ERROR = (*_CLOSED_BY_CLIENT, WSCloseCode.GOING_AWAY)
_CLOSE_SECONDS = 5.0  # a peer may take this long to answer a close, then its connection is cut


@dataclass(slots=True, eq=False)
class _Socket:
    web_socket: web.WebSocketResponse
    transport: asyncio.Transport


@dataclass(slots=True, eq=False)
class _Channel:
    """A subscription's time and socket. Times are the event loop's."""

    expires: float
    timer: asyncio.TimerHandle | None = None
    socket: _Socket | None = None
    bound_at: float = 0.0
    """When its present or last socket came; 0 when none has."""
    at_last_pong: int = 0
    """Notifications written when the peer's last pong came: the next pong proves that those have arrived."""
    proven: int = 0
    close_code: int | None = None
    """Of the socket that was lost."""
    told: frozenset[str] = frozenset()
    """The events of which it was told, when it listed them, what was open."""


class Connections:
    """Grants subscriptions, serves their sockets and ends them, telling whom it concerns."""

    def __init__(
        self,
        settings: HubSettings,
        table: Table,
        outbox: Outbox,
        publisher: Publisher,
        asking: Asking,
        on_acknowledgement: Callable[[Subscriber, Acknowledgement], None],
        on_confirmed: Callable[[Subscriber, frozenset[str]], None],
        on_ended: Callable[[Subscriber], None],
    ) -> None:
        self._settings = settings
        self._table = table
        self._outbox = outbox
        self._publisher = publisher
        self._asking = asking
        self._on_acknowledgement = on_acknowledgement
        self._on_confirmed = on_confirmed
        self._on_ended = on_ended
        self._channels: dict[str, _Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self.unproven = 0
        """Events written to sockets that were lost before anything proved that they had arrived."""
        self.undelivered = 0
        """Events that waited for a socket which did not come back."""

    def __len__(self) -> int:
        return sum(channel.socket is not None for channel in self._channels.values())

    def bound_since(self, subscriber: Subscriber) -> float:
        """Return the loop's time at which a subscriber's present socket came."""
        return self._channels[subscriber.id].bound_at

    def subscribe(self, subscription: Subscription, owner: Owner, *, strict: bool = False) -> Subscriber:
        """Enter a new subscription; its socket must come within ``bind_seconds``. Raises Denied when full."""
        settings = self._settings
        if len(self._table) >= settings.subscriptions_most:
            raise Denied(503, f"the hub holds {len(self._table)} subscriptions and takes no more; try again later")
        subscriber = Subscriber(secrets.token_urlsafe(24), subscription, owner, self._granted(subscription), strict)
        self._believe(subscriber)
        self._table.add(subscriber)
        channel = self._channels[subscriber.id] = _Channel(self._loop.time() + subscriber.lease_seconds)
        self._watch(subscriber, settings.bind_seconds)
        self._tell(subscriber, channel)
        log.info("subscribed", endpoint=log.endpoint(subscriber.id), cast=subscription.cast, strict=strict)
        return subscriber

    def renew(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """Give a subscription new events and a new lease, and confirm them (FHIRcast 2.4.1)."""
        self._table.replace_events(subscriber, subscription)
        subscriber.lease_seconds = self._granted(subscription)
        self._believe(subscriber)
        channel = self._channels[subscriber.id]
        channel.expires = self._loop.time() + subscriber.lease_seconds
        if subscriber.connected:
            self._watch(subscriber)
            self._outbox.post((subscriber,), _confirmation(subscriber))
        else:
            self._watch(subscriber, self._settings.grace_seconds if channel.bound_at else self._settings.bind_seconds)
        self._tell(subscriber, channel)

    def end(self, subscriber: Subscriber, reason: str, told: str = "") -> None:
        """End a subscription: others hear ``subscription-removed``, its own socket gets a denial and a close.

        Ending one that has ended does nothing. ``told`` is the denial's reason in words.
        """
        if self._table.remove(subscriber.id) is None:
            return
        channel = self._channels.pop(subscriber.id)
        if channel.timer is not None:
            channel.timer.cancel()
        socket, channel.socket = channel.socket, None
        if socket is not None and told:
            self._outbox.post((subscriber,), json_frame(make_denial(subscriber.subscription, told)))
        self._outbox.flush()
        self._outbox.detach(subscriber.id)
        if socket is not None and told:
            self._close(socket, WSCloseCode.OK)
        self._count_what_is_kept(subscriber, reason)
        subscriber.connected = False
        subscriber.tail = None
        self._asking.subscriber_gone(subscriber)
        self._publisher.publish(core.subscription_removed(subscriber.subscription, reason))
        self._on_ended(subscriber)
        log.info("ended", endpoint=log.endpoint(subscriber.id), reason=reason)

    def too_slow(self, subscriber: Subscriber) -> None:
        """End a subscription whose socket does not take its frames; what waits for it is let go."""
        channel = self._channels.get(subscriber.id)
        if channel is None:
            return
        socket, channel.socket = channel.socket, None
        self._outbox.detach(subscriber.id)
        if socket is not None:
            denial = make_denial(subscriber.subscription, "too slow: more was waiting than the hub keeps")
            socket.transport.write(json_frame(denial))
            self._close(socket, WSCloseCode.TRY_AGAIN_LATER)
        self._loop.call_soon(self.end, subscriber, core.SEND_FAILURE)

    def lost(self, subscriber: Subscriber) -> None:
        """Write no more to a broken connection; from now on events wait for the next one, while there is a grace."""
        if not subscriber.connected:
            return
        channel = self._channels[subscriber.id]
        subscriber.connected = False
        self._outbox.detach(subscriber.id)
        self._asking.subscriber_gone(subscriber)
        if not subscriber.acknowledges:
            self.unproven += subscriber.written - channel.proven
            subscriber.tail = Tail()

    async def serve(self, request: web.Request, subscriber: Subscriber) -> web.StreamResponse:
        """Bind a socket to a subscription and read from it until it ends; a second socket replaces the first."""
        web_socket = web.WebSocketResponse(
            compress=False,
            heartbeat=self._settings.ping_seconds,
            max_msg_size=self._settings.socket_message_most,
            timeout=_CLOSE_SECONDS,
            autoping=False,
        )
        await web_socket.prepare(request)
        transport = request.transport
        if transport is None or self._table.get(subscriber.id) is not subscriber:
            return web_socket
        channel = self._channels[subscriber.id]
        socket = _Socket(web_socket, transport)
        self._bind(subscriber, channel, socket)
        try:
            async for frame in web_socket:
                if frame.type is WSMsgType.TEXT:
                    self._received(subscriber, frame.data)
                elif frame.type is WSMsgType.PING:
                    await web_socket.pong(frame.data)
                elif frame.type is WSMsgType.PONG and channel.socket is socket:
                    channel.proven, channel.at_last_pong = channel.at_last_pong, subscriber.written
        finally:
            if channel.socket is socket:
                self._dropped(subscriber, channel, web_socket.close_code)
        return web_socket

    def _bind(self, subscriber: Subscriber, channel: _Channel, socket: _Socket) -> None:
        """Serve a subscription by this socket: first the confirmation, then what was kept, then what comes."""
        self._outbox.flush()
        if channel.socket is not None:
            self.lost(subscriber)
            self._close(channel.socket, WSCloseCode.OK)
        resumed, channel.socket = bool(channel.bound_at), socket
        channel.bound_at = self._loop.time()
        channel.at_last_pong = channel.proven = 0
        if subscriber.subscription.cast or not resumed:
            channel.expires = channel.bound_at + subscriber.lease_seconds
        subscriber.connected = True
        self._outbox.attach(subscriber, socket.transport, _confirmation(subscriber))
        kept = len(subscriber.tail or ())
        if not subscriber.acknowledges:
            subscriber.tail = Tail()
        self._tell(subscriber, channel)
        self._watch(subscriber)
        log.info("bound", endpoint=log.endpoint(subscriber.id), resumed=resumed, kept=kept)

    def _dropped(self, subscriber: Subscriber, channel: _Channel, close_code: int | None) -> None:
        """The socket is gone: end the subscription if its client has closed it, else give it time to bind again."""
        log.info("dropped", endpoint=log.endpoint(subscriber.id), code=close_code)
        self._outbox.flush()
        self.lost(subscriber)
        channel.socket, channel.close_code = None, close_code
        if close_code in _CLOSED_BY_CLIENT or not self._settings.grace_seconds:
            self._grace_ended(subscriber, channel)
            return
        if subscriber.subscription.cast:
            channel.expires = self._loop.time() + subscriber.lease_seconds
        self._watch(subscriber, self._settings.grace_seconds)

    def _grace_ended(self, subscriber: Subscriber, channel: _Channel) -> None:
        """Nobody bound again. The others hear of a connection that broke; closing one in order is no error."""
        self.end(subscriber, core.DISCONNECT)
        subscription = subscriber.subscription
        if channel.close_code not in _NO_ERROR and not subscription.everyone:
            what = "has lost its connection and is followed no more"
            self._publisher.publish(sync_error(subscription, subscription.topic, what))

    def _tell(self, subscriber: Subscriber, channel: _Channel) -> None:
        """Let a subscriber know what is open of the events it has newly listed, as soon as it can take that."""
        if subscriber.connected or subscriber.tail is not None:
            events = subscriber.subscription.events
            new, channel.told = events - channel.told, events
            self._on_confirmed(subscriber, new)

    @staticmethod
    def _believe(subscriber: Subscriber) -> None:
        """Keep a tail from now on for who says that it acknowledges; what it once said or did is not taken back."""
        if subscriber.subscription.acknowledges and not subscriber.acknowledges:
            subscriber.acknowledges = True
            subscriber.tail = subscriber.tail or Tail()

    def _count_what_is_kept(self, subscriber: Subscriber, reason: str) -> None:
        if subscriber.tail is None or reason == core.UNSUBSCRIBE:
            return
        if subscriber.acknowledges:
            self.unproven += len(subscriber.tail)
        elif not subscriber.connected:
            self.undelivered += len(subscriber.tail)

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
            log.debug("acknowledged", endpoint=log.endpoint(subscriber.id), id=frame.id, status=frame.status)
            self._on_acknowledgement(subscriber, frame)

    def _granted(self, subscription: Subscription) -> int:
        """A Cast client's wish is a hint that it never renews: it is told the default, and renewed while connected."""
        s = self._settings
        asked = None if subscription.cast else subscription.lease_seconds
        return core.granted_lease(asked, s.lease_default, s.lease_least, s.lease_most)

    def _watch(self, subscriber: Subscriber, seconds: float | None = None) -> None:
        """Look at a subscription again when its lease ends, or in some seconds if that is before."""
        channel = self._channels[subscriber.id]
        if channel.timer is not None:
            channel.timer.cancel()
        when = channel.expires if seconds is None else min(channel.expires, self._loop.time() + seconds)
        channel.timer = self._loop.call_at(when, self._time_ended, subscriber, channel)

    def _time_ended(self, subscriber: Subscriber, channel: _Channel) -> None:
        if subscriber.connected and subscriber.subscription.cast:
            channel.expires = self._loop.time() + subscriber.lease_seconds
            self._watch(subscriber)
        elif subscriber.connected or not channel.bound_at or self._loop.time() >= channel.expires:
            self.end(subscriber, core.LEASE_EXPIRED, "lease expired")
        else:
            self._grace_ended(subscriber, channel)

    def _close(self, socket: _Socket, code: int) -> None:
        task = asyncio.get_running_loop().create_task(_close_or_cut(socket, code))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close every socket with 1001 after what waits for it is written; clients then look for the hub again."""
        self._outbox.flush()
        sockets = []
        for channel in self._channels.values():
            if channel.timer is not None:
                channel.timer.cancel()
            if channel.socket is not None:
                sockets.append(channel.socket)
                channel.socket = None
        for socket in sockets:
            self._close(socket, WSCloseCode.GOING_AWAY)
        if self._closing:
            await asyncio.wait(self._closing, timeout=self._settings.shutdown_seconds)
        for socket in sockets:
            socket.transport.abort()


async def _close_or_cut(socket: _Socket, code: int) -> None:
    """Close politely; a peer that does not even take the close frame is cut off."""
    try:
        await asyncio.wait_for(socket.web_socket.close(code=code), _CLOSE_SECONDS)
    except (asyncio.TimeoutError, ConnectionError):
        socket.transport.abort()


def _confirmation(subscriber: Subscriber) -> bytes:
    return json_frame(make_confirmation(subscriber.subscription, subscriber.lease_seconds))
