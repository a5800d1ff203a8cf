"""What the hub knows of one subscription's time and socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from CastHubLib.delivery.keepalive import Pulse
from CastHubLib.routing.resume_queue import Notification
from CastHubLib.routing.table import Subscriber

OVER, GOING_AWAY, BROKEN, TRY_AGAIN_LATER = 1000, 1001, 1006, 1013  # closing codes (RFC 6455, 7.4.1, and IANA's list)
CLOSED_BY_CLIENT = (OVER, 0)  # 0: a close frame without a code, as browsers send it when told none
NO_ERROR = (*CLOSED_BY_CLIENT, GOING_AWAY)


class Socket(Protocol):
    """An open WebSocket."""

    @property
    def transport(self) -> asyncio.WriteTransport:
        """Takes whole frames."""

    def close(self, code: int) -> None:
        """Begin to close it, after what was written."""


@dataclass(slots=True, eq=False)
class Channel:
    """Times are the loop's."""

    expires: float
    timer: asyncio.TimerHandle | None = None
    socket: Socket | None = None
    pulse: Pulse | None = None
    """Of its present socket."""
    bound_at: float = 0.0
    """When its present or last socket came; 0 when none has."""
    close_code: int | None = None
    """Of the socket that was lost."""
    last_written: Notification | None = None
    """The last one in the tail of who acknowledges when the socket was lost: those after it wait."""
    told: frozenset[str] = frozenset()
    """The events of which it was told, when it listed them, what was open."""

    def unproven(self, subscriber: Subscriber) -> int:
        """Return how many events were written to the present socket after those that have arrived for certain."""
        return subscriber.written - (self.pulse.proven if self.pulse is not None else 0)

    def left(self, subscriber: Subscriber) -> tuple[int, int]:
        """Return how many unproven and undelivered events an ending subscription leaves behind.

        A client that has closed its socket in order wants no more: it misses nothing.
        """
        kept = len(subscriber.tail or ())
        if self.close_code in CLOSED_BY_CLIENT:
            return 0, 0
        if not subscriber.acknowledges:
            return (self.unproven(subscriber), 0) if subscriber.connected else (0, kept)
        if subscriber.connected or subscriber.tail is None:
            return kept, 0
        waiting = subscriber.tail.after(self.last_written)
        return kept - waiting, waiting
