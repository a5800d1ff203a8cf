"""Sending an event to whom it concerns, and remembering for a while who that was."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from CastHubLib import log
from CastHubLib.delivery.outbox import Outbox, json_frame
from CastHubLib.routing.hub_events import must_be_followed
from CastHubLib.routing.resume_queue import Notification
from CastHubLib.routing.subscriber import Receivers, Subscriber
from CastHubLib.routing.table import Table
from CastLib.message import Message

_REMEMBERED = 4096  # events that an acknowledgement may still speak of, after those that are kept in queues


@dataclass(slots=True, eq=False)
class Published:
    """An event that was sent, without its bytes."""

    event: str
    topic: str
    receivers: Receivers
    refused_by: set[str] = field(default_factory=set)
    """Ids of subscribers whose refusal the others have heard of."""


class Publisher:
    """The one way of events to subscribers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox
        self._clock = loop.time
        self._published: OrderedDict[str, Published] = OrderedDict()

    def publish(self, message: Message, frame: bytes | None = None, receivers: Receivers | None = None) -> Receivers:
        """Send an event to ``receivers``, or to all whom it concerns, and return them.

        ``frame`` is what its publisher has sent; without one, it is an event that the hub itself has made.
        """
        if receivers is None:
            receivers = self._table.route(message)
        if frame is None:
            frame = json_frame(message.wire)
            log.info("announced", id=message.id, event=message.event, receivers=len(receivers))
        self._remember(message.id, message.event, message.topic, receivers)
        self._outbox.notify(receivers, Notification(frame, message.id, self._clock(), self._outbox.kept))
        return receivers

    def send_again(self, id: str, event: str, topic: str, subscriber: Subscriber, frame: bytes) -> None:
        """Send an earlier event to one who was not there then; it may acknowledge it like the others."""
        log.debug("sent again", id=id, endpoint=log.endpoint(subscriber.id))
        published = self._published.get(id) or self._remember(id, event, topic, ())
        published.receivers = (*published.receivers, subscriber)
        self._outbox.notify((subscriber,), Notification(frame, id, self._clock(), self._outbox.kept))

    def _remember(self, id: str, event: str, topic: str, receivers: Receivers) -> Published:
        self._published.pop(id, None)
        published = self._published[id] = Published(event, topic, receivers)
        if len(self._published) > _REMEMBERED:
            self._published.popitem(last=False)
        return published

    def last_sent_to(self, subscribers: Sequence[Subscriber]) -> dict[Subscriber, tuple[str, str]]:
        """Return id and name of the last event on its topic that each was sent and could miss, if there is one.

        Many are lost together when a network is; so what is remembered is gone through once for all of them.
        """
        found: dict[Subscriber, tuple[str, str]] = {}
        wanted: dict[str, set[Subscriber]] = {}
        for subscriber in subscribers:
            wanted.setdefault(subscriber.subscription.topic, set()).add(subscriber)
        seen: set[int] = set()  # routing keeps its answers, so most events have the receivers of another
        for id, published in reversed(self._published.items()):
            here = wanted.get(published.topic)
            if here and must_be_followed(published.event) and _identity(published.receivers) not in seen:
                seen.add(_identity(published.receivers))
                receivers = here.intersection(published.receivers)
                here -= receivers
                found |= dict.fromkeys(receivers, (id, published.event))
        return found

    def find(self, id: str) -> Published | None:
        """Return the last event that was published under an id; None when that was long ago, or never."""
        return self._published.get(id)


def _identity(receivers: Receivers) -> int:
    return id(receivers)
