"""The OpenAPI description of every HTTP address of the hub, for ``make_documents.py``."""

from __future__ import annotations

import json
import re
from typing import Any

from contract_schemas import OPTIONAL, SCHEMAS, TEXT, Schema, items, shape

from CastLib.version import __version__

FORM, JSON, PLAIN = "application/x-www-form-urlencoded", "application/json", "text/plain"
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


def refused(*statuses: int, as_text: bool = False, sign_in: bool = False) -> dict[str, Any]:
    """What any address answers that is asked wrongly: 403 by pages elsewhere is always among it."""
    found = {}
    for status in sorted({403, *statuses}):
        kinds: dict[str, Any] = content(schema("error"))
        if sign_in and status in (400, 401, 403):
            kinds = content({"anyOf": [schema("error"), schema("sign-in-error")]})
        if as_text:
            kinds |= content({"type": "string"}, PLAIN)
        found[str(status)] = {"description": _WORDS[status], "content": kinds}
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


TOPIC = path_value("topic", "A topic; of a publish the one in its body.")
REALM = path_value("realm", "Any; the mock has one for each name.")
REALM["schema"] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._~-]*$"}
FIELDS = (FORM, JSON)
PUBLISHED = {
    "200": answer("Passed on; the sender named itself (`subscriber.name`), or sent a batch.", schema("received")),
    "202": answer(
        "Passed on (FHIRcast), or the socket's address for a subscribe or unsubscribe.",
        {"anyOf": [schema("received"), schema("subscribed")]},
    ),
}


def posted(*, strict: bool) -> dict[str, Any]:
    form = {"anyOf": [schema("subscribe-fhircast" if strict else "subscribe"), schema("unsubscribe")]}
    body = content({"anyOf": [schema("publish"), *form["anyOf"]]}, JSON, "application/fhir+json")
    body[FORM] = {"schema": form}
    statuses = [400, 401, 404, 413, 415, 503]
    answers = {"202": PUBLISHED["202"]} if strict else PUBLISHED
    if not strict:
        batch = shape(
            {"manifest": schema("manifest")},
            {"files": items({"type": "string", "contentMediaType": BYTES})},
            description="Part 1, application/dicom+json, is the manifest; the files' bytes follow in its order.",
        )
        body[BATCH] = {"schema": batch}
        statuses += [408, 409, 507]
    what = "Publish an event, subscribe, or unsubscribe" if strict else "Publish an event or a batch, or (un)subscribe"
    more = "Body and Content-Type tell: a form, or JSON with `hub.mode`, subscribes; JSON with `event` publishes"
    return call(
        "FHIRcast" if strict else "Hub",
        what,
        answers | refused(*statuses, as_text=strict),
        body=body,
        token=True,
        more=more + ("." if strict else "; multipart/related is a batch."),
    )


def with_topic(operation: dict[str, Any]) -> dict[str, Any]:
    return {**operation, "parameters": [TOPIC]}


def context() -> dict[str, Any]:
    answers = {"200": answer("What is open.", schema("current-context"))}
    more = "FHIRcast 2.9. A hub that keeps no context (the default) answers 404; the well-known document tells it."
    return call("FHIRcast", "Read a topic's current context", answers | refused(400, 401, 404), token=True, more=more)


def sign_in_call(kind: str, *, by_query: bool = False, realm: bool = False) -> dict[str, Any]:
    parameters = [REALM] if realm else []
    code = kind == "authorize"
    answers = {"200": answer("A code." if code else "Tokens.", schema("code" if code else "tokens"))}
    if code:
        back = {"Location": "redirect_uri with code and state"}
        answers["302"] = answer("A browser is sent to its redirect_uri.", headers=back)
    body = None if by_query else content(schema(kind), *FIELDS)
    if by_query:
        parameters += [query(name) for name in SIGN_IN["authorize"]["properties"]]
    what = "Sign in: get a code" if code else "Exchange a code, or a client's own credentials, for tokens"
    answers |= refused(400, 401, 413, sign_in=True)
    return call("Sign-in", what, answers, body=body, parameters=parameters or None)


def group_call(what: str, fields: str, status: str | None, *statuses: int) -> dict[str, Any]:
    given = shape({"status": {"const": status}, "conference": schema("conference")}) if status else schema("removed")
    answers = {"200": answer("Done.", given)} | refused(400, 401, 413, *statuses)
    return call("Groups", what, answers, body=content(schema(fields), JSON, FORM), token=None)


def read(tag: str, what: str, of: Schema, *kinds: str, token: bool | None = False, **more: Any) -> dict[str, Any]:
    answers = {"200": answer("Here it is.", of, *kinds)} | refused(*([401] if token is not False else []))
    return call(tag, what, answers, token=token, **more)


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


