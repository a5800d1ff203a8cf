"""One subscription as the hub knows it: who asked for what, what may still be sent again, and what writes to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from CastHubLib.routing.resume_queue import Notification, ResumeQueue
from CastLib.events import EVERY
from CastLib.subscription import Subscription

#: Why a subscription ended, as ``subscription-removed`` says it.
UNSUBSCRIBE = "unsubscribe"
DISCONNECT = "websocket-disconnect"
SEND_FAILURE = "send-failure"
LEASE_EXPIRED = "lease-expired"

OVER, GOING_AWAY, BROKEN, TRY_AGAIN_LATER = 1000, 1001, 1006, 1013  # closing codes (RFC 6455, 7.4.1, and IANA's list)
CLOSED_BY_CLIENT = (OVER, 0)  # 0: a close frame without a code, as browsers send it when they are given none
NO_ERROR = (*CLOSED_BY_CLIENT, GOING_AWAY)


class Owner(NamedTuple):
    """Whom a token speaks for. Signing in again gives an equal value, so rights outlive a connection."""

    subject: str
    topic: str

    @property
    def everyone(self) -> bool:
        """Return whether it may use every user's topic."""
        return self.topic == EVERY


class Transport(Protocol):
    """What takes whole frames for a socket and never blocks; asyncio's transports are such."""

    def write(self, data: bytes, /) -> None:
        """Take a frame."""

    def writelines(self, list_of_data: Iterable[bytes], /) -> None:
        """Take several."""

    def is_closing(self) -> bool:
        """Return whether its connection has ended or is about to."""

    def get_write_buffer_size(self) -> int:
        """Return how many bytes its peer has not taken yet."""

    def abort(self) -> None:
        """End the connection at once."""


class Socket(Protocol):
    """An open WebSocket."""

    @property
    def transport(self) -> Transport:
        """Takes its frames."""

    def close(self, code: int) -> None:
        """Begin to close it, after what was written."""


class Pings(Protocol):
    """What asks a socket's other end whether it is there."""

    def ping_now(self) -> None:
        """Ping, unless a ping is waiting for its pong."""

    def stop(self) -> None:
        """Ping no more."""


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Have it not come."""


class Manager(Protocol):
    """What grants subscriptions and ends them; whoever writes to one reports here what is wrong with its socket."""

    def lost(self, subscriber: Subscriber) -> None:
        """Its connection has broken, and nobody else has noticed."""

    def too_slow(self, subscriber: Subscriber) -> None:
        """More is waiting for it than the hub keeps."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """One subscription held by the hub. Times are the manager's clock's."""

    id: str
    subscription: Subscription
    owner: Owner
    lease_seconds: int
    manager: Manager
    strict: bool = False
    """Made on the strict path: plain FHIRcast, whatever it says of itself; targets mean nothing to it."""
    acknowledges_some: bool = False
    """It has said that it does, or has once done so in any form: what it has not acknowledged is sent again."""
    acknowledges_all: bool = False
    """It has said so, or has once acknowledged with a status: so a missing acknowledgement means something."""
    queue: ResumeQueue | None = None
    """Kept while it acknowledges (or may yet show that it does), and while it is not connected."""

    socket: Socket | None = None
    """Its present one, until that is known to have ended."""
    transport: Transport | None = None
    """Takes its frames while it is connected."""
    pings: Pings | None = None
    """Those of its present connection."""
    written: int = 0
    """Notifications written to its present socket."""
    proven: int = 0
    """How many of them have arrived, as far as pongs prove it."""
    bound_at: float = 0.0
    """When its present or last socket came; 0 when none has."""
    close_code: int | None = None
    """Of the socket that was lost."""
    last_written: Notification | None = None
    """If it acknowledges, the last one in the queue when the socket was lost: those after it have not been written."""

    expires: float = 0.0
    """When its lease ends."""
    timer: Timer | None = None
    """Ends it, or renews its lease."""
    listed: frozenset[str] = frozenset()
    """The events for which it has been sent what was open when it listed them."""

    @property
    def connected(self) -> bool:
        """Return whether frames for it are written, rather than kept or dropped."""
        return self.transport is not None

    @property
    def unproven(self) -> int:
        """How many events were written to the present socket after those that have arrived for certain."""
        return self.written - self.proven

    def left_behind(self) -> tuple[int, int]:
        """Return how many unproven and undelivered events it leaves behind when it ends now.

        A client that has closed its socket in order wants no more: it misses nothing.
        """
        kept = len(self.queue or ())
        if self.close_code in CLOSED_BY_CLIENT:
            return 0, 0
        if not self.acknowledges_some:
            return (self.unproven, 0) if self.connected else (0, kept)
        if self.connected or self.queue is None:
            return kept, 0
        waiting = self.queue.after(self.last_written)
        return kept - waiting, waiting


Receivers = tuple[Subscriber, ...]


def granted_lease(wanted: int | None, default: int, least: int, most: int) -> int:
    """Return the seconds granted: what was wanted, within bounds (FHIRcast 2.4.1)."""
    return default if wanted is None else max(least, min(wanted, most))


def renewed(before: Subscription, now: Subscription) -> Subscription:
    """Return what a subscription becomes when a form replaces its events; who it is need not be said again."""
    return replace(
        now,
        name=now.name or before.name,
        product=now.product or before.product,
        version=now.version or before.version,
        actors=now.actors or before.actors,
        cast=now.cast or before.cast,
    )
