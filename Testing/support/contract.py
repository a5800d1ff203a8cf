"""The hub's documents in tests: schemas to check messages with, and whether the files are what the code makes."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "CastHub" / "CastHubLib" / "contract"


@cache
def maker() -> ModuleType:
    """``Testing/tools/make_documents.py``."""
    path = ROOT / "Testing" / "tools" / "make_documents.py"
    spec = importlib.util.spec_from_file_location("make_documents", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_documents"] = module
    spec.loader.exec_module(module)
    return module


@cache
def schemas() -> dict[str, Any]:
    return {path.name: json.loads(path.read_bytes()) for path in sorted((FOLDER / "schemas").glob("*.json"))}


@cache
def openapi() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_bytes())
    return value


@cache
def validator(name: str, whole: bool = False) -> Draft202012Validator:
    known = {key: _closed(of) for key, of in schemas().items()} if whole else schemas()
    registry = Registry().with_resources((key, Resource.from_contents(of)) for key, of in known.items())
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(known[f"{name}.json"], registry=registry, format_checker=checker)


def _closed(of: Any) -> Any:
    """A schema whose objects have no members but those it names; what has none named may hold anything."""
    if isinstance(of, list):
        return [_closed(each) for each in of]
    if not isinstance(of, dict):
        return of
    found = {key: value if key in ("if", "then") else _closed(value) for key, value in of.items()}
    return found | {"unevaluatedProperties": False} if isinstance(of.get("properties"), dict) else found


def check(name: str, value: Any, *, whole: bool = False) -> None:
    """Fail, saying why, when a value is no message of this kind; ``whole``: also when it says more than is told."""
    problems = [f"{error.json_path}: {error.message}" for error in validator(name, whole).iter_errors(value)]
    assert not problems, f"{name}: {problems[:3]} in {json.dumps(value)[:600]}"


def is_valid(name: str, value: Any) -> bool:
    return bool(validator(name).is_valid(value))
