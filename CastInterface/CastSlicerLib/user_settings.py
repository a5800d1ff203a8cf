"""JSON values in Slicer's settings: what belongs to the user and not to the scene."""

from __future__ import annotations

import json

import qt


def read_setting(key: str) -> object:
    """The value kept under a key; None when there is none, or something else has written it."""
    try:
        return json.loads(qt.QSettings().value(key, "null"))
    except (TypeError, ValueError):
        return None


def read_texts(key: str, *names: str) -> tuple[str, ...]:
    """The texts that an object kept under a key has by these names; "" for each that is none."""
    value = read_setting(key)
    found = [value.get(name) for name in names] if isinstance(value, dict) else [""] * len(names)
    return tuple(text if isinstance(text, str) else "" for text in found)


def write_setting(key: str, value: object) -> None:
    """Keep a value under a key."""
    qt.QSettings().setValue(key, json.dumps(value))
