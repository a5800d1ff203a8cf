"""Ids met before, in bounded memory."""

from __future__ import annotations

import threading


class RecentIds:
    """The last ``most`` ids; safe from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[str, None] = {}
        self._lock = threading.Lock()

    def add(self, id: str) -> bool:
        """Remember an id; return False when it was remembered already."""
        with self._lock:
            if id in self._ids:
                return False
            self._ids[id] = None
            if len(self._ids) > self._most:
                del self._ids[next(iter(self._ids))]
            return True

    def __contains__(self, id: str) -> bool:
        with self._lock:
            return id in self._ids
