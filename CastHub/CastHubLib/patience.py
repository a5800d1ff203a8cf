"""A sender that stalls in the midst of a body is cut off."""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader

from CastHubLib.answers import Denied


class Patience:
    """Breaks off reading when nothing has come for a while: a stalled sender must not hold its claim for ever."""

    def __init__(self, content: StreamReader, seconds: float) -> None:
        self._content = content
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._look(-1)

    def __exit__(self, *failure: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, seen: int) -> None:
        come = self._content.total_bytes
        if come == seen:
            self._content.set_exception(Denied(408, f"no byte of the body came for {self._seconds:g} s"))
        else:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look, come)
