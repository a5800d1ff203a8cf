"""A subscription's life: granted, bound to a socket, renewed, ended. The one place where subscriptions come and go.

Time is the loop's, and a socket is what ``Socket`` says: nothing here waits or knows aiohttp.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from CastHubLib import log
from CastHubLib.access.shares import Shares
from CastHubLib.delivery.departures import Departures, lost_one
from CastHubLib.delivery.keepalive import KeepAlive
from CastHubLib.delivery.outbox import Outbox, json_frame, write_frame
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.requests import Requests
from CastHubLib.routing.resume_queue import ResumeQueue
from CastHubLib.routing.subscriber import (
    BROKEN,
    CLOSED_BY_CLIENT,
    DISCONNECT,
    GOING_AWAY,
    LEASE_EXPIRED,
    NO_ERROR,
    OVER,
    SEND_FAILURE,
    TRY_AGAIN_LATER,
    UNSUBSCRIBE,
    Owner,
    Socket,
    Subscriber,
    Timer,
    granted_lease,
    renewed,
)
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastHubLib.spread import Spread
from CastLib.subscription import Subscription, make_confirmation, make_denial

_Late = tuple[Subscriber, "Timer | None"]

_ENDS_A_TURN = 100  # subscriptions that end because no socket came, before others have their turn


class Context(Protocol):
    """What keeps the current context, where the hub does."""

    def confirmed(self, subscriber: Subscriber, events: frozenset[str]) -> None:
        """A subscriber can be sent what is open of these events, which it has newly listed."""

    def subscription_ended(self, topic: str) -> None:
        """One on this topic has ended."""


class Subscriptions:
    """Grants subscriptions, binds them to sockets and ends them, and notifies whom that concerns.

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
        requests: Requests,
        context: Context | None = None,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._table = table
        self._outbox = outbox
        self._requests = requests
        self._context = context
        self._shares = Shares(settings)
        self._late = Spread[_Late](loop, _ENDS_A_TURN, self._end_late)
        self.departures = Departures(loop, table, publisher, after=self._late)
        self.unproven = 0
        self.undelivered = 0

    def __len__(self) -> int:
        return sum(subscriber.socket is not None for subscriber in self._table)

    # Subscriptions

    def subscribe(
        self, subscription: Subscription, owner: Owner, *, strict: bool = False, max_lease_seconds: float = math.inf
    ) -> Subscriber:
        """Enter a new subscription; its socket must come within ``bind_seconds``. Raises Denied when full.

        ``max_lease_seconds`` is the life of the token: a lease that is enforced ends before it (FHIRcast 2.4.1). A Cast
        client that subscribes anew, as most do instead of binding, is handed what was kept for the one it has lost.
        """
        lost = lost_one(self._table, subscription, owner)
        if lost is None:
            self._shares.check(owner)
        lease = self._granted(subscription, max_lease_seconds)
        subscriber = Subscriber(secrets.token_urlsafe(24), subscription, owner, lease, self, strict)
        subscriber.expires = self._loop.time() + lease
        self._table.add(subscriber)
        self._shares.subscribed(owner)
        if subscription.acknowledges:
            self.expect_acknowledgements(subscriber)
        if lost is not None:
            self._hand_over(lost, subscriber)
        self._watch(subscriber, self._settings.bind_seconds)
        self._confirmed(subscriber)
        which, by = log.endpoint(subscriber.id), log.holder(owner)
        log.info("subscribed", endpoint=which, by=by, cast=subscription.cast, strict=strict)
        return subscriber

    def renew(self, subscriber: Subscriber, subscription: Subscription, *, max_lease_seconds: float = math.inf) -> None:
        """Give a subscription new events and a new lease, and confirm them (FHIRcast 2.4.1)."""
        subscription = renewed(subscriber.subscription, subscription)
        log.info("renewed", endpoint=log.endpoint(subscriber.id))
        self._table.replace_events(subscriber, subscription)
        if subscription.acknowledges:
            self.expect_acknowledgements(subscriber)
        subscriber.lease_seconds = self._granted(subscription, max_lease_seconds)
        subscriber.expires = self._loop.time() + subscriber.lease_seconds
        if subscriber.connected:
            self._watch(subscriber)
            self._outbox.post((subscriber,), _confirmation(subscriber))
        else:
            settings = self._settings
            self._watch(subscriber, settings.grace_seconds if subscriber.bound_at else settings.bind_seconds)
        self._confirmed(subscriber)

    def expect_acknowledgements(self, subscriber: Subscriber) -> None:
        """Keep from now on what it has not acknowledged, and expect that it does; nothing takes that back."""
        subscriber.acknowledges_some = subscriber.acknowledges_all = True
        subscriber.queue = subscriber.queue or self._new_queue()

    def end(self, subscriber: Subscriber, reason: str, said: str = "", code: int = OVER) -> None:
        """End a subscription: others get ``subscription-removed``, its own socket gets a denial and a close.

        Ending one that has ended does nothing. ``said`` is the denial's reason in words.
        """
        if self._has_ended(subscriber):
            return
        self._outbox.flush()
        self._take_out(subscriber)
        self._deny(subscriber, said, code)
        unproven, undelivered = (0, 0) if reason == UNSUBSCRIBE else subscriber.left_behind()
        self.unproven += unproven
        self.undelivered += undelivered
        self._stop_writing(subscriber)
        subscriber.queue = None
        broke = reason == DISCONNECT and subscriber.close_code not in NO_ERROR
        self.departures.note(subscriber, reason, broke)
        if self._context is not None:
            self._context.subscription_ended(subscriber.subscription.topic)
        which = log.endpoint(subscriber.id)
        log.info("ended", endpoint=which, reason=reason, unproven=unproven, undelivered=undelivered)

    def too_slow(self, subscriber: Subscriber) -> None:
        """End a subscription for which more is waiting than the hub keeps. Called while the outbox writes."""
        if self._has_ended(subscriber):
            return
        said = "too slow: more was waiting than the hub keeps"
        self.lost(subscriber)
        self._deny(subscriber, said, TRY_AGAIN_LATER)
        self._loop.call_soon(self.end, subscriber, SEND_FAILURE, said, TRY_AGAIN_LATER)

    # Sockets

    def bind(self, subscriber: Subscriber, socket: Socket) -> KeepAlive | None:
        """Serve a subscription by this socket: first the confirmation, then what was kept, then what comes.

        Another socket that it has is closed. Returns what must be given the socket's signs of life; None when the
        subscription has ended meanwhile, for which the socket gets a denial, or when that is closed already.
        """
        self._outbox.flush()
        if self._has_ended(subscriber):
            write_frame(socket.transport, _denial(subscriber, "this subscription has ended"))
            return None
        if socket.transport.is_closing():  # its peer has gone already
            return None
        before, resumed = subscriber.socket, bool(subscriber.bound_at)
        if before is not None:
            self.lost(subscriber)
            before.close(OVER)
        if not resumed:
            self._shares.bound(subscriber.owner)
        subscriber.socket, subscriber.bound_at = socket, self._loop.time()
        if subscriber.subscription.cast or not resumed:
            subscriber.expires = subscriber.bound_at + subscriber.lease_seconds
        kept = tuple(subscriber.queue or ())
        self._outbox.attach(subscriber, socket.transport, _confirmation(subscriber))
        if subscriber.queue is None:
            subscriber.queue = self._new_queue()
        seconds, on_dead = self._settings.ping_seconds, partial(self._dead, subscriber, socket)
        keepalive = subscriber.pings = KeepAlive(self._loop, seconds, subscriber, socket.transport, on_dead)
        self._confirmed(subscriber)
        self._watch(subscriber)
        again = {"first": kept[0].id, "last": kept[-1].id} if kept else {}
        log.info("bound", endpoint=log.endpoint(subscriber.id), resumed=resumed, kept=len(kept), **again)
        return keepalive

    def lost(self, subscriber: Subscriber) -> None:
        """Write no more to a broken connection; from now on events wait for the next one, while there is a grace."""
        if not subscriber.connected:
            return
        if subscriber.acknowledges_some:
            subscriber.last_written = subscriber.queue.last() if subscriber.queue else None
        else:
            unproven = 0 if subscriber.close_code in CLOSED_BY_CLIENT else subscriber.unproven
            self.unproven += unproven
            subscriber.queue = self._new_queue()
            log.info("lost", endpoint=log.endpoint(subscriber.id), unproven=unproven)
        self._stop_writing(subscriber)

    def dropped(self, subscriber: Subscriber, socket: Socket, code: int | None) -> None:
        """The socket is gone: end the subscription if its client has closed it, else give it time to bind again."""
        if subscriber.socket is not socket:
            return
        log.info("dropped", endpoint=log.endpoint(subscriber.id), code=code)
        subscriber.close_code = code
        self._outbox.flush()
        subscriber.socket = None
        if code in CLOSED_BY_CLIENT:
            self.end(subscriber, DISCONNECT)
            return
        self.lost(subscriber)
        if subscriber.subscription.cast:
            subscriber.expires = self._loop.time() + subscriber.lease_seconds
        if self._settings.grace_seconds:
            self._watch(subscriber, self._settings.grace_seconds)
        else:
            self._no_socket_came(subscriber)

    def close(self) -> None:
        """Begin to close every socket with 1001, after what waits for it; clients then look for the hub again."""
        self.departures.announce()
        self._outbox.flush()
        for subscriber in self._table:
            if subscriber.timer is not None:
                subscriber.timer.cancel()
            if subscriber.pings is not None:
                subscriber.pings.stop()
            if subscriber.socket is not None:
                subscriber.socket.close(GOING_AWAY)
                subscriber.socket = None

    # Inside

    def _has_ended(self, subscriber: Subscriber) -> bool:
        return self._table.get(subscriber.id) is None

    def _new_queue(self) -> ResumeQueue:
        return ResumeQueue(self._settings.max_queued_events, self._settings.max_queued_bytes)

    def _confirmed(self, subscriber: Subscriber) -> None:
        """Have a subscriber sent what is open of the events it has newly listed, as soon as it can take that."""
        if self._context is not None and (subscriber.connected or subscriber.queue is not None):
            events = subscriber.subscription.events
            new, subscriber.listed = events - subscriber.listed, events
            self._context.confirmed(subscriber, new)

    def _hand_over(self, lost: Subscriber, anew: Subscriber) -> None:
        """Give a new subscription what was kept for a lost one, which ends without a word: nobody has gone."""
        self._outbox.flush()
        self._take_out(lost)
        anew.last_written = lost.last_written
        anew.queue, lost.queue = lost.queue, None
        anew.acknowledges_some |= lost.acknowledges_some
        anew.acknowledges_all |= lost.acknowledges_all
        log.info("replaced", endpoint=log.endpoint(lost.id), by=log.endpoint(anew.id), kept=len(anew.queue or ()))

    def _take_out(self, subscriber: Subscriber) -> None:
        self._table.remove(subscriber.id)
        self._shares.ended(subscriber.owner, was_bound=bool(subscriber.bound_at))
        if subscriber.timer is not None:
            subscriber.timer.cancel()
            subscriber.timer = None

    @staticmethod
    def _deny(subscriber: Subscriber, said: str, code: int) -> None:
        socket, subscriber.socket = subscriber.socket, None
        if socket is not None:
            write_frame(socket.transport, _denial(subscriber, said))
            socket.close(code)

    def _stop_writing(self, subscriber: Subscriber) -> None:
        subscriber.transport = None
        if subscriber.pings is not None:
            subscriber.pings.stop()
            subscriber.pings = None
        self._requests.subscriber_gone(subscriber)

    def _dead(self, subscriber: Subscriber, socket: Socket) -> None:
        socket.transport.abort()
        self.dropped(subscriber, socket, BROKEN)

    def _granted(self, subscription: Subscription, most: float) -> int:
        """A Cast client's wish is a hint that it never renews: it gets the default, renewed while it is connected."""
        s = self._settings
        if subscription.cast:
            return s.default_lease_seconds
        granted = granted_lease(
            subscription.lease_seconds, s.default_lease_seconds, s.min_lease_seconds, s.max_lease_seconds
        )
        return max(1, int(min(most, granted)))

    def _watch(self, subscriber: Subscriber, seconds: float = math.inf) -> None:
        """See to a subscription when its lease ends, or in some seconds if no socket has come by then."""
        if subscriber.timer is not None:
            subscriber.timer.cancel()
        until = self._loop.time() + seconds
        if until < subscriber.expires:
            timer = self._loop.call_at(until, self._no_socket_came, subscriber)
        else:
            timer = self._loop.call_at(subscriber.expires, self._lease_ended, subscriber)
        subscriber.timer = timer

    def _lease_ended(self, subscriber: Subscriber) -> None:
        if subscriber.connected and subscriber.subscription.cast:
            subscriber.expires = self._loop.time() + subscriber.lease_seconds
            self._watch(subscriber)
        else:
            self.end(subscriber, LEASE_EXPIRED, "lease expired")

    def _no_socket_came(self, subscriber: Subscriber) -> None:
        self._late.add((subscriber, subscriber.timer))

    def _end_late(self, late: Sequence[_Late]) -> None:
        """The others are notified of a connection that broke; closing one in order is no error."""
        for subscriber, timer in late:
            if subscriber.timer is timer:  # else its socket came, or it was renewed, after all
                self.end(subscriber, DISCONNECT if subscriber.bound_at else LEASE_EXPIRED)


def _confirmation(subscriber: Subscriber) -> bytes:
    return json_frame(make_confirmation(subscriber.subscription, subscriber.lease_seconds))


def _denial(subscriber: Subscriber, said: str) -> bytes:
    return json_frame(make_denial(subscriber.subscription, said))
