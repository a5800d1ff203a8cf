"""The OpenAPI description of every HTTP address of the hub, for ``make_documents.py``."""

from __future__ import annotations

import json
import re
from typing import Any

from contract_addresses import paths
from contract_bodies import GROUPS, OTHERS, SIGN_IN
from contract_calls import refused
from contract_schemas import SCHEMAS
from contract_shapes import COMMON, items

from CastLib.version import __version__

_PLACE = "#/components/schemas/"


def inlined(of: Any) -> Any:
    """A schema as it stands in the description: without a name of its own, references within the one document."""
    if isinstance(of, list):
        return [inlined(each) for each in of]
    if not isinstance(of, dict):
        return of
    found = {key: inlined(value) for key, value in of.items() if key not in ("$schema", "$id")}
    if "$ref" in found:
        file, _, place = found["$ref"].partition("#/$defs/")
        found["$ref"] = _PLACE + (place or file.removesuffix(".json"))
    return found


def named_in(of: Any) -> set[str]:
    """The schemas that something refers to itself."""
    inner = of.values() if isinstance(of, dict) else of if isinstance(of, list) else ()
    found = {name for each in inner for name in named_in(each)}
    place = of.get("$ref") if isinstance(of, dict) else None
    return found | {place.removeprefix(_PLACE)} if isinstance(place, str) else found


def wanted(schemas: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    """The schemas that the addresses refer to, also by another schema."""
    found: set[str] = set()
    waiting = named_in(paths)
    while waiting:
        found |= waiting
        waiting = {name for each in waiting for name in named_in(schemas[each])} - found
    return {name: of for name, of in schemas.items() if name in found}


def operation_id(method: str, path: str) -> str:
    """A name that a generated client's method can have: ``getApiHubStatus``."""
    words = re.findall(r"[A-Za-z0-9]+", path)
    return method + "".join(word[0].upper() + word[1:] for word in words or ["root"])


def openapi() -> dict[str, Any]:
    schemas = {name.removesuffix(".json"): inlined(of) for name, of in SCHEMAS.items()}
    schemas |= {name: inlined(of) for name, of in COMMON.items()} | {**SIGN_IN, **GROUPS, **OTHERS}
    taking_part = json.loads(json.dumps(COMMON["conference"]))
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
                " described by the JSON Schemas beside this file too; javascript.md tells how they are used. A path"
                " with a slash at its end is the same as one without. Any address answers OPTIONS (CORS), and HEAD"
                " where it answers GET."
            ),
        },
        "servers": [{"url": "..", "description": "Where this document was read, one folder up."}],
        "paths": every,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": wanted(schemas, every),
        },
    }
