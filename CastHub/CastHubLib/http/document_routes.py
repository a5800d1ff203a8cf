"""The contract as documents under ``/docs/``, without a token.

OpenAPI for the addresses, JSON Schemas for the messages, and a page that says how a program in JavaScript uses them.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from CastHubLib.responses import JSON, page_headers

FOLDER = Path(__file__).parents[1] / "contract"
INDEX = "index.html"
_KINDS = {
    ".json": JSON,
    ".html": "text/html; charset=utf-8",
    ".md": "text/plain; charset=utf-8",  # which browsers show
    ".mjs": "text/javascript; charset=utf-8",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class DocumentRoutes:
    """The handlers of one hub."""

    def __init__(self) -> None:
        files = (path for path in FOLDER.rglob("*") if path.suffix in _KINDS)
        self._documents = {path.relative_to(FOLDER).as_posix(): path for path in files}

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [
            web.get("/", self.to_index),
            web.get("/docs", self.to_index),
            web.get("/docs/", self.document),
            web.get("/docs/{document}", self.document),
            web.get("/docs/schemas/{document}", self.schema),
        ]

    async def to_index(self, request: web.Request) -> web.Response:
        """Lead to the index, whose links begin at its folder."""
        return web.Response(status=302, headers={"Location": "docs/"})

    async def document(self, request: web.Request) -> web.FileResponse:
        """Give a document."""
        return self._file(request.match_info.get("document", INDEX))

    async def schema(self, request: web.Request) -> web.FileResponse:
        """Give the schema of a message."""
        return self._file("schemas/" + request.match_info["document"])

    def _file(self, name: str) -> web.FileResponse:
        path = self._documents.get(name)
        if path is None:
            raise web.HTTPNotFound
        headers = page_headers(_POLICY) if path.name == INDEX else {"Cache-Control": "no-cache"}
        return web.FileResponse(path, headers={**headers, "Content-Type": _KINDS[path.suffix]})
