"""The JSON Schemas of every message on the hub's wire by file name, for ``make_documents.py``."""

from __future__ import annotations

from contract_answers import ANSWERED
from contract_said import SAID
from contract_sent import SENT
from contract_shapes import COMMON, Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Each group's heading, and its schemas: by name the title and the rest.
GROUPS: dict[str, dict[str, tuple[str, Schema]]] = {
    "What programs send": SENT,
    "What the hub says": SAID,
    "What applications answer, under `data`": ANSWERED,
}
COMMON_NAME = "common.json"
SCHEMAS: dict[str, Schema] = {
    COMMON_NAME: {
        "$schema": DIALECT,
        "$id": COMMON_NAME,
        "title": "Parts that several messages share",
        "$defs": COMMON,
    }
}
for _schemas in GROUPS.values():
    for _name, (_title, _body) in _schemas.items():
        SCHEMAS[f"{_name}.json"] = {"$schema": DIALECT, "$id": f"{_name}.json", "title": _title, **_body}
