"""The bodies of requests: when their senders may begin, and how long they may take.

Some ask before they send a body (``Expect: 100-continue``, RFC 9110 10.1.1), as curl does with large ones. They may go
on when it is about to be read, not before: one that is refused sends nothing for nothing. A sender that stalls in the
midst of a body is cut off, and the one of the longest when there is no more room.
"""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader, web
from aiohttp.http import HttpVersion11

from CastHubLib.errors import Denied
from CastHubLib.incoming import Arrival, Incoming
from CastHubLib.responses import refusal

_CONTINUE = "100-continue"


async def check_expectation(request: web.Request) -> web.Response | None:
    """Take the place of aiohttp's own answer, which lets every body come; return the refusal of another expectation."""
    known = request.headers["Expect"].lower() == _CONTINUE
    return None if known else refusal(417, "Expect: only 100-continue is known")


async def send_continue(request: web.Request) -> None:
    """Let a sender that waits for it send its body; to be called just before that is read."""
    asked = request.headers.get("Expect", "").lower() == _CONTINUE
    if asked and request.version >= HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def close_if_body_missing(request: web.Request, answer: web.StreamResponse) -> None:
    """End the connection after an answer to a body that may never come: what comes next could be either."""
    if "Expect" in request.headers and not request.content.is_eof():
        answer.force_close()


class BodyDeadline:
    """Breaks off reading when nothing has come for ``idle`` seconds, or all of it not within ``most``.

    A sender that stalls, or sends a byte now and then, must not hold its claim for ever. The body is counted by what it
    yields: whoever keeps its bytes reports them.
    """

    def __init__(self, content: StreamReader, incoming: Incoming, idle: float, most: float) -> None:
        self._content = content
        self._arrival = incoming.begin(self._no_room)
        self._idle = idle
        self._most = most
        self._until = 0.0
        self._broke_off = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Arrival:
        self._until = asyncio.get_running_loop().time() + self._most
        self._check(-1)
        return self._arrival

    def __exit__(self, *failure: object) -> None:
        self._arrival.end()
        if self._timer is not None:
            self._timer.cancel()
        if self._broke_off:  # what still comes is read for a while and thrown away: unread, it would take the answer
            self._content.set_exception(None)  # type: ignore[arg-type]

    def _no_room(self) -> None:
        self._break_off(503, "the hub is reading as much as it may, and this body is the longest: try again later")

    def _break_off(self, status: int, reason: str) -> None:
        self._broke_off = True
        self._content.set_exception(Denied(status, reason))

    def _check(self, seen: int) -> None:
        come, loop = self._content.total_bytes, asyncio.get_running_loop()
        left = self._until - loop.time()
        if come == seen:
            self._break_off(408, f"no byte of the body came for {self._idle:g} s")
        elif left <= 0:
            self._break_off(408, f"the body has not come whole within {self._most:g} s")
        elif left < self._idle:
            self._timer = loop.call_later(left, self._check, -1)
        else:
            self._timer = loop.call_later(self._idle, self._check, come)