SIGN_IN: dict[str, Schema] = {
    "authorize": shape(
        {},
        {
            name: {"type": ["string", "null"]}
            for name in (
                "user_name",
                "topic",
                "id_token",
                "client_product_name",
                "nonce",
                "redirect_uri",
                "state",
            )
        },
    ),
    "code": shape({"user_name": TEXT, "code": TEXT, "expires_in": {"type": "integer"}}, closed=True),
    "token": shape(
        {"grant_type": {"enum": ["authorization_code", "client_credentials"]}},
        {name: {"type": ["string", "null"]} for name in ("code", "client_id", "client_secret", "client_product_name")},
    ),
    "tokens": shape(
        {
            "token_type": {"const": "Bearer"},
            "access_token": TEXT,
            "id_token": TEXT,
            "expires_in": {"type": "integer"},
            "scope": TEXT,
            "topic": TEXT,
            "hub.topic": TEXT,
            "hub.url": TEXT,
        }
    ),
    "sign-in-error": shape({"message": TEXT, "error": TEXT, "error_description": TEXT}),
    "user-info": shape({"sub": TEXT, "user_name": TEXT, "topic": TEXT}),
    "keys": shape({"keys": items(shape({"kty": TEXT, "kid": TEXT, "alg": TEXT, "n": TEXT, "e": TEXT}))}),
    "openid-configuration": shape(
        dict.fromkeys(("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"), TEXT)
    ),
}
TOPICS: Schema = {
    "description": "The attendees' topics; text is a comma list.",
    "anyOf": [items({"type": "string", "not": {"const": "*"}}), {"type": ["string", "null"], "not": {"const": "*"}}],
}
SOME: Schema = {"type": "string", "pattern": r"\S", "not": {"const": "*"}}
GROUPS: dict[str, Schema] = {
    "conference-to-start": shape(
        {"hostTopic": SOME, "title": {"type": "string", "pattern": r"\S"}}, {"topics": TOPICS, "hostUserName": OPTIONAL}
    ),
    "conference-to-join": shape({"hostTopic": SOME, "joinTopic": SOME}, {"joinUserName": OPTIONAL}),
    "conference-to-lead": shape({"hostTopic": SOME, "sceneLeaderTopic": SOME}, {"leaderUserName": OPTIONAL}),
    "conference-to-leave": shape({"hostTopic": SOME}, {"leaveTopic": OPTIONAL}),
    "removed": shape({"removed": {"type": "integer"}, "updated": {"type": "integer"}}, closed=True),
}
OTHERS: dict[str, Schema] = {
    "received": shape({"status": {"const": "received"}}, closed=True),
    "status": shape(
        {"status": {"const": "ok"}, "product": TEXT, "version": TEXT, "started_at": TEXT, "auth": TEXT},
        {
            "uptime_seconds": {"type": "number"},
            "longest_turn_seconds": {"type": "number"},
            "subscriptions": {"type": "integer"},
            "payloads": shape({"count": {"type": "integer"}, "bytes": {"type": "integer"}}),
        },
    ),
    "samples": shape(
        {
            "organization": TEXT,
            "organizationLabel": TEXT,
            "studies": items(
                shape(
                    {
                        "id": TEXT,
                        "name": TEXT,
                        "description": {"type": "string"},
                        "organization": TEXT,
                        "files": items(shape({"url": TEXT, "fileName": {"type": "string"}}, {"mimeType": TEXT})),
                    },
                    dict.fromkeys(("size", "openMode", "format"), TEXT),
                )
            ),
        }
    ),
}

_OPENID = "/realms/{realm}/protocol/openid-connect"


