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
    number: int
    """Counts a hub's notifications, so that earlier and later can be told."""
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

    def acknowledged(self, id: str, number: int | None) -> None:
        """Forget an acknowledged notification and all before it: a socket keeps order, so those have come too.

        ``number`` is the one that was published under this id, None when that is not known (any more).
        """
        if self._kept and self._kept[0].id == id:
            self.drop_first()
            return
        if number is None:
            number = next((kept.number for kept in self._kept if kept.id == id), 0)
        while self._kept and self._kept[0].number <= number:
            self.drop_first()

    def overdue(self, before: float) -> int:
        """Return how many of the oldest in a row were published before a time."""
        count = 0
        for kept in self._kept:
            if kept.at > before:
                break
            count += 1
        return count
