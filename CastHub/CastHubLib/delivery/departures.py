"""Telling the others who is there no more, and knowing a Cast client that has only come back by another door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.sync_error import sync_error
from CastHubLib.routing import table as core
from CastHubLib.routing.table import Owner, Subscriber, Table
from CastHubLib.spread import Spread
from CastLib.events import EVERY
from CastLib.subscription import Subscription

_A_TURN = 20  # departures that are told of before others have their turn


class _Gone(NamedTuple):
    """A subscription that has ended; ``broke``: its connection did, and was not closed in order."""

    subscriber: Subscriber
    reason: str
    broke: bool

    @property
    def may_be_back(self) -> bool:
        """Tell whether its client may have subscribed anew meanwhile, rather than have been told that it is over."""
        return self.reason not in (core.UNSUBSCRIBE, core.SEND_FAILURE)


class Departures:
    """Collects the subscriptions that end together, and tells of them when there are no ``more_to_come``.

    Many end at once when a network does. They are told of together, to those that are left: else each would be told
    of to all that are about to go.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, table: Table, publisher: Publisher, more_to_come: Callable[[], bool]
    ) -> None:
        self._table = table
        self._publisher = publisher
        self._gone = Spread[_Gone](loop, _A_TURN, self._tell, wait=more_to_come)

    def note(self, subscriber: Subscriber, reason: str, broke: bool) -> None:
        """Take note of a subscription that has just left the table."""
        self._gone.add(_Gone(subscriber, reason, broke))

    def tell(self) -> None:
        """Tell the others now, in the order in which they went."""
        self._gone.all_now()

    def _tell(self, gone: Sequence[_Gone]) -> None:
        gone = [each for each in gone if not (each.may_be_back and is_back(self._table, each.subscriber))]
        last = self._publisher.last_sent_to([each.subscriber for each in gone if each.broke])
        for each in gone:
            subscription = each.subscriber.subscription
            self._publisher.publish(core.subscription_removed(subscription, each.reason))
            if each.broke and not subscription.everyone:
                what = "has lost its connection and is followed no more"
                id, event = last.get(each.subscriber, ("", ""))
                self._publisher.publish(sync_error(subscription, subscription.topic, what, id=id, event=event))


def is_back(table: Table, subscriber: Subscriber) -> bool:
    """Tell whether a Cast client has subscribed anew: the others know it by its name and would think it gone."""
    named = _namesakes(table, subscriber.subscription, subscriber.owner)
    return any(each is not subscriber and each.connected for each in named)


def unconnected_earlier_ones(table: Table, subscription: Subscription, owner: Owner) -> list[Subscriber]:
    """Return the subscriptions without a socket that a Cast client may have held before it asked for this one.

    They were the same in all that decides what it gets; it may ask for more events now. A window of the same name whose
    socket is there is another one.
    """
    found = []
    for each in _namesakes(table, subscription, owner):
        before = each.subscription
        same = (before.cast, before.product, before.actors) == (True, subscription.product, subscription.actors)
        if same and not each.connected and (EVERY in subscription.events or before.events <= subscription.events):
            found.append(each)
    return found


def _namesakes(table: Table, subscription: Subscription, owner: Owner) -> list[Subscriber]:
    """Return what one Cast client is known to hold: by name, topic and token. OHIF's name is everybody's."""
    if not subscription.cast or subscription.name in ("", EVERY):
        return []
    return table.named(subscription.topic, subscription.name, owner)
