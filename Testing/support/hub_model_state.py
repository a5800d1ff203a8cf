"""What the hub in the plainest words (`hub_model`) knows of a subscriber and of its socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from manual_loop import Handle

from CastLib.subscription import Subscription

Item = tuple[str, ...]


@dataclass(eq=False)
class ModelSocket:
    sent: list[Item] = field(default_factory=list)
    code: int | None = None
    """With which the hub has closed it."""
    broken: bool = False
    """Its connection is no more; the hub may not have noticed."""
    stalled: bool = False
    """It takes nothing any more, and more waits in it than may."""
    mute: bool = False
    """Nothing comes from it any more."""
    written: int = 0
    proven: int = 0
    pinging: Handle | None = None


@dataclass(eq=False)
class ModelSubscriber:
    subscription: Subscription
    strict: bool
    acknowledges: bool
    lease: float = 0.0
    expires: float = 0.0
    socket: ModelSocket | None = None
    connected: bool = False
    """The hub believes its socket to be good."""
    was_bound: bool = False
    handed: bool = False
    """It was given what was kept for one that its client has lost."""
    code: int | None = None
    queue: list[Item] = field(default_factory=list)
    waiting: int = 0
    """How many at the end of the queue have been written to no socket."""
    routed: list[Item] = field(default_factory=list)
    """All that it should get, from when the hub keeps anything for it."""
    forgotten: bool = False
    timer: Handle | None = None
    ended: bool = False
