"""Subscribers without a hub, for tests of what works on them."""

from __future__ import annotations

import asyncio
from typing import Any

from CastHubLib.routing.subscriber import Owner, Subscriber
from CastLib.subscription import Subscription


class Recorder:
    """In the place of what manages subscriptions: notes what is reported."""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def lost(self, subscriber: Subscriber) -> None:
        self.reports.append("lost " + subscriber.id)

    def too_slow(self, subscriber: Subscriber) -> None:
        self.reports.append(subscriber.id)


def unmanaged(id: str, subscription: Subscription, owner: Owner, *, connected: bool = False, **more: Any) -> Subscriber:
    """A subscription that nobody manages; with ``connected``, one whose socket swallows what is written."""
    manager = more.pop("manager", None) or Recorder()
    transport = more.pop("transport", asyncio.WriteTransport() if connected else None)
    return Subscriber(id, subscription, owner, 60, manager, transport=transport, **more)
