"""The longest turn of the loop: for how long the hub has at most kept everybody waiting."""

from __future__ import annotations

import asyncio

_EVERY_SECONDS = 0.05


class Turns:
    """Asks to be woken again and again from ``begin`` on, and takes note of how late that comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.longest = 0.0
        """Seconds."""
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin to look: from now on somebody may be waiting."""
        self._wait()

    def _wait(self) -> None:
        self._due = self._loop.time() + _EVERY_SECONDS
        self._timer = self._loop.call_at(self._due, self._woken)

    def _woken(self) -> None:
        self.longest = max(self.longest, self._loop.time() - self._due)
        self._wait()

    def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
