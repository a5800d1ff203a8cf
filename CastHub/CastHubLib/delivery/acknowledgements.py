"""What subscribers say to the events they were sent, and what their silence means (FHIRcast 2.5.2, 2.5.5).

A refusal is told to the others as SyncError. Silence means something only from a subscriber that has acknowledged with
a status before, or has said that it does: most clients never do. And only from one that has the events: where pings
find nobody, it is a socket that was lost.
"""

from __future__ import annotations

import asyncio

from CastHubLib import log
from CastHubLib.delivery.channel import TRY_AGAIN_LATER
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.subscriptions import Connections
from CastHubLib.delivery.sync_error import matters, sync_error
from CastHubLib.routing import table as core
from CastHubLib.routing.resume_queue import Tail
from CastHubLib.routing.table import Subscriber, Table
from CastHubLib.settings import HubSettings
from CastLib.message import Acknowledgement


class Acknowledgements:
    """Counts acknowledgements, and looks for those that do not come."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: HubSettings,
        table: Table,
        publisher: Publisher,
        connections: Connections,
    ) -> None:
        self._settings = settings
        self._table = table
        self._publisher = publisher
        self._connections = connections
        self._loop = loop
        self._looking = self._loop.call_later(self._interval, self._look)

    def received(self, subscriber: Subscriber, acknowledgement: Acknowledgement) -> None:
        """Take an acknowledgement; only of an event that this subscriber was sent does it mean anything."""
        known = subscriber.tail is not None and subscriber.tail.acknowledged(acknowledgement.id)
        if acknowledgement.status is not None:
            subscriber.acknowledges = subscriber.answers = True
            subscriber.tail = subscriber.tail or Tail()
        elif known:
            subscriber.acknowledges = True
        published = self._publisher.find(acknowledgement.id)
        if not acknowledgement.refused or published is None or not matters(published.event):
            return
        if subscriber.id in published.refused_by or subscriber not in published.receivers:
            return
        published.refused_by.add(subscriber.id)
        log.info("refused", endpoint=log.endpoint(subscriber.id), id=acknowledgement.id, status=acknowledgement.status)
        what = f"did not follow {published.event}: it answered {acknowledgement.status}"
        error = sync_error(subscriber.subscription, published.topic, what, id=acknowledgement.id, event=published.event)
        self._publisher.publish_to_others(error, subscriber)

    def knows(self, id: str) -> bool:
        """Tell whether an event of this id was published lately."""
        return self._publisher.find(id) is not None

    def close(self) -> None:
        """Look no more."""
        self._looking.cancel()

    @property
    def _interval(self) -> float:
        return self._settings.answer_seconds / 5

    def _look(self) -> None:
        before = self._loop.time() - self._settings.answer_seconds
        for subscriber in [each for each in self._table if each.connected and each.tail]:
            if subscriber.tail is not None and self._connections.bound_since(subscriber) <= before:
                count = subscriber.tail.overdue(before)
                if not subscriber.acknowledges and count:
                    subscriber.tail = None  # taken for one that never does
                elif (
                    subscriber.answers
                    and count >= self._settings.max_unanswered
                    and self._connections.have_arrived(subscriber, count)
                ):
                    self._unresponsive(subscriber, count)
        self._looking = self._loop.call_later(self._interval, self._look)

    def _unresponsive(self, subscriber: Subscriber, count: int) -> None:
        """Tell the others of the last event that it left without an answer, and end its subscription."""
        log.info("unresponsive", endpoint=log.endpoint(subscriber.id), unanswered=count)
        unanswered = [kept.id for kept in subscriber.tail or ()][:count]
        told = f"no answer to {count} events in a row within {self._settings.answer_seconds:g} s"
        self._connections.end(subscriber, core.SEND_FAILURE, told, TRY_AGAIN_LATER)
        self._connections.departures.tell()
        for id in reversed(unanswered):
            published = self._publisher.find(id)
            if published is not None and matters(published.event):
                what = f"did not answer {published.event} and is followed no more"
                error = sync_error(subscriber.subscription, published.topic, what, id=id, event=published.event)
                self._publisher.publish(error)
                return
