"""The words that the contract's schemas are written in, and the parts that several messages share."""

from __future__ import annotations

import re
from typing import Any

from CastLib.events import BINARY_FAMILIES
from CastLib.manifest import MAX_NAME, SUFFIXES

Schema = dict[str, Any]

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
        "maxLength": MAX_NAME,
        "pattern": rf"^{_PLAIN}*{_PLAIN[:-1]}\s]{_PLAIN}*$",
    },
    "fileWithBytes": shape(
        {
            "fileName": {"allOf": [ref("fileName"), {"type": "string", "pattern": SUFFIX_PATTERN}]},
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


def with_files(of: Schema) -> Schema:
    """A context with files: in the object, or in the item ``files`` of a list (there perhaps in its resource)."""
    listed = items(of, minItems=1)
    item = {"anyOf": [shape({"files": listed}), shape({"resource": shape({"files": listed})})]}
    holder = shape({"key": {"type": "string", "pattern": f"^{nocase('files')}$"}}, allOf=[item])
    return {"anyOf": [shape({"files": listed}), items({"type": "object"}, contains=holder)]}
