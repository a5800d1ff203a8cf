"""Every HTTP address of the hub with its calls, for ``contract_openapi.py``."""

from __future__ import annotations

from typing import Any

from contract_bodies import SIGN_IN
from contract_calls import (
    BATCH,
    BYTES,
    FORM,
    HTML,
    JSON,
    PLAIN,
    SCRIPT,
    answer,
    call,
    content,
    path_value,
    query,
    read,
    refusal,
    refused,
    schema,
    stored,
)
from contract_shapes import TEXT, items, shape

TOPIC = path_value("topic", "A topic; of a publish the one in its body.")
REALM = path_value("realm", "Any; the mock has one for each name.")
REALM["schema"] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._~-]*$"}
FIELDS = (FORM, JSON)
OTHERWISE = {"default": refusal("Any other refusal.")}
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
    statuses = [400, 401, 404, 413, 415]
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


def socket(tag: str, more: str = "") -> dict[str, Any]:
    told = "The socket. Each frame is one JSON object: acknowledgement and response are the client's, all others the "
    frames = content({"anyOf": [schema(name) for name in FRAMES]})
    return call(
        tag,
        "Open a subscription's socket (WebSocket)",
        {"101": {"description": told + "hub's.", "content": frames}} | refused(400) | OTHERWISE,
        parameters=[path_value("id", "Of hub.channel.endpoint; a secret.")],
        more=more,
    )


FRAMES = (
    *("confirmation", "denial", "publish", "request-frame", "fan-out-manifest", "status-update", "sync-error"),
    *("subscription-removed", "conference-start", "conference-lead", "conference-end", "acknowledgement", "response"),
)
_OPENID = "/realms/{realm}/protocol/openid-connect"


def paths() -> dict[str, Any]:
    question = call(
        "Hub",
        "Ask other subscribers, and get their answers as one",
        {"200": answer("What came in time, also when that is nothing.", schema("collated-answer"))}
        | {"202": answer("Sent to a topic that is called request (FHIRcast).", schema("received"))}
        | refused(400, 401, 409, 413),
        body=content(schema("request")),
        token=True,
    )
    conferences = read("Groups", "List the groups", items(schema("conference-taking-part")), token=None)
    topics = items(shape({"topic": TEXT, "timezone": {"type": "string"}}))
    led = {"302": answer("They are at docs/.")} | OTHERWISE
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
        "/bind/{id}": {"get": socket("Hub")},
        "/fhircast/bind/{id}": {
            "get": socket("FHIRcast", "One that no subscription has is opened too, told so by a denial, and closed.")
        },
        "/api/hub/conference": {
            "get": conferences,
            "post": group_call("Start a group", "conference-to-start", "created")
            | {"description": "The host's earlier group ends."},
            "delete": group_call("Leave a group, or end it", "conference-to-leave", None),
        },
        "/api/hub/conference/join": {"patch": group_call("Join a group", "conference-to-join", "joined", 404)},
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
        "/": {"get": call("Documents", "Lead to these documents", led | refused())},
        "/docs": {"get": read("Documents", "An index of these documents", page, HTML, more_answers=led)},
        "/docs/{document}": {
            "get": read(
                "Documents",
                "This description, or what tells how to use it",
                {},
                JSON,
                PLAIN,
                SCRIPT,
                parameters=[path_value("document", "openapi.json, javascript.md, client.mjs")],
            )
        },
        "/docs/schemas/{document}": {
            "get": read("Documents", "A JSON Schema", {}, parameters=[path_value("document", "publish.json …")])
        },
    }
