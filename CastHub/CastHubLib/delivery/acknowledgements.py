"""What subscribers say to the events they were sent, and what their silence means (FHIRcast 2.5.2, 2.5.5).

Of a refusal the others are notified by a SyncError. Silence means something only from a subscriber that has
acknowledged with a status before, or has said that it does: most clients never do. And only from one that has the
events: where pings find nobody, it is a socket that was lost.
"""

from __future__ import annotations

import asyncio

from CastHubLib import log
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.subscriptions import Subscriptions
from CastHubLib.routing.hub_events import must_be_followed, sync_error
from CastHubLib.routing.resume_queue import ResumeQueue
from CastHubLib.routing.subscriber import SEND_FAILURE, TRY_AGAIN_LATER, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.message import Acknowledgement


class Acknowledgements:
    """Takes acknowledgements, and checks for those that do not come."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: HubSettings,
        table: Table,
        publisher: Publisher,
        subscriptions: Subscriptions,
    ) -> None:
        self._settings = settings
        self._table = table
        self._publisher = publisher
        self._subscriptions = subscriptions
        self._loop = loop
        self._timer = self._loop.call_later(self._interval, self._check)

    def received(self, subscriber: Subscriber, acknowledgement: Acknowledgement) -> None:
        """Take an acknowledgement; only of an event that this subscriber was sent does it mean anything."""
        known = subscriber.queue is not None and subscriber.queue.acknowledged(acknowledgement.id)
        if acknowledgement.status is not None:
            self._subscriptions.expect_acknowledgements(subscriber)
        elif known:
            subscriber.acknowledges_some = True
        published = self._publisher.find(acknowledgement.id)
        if not acknowledgement.refused or published is None or not must_be_followed(published.event):
            return
        if subscriber.id in published.refused_by or subscriber not in published.receivers:
            return
        published.refused_by.add(subscriber.id)
        log.info("refused", endpoint=log.endpoint(subscriber.id), id=acknowledgement.id, status=acknowledgement.status)
        what = f"did not follow {published.event}: it answered {acknowledgement.status}"
        error = sync_error(subscriber.subscription, published.topic, what, id=acknowledgement.id, event=published.event)
        others = tuple(each for each in self._table.route(error) if each is not subscriber)
        self._publisher.publish(error, receivers=others)

    def knows(self, id: str) -> bool:
        """Return whether an event of this id was published lately."""
        return self._publisher.find(id) is not None

    def close(self) -> None:
        """Check no more."""
        self._timer.cancel()

    @property
    def _interval(self) -> float:
        return self._settings.answer_seconds / 5

    def _check(self) -> None:
        before = self._loop.time() - self._settings.answer_seconds
        for subscriber in [each for each in self._table if each.connected and each.queue]:
            if subscriber.queue is not None and subscriber.bound_at <= before:
                count = subscriber.queue.overdue(before)
                if not subscriber.acknowledges_some and count:
                    subscriber.queue = None  # taken for one that never does
                elif (
                    subscriber.acknowledges_all
                    and count >= self._settings.max_unanswered
                    and _have_arrived(subscriber, subscriber.queue, count)
                ):
                    self._unresponsive(subscriber, count)
        self._timer = self._loop.call_later(self._interval, self._check)

    def _unresponsive(self, subscriber: Subscriber, count: int) -> None:
        """End a subscription, and notify the others of the last event that it left without an answer."""
        log.info("unresponsive", endpoint=log.endpoint(subscriber.id), unanswered=count)
        unanswered = [kept.id for kept in subscriber.queue or ()][:count]
        said = f"no answer to {count} events in a row within {self._settings.answer_seconds:g} s"
        self._subscriptions.end(subscriber, SEND_FAILURE, said, TRY_AGAIN_LATER)
        self._subscriptions.departures.announce()
        for id in reversed(unanswered):
            published = self._publisher.find(id)
            if published is not None and must_be_followed(published.event):
                what = f"did not answer {published.event} and is followed no more"
                error = sync_error(subscriber.subscription, published.topic, what, id=id, event=published.event)
                self._publisher.publish(error)
                return


def _have_arrived(subscriber: Subscriber, queue: ResumeQueue, count: int) -> bool:
    """Return whether the first ``count`` in a connected subscriber's queue have reached it, by its pongs.

    When nothing proves it yet, it is pinged: if no pong comes, then its socket is dead, and the subscription has its
    grace time.
    """
    if subscriber.proven >= subscriber.written - len(queue) + count:
        return True
    if subscriber.pings is not None:
        subscriber.pings.ping_now()
    return False
