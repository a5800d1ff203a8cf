"""The JSON Schemas of every message on the hub's wire, for ``make_documents.py``.

What can be a rule of the hub's parsers is written as strictly as they are and no stricter; a test holds both side by
side. What only a sender should do is in the two dialects' schemas.
"""

from __future__ import annotations

import re
from typing import Any

from CastLib.events import (
    BINARY_FAMILIES,
    CONFERENCE_END,
    CONFERENCE_LEAD,
    CONFERENCE_START,
    DATA_TYPES,
    STATUS_UPDATE,
    SUBSCRIPTION_REMOVED,
)
from CastLib.manifest import NAME_MOST, SUFFIXES
from CastLib.message import IN_REPLY_TO

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string", "minLength": 1}
OPTIONAL: Schema = {"type": ["string", "null"]}
SEEN: Schema = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"}
NAME: Schema = {**TEXT, **SEEN}
OPTIONAL_NAME: Schema = {**OPTIONAL, **SEEN}
#: Blanks and controls around an event's name are no part of it; something else must be there, and no control inside.
EVENT_NAME: Schema = {
    "type": "string",
    "pattern": (
        r"^[\s\u0000-\u0020\u007f-\u00a0]*[^\s\u0000-\u0020\u007f-\u00a0]+"
        r"([^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*"
        r"[^\s\u0000-\u0020\u007f-\u00a0])?[\s\u0000-\u0020\u007f-\u00a0]*$"
    ),
}
ONE_TOPIC: Schema = {**NAME, "not": {"const": "*"}}
NUMBER: Schema = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^(\s*[0-9]+(\.[0-9]+)?\s*)?$"}]
}
TIME: Schema = {"type": "string", "format": "date-time"}


_SPECIAL = re.compile(r"[\^$.*+?()\[\]{}|/\\]")  # no others may be escaped: JavaScript reads patterns strictly (u)


def nocase(text: str) -> str:
    """A pattern for a word in any case; schemas' patterns know no flag for it."""
    return "".join(
        f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else _SPECIAL.sub(r"\\\g<0>", letter)
        for letter in text
    )


SUFFIX_PATTERN = f"({'|'.join(map(nocase, SUFFIXES))})$"
HTTP_PATTERN = f"^{nocase('http')}[Ss]?://"
REQUEST_PATTERN, RESPONSE_PATTERN = f".{nocase('-request')}$", f"{nocase('-response')}$"
FAMILY_PATTERN = f"^({'|'.join(map(nocase, BINARY_FAMILIES))})([-_].*)?$|{RESPONSE_PATTERN}"


def ref(name: str) -> Schema:
    """A part of ``common.json``."""
    return {"$ref": f"common.json#/$defs/{name}"}


def shape(
    required: dict[str, Schema], optional: dict[str, Schema] | None = None, *, closed: bool = False, **more: Any
) -> Schema:
    """An object with these members; others may stand beside them unless it is closed."""
    found: Schema = {"type": "object", **more, "properties": {**(optional or {}), **required}}
    if required:
        found["required"] = list(required)
    if closed:
        found["additionalProperties"] = False
    return found


