"""What one subscriber may need again: events sent to it and not acknowledged, or waiting for its socket to come back.

No I/O and no clock. The frames are the very objects that went to everybody else, so a queue costs references only.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import islice


class KeptBytes:
    """Counts the bytes of the notifications that are kept for somebody, each once."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Notification:
    """One event on its way: the frame that all receivers share, and when (a clock's seconds) it was published."""

    __slots__ = ("_kept", "at", "frame", "id")

    def __init__(self, frame: bytes, id: str, at: float, kept: KeptBytes) -> None:
        self.frame = frame
        self.id = id
        self.at = at
        self._kept = kept
        kept.bytes += len(frame)

    def __del__(self) -> None:
        self._kept.bytes -= len(self.frame)


class ResumeQueue:
    """Notifications in the order in which they were sent: no more than ``max_events``, of no more than ``max_bytes``.

    ``size`` is their frames' bytes.
    """

    __slots__ = ("_ids", "_indexed", "_kept", "_max_bytes", "_max_events", "size")

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._kept: deque[Notification] = deque()
        self._ids: Counter[str] = Counter()  # of the first ``_indexed``: most queues never need them
        self._indexed = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Notification]:
        return iter(self._kept)

    def add(self, notifications: Sequence[Notification], size: int) -> bool:
        """Keep notifications whose frames have ``size`` bytes together.

        False when that is more than the queue may hold: drop it as a whole, or ``trim`` it.
        """
        self._kept.extend(notifications)
        self.size += size
        return not self._is_over_full()

    def trim(self) -> int:
        """Forget the oldest until the rest is within the bounds; return how many those were."""
        before = len(self._kept)
        while self._is_over_full():
            self._drop_first()
        return before - len(self._kept)

    def _is_over_full(self) -> bool:
        return len(self._kept) > self._max_events or self.size > self._max_bytes

    def _drop_first(self) -> str:
        dropped = self._kept.popleft()
        self.size -= len(dropped.frame)
        if self._indexed:
            self._indexed -= 1
            self._ids[dropped.id] -= 1
            if not self._ids[dropped.id]:
                del self._ids[dropped.id]
        return dropped.id

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
        if not self._kept:
            return False
        if self._kept[0].id != id and id not in self._all_ids():
            return False
        while self._drop_first() != id:
            pass
        return True

    def _all_ids(self) -> Counter[str]:
        """Ids are counted when somebody asks for one that is not the first, each once: it may be any text."""
        new = len(self._kept) - self._indexed
        self._ids.update(kept.id for kept in islice(reversed(self._kept), new))
        self._indexed += new
        return self._ids

    def overdue(self, before: float, most: int = 100) -> int:
        """Return how many of the oldest in a row were published before a time; it counts no further than ``most``."""
        count = 0
        for kept in islice(self._kept, most):
            if kept.at > before:
                break
            count += 1
        return count
