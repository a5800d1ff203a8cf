"""Where a session stands, as a value for a status light."""

from __future__ import annotations

from dataclasses import dataclass

OFFLINE = "offline"
CONNECTING = "connecting"
ONLINE = "online"
WAITING = "waiting to reconnect"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class State:
    """``kind`` is one of this file's five words; ``reason`` is a sentence for ``waiting to reconnect`` and ``refused``.

    ``retry_in`` is the time in seconds, counted from when the state began, after which it connects again. ``resumed``
    tells of ``online`` that the hub went on with the subscription of before: it sends what came meanwhile.
    """

    kind: str = OFFLINE
    reason: str = ""
    retry_in: float = 0.0
    resumed: bool = False

    def __str__(self) -> str:
        if self.kind == WAITING:
            return f"{self.kind} in {self.retry_in:.1f} s: {self.reason}"
        return f"{self.kind}: {self.reason}" if self.reason else self.kind
