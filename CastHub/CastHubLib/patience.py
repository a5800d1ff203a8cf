"""A sender that stalls in the midst of a body is cut off."""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader

from CastHubLib.answers import Denied


class Patience:
    """Breaks off reading when nothing has come for ``idle`` seconds, or all of it not within ``most``.

    A sender that stalls, or sends a byte now and then, must not hold its claim for ever.
    """

    def __init__(self, content: StreamReader, idle: float, most: float) -> None:
        self._content = content
        self._idle = idle
        self._most = most
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._until = asyncio.get_running_loop().time() + self._most
        self._look(-1)

    def __exit__(self, *failure: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, seen: int) -> None:
        come, loop = self._content.total_bytes, asyncio.get_running_loop()
        left = self._until - loop.time()
        if come == seen:
            self._content.set_exception(Denied(408, f"no byte of the body came for {self._idle:g} s"))
        elif left <= 0:
            self._content.set_exception(Denied(408, f"the body has not come whole within {self._most:g} s"))
        elif left < self._idle:
            self._timer = loop.call_later(left, self._look, -1)
        else:
            self._timer = loop.call_later(self._idle, self._look, come)
