"""The longest turn of the loop: for how long the hub has at most kept everybody waiting."""

from __future__ import annotations

import asyncio

_BUSY_SECONDS = 0.005
_IDLE_SECONDS = 0.05  # a timer that wakes an idle process costs more than it shows


class Turns:
    """Asks to be woken again and again from ``begin`` on, and takes note of how late that comes.

    A turn that begins just after it was asked reads shorter by the time asked for: five milliseconds while something
    comes in, fifty for what an idle hub does by itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.longest = 0.0
        """Seconds."""
        self._due = 0.0
        self._busy = self._hurries = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin: from now on somebody may be waiting."""
        self._wait()

    def busy(self) -> None:
        """Something has come in, and is about to be dealt with."""
        self._busy = True
        if not self._hurries and self._timer is not None:
            self._woken()

    def _wait(self) -> None:
        self._hurries, self._busy = self._busy, False
        self._due = self._loop.time() + (_BUSY_SECONDS if self._hurries else _IDLE_SECONDS)
        self._timer = self._loop.call_at(self._due, self._woken)

    def _woken(self) -> None:
        self.close()
        self.longest = max(self.longest, self._loop.time() - self._due)
        self._wait()

    def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
