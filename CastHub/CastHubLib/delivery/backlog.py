"""How many bytes wait for all subscribers together, and who is given up when they are too many.

Frames are shared: what is kept for a hundred subscribers of a topic is kept once, and is counted once. What sockets
have not taken lies in their transports, which do not know whose bytes are whose. It is no more than they say together,
nor more than was written since the first of them fell behind.
"""

from __future__ import annotations

from CastHubLib.routing.resume_queue import KeptBytes
from CastHubLib.routing.subscriber import Subscriber
from CastHubLib.routing.table import Table

_BEHIND = 1024 * 1024  # bytes in a socket's transport past which its subscriber is behind
_CHECK_EVERY = 1024 * 1024  # bytes written between two checks of those that are


class Backlog:
    """Watches over ``most`` bytes for everyone in the table; those for whom no more can be kept are too slow."""

    def __init__(self, most: int, table: Table) -> None:
        self._most = most
        self._table = table
        self._behind: dict[Subscriber, int] = {}
        self._written = 0
        self._checked_at = 0
        self.kept = KeptBytes()
        """What is in queues."""

    def written(self, size: int) -> None:
        """Count bytes that were written to some sockets."""
        self._written += size

    def seen(self, subscriber: Subscriber, size: int) -> None:
        """Take note of what lies in a socket's transport."""
        if size > _BEHIND:
            self._behind.setdefault(subscriber, self._written)

    def check(self) -> None:
        """Give up those for whom most waits, if too much does; to be called after writing."""
        if self.kept.bytes <= self._most and (
            not self._behind or self._written - self._checked_at < min(_CHECK_EVERY, self._most)
        ):
            return
        self._checked_at = self._written
        backlog = {each: each.transport.get_write_buffer_size() for each in self._behind if each.transport is not None}
        self._behind = {each: since for each, since in self._behind.items() if backlog.get(each, 0) > _BEHIND}
        since_then = self._written - min(self._behind.values(), default=self._written)
        in_sockets = min(sum(backlog.values()), since_then)
        too_many = self.kept.bytes + in_sockets - self._most
        if too_many <= 0:
            return
        waits = {each: backlog.get(each, 0) + (each.queue.size if each.queue else 0) for each in self._table}
        for subscriber in sorted(waits, key=lambda each: -waits[each]):
            if too_many <= 0 or not waits[subscriber]:
                return
            subscriber.manager.too_slow(subscriber)
            too_many -= waits[subscriber]