def items(of: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": of, **more}


SENDER = {
    "subscriber.name": OPTIONAL_NAME,
    "subscriber.product.name": OPTIONAL_NAME,
    "subscriber.product.version": OPTIONAL_NAME,
    "subscriber.actor": ref("actors"),
    "actor": ref("actors"),
}
TARGET = dict.fromkeys(("target.actor", "target.product.name", "target.subscriber.name"), OPTIONAL_NAME)
ENVELOPE: dict[str, Schema] = {"timestamp": OPTIONAL, **SENDER, **TARGET}


def event(name: Schema, context: Schema, *, topic: Schema = TEXT, wanted: bool = False) -> Schema:
    """The member ``event``; ``wanted``: without its context it makes no sense."""
    required = {"hub.topic": topic, "hub.event": name}
    return shape({**required, "context": context}) if wanted else shape(required, {"context": context})


def message(name: Schema, context: Schema, **more: Any) -> Schema:
    return shape({"id": TEXT, "event": event(name, context, **more)}, ENVELOPE)


def hub_event(name: str, context: Schema) -> Schema:
    """An event that the hub makes."""
    inner = shape({"hub.topic": TEXT, "hub.event": {"const": name}, "context": context}, closed=True)
    return shape({"timestamp": TIME, "id": TEXT, "event": inner}, SENDER, closed=True)


_PLAIN = SEEN["pattern"].removeprefix("^").removesuffix("*$").replace("[^", "[^/\\\\", 1)
COMMON: Schema = {
    "actors": {
        "description": "One role, or several as a list (or, in a form, as a comma list or a JSON list in text).",
        "anyOf": [OPTIONAL_NAME, items({"type": "string", **SEEN})],
    },
    "context": {
        "description": "FHIRcast's list of items, each with a key, or Cast's object.",
        "anyOf": [items({"type": "object"}), {"type": "object"}, {"type": "null"}],
    },
    "fileName": {
        "description": "A plain name without a path; no dangerous suffix (exe, js …) may stand before the last one.",
        "type": "string",
        "minLength": 1,
        "maxLength": NAME_MOST,
        "pattern": rf"^{_PLAIN}*{_PLAIN[:-1]}\s]{_PLAIN}*$",
    },
    "fileWithBytes": shape(
        {
            "fileName": {"allOf": [ref("fileName"), {"pattern": SUFFIX_PATTERN}]},
            "byteLength": {"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
        },
        {
            "mimeType": OPTIONAL,
            "dicomMetadata": {"type": ["object", "null"]},
            "url": {**OPTIONAL, "not": {"type": "string", "pattern": HTTP_PATTERN}},
            "uri": {**OPTIONAL, "not": {"type": "string", "pattern": HTTP_PATTERN}},
        },
        description="A file whose bytes are a part of the batch; other members are kept.",
    ),
    "fileElsewhere": shape(
        {"url": {"type": "string", "pattern": HTTP_PATTERN}},
        {"fileName": OPTIONAL, "byteLength": {"type": ["integer", "null"]}, "mimeType": OPTIONAL},
        description="A file that is only an address: the receiver fetches it, it has no part in the batch.",
    ),
    "storedFile": shape(
        {
            "fileName": ref("fileName"),
            "byteLength": {"type": "integer", "minimum": 1},
            "payloadIds": items(TEXT, minItems=1),
            "chunkByteLengths": items({"type": "integer", "minimum": 1}, minItems=1),
            "expiresAt": TIME,
        },
        {"mimeType": OPTIONAL, "dicomMetadata": {"type": ["object", "null"]}},
        description="A file that the hub keeps: GET /api/hub/payloads/{payloadId} for each, in order.",
    ),
    "conference": shape(
        {"hostTopic": TEXT, "sceneLeaderTopic": TEXT, "title": TEXT, "topics": items(TEXT)}, closed=True
    ),
    "responses": items(
        shape(
            {
                "id": {"type": "string"},
                "subscriber": {"type": "string"},
                "actor": ref("actors"),
                "productName": {"type": "string"},
                "data": {},
            },
            {"files": items({"anyOf": [ref("storedFile"), ref("fileElsewhere")]})},
            closed=True,
        )
    ),
}


def _files(of: Schema) -> Schema:
    """A context with files: in the object, or in the item ``files`` of a list (there perhaps in its resource)."""
    listed = items(of, minItems=1)
    item = {"anyOf": [shape({"files": listed}), shape({"resource": shape({"files": listed})})]}
    holder = shape({"key": {"type": "string", "pattern": f"^{nocase('files')}$"}}, allOf=[item])
    return {"anyOf": [shape({"files": listed}), items({"type": "object"}, contains=holder)]}


def _removed() -> Schema:
    reasons = {"enum": ["unsubscribe", "websocket-disconnect", "send-failure", "lease-expired"]}
    return shape({"reason": reasons, "subscriber": {"type": "string"}}, closed=True)


def _sync_error() -> Schema:
    coding = items(shape({"system": TEXT, "code": {"type": "string"}}), minItems=3)
    issue = shape(
        {"severity": {"const": "warning"}, "code": {"const": "processing"}, "diagnostics": TEXT},
        {"details": shape({"coding": coding})},
    )
    outcome = shape({"resourceType": {"const": "OperationOutcome"}, "issue": items(issue, minItems=1)})
    return items(shape({"key": {"const": "operationoutcome"}, "resource": outcome}), minItems=1, maxItems=1)


def _group(more: dict[str, Schema]) -> Schema:
    state = {"title": TEXT, "hostTopic": TEXT, "sceneLeaderTopic": TEXT, "hostUserName": {"type": "string"}}
    return shape({**state, "participants": items(TEXT)}, more, closed=True)


_ANY_MODE = {"hub.channel.type": {"type": ["string", "null"], "pattern": rf"^(\s*{nocase('websocket')}\s*)?$"}}
_FIRST: dict[str, tuple[str, Schema]] = {
    "publish": (
        "An event, as it is published and as each receiver gets it: the very bytes that were sent",
        {
            **message(
                EVENT_NAME, {"anyOf": [items({"type": "object"}), {"type": "object"}]}, topic=ONE_TOPIC, wanted=True
            ),
            "anyOf": [shape({"timestamp": TEXT}), shape({"subscriber.name": TEXT})],
            "description": (
                "Of an event that names its sender the time may be left out. subscription-removed and conference-start,"
                " -lead and -end are the hub's own, and refused from others."
            ),
        },
    ),
    "publish-fhircast": (
        "What a FHIRcast client should publish (FHIRcast STU3, 2.6)",
        {
            "allOf": [{"$ref": "publish.json"}],
            **shape(
                {
                    "timestamp": TIME,
                    "id": TEXT,
                    "event": shape(
                        {
                            "hub.topic": TEXT,
                            "hub.event": EVENT_NAME,
                            "context": items(shape({"key": TEXT}, {"resource": {"type": "object"}})),
                        },
                        {"context.versionId": TEXT, "context.priorVersionId": TEXT},
                    ),
                }
            ),
        },
    ),
    "publish-cast": (
        "What a Cast client should publish: FHIRcast's event, with who sends it and to whom it is narrowed",
        {"allOf": [{"$ref": "publish.json"}], **shape({"timestamp": TIME, "subscriber.name": TEXT})},
    ),
    "subscribe": (
        "The fields of a subscribe form (or JSON); with hub.channel.endpoint it replaces that subscription's events",
        shape(
            {
                "hub.mode": {"const": "subscribe"},
                "hub.topic": NAME,
                "hub.events": {
                    "description": "A comma list of events, or *.",
                    "anyOf": [
                        {"type": "string", "allOf": [{"pattern": r"[^,\s]"}, SEEN]},
                        items({"type": "string", **SEEN}, contains={"pattern": r"\S"}),
                    ],
                },
            },
            {
                **_ANY_MODE,
                "hub.channel.endpoint": OPTIONAL,
                "hub.lease_seconds": {"anyOf": [NUMBER, {"type": "null"}]},
                "subscriber.name": OPTIONAL_NAME,
                "subscriber.product.name": OPTIONAL_NAME,
                "subscriber.product.version": OPTIONAL_NAME,
                "subscriber.actors": ref("actors"),
                "subscriber.acknowledges": {
                    "description": "True: it acknowledges every event, so that none is lost when its socket is.",
                    "anyOf": [
                        {"type": ["boolean", "null"]},
                        {"type": "string", "pattern": rf"^\s*({nocase('true')}|{nocase('false')})?\s*$"},
                    ],
                },
            },
        ),
    ),
    "subscribe-fhircast": (
        "The same at /fhircast, FHIRcast STU3 to the letter (2.4.1): the channel is named, and there is no *",
        {
            "allOf": [{"$ref": "subscribe.json"}],
            **shape(
                {
                    "hub.channel.type": {"type": "string", "pattern": r"\S"},
                    "hub.topic": ONE_TOPIC,
                    "hub.events": {
                        "not": {"pattern": r"(^|,)\s*\*\s*(,|$)", "type": "string"},
                        "items": {"not": {"pattern": r"^\s*\*\s*$"}},
                    },
                }
            ),
        },
    ),
    "unsubscribe": (
        "The fields of an unsubscribe form (or JSON): an endpoint, or a topic and a name that one subscription has",
        shape(
            {"hub.mode": {"const": "unsubscribe"}},
            {
                **dict.fromkeys(("hub.channel.endpoint", "endpoint", "hub.topic", "subscriber.name"), OPTIONAL),
                "hub.channel.type": OPTIONAL,
                "hub.events": OPTIONAL,
            },
            anyOf=[
                shape({"hub.channel.endpoint": {"type": "string", "pattern": "/bind/."}}),
                shape({"endpoint": {"type": "string", "pattern": "/bind/."}}),
                shape({"hub.topic": TEXT, "subscriber.name": TEXT}),
            ],
        ),
    ),
    "subscribed": (
        "The answer (202) to subscribe and unsubscribe: where the socket is to be opened",
        shape({"hub.channel.endpoint": {"type": "string", "pattern": "^wss?://.+/bind/[A-Za-z0-9_-]+$"}}, closed=True),
    ),
    "confirmation": (
        "The hub's first frame on a socket, and its answer there to new events",
        shape(
            {
                "hub.mode": {"const": "subscribe"},
                "hub.topic": TEXT,
                "hub.events": TEXT,
                "hub.lease_seconds": {"type": "integer", "minimum": 1},
            },
            closed=True,
        ),
    ),
    "denial": (
        "The hub's last frame on a socket: the subscription is over",
        shape(
            {
                "hub.mode": {"const": "denied"},
                "hub.topic": {"type": "string"},
                "hub.events": {"type": "string"},
                "hub.reason": TEXT,
            },
            closed=True,
            description="At /fhircast, topic and events are empty on a socket of an endpoint that nobody was given.",
        ),
    ),
    "acknowledgement": (
        "A receiver's word on an event, on its socket; any status that is no 2xx is told to the others as SyncError",
        shape({"id": TEXT, "status": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{3}$"}]}}),
    ),
    "request": (
        "The body of POST /api/hub/request: a question to other subscribers",
        shape(
            {
                "id": TEXT,
                "subscriber.name": TEXT,
                "event": shape(
                    {"hub.event": {"type": "string", "pattern": REQUEST_PATTERN}},
                    {
                        "hub.topic": {**OPTIONAL, "description": "Without it: all topics the asker may see."},
                        "context": {
                            "anyOf": [
                                shape(
                                    {}, {"dataType": OPTIONAL, "timeoutSeconds": {"anyOf": [NUMBER, {"type": "null"}]}}
                                ),
                                items({"type": "object"}),
                                {"type": "null"},
                            ]
                        },
                    },
                ),
            },
            ENVELOPE,
        ),
    ),
    "request-frame": (
        "A question as those who are asked get it; an answer names its context.id",
        message(
            {"type": "string", "pattern": REQUEST_PATTERN},
            shape({"id": TEXT, "dataType": TEXT}),
            wanted=True,
        ),
    ),
    "response": (
        "An answer to a question, on the socket or as the envelope of a batch",
        shape(
            {
                "event": shape(
                    {
                        "hub.event": {"type": "string", "pattern": RESPONSE_PATTERN},
                        "context": shape({"id": TEXT}, {"dataType": OPTIONAL, "data": {}, "actor": ref("actors")}),
                    },
                    {"hub.topic": OPTIONAL},
                )
            },
            {"id": OPTIONAL, **ENVELOPE},
        ),
    ),
    "collated-answer": (
        "The answer to POST /api/hub/request, made of those that came in time",
        shape(
            {
                "ok": {"type": "boolean"},
                "id": TEXT,
                "subscriber.name": TEXT,
                "dataType": TEXT,
                "subscriber.actor": ref("actors"),
                "target.actor": {"type": "string"},
                "responses": ref("responses"),
                "expected": items({"type": "string"}),
                "missing": items({"type": "string"}),
                "timedOut": {"type": "boolean"},
            },
            closed=True,
        ),
    ),
    "manifest": (
        "The first part of a batch: an event that lists the files whose bytes follow, in order, as parts",
        message(
            {
                "type": "string",
                "pattern": FAMILY_PATTERN,
                "description": "An event of a binary family, or an answer to a request.",
            },
            _files({"anyOf": [ref("fileElsewhere"), ref("fileWithBytes")]}),
            topic=ONE_TOPIC,
            wanted=True,
        ),
    ),
    "fan-out-manifest": (
        "A batch as its receivers get it: the same event, each stored file with the payloads to fetch",
        message(EVENT_NAME, _files({"anyOf": [ref("fileElsewhere"), ref("storedFile")]}), wanted=True),
    ),
    "subscription-removed": (
        "The hub's event that a subscription has ended; who it was stands at the root",
        hub_event(SUBSCRIPTION_REMOVED, _removed()),
    ),
    "status-update": (
        "Progress of a job, told to the one who asked for it",
        message(
            {"const": STATUS_UPDATE},
            shape(
                {"message": {"type": "string"}},
                {
                    "level": {"enum": ["info", "error"]},
                    "fraction": {"type": "number"},
                    "ended": {"type": "boolean"},
                    IN_REPLY_TO: TEXT,
                },
            ),
            wanted=True,
        ),
    ),
    "sync-error": (
        "The hub's word that somebody does not follow an event (FHIRcast 3.2.1)",
        hub_event("SyncError", _sync_error()),
    ),
    "conference-start": (
        "A group topic has begun, or somebody has joined it",
        hub_event(CONFERENCE_START, _group({"joinedTopic": TEXT, "joinedUserName": TEXT})),
    ),
    "conference-lead": (
        "Another participant leads a group topic",
        hub_event(CONFERENCE_LEAD, _group({"leaderUserName": TEXT, "leaderLabel": TEXT})),
    ),
    "conference-end": (
        "A group topic has ended, or somebody has left it",
        hub_event(
            CONFERENCE_END,
            shape(
                {"title": TEXT, "hostTopic": TEXT, "reason": {"enum": ["host-ended", "attendee-left", "empty"]}},
                {"leaveTopic": TEXT},
                closed=True,
            ),
        ),
    ),
    "fhircast-configuration": (
        "FHIRcast's discovery document, with what Cast adds under org.cast (not at /fhircast)",
        shape(
            {
                "eventsSupported": items(TEXT, minItems=1),
                "websocketSupport": {"const": True},
                "fhircastVersion": TEXT,
                "getCurrentSupport": {"type": "boolean"},
                "capabilities": shape(
                    {
                        "supportsGetCurrentContext": {"type": "boolean"},
                        "supportsNonCurrentContextUpdates": {"const": False},
                    }
                ),
            },
            {
                "org.cast": shape(
                    {
                        "version": TEXT,
                        "dataTypes": items({"examples": list(DATA_TYPES), "type": "string"}),
                        "binaryFamilies": items({"enum": list(BINARY_FAMILIES)}),
                    },
                    {"anyEvent": {"const": True}, "strictFhircast": {"const": "/fhircast"}},
                )
            },
            closed=True,
        ),
    ),
    "current-context": (
        "The answer to GET of a topic: what is open there; type and version are empty when nothing is",
        shape(
            {
                "context.type": {"type": "string"},
                "context.versionId": {"type": "string"},
                "context": items({"type": "object"}),
            },
            closed=True,
        ),
    ),
    "error": (
        "Why a call was refused; code and fileName when a file breaks the name policy",
        shape(
            {"message": TEXT},
            {
                "field": {"type": "string"},
                "code": {
                    "enum": [
                        "unsupported_file_extension",
                        "double_extension",
                        "invalid_file_name",
                        "empty_file_name",
                        "missing_file_name",
                    ]
                },
                "fileName": {"type": "string"},
            },
            closed=True,
        ),
    ),
}

SCHEMAS: dict[str, Schema] = {
    "common.json": {
        "$schema": DIALECT,
        "$id": "common.json",
        "title": "Parts that several messages share",
        "$defs": COMMON,
    }
}
for _name, (_title, _body) in _FIRST.items():
    SCHEMAS[f"{_name}.json"] = {"$schema": DIALECT, "$id": f"{_name}.json", "title": _title, **_body}
