"""Senders that ask before they send a body (``Expect: 100-continue``, RFC 9110 10.1.1), as curl does with large ones.

They are told to go on when the body is about to be read, not before: one that is refused sends nothing for nothing.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.http import HttpVersion11

from CastHubLib.responses import refusal

_ASKED = "100-continue"


async def ask_nothing(request: web.Request) -> web.Response | None:
    """Take the place of aiohttp's own answer, which invites every body; return the refusal of another expectation."""
    known = request.headers["Expect"].lower() == _ASKED
    return None if known else refusal(417, "Expect: only 100-continue is known")


async def invite(request: web.Request) -> None:
    """Tell a sender that waits for it to send its body; to be called just before that is read."""
    asked = request.headers.get("Expect", "").lower() == _ASKED
    if asked and request.version >= HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def close_if_uninvited(request: web.Request, answer: web.StreamResponse) -> None:
    """End the connection after an answer to a body that may never come: what comes next could be either."""
    if "Expect" in request.headers and not request.content.is_eof():
        answer.force_close()
