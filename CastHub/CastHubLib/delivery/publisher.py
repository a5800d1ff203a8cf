"""Sending an event to whom it concerns, and remembering for a while who that was."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from CastHubLib import log
from CastHubLib.delivery.outbox import Outbox, json_frame
from CastHubLib.delivery.sync_error import matters
from CastHubLib.routing.resume_queue import Notification
from CastHubLib.routing.table import Receivers, Subscriber, Table
from CastLib.message import Message

_REMEMBERED = 4096  # events that an acknowledgement may still speak of, after those that are kept in tails


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

    def publish(self, message: Message, frame: bytes | None = None) -> Receivers:
        """Send an event and return its receivers; without ``frame`` it is one that the hub itself has made."""
        receivers = self._table.route(message)
        if frame is None:
            log.info("told", id=message.id, event=message.event, receivers=len(receivers))
        self.send(message, receivers, json_frame(message.wire) if frame is None else frame)
        return receivers

    def publish_to_others(self, message: Message, subscriber: Subscriber) -> None:
        """Send an event that the hub has made to all whom it concerns but one."""
        others = tuple(each for each in self._table.route(message) if each is not subscriber)
        log.info("told", id=message.id, event=message.event, receivers=len(others))
        self.send(message, others, json_frame(message.wire))

    def send(self, message: Message, receivers: Receivers, frame: bytes) -> None:
        """Send an event's frame to these subscribers."""
        self._remember(message.id, message.event, message.topic, receivers)
        self._outbox.notify(receivers, Notification(frame, message.id, self._clock(), self._outbox.kept))

    def send_again(self, id: str, event: str, topic: str, subscriber: Subscriber, frame: bytes) -> None:
        """Send an earlier event to one who was not there then; it may acknowledge it like the others."""
        log.debug("context told", id=id, endpoint=log.endpoint(subscriber.id))
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
        looked_at: set[int] = set()  # routing keeps its answers, so most events have the receivers of another
        for id, published in reversed(self._published.items()):
            here = wanted.get(published.topic)
            if here and matters(published.event) and _identity(published.receivers) not in looked_at:
                looked_at.add(_identity(published.receivers))
                told = here.intersection(published.receivers)
                here -= told
                found |= dict.fromkeys(told, (id, published.event))
        return found

    def find(self, id: str) -> Published | None:
        """Return the last event that was published under an id; None when that was long ago, or never."""
        return self._published.get(id)


def _identity(receivers: Receivers) -> int:
    return id(receivers)
