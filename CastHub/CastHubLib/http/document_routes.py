"""The contract as documents under ``/docs/``, without a token.

OpenAPI for the addresses, JSON Schemas for the messages, and a page that tells how a program in JavaScript uses them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

from CastHubLib.responses import JSON, html_page

FOLDER = Path(__file__).parents[1] / "contract"
INDEX = "index.html"
_KINDS = {
    ".json": JSON,
    ".html": "text/html",
    ".md": "text/plain",
    ".mjs": "text/javascript",
}  # browsers show plain text
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class DocumentRoutes:
    """The handlers of one hub. The documents are read once: they are part of the program."""

    def __init__(self) -> None:
        self._documents = {
            path.relative_to(FOLDER).as_posix(): path.read_bytes()
            for path in sorted(FOLDER.rglob("*"))
            if path.suffix in _KINDS
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [
            web.get("/", self.to_index),
            web.get("/docs", self.to_index),
            web.get("/docs/", self.document),
            web.get("/docs/{document}", self.document),
            web.get("/docs/schemas/{document}", self.document),
        ]

    async def to_index(self, request: web.Request) -> web.Response:
        """Lead to the index, whose links begin at its folder."""
        return web.Response(status=302, headers={"Location": "docs/"})

    async def document(self, request: web.Request) -> web.Response:
        """Give a document."""
        folder = "schemas/" if request.path.startswith("/docs/schemas/") else ""
        name = folder + request.match_info.get("document", INDEX)
        data = self._documents.get(name)
        if data is None:
            raise web.HTTPNotFound
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        if name == INDEX:
            return html_page(data, _POLICY, headers)
        kind = _KINDS[Path(name).suffix]
        charset = None if kind == JSON else "utf-8"
        return web.Response(body=data, content_type=kind, charset=charset, headers=headers)
