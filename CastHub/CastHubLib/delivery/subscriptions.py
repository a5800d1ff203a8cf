"""A subscription's life: granted, bound to a socket, renewed, ended. The one place where subscriptions come and go.

Time is the loop's, and a socket is what ``Socket`` says: nothing here waits or knows aiohttp.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Sequence

from CastHubLib import log
from CastHubLib.access.shares import Shares
from CastHubLib.delivery.channel import (
    BROKEN,
    CLOSED_BY_CLIENT,
    GOING_AWAY,
    NO_ERROR,
    OVER,
    TRY_AGAIN_LATER,
    Channel,
    Socket,
)
from CastHubLib.delivery.departures import Departures, unconnected_earlier_ones
from CastHubLib.delivery.keepalive import Pulse
from CastHubLib.delivery.outbox import Outbox, json_frame, write_frame
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.request_calls import Asking
from CastHubLib.routing import table as core
from CastHubLib.routing.resume_queue import Notification, Tail
from CastHubLib.routing.table import Owner, Subscriber, Table
from CastHubLib.settings import HubSettings
from CastHubLib.spread import Spread
from CastLib.subscription import Subscription, make_confirmation, make_denial

_Late = tuple[Subscriber, Channel, "asyncio.TimerHandle | None"]

_ENDS_A_TURN = 100  # subscriptions that end because nobody came, before others have their turn


class Connections:
    """Grants subscriptions, binds them to sockets and ends them, telling whom it concerns.

    ``unproven`` counts events that were written to sockets which were lost before anything proved that they had
    arrived, ``undelivered`` those that waited for a socket which did not come back (docs/delivery.md).
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: HubSettings,
        table: Table,
        outbox: Outbox,
        publisher: Publisher,
        asking: Asking,
        on_confirmed: Callable[[Subscriber, frozenset[str]], None],
        on_ended: Callable[[Subscriber], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._table = table
        self._outbox = outbox
        self._asking = asking
        self._on_confirmed = on_confirmed
        self._on_ended = on_ended
        self._channels: dict[str, Channel] = {}
        self._shares = Shares(settings)
        self._late = Spread[_Late](loop, _ENDS_A_TURN, self._end_late)
        self.departures = Departures(loop, table, publisher, more_to_come=lambda: bool(self._late))
        self.unproven = 0
        self.undelivered = 0

    def __len__(self) -> int:
        return sum(channel.socket is not None for channel in self._channels.values())

    # Subscriptions

    def subscribe(
        self, subscription: Subscription, owner: Owner, *, strict: bool = False, max_lease_seconds: float = math.inf
    ) -> Subscriber:
        """Enter a new subscription; its socket must come within ``bind_seconds``. Raises Denied when full.

        ``max_lease_seconds`` is the life of the token: a lease that is enforced ends before it (FHIRcast 2.4.1). A Cast
        client that subscribes anew, as most do instead of binding, is handed what was kept for the one it has lost.
        """
        settings = self._settings
        lost = self._lost_one(subscription, owner)
        if lost is None:
            self._shares.check(owner)
        lease = self._granted(subscription, max_lease_seconds)
        subscriber = Subscriber(secrets.token_urlsafe(24), subscription, owner, lease, strict)
        self._believe(subscriber)
        self._table.add(subscriber)
        channel = self._channels[subscriber.id] = Channel(self._loop.time() + subscriber.lease_seconds)
        self._shares.subscribed(owner)
        if lost is not None:
            self._hand_over(lost, subscriber)
        self._watch(subscriber, settings.bind_seconds)
        self._tell(subscriber, channel)
        by, cast = log.holder(owner), subscription.cast
        log.info("subscribed", endpoint=log.endpoint(subscriber.id), by=by, cast=cast, strict=strict)
        return subscriber

    def renew(self, subscriber: Subscriber, subscription: Subscription, *, max_lease_seconds: float = math.inf) -> None:
        """Give a subscription new events and a new lease, and confirm them (FHIRcast 2.4.1)."""
        subscription = core.renewed(subscriber.subscription, subscription)
        log.info("renewed", endpoint=log.endpoint(subscriber.id))
        self._table.replace_events(subscriber, subscription)
        subscriber.lease_seconds = self._granted(subscription, max_lease_seconds)
        self._believe(subscriber)
        channel = self._channels[subscriber.id]
        channel.expires = self._loop.time() + subscriber.lease_seconds
        if subscriber.connected:
            self._watch(subscriber)
            self._outbox.post((subscriber,), _confirmation(subscriber))
        else:
            self._watch(subscriber, self._settings.grace_seconds if channel.bound_at else self._settings.bind_seconds)
        self._tell(subscriber, channel)

    def end(self, subscriber: Subscriber, reason: str, told: str = "", code: int = OVER) -> None:
        """End a subscription: others hear ``subscription-removed``, its own socket gets a denial and a close.

        Ending one that has ended does nothing. ``told`` is the denial's reason in words.
        """
        if self._table.remove(subscriber.id) is None:
            return
        self._outbox.flush()
        channel = self._forget(subscriber)
        if channel.socket is not None:
            write_frame(channel.socket.transport, _denial(subscriber, told))
            channel.socket.close(code)
        unproven, undelivered = (0, 0) if reason == core.UNSUBSCRIBE else channel.left(subscriber)
        self.unproven += unproven
        self.undelivered += undelivered
        self._stop_writing(subscriber, channel)
        subscriber.tail = None
        broke = reason == core.DISCONNECT and channel.close_code not in NO_ERROR
        self.departures.note(subscriber, reason, broke)
        self._on_ended(subscriber)
        which = log.endpoint(subscriber.id)
        log.info("ended", endpoint=which, reason=reason, unproven=unproven, undelivered=undelivered)

    def too_slow(self, subscriber: Subscriber) -> None:
        """End a subscription for which more is waiting than the hub keeps. Called while the outbox writes."""
        channel = self._channels.get(subscriber.id)
        if channel is None:
            return
        told = "too slow: more was waiting than the hub keeps"
        self.lost(subscriber)
        socket, channel.socket = channel.socket, None
        if socket is not None:
            write_frame(socket.transport, _denial(subscriber, told))
            socket.close(TRY_AGAIN_LATER)
        self._loop.call_soon(self.end, subscriber, core.SEND_FAILURE, told, TRY_AGAIN_LATER)

    # Sockets

    def bind(self, subscriber: Subscriber, socket: Socket) -> Pulse | None:
        """Serve a subscription by this socket: first the confirmation, then what was kept, then what comes.

        Another socket that it has is closed. Returns what is to hear of the socket's signs of life; None when the
        subscription has ended meanwhile, which the socket is told, or when that is closed already.
        """
        self._outbox.flush()
        channel = self._channels.get(subscriber.id)
        if channel is None:
            write_frame(socket.transport, _denial(subscriber, "this subscription has ended"))
            return None
        if socket.transport.is_closing():  # its peer has gone already
            return None
        before, resumed = channel.socket, bool(channel.bound_at)
        if before is not None:
            self.lost(subscriber)
            before.close(OVER)
        if not resumed:
            self._shares.bound(subscriber.owner)
        channel.socket, channel.bound_at = socket, self._loop.time()
        if subscriber.subscription.cast or not resumed:
            channel.expires = channel.bound_at + subscriber.lease_seconds
        kept = tuple(subscriber.tail or ())
        subscriber.connected = True
        self._outbox.attach(subscriber, socket.transport, _confirmation(subscriber))
        if subscriber.tail is None:
            subscriber.tail = Tail()
        pulse = channel.pulse = Pulse(
            self._loop,
            self._settings.ping_seconds,
            subscriber,
            socket.transport,
            on_dead=lambda: self._dead(subscriber, socket),
        )
        self._tell(subscriber, channel)
        self._watch(subscriber)
        log.info("bound", endpoint=log.endpoint(subscriber.id), resumed=resumed, kept=len(kept), **_ids(kept))
        return pulse

    def lost(self, subscriber: Subscriber) -> None:
        """Write no more to a broken connection; from now on events wait for the next one, while there is a grace."""
        if not subscriber.connected:
            return
        channel = self._channels[subscriber.id]
        tail = subscriber.tail
        if subscriber.acknowledges:
            channel.last_written = tail.last() if tail else None
        else:
            unproven = 0 if channel.close_code in CLOSED_BY_CLIENT else channel.unproven(subscriber)
            self.unproven += unproven
            subscriber.tail = Tail()
            log.info("lost", endpoint=log.endpoint(subscriber.id), unproven=unproven)
        self._stop_writing(subscriber, channel)

    def dropped(self, subscriber: Subscriber, socket: Socket, code: int | None) -> None:
        """The socket is gone: end the subscription if its client has closed it, else give it time to bind again."""
        channel = self._channels.get(subscriber.id)
        if channel is None or channel.socket is not socket:
            return
        log.info("dropped", endpoint=log.endpoint(subscriber.id), code=code)
        channel.close_code = code
        self._outbox.flush()
        channel.socket = None
        if code in CLOSED_BY_CLIENT:
            self.end(subscriber, core.DISCONNECT)
            return
        self.lost(subscriber)
        if subscriber.subscription.cast:
            channel.expires = self._loop.time() + subscriber.lease_seconds
        if self._settings.grace_seconds:
            self._watch(subscriber, self._settings.grace_seconds)
        else:
            self._waited(subscriber, channel)

    def bound_since(self, subscriber: Subscriber) -> float:
        """Return the loop's time at which a connected subscriber's socket came."""
        return self._channels[subscriber.id].bound_at

    def have_arrived(self, subscriber: Subscriber, count: int) -> bool:
        """Tell whether the first ``count`` of a connected subscriber's tail have reached it, by its pongs.

        When nothing tells yet, it is asked by a ping: if no pong comes, then its socket is dead, and the subscription
        has its grace time.
        """
        pulse, tail = self._channels[subscriber.id].pulse, subscriber.tail
        if pulse is None or tail is None:
            return False
        if pulse.proven >= subscriber.written - len(tail) + count:
            return True
        pulse.ask()
        return False

    def close(self) -> None:
        """Begin to close every socket with 1001, after what waits for it; clients then look for the hub again."""
        self.departures.tell()
        self._outbox.flush()
        for channel in self._channels.values():
            if channel.timer is not None:
                channel.timer.cancel()
            if channel.pulse is not None:
                channel.pulse.stop()
            if channel.socket is not None:
                channel.socket.close(GOING_AWAY)
                channel.socket = None

    # Inside

    def _tell(self, subscriber: Subscriber, channel: Channel) -> None:
        """Let a subscriber know what is open of the events it has newly listed, as soon as it can take that."""
        if subscriber.connected or subscriber.tail is not None:
            events = subscriber.subscription.events
            new, channel.told = events - channel.told, events
            self._on_confirmed(subscriber, new)

    def _lost_one(self, subscription: Subscription, owner: Owner) -> Subscriber | None:
        """Return the subscription that a client has lost and now asks for anew; of several, the first."""
        earlier = unconnected_earlier_ones(self._table, subscription, owner)
        return next((each for each in earlier if self._channels[each.id].bound_at), None)

    def _hand_over(self, lost: Subscriber, anew: Subscriber) -> None:
        """Give a new subscription what was kept for a lost one, which ends without a word: nobody has gone."""
        self._outbox.flush()
        self._table.remove(lost.id)
        self._channels[anew.id].last_written = self._forget(lost).last_written
        anew.tail, lost.tail = lost.tail, None
        anew.acknowledges |= lost.acknowledges
        anew.answers |= lost.answers
        log.info("replaced", endpoint=log.endpoint(lost.id), by=log.endpoint(anew.id), kept=len(anew.tail or ()))

    def _forget(self, subscriber: Subscriber) -> Channel:
        channel = self._channels.pop(subscriber.id)
        self._shares.ended(subscriber.owner, was_bound=bool(channel.bound_at))
        if channel.timer is not None:
            channel.timer.cancel()
        return channel

    def _stop_writing(self, subscriber: Subscriber, channel: Channel) -> None:
        subscriber.connected = False
        self._outbox.detach(subscriber.id)
        if channel.pulse is not None:
            channel.pulse.stop()
            channel.pulse = None
        self._asking.subscriber_gone(subscriber)

    def _dead(self, subscriber: Subscriber, socket: Socket) -> None:
        socket.transport.abort()
        self.dropped(subscriber, socket, BROKEN)

    @staticmethod
    def _believe(subscriber: Subscriber) -> None:
        """Keep a tail from now on for who says that it acknowledges; what it once said or did is not taken back."""
        if subscriber.subscription.acknowledges and not subscriber.answers:
            subscriber.acknowledges = subscriber.answers = True
            subscriber.tail = subscriber.tail or Tail()

    def _granted(self, subscription: Subscription, most: float) -> int:
        """A Cast client's wish is a hint that it never renews: it is told the default, and renewed while connected."""
        s = self._settings
        if subscription.cast:
            return s.default_lease_seconds
        granted = core.granted_lease(
            subscription.lease_seconds, s.default_lease_seconds, s.min_lease_seconds, s.max_lease_seconds
        )
        return max(1, int(min(most, granted)))

    def _watch(self, subscriber: Subscriber, seconds: float | None = None) -> None:
        """Look at a subscription again when its lease ends, or in some seconds if that is before."""
        channel = self._channels[subscriber.id]
        if channel.timer is not None:
            channel.timer.cancel()
        waited = None if seconds is None else self._loop.time() + seconds
        if waited is None or waited >= channel.expires:
            channel.timer = self._loop.call_at(channel.expires, self._lease_ended, subscriber, channel)
        else:
            channel.timer = self._loop.call_at(waited, self._waited, subscriber, channel)

    def _lease_ended(self, subscriber: Subscriber, channel: Channel) -> None:
        if subscriber.connected and subscriber.subscription.cast:
            channel.expires = self._loop.time() + subscriber.lease_seconds
            self._watch(subscriber)
        else:
            self.end(subscriber, core.LEASE_EXPIRED, "lease expired")

    def _waited(self, subscriber: Subscriber, channel: Channel) -> None:
        """No socket came in time."""
        self._late.add((subscriber, channel, channel.timer))

    def _end_late(self, late: Sequence[_Late]) -> None:
        """The others hear of a connection that broke; closing one in order is no error."""
        for subscriber, channel, timer in late:
            if channel.timer is timer:  # else it came, or was renewed, after all
                self.end(subscriber, core.DISCONNECT if channel.bound_at else core.LEASE_EXPIRED)


def _ids(kept: Sequence[Notification]) -> dict[str, str]:
    """Which events come again, for the log."""
    return {"first": kept[0].id, "last": kept[-1].id} if kept else {}


def _confirmation(subscriber: Subscriber) -> bytes:
    return json_frame(make_confirmation(subscriber.subscription, subscriber.lease_seconds))


def _denial(subscriber: Subscriber, told: str) -> bytes:
    return json_frame(make_denial(subscriber.subscription, told))
