"""GET and HEAD of a payload: whole or a range, with length and entity tag (RFC 9110)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from CastHubLib import log
from CastHubLib.errors import Denied
from CastHubLib.http.hub import Hub
from CastHubLib.http.ranges import wanted, without_bytes


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
        wants = wanted(request, f'"{id}"', chunk.length)
        headers = {**wants.headers, "Cache-Control": "private, immutable"}
        if wants.status >= 300:
            return without_bytes(wants, headers)
        try:
            body = await chunk.read(wants.start, wants.stop)
        except ValueError:  # its time ended while it was read
            raise _unknown() from None
        by, message = log.holder(owner), chunk.batch.message_id
        log.debug("payload", id=message, by=by, method=request.method, status=wants.status, bytes=len(body))
        return web.Response(body=body, status=wants.status, headers=headers, content_type="application/octet-stream")


def _unknown() -> Denied:
    return Denied(404, "no such payload for this token: it is unknown, has expired or was sent to others")
