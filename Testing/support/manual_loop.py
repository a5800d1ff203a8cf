"""The few things that the hub asks of an event loop, with a time that moves only when told."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any


class Handle:
    def __init__(self, call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._call, self._arguments = call, arguments
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def run(self) -> None:
        if not self.cancelled:
            self._call(*self._arguments)


class ManualLoop:
    """Times are seconds."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._waiting: list[tuple[float, int, Handle]] = []
        self._numbers = count()

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, call: Callable[..., object], *arguments: Any) -> Handle:
        handle = Handle(call, arguments)
        heapq.heappush(self._waiting, (when, next(self._numbers), handle))
        return handle

    def call_later(self, seconds: float, call: Callable[..., object], *arguments: Any) -> Handle:
        return self.call_at(self._now + seconds, call, *arguments)

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> Handle:
        return self.call_at(self._now, call, *arguments)

    def pass_time(self, seconds: float = 0.0) -> None:
        """Move on, running what is due in its order."""
        end = self._now + seconds
        while self._waiting and self._waiting[0][0] <= end:
            when, _, handle = heapq.heappop(self._waiting)
            self._now = max(self._now, when)
            handle.run()
        self._now = end

    @property
    def pending(self) -> int:
        """How many calls wait."""
        return sum(not handle.cancelled for _, _, handle in self._waiting)
