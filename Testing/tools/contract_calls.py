"""One address of the hub as OpenAPI writes it: calls, answers and refusals, for ``contract_addresses.py``."""

from __future__ import annotations

from typing import Any

from contract_shapes import TEXT, Schema

FORM, JSON, PLAIN = "application/x-www-form-urlencoded", "application/json", "text/plain"
SCRIPT = "text/javascript"
BYTES, HTML, BATCH = "application/octet-stream", "text/html", "multipart/related"

_WORDS = {
    400: "The request is wrong: `message` says what, `field` where.",
    401: "No bearer token, or none that is good here.",
    403: "Not for this token, or not for pages of this origin, or a Host header that is none of the hub's names.",
    404: "It is not there: never was, has ended or has expired, or is not for this token.",
    408: "The sender has sent nothing for too long.",
    409: "It does not fit to what is open now.",
    413: "The body is longer than this address takes.",
    415: "A Content-Type that this address does not know, or a compressed body.",
    416: "The range begins past the end.",
    503: "The hub, or this user, holds as many as it may, or the hub is ending; Retry-After says when to try again.",
    507: "The batch does not fit into the hub's store; `message` says when to try again.",
}


def schema(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def content(of: Schema, *kinds: str) -> dict[str, Any]:
    return {kind: {"schema": of} for kind in kinds or (JSON,)}


def answer(words: str, of: Schema | None = None, *kinds: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": words}
    if of is not None:
        found["content"] = content(of, *kinds)
    if headers:
        found["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return found


def refusal(words: str) -> dict[str, Any]:
    """The one form of it: JSON with a sentence."""
    return {"description": words, "content": content(schema("error"))}


def refused(*statuses: int, as_text: bool = False, sign_in: bool = False) -> dict[str, Any]:
    """What any address answers that is asked wrongly: 403 to pages elsewhere and 503 at the end are always among it."""
    found = {}
    for status in sorted({403, 503, *statuses}):
        told = refusal(_WORDS[status])
        kinds = told["content"]
        if sign_in and status in (400, 401, 403):
            kinds[JSON] = {"schema": {"anyOf": [schema("error"), schema("sign-in-error")]}}
        if as_text:
            kinds[PLAIN] = {"schema": {"type": "string"}}
        found[str(status)] = told
    return found


def call(
    tag: str,
    summary: str,
    answers: dict[str, Any],
    *,
    body: dict[str, Any] | None = None,
    token: bool | None = False,
    parameters: list[dict[str, Any]] | None = None,
    more: str = "",
) -> dict[str, Any]:
    """One operation; ``token`` None: wanted where the hub can be reached from elsewhere."""
    found: dict[str, Any] = {"tags": [tag], "summary": summary}
    if more:
        found["description"] = more
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        found["requestBody"] = {"required": True, "content": body}
        answers = refused(408, 413, 415) | answers
    found["responses"] = answers
    found["security"] = [{"bearer": []}] if token else [{}, {"bearer": []}] if token is None else []
    return found


def path_value(name: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": words, "schema": TEXT}


def query(name: str, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": {"type": "string"}}


def read(
    tag: str,
    what: str,
    of: Schema,
    *kinds: str,
    token: bool | None = False,
    more_answers: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    answers = {"200": answer("Here it is.", of, *kinds)} | refused(*([401] if token is not False else []))
    return call(tag, what, answers | (more_answers or {}), token=token, **more)


def stored(tag: str, what: str, parameters: list[dict[str, Any]], *statuses: int, token: bool) -> dict[str, Any]:
    headers = {"ETag": "changes with the bytes", "Content-Range": "the range given"}
    wanted = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in ("Range", "If-None-Match")]
    bytes_: Schema = {"type": "string", "contentMediaType": BYTES}
    answers = {
        "200": answer("All bytes.", bytes_, "*/*", headers={"ETag": headers["ETag"]}),
        "206": answer("The range asked for.", bytes_, "*/*", headers=headers),
        "304": answer("They have not changed."),
        "416": answer(_WORDS[416], headers={"Content-Range": "the length"}),
    }
    answers |= refused(404, *statuses)
    return call(tag, what, answers, token=token, parameters=[*parameters, *wanted])
