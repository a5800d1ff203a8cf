"""The worklist's sample studies over HTTP; no token is needed, for they are there to be shown."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from aiohttp import web

from CastHubLib.errors import Denied
from CastHubLib.extras.samples import FILES_PATH, ORGANIZATION, ORGANIZATION_LABEL, SampleFile, Samples
from CastHubLib.http.hub import Hub
from CastHubLib.http.ranges import wanted, without_bytes
from CastHubLib.responses import json_response
from CastLib.manifest import CHUNK


class SampleRoutes:
    """The handlers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._samples = Samples(Path(hub.settings.samples)) if hub.settings.samples else None

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [
            web.get("/api/hub/samples", self.catalogue),
            web.get("/api/hub/samples/", self.catalogue),
            web.get(FILES_PATH + "/{study}/{file}", self.file),
        ]

    async def catalogue(self, request: web.Request) -> web.Response:
        """Give the list of studies."""
        if self._samples is None:
            return json_response({"organization": ORGANIZATION, "organizationLabel": ORGANIZATION_LABEL, "studies": []})
        base = self._hub.address.of(request).http
        loop = asyncio.get_running_loop()
        return json_response(await loop.run_in_executor(None, self._samples.catalogue, base))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Give a file, whole or a range of it, with an entity tag that changes with it."""
        in_thread = asyncio.get_running_loop().run_in_executor
        study, name = request.match_info["study"], request.match_info["file"]
        found = await in_thread(None, self._samples.file, study, name) if self._samples else None
        opened = await in_thread(None, _open, found) if found else None
        if found is None or opened is None:
            raise Denied(404, "no such file among the hub's samples")
        try:
            state = os.fstat(opened)
            wants = wanted(request, f'"{state.st_mtime_ns:x}-{state.st_size:x}"', state.st_size)
            headers = {**wants.headers, "Cache-Control": "no-cache", "Content-Type": found.mime_type}
            if wants.status >= 300:
                return without_bytes(wants, wants.headers)
            answer = web.StreamResponse(status=wants.status, headers=headers)
            answer.content_length = wants.stop - wants.start
            answer.headers.update(self._hub.origins.headers(request.headers))
            await answer.prepare(request)
            remaining = answer.content_length if request.method == "GET" else 0
            await in_thread(None, os.lseek, opened, wants.start, os.SEEK_SET)
            while remaining and (data := await in_thread(None, os.read, opened, min(CHUNK, remaining))):
                await answer.write(data)
                remaining -= len(data)
            if remaining and request.transport is not None:
                request.transport.abort()  # the file has become shorter: better no end than a wrong one
            await answer.write_eof()
            return answer
        finally:
            os.close(opened)


def _open(file: SampleFile) -> int | None:
    try:
        return os.open(file.path or "", os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
