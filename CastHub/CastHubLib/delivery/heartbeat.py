"""The heartbeat event, which left FHIRcast but which some clients still list and wait for; nobody else gets it."""

from __future__ import annotations

import asyncio

from CastHubLib.delivery.outbox import Outbox, json_frame
from CastHubLib.routing.table import Table
from CastLib.message import make_message

HEARTBEAT = "heartbeat"


class Heartbeat:
    """Beats every ``seconds`` from now on, on each topic where somebody has listed the event."""

    def __init__(self, table: Table, outbox: Outbox, seconds: float) -> None:
        self._table = table
        self._outbox = outbox
        self._seconds = seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._beat)

    def close(self) -> None:
        """Beat no more."""
        self._timer.cancel()

    def _beat(self) -> None:
        context = [{"key": "period", "decimal": f"{self._seconds:g}"}]
        for subscriber in self._table:
            subscription = subscriber.subscription
            if subscriber.connected and HEARTBEAT in subscription.events:
                frame = json_frame(make_message(HEARTBEAT, subscription.topic, context))
                self._outbox.post((subscriber,), frame)
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._beat)
