"""Notifying the others who is gone, and knowing a Cast client that has only come back with a new subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from CastHubLib.delivery.publisher import Publisher
from CastHubLib.routing.hub_events import subscription_removed, sync_error
from CastHubLib.routing.subscriber import SEND_FAILURE, UNSUBSCRIBE, Owner, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.spread import Spread
from CastLib.events import EVERY
from CastLib.subscription import Subscription

_A_TURN = 20  # departures that are announced before others have their turn


class _Gone(NamedTuple):
    """A subscription that has ended; ``broke``: its connection did, and was not closed in order."""

    subscriber: Subscriber
    reason: str
    broke: bool

    @property
    def may_be_back(self) -> bool:
        """Return whether its client may have subscribed anew meanwhile: it got no word that this one is over."""
        return self.reason not in (UNSUBSCRIBE, SEND_FAILURE)


class Departures:
    """Collects the subscriptions that end together, and announces them ``after`` all that are about to end have.

    Many end at once when a network does. They are announced together, to those that are left: else each would be
    announced to all that are about to go.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, table: Table, publisher: Publisher, after: Spread[Any]) -> None:
        self._table = table
        self._publisher = publisher
        self._gone = Spread[_Gone](loop, _A_TURN, self._announce, after)

    def note(self, subscriber: Subscriber, reason: str, broke: bool) -> None:
        """Take note of a subscription that has just left the table."""
        self._gone.add(_Gone(subscriber, reason, broke))

    def announce(self) -> None:
        """Notify the others now, in the order in which they went."""
        self._gone.all_now()

    def _announce(self, gone: Sequence[_Gone]) -> None:
        gone = [each for each in gone if not (each.may_be_back and is_back(self._table, each.subscriber))]
        last = self._publisher.last_sent_to([each.subscriber for each in gone if each.broke])
        for each in gone:
            subscription = each.subscriber.subscription
            self._publisher.publish(subscription_removed(subscription, each.reason))
            if each.broke and not subscription.everyone:
                what = "has lost its connection and is followed no more"
                id, event = last.get(each.subscriber, ("", ""))
                self._publisher.publish(sync_error(subscription, subscription.topic, what, id=id, event=event))


def is_back(table: Table, subscriber: Subscriber) -> bool:
    """Return whether a Cast client has subscribed anew: the others know it by its name and would think it gone."""
    named = _namesakes(table, subscriber.subscription, subscriber.owner)
    return any(each is not subscriber and each.connected for each in named)


def lost_one(table: Table, subscription: Subscription, owner: Owner) -> Subscriber | None:
    """Return the subscription that a Cast client has lost and now asks for anew; of several, the first.

    It was the same in all that decides what it gets; more events may be asked for now. A window of the same name whose
    socket is there is another one.
    """
    for each in _namesakes(table, subscription, owner):
        before = each.subscription
        same = (before.cast, before.product, before.actors) == (True, subscription.product, subscription.actors)
        was_lost = each.bound_at and not each.connected
        if same and was_lost and (EVERY in subscription.events or before.events <= subscription.events):
            return each
    return None


def _namesakes(table: Table, subscription: Subscription, owner: Owner) -> list[Subscriber]:
    """Return what one Cast client is known to hold: by name, topic and token. OHIF's name is everybody's."""
    if not subscription.cast or subscription.name in ("", EVERY):
        return []
    return table.named(subscription.topic, subscription.name, owner)
