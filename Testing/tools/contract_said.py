"""The JSON Schemas of what the hub says, for ``make_documents.py``."""

from __future__ import annotations

from contract_shapes import (
    EVENT_NAME,
    REQUEST_PATTERN,
    TEXT,
    Schema,
    hub_event,
    items,
    message,
    ref,
    shape,
    with_files,
)

from CastLib.data_types import DATA_TYPES
from CastLib.events import BINARY_FAMILIES, CONFERENCE_END, CONFERENCE_LEAD, CONFERENCE_START, SUBSCRIPTION_REMOVED


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


SAID: dict[str, tuple[str, Schema]] = {
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
    "request-frame": (
        "A question as those who are asked get it; an answer names its context.id",
        message(
            {"type": "string", "pattern": REQUEST_PATTERN},
            shape({"id": TEXT, "dataType": TEXT}),
            wanted=True,
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
    "fan-out-manifest": (
        "A batch as its receivers get it: the same event, each stored file with the payloads to fetch",
        message(EVENT_NAME, with_files({"anyOf": [ref("fileElsewhere"), ref("storedFile")]}), wanted=True),
    ),
    "subscription-removed": (
        "The hub's event that a subscription has ended; who it was stands at the root",
        hub_event(SUBSCRIPTION_REMOVED, _removed()),
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
    "subscribed": (
        "The answer (202) to subscribe and unsubscribe: where the socket is to be opened",
        shape({"hub.channel.endpoint": {"type": "string", "pattern": "^wss?://.+/bind/[A-Za-z0-9_-]+$"}}, closed=True),
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
