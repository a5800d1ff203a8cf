"""The JSON Schemas of what programs send through the hub, for ``make_documents.py``.

What can be a rule of the hub's parsers is written as strictly as they are and no stricter; a test holds both side by
side. What only a sender should do is in the two dialects' schemas.
"""

from __future__ import annotations

from contract_shapes import (
    ENVELOPE,
    EVENT_NAME,
    FAMILY_PATTERN,
    NAME,
    NUMBER,
    ONE_TOPIC,
    OPTIONAL,
    OPTIONAL_NAME,
    REQUEST_PATTERN,
    RESPONSE_PATTERN,
    SEEN,
    TEXT,
    TIME,
    Schema,
    items,
    message,
    nocase,
    ref,
    shape,
    with_files,
)

from CastLib.events import STATUS_UPDATE
from CastLib.status_update import IN_REPLY_TO

_ANY_MODE = {"hub.channel.type": {"type": ["string", "null"], "pattern": rf"^(\s*{nocase('websocket')}\s*)?$"}}
SENT: dict[str, tuple[str, Schema]] = {
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
                        items({"type": "string", **SEEN}, contains={"type": "string", "pattern": r"\S"}),
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
                        "anyOf": [
                            {"type": "string", "not": {"pattern": r"(^|,)\s*\*\s*(,|$)"}},
                            items({"type": "string", "not": {"pattern": r"^\s*\*\s*$"}}),
                        ]
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
    "manifest": (
        "The first part of a batch: an event that lists the files whose bytes follow, in order, as parts",
        message(
            {
                "type": "string",
                "pattern": FAMILY_PATTERN,
                "description": "An event of a binary family, or an answer to a request.",
            },
            with_files({"anyOf": [ref("fileElsewhere"), ref("fileWithBytes")]}),
            topic=ONE_TOPIC,
            wanted=True,
        ),
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
}
