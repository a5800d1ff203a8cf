"""Sending an event to whom it concerns, and remembering for a while who that was."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from CastHubLib.core import Receivers, Subscriber, Table
from CastHubLib.outbox import Outbox, json_frame
from CastHubLib.tail import Notification
from CastLib.message import Message

_REMEMBERED = 4096  # events that an acknowledgement may still speak of, after those that are kept in tails


@dataclass(slots=True, eq=False)
class Published:
    """An event that was sent, without its bytes."""

    number: int
    event: str
    topic: str
    receivers: Receivers
    refused_by: set[str] = field(default_factory=set)
    """Ids of subscribers whose refusal the others have heard of."""


class Publisher:
    """The one way of events to subscribers."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox
        self._clock = asyncio.get_running_loop().time
        self._published: OrderedDict[str, Published] = OrderedDict()
        self.count = 0

    def publish(self, message: Message, frame: bytes | None = None) -> Receivers:
        """Send an event and return its receivers; without ``frame`` it is one that the hub itself has made."""
        receivers = self._table.route(message)
        self.send(message, receivers, json_frame(message.wire) if frame is None else frame)
        return receivers

    def publish_to_others(self, message: Message, subscriber: Subscriber) -> None:
        """Send an event that the hub has made to all whom it concerns but one."""
        others = tuple(each for each in self._table.route(message) if each is not subscriber)
        self.send(message, others, json_frame(message.wire))

    def send(self, message: Message, receivers: Receivers, frame: bytes) -> None:
        """Send an event's frame to these subscribers."""
        self.count += 1
        published = self._published
        published.pop(message.id, None)
        published[message.id] = Published(self.count, message.event, message.topic, receivers)
        if len(published) > _REMEMBERED:
            published.popitem(last=False)
        self._outbox.notify(receivers, Notification(frame, message.id, self.count, self._clock()))

    def find(self, id: str) -> Published | None:
        """Return the last event that was published under an id; None when that was long ago, or never."""
        return self._published.get(id)
