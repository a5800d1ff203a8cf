"""HTTP responses; errors have one shape, with a sentence that says what is wrong and what to do."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from CastHubLib.errors import Denied, SignInRefused
from CastLib.errors import CastError, FieldError, FileRefused

JSON = "application/json"
_AGAIN_SECONDS = "5"  # for a hub that is full, or ends and is perhaps started again


def json_response(value: Any, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.Response(body=json.dumps(value).encode(), status=status, content_type=JSON)


def page_headers(policy: str) -> dict[str, str]:
    """Return the headers of a page that no other page may frame, and that shows nobody where its reader came from."""
    return {
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def error_response(error: CastError) -> web.Response:
    """Return the response to a request that raised ``error``: JSON with ``message``, and what else is known.

    A file that breaks the name policy gives the three keys of the wire: ``message``, ``code``, ``fileName``.
    """
    if isinstance(error, SignInRefused):
        value = {"message": str(error), "error": error.code, "error_description": str(error)}
        return json_response(value, error.status)
    if isinstance(error, FileRefused):
        return json_response({"message": str(error), "code": error.code, "fileName": error.file_name}, 400)
    if isinstance(error, FieldError):
        return json_response({"message": str(error), "field": error.field}, 400)
    return refusal(error.status if isinstance(error, Denied) else 500, str(error))


def refusal(status: int, reason: str) -> web.Response:
    """Return a plain error response."""
    response = json_response({"message": reason}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="cast"'
    if status == 503:
        response.headers["Retry-After"] = _AGAIN_SECONDS
    return response


def text_refusal(error: CastError) -> web.Response:
    """Return an error of subscribing on the strict path, the reason as plain text (FHIRcast 2.4.1, 2.4.4)."""
    response = error_response(error)
    response.headers.popall("Content-Type")
    response.content_type, response.charset = "text/plain", "utf-8"
    response.text = str(error)
    return response
