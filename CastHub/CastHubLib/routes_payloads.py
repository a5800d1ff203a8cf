"""GET and HEAD of a payload: whole or a range, with length and entity tag (RFC 9110)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from CastHubLib.answers import Denied
from CastHubLib.hub import Hub


class PayloadRoutes:
    """The handlers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [web.get("/api/hub/payloads/{id}", self.payload)]  # HEAD comes with it

    async def payload(self, request: web.Request) -> web.Response:
        """Give the bytes of one chunk to those who may read it; to others it does not exist."""
        owner, id = self._hub.owner(request), request.match_info["id"]
        chunk = self._hub.payloads.get(id, asyncio.get_running_loop().time())
        if chunk is None or owner not in chunk.batch.readers:
            raise _unknown()
        tag = f'"{id}"'
        headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, immutable"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        start, stop, status = 0, chunk.length, 200
        wanted = _range(request, tag, chunk.length)
        if wanted is not None:
            (start, stop), status = wanted, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{chunk.length}"
            if start >= stop:
                headers["Content-Range"] = f"bytes */{chunk.length}"
                return web.Response(status=416, headers=headers)
        try:
            body = await chunk.read(start, stop)
        except ValueError:  # its time ended while it was read
            raise _unknown() from None
        return web.Response(body=body, status=status, headers=headers, content_type="application/octet-stream")


def _unknown() -> Denied:
    return Denied(404, "no such payload for this token: it is unknown, has expired or was sent to others")


def _range(request: web.Request, tag: str, length: int) -> tuple[int, int] | None:
    """Return start and stop of the one range asked for; None for the whole (several ranges, or a form unknown)."""
    if "Range" not in request.headers or request.headers.get("If-Range", tag) != tag:
        return None
    try:
        wanted = request.http_range
    except ValueError:
        return None
    start, stop, _ = wanted.start, wanted.stop, wanted.step
    if start is None:
        return None
    if start < 0:
        return max(0, length + start), length
    return start, length if stop is None else min(stop, length)
