"""What a GET or HEAD of stored bytes asks for: all of them, a range, or only whether they have changed (RFC 9110)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from CastHubLib.responses import refusal


class Wanted(NamedTuple):
    """How to answer: the bytes from ``start`` to before ``stop``, with this status and these headers."""

    status: int
    start: int
    stop: int
    headers: dict[str, str]


def wanted(request: web.Request, tag: str, length: int) -> Wanted:
    """Return what is asked of ``length`` bytes whose entity tag, in its quotes, is ``tag``.

    Several ranges, or a form unknown, ask for the whole.
    """
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    known = [each.strip() for each in request.headers.get("If-None-Match", "").split(",")]
    if "*" in known or tag in known or f"W/{tag}" in known:
        return Wanted(304, 0, 0, headers)
    found = _range(request, tag, length)
    if found is None:
        return Wanted(200, 0, length, headers)
    start, stop = found
    if start >= stop:
        return Wanted(416, 0, 0, {**headers, "Content-Range": f"bytes */{length}"})
    return Wanted(206, start, stop, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{length}"})


def without_bytes(wants: Wanted, headers: Mapping[str, str]) -> web.Response:
    """Return the answer to who has the bytes already, or asks for a range past their end."""
    past = wants.status == 416
    answer = refusal(416, "Range: begins past the end; Content-Range says how long it is") if past else web.Response()
    answer.set_status(wants.status)
    answer.headers.update(headers)
    return answer


def _range(request: web.Request, tag: str, length: int) -> tuple[int, int] | None:
    if request.method != "GET" or "Range" not in request.headers or request.headers.get("If-Range", tag) != tag:
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    start, stop = asked.start, asked.stop
    if start is None:
        return None
    if not start and request.headers["Range"].partition("=")[2].strip().startswith("-"):
        return length, length  # the last none of them
    if start < 0:
        return max(0, length + start), length
    return start, length if stop is None else min(stop, length)
