"""What one subscriber may need again: events sent to it and not acknowledged, or waiting for its socket to come back.

No I/O and no clock. The frames are the very objects that went to everybody else, so a tail costs references only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Notification(NamedTuple):
    """One event on its way: the frame that all receivers share, and when (a clock's seconds) it was published."""

    frame: bytes
    id: str
    at: float


class Tail:
    """Notifications in the order in which they were sent; ``size`` is their frames' bytes."""

    __slots__ = ("_kept", "size")

    def __init__(self) -> None:
        self._kept: deque[Notification] = deque()
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Notification]:
        return iter(self._kept)

    def add(self, notifications: Sequence[Notification], size: int) -> None:
        """Keep notifications whose frames have ``size`` bytes together."""
        self._kept.extend(notifications)
        self.size += size

    def drop_first(self) -> None:
        """Forget the oldest."""
        self.size -= len(self._kept.popleft().frame)

    def last(self) -> Notification | None:
        """Return the latest, None when there is none."""
        return self._kept[-1] if self._kept else None

    def after(self, notification: Notification | None) -> int:
        """Return how many are later than this one; all of them when it is not here (any more)."""
        for count, kept in enumerate(reversed(self._kept)):
            if kept is notification:
                return count
        return len(self._kept)

    def acknowledged(self, id: str) -> bool:
        """Forget an acknowledged notification and all before it: a socket keeps order, so those have come too.

        False when there is none with this id.
        """
        position = next((position for position, kept in enumerate(self._kept) if kept.id == id), -1)
        for _ in range(position + 1):
            self.drop_first()
        return position >= 0

    def overdue(self, before: float) -> int:
        """Return how many of the oldest in a row were published before a time."""
        count = 0
        for kept in self._kept:
            if kept.at > before:
                break
            count += 1
        return count