def paths() -> dict[str, Any]:
    question = call(
        "Hub",
        "Ask other subscribers, and get their answers as one",
        {"200": answer("What came in time, also when that is nothing.", schema("collated-answer"))}
        | {"202": answer("Sent to a topic that is called request (FHIRcast).", schema("received"))}
        | refused(400, 401, 409, 413, 503),
        body=content(schema("request")),
        token=True,
    )
    conferences = read("Groups", "List the groups", items(schema("conference-taking-part")), token=None)
    topics = items(shape({"topic": TEXT, "timezone": {"type": "string"}}))
    socket = {"101": answer("The socket; its frames: confirmation, publish, request-frame, denial …")}
    configuration = schema("fhircast-configuration")
    page = {"type": "string"}
    studies = [path_value("study", "The study's id."), path_value("file", "The file's name.")]
    keys = read("Sign-in", "Read the public keys", schema("keys"), parameters=[REALM])
    who = read("Sign-in", "Read who the token's holder is", schema("user-info"), token=True, parameters=[REALM])
    out = call("Sign-in", "Sign out", {"204": answer("Done.")} | refused(), parameters=[REALM])
    discovery = read("Sign-in", "Discover OpenID Connect", schema("openid-configuration"), parameters=[REALM])
    discovery["responses"] |= refused(400)
    return {
        "/api/hub": {"post": posted(strict=False)},
        "/api/hub/{topic}": {"get": with_topic(context()), "post": with_topic(posted(strict=False))},
        "/api/hub/request": {"post": question},
        "/api/hub/payloads/{id}": {
            "get": stored("Hub", "Fetch a payload", [path_value("id", "Of a manifest.")], 401, token=True)
        },
        "/bind/{id}": {
            "get": call(
                "Hub",
                "Open a subscription's socket (WebSocket)",
                socket | refused(400, 503),
                parameters=[path_value("id", "Of hub.channel.endpoint; a secret.")],
            )
        },
        "/fhircast/bind/{id}": {
            "get": call(
                "FHIRcast",
                "Open a subscription's socket (WebSocket)",
                socket | refused(400, 503),
                parameters=[path_value("id", "Of hub.channel.endpoint; a secret.")],
                more="One that no subscription has is opened too, told so by a denial, and closed.",
            )
        },
        "/api/hub/conference": {
            "get": conferences,
            "post": group_call("Start a group", "conference-to-start", "created", 503)
            | {"description": "The host's earlier group ends."},
            "delete": group_call("Leave a group, or end it", "conference-to-leave", None),
        },
        "/api/hub/conference/join": {"patch": group_call("Join a group", "conference-to-join", "joined", 404, 503)},
        "/api/hub/conference/lead": {"patch": group_call("Let one lead", "conference-to-lead", "updated", 404)},
        "/api/hub/conference-topics": {"get": read("Groups", "List topics that could take part", topics, token=None)},
        "/api/hub/conference-client": {"get": read("Groups", "A page to do all this", page, HTML)},
        "/api/hub/samples": {"get": read("Samples", "List sample studies", schema("samples"))},
        "/api/hub/samples/files/{study}/{file}": {
            "get": stored("Samples", "Fetch a sample's file", studies, token=False)
        },
        "/api/hub/status": {"get": read("Hub", "Health, version and counts", schema("status"))},
        "/api/hub/admin/metrics": {
            "get": read("Hub", "When the hub was started", shape({"started_at": TEXT}, closed=True))
        },
        "/api/hub/.well-known/fhircast-configuration": {"get": read("Hub", "Discovery", configuration)},
        "/fhircast": {"post": posted(strict=True)},
        "/fhircast/{topic}": {"get": with_topic(context()), "post": with_topic(posted(strict=True))},
        "/fhircast/.well-known/fhircast-configuration": {"get": read("FHIRcast", "Discovery", configuration)},
        "/oauth/authorize": {"post": sign_in_call("authorize")},
        "/oauth/token": {"post": sign_in_call("token")},
        f"{_OPENID}/auth": {
            "get": sign_in_call("authorize", by_query=True, realm=True),
            "post": sign_in_call("authorize", realm=True),
        },
        f"{_OPENID}/token": {"post": sign_in_call("token", realm=True)},
        f"{_OPENID}/certs": {"get": keys},
        f"{_OPENID}/userinfo": {"get": who},
        f"{_OPENID}/logout": {"get": out, "post": out},
        "/realms/{realm}/.well-known/openid-configuration": {"get": discovery},
        "/": {"get": call("Documents", "Lead to these documents", {"302": answer("They are at docs/.")} | refused())},
        "/docs/": {"get": read("Documents", "An index of these documents", page, HTML)},
        "/docs/{document}": {
            "get": read("Documents", "This description", {}, parameters=[path_value("document", "openapi.json")])
        },
        "/docs/schemas/{document}": {
            "get": read("Documents", "A JSON Schema", {}, parameters=[path_value("document", "publish.json …")])
        },
    }


def inlined(of: Any, name: str) -> Any:
    """A schema as it stands in the description: without a name of its own, references within the one document."""
    if isinstance(of, list):
        return [inlined(each, name) for each in of]
    if not isinstance(of, dict):
        return of
    found = {key: inlined(value, name) for key, value in of.items() if key not in ("$schema", "$id")}
    if "$ref" in found:
        file, _, place = found["$ref"].partition("#")
        found["$ref"] = f"#/components/schemas/{file.removesuffix('.json')}{place}"
    return found


def operation_id(method: str, path: str) -> str:
    """A name that a generated client's method can have: ``getApiHubStatus``."""
    words = re.findall(r"[A-Za-z0-9]+", path)
    return method + "".join(word[0].upper() + word[1:] for word in words or ["root"])


def openapi() -> dict[str, Any]:
    schemas = {name.removesuffix(".json"): inlined(of, name) for name, of in SCHEMAS.items()}
    schemas |= {**SIGN_IN, **GROUPS, **OTHERS}
    schemas["conference"] = {"$ref": "#/components/schemas/common/$defs/conference"}
    taking_part = json.loads(json.dumps(SCHEMAS["common.json"]["$defs"]["conference"]))
    taking_part["properties"]["participants"] = items({"type": "string"})
    schemas["conference-taking-part"] = taking_part
    every = paths()
    for path, operations in every.items():
        for method in operations:
            operations[method] = {"operationId": operation_id(method, path), **operations[method]}
        if "{document}" in path or "{realm}" in path:
            for operation in operations.values():
                operation["responses"] |= refused(404)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cast Hub",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": (
                "Every HTTP address of the hub. The frames on a subscription's socket, and every body here, are"
                " described by the JSON Schemas beside this file. A path with a slash at its end is the same as one"
                " without. Any address answers OPTIONS (CORS), and HEAD where it answers GET."
            ),
        },
        "servers": [{"url": "..", "description": "Where this document was read, one folder up."}],
        "paths": every,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": schemas,
        },
    }
