"""Reading JSON from outside: every mistake names the field, none is a crash."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from CastLib.errors import FieldError

MAX_DEPTH = 100  # nesting of one message; a scene view or a FHIR resource stays under 30
_MISSING = object()
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")


def kind_of(value: object) -> str:
    """Return the JSON word for a value's type: ``text``, ``a number``, ``a list`` …"""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "an object"


def parse_json(data: bytes | bytearray | memoryview | str, where: str = "body", max_depth: int = MAX_DEPTH) -> Any:
    """Return the JSON value in ``data`` (UTF-8).

    Raises FieldError, naming ``where``, for anything that is not strict JSON: bad UTF-8 or lone surrogates, NaN and
    Infinity, nesting deeper than ``max_depth``.
    """
    try:
        text = data if isinstance(data, str) else str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise FieldError(where, f"not UTF-8 at byte {error.start}") from None
    _check_depth(text, where, max_depth)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise FieldError(where, f"not JSON: {error.msg} at character {error.pos}") from None
    except _NoNumber as error:
        raise FieldError(where, f"not JSON: {error} is no number that JSON can carry on") from None
    except ValueError:
        raise FieldError(where, "not JSON: a number has too many digits") from None
    if "\\" in text and ("\\ud" in text or "\\uD" in text):
        _refuse_lone_surrogates(value, where)
    return value


def _refuse_lone_surrogates(value: Any, where: str) -> None:
    """An escaped half of a character cannot be sent on as UTF-8, nor logged: refuse it where it enters."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise FieldError(where, "holds half of a surrogate pair, which is no character") from None


class _NoNumber(ValueError):
    """A number that no JSON writer may write again."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NoNumber(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NoNumber(digits[:40])
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _check_depth(text: str, where: str, max_depth: int) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    if text.count("[") + text.count("{") <= max_depth:
        return
    depth = 0
    for brackets in _BRACKETS.findall(_STRINGS.sub("", text)):
        if brackets[0] in "[{":
            depth += len(brackets)
            if depth > max_depth:
                raise FieldError(where, f"nested deeper than {max_depth}")
        else:
            depth -= len(brackets)


def need_object(value: Any, path: str) -> dict[str, Any]:
    """Return ``value`` when it is a JSON object, else raise FieldError naming ``path``."""
    if not isinstance(value, dict):
        raise FieldError(path, f"must be an object, not {kind_of(value)}")
    return value


def need_list(value: Any, path: str) -> list[Any]:
    """Return ``value`` when it is a JSON list, else raise FieldError naming ``path``."""
    if not isinstance(value, list):
        raise FieldError(path, f"must be a list, not {kind_of(value)}")
    return value


def need_text(values: Mapping[str, Any], key: str, path: str = "") -> str:
    """Return the non-empty text at ``key``; FieldError names ``path`` + ``key``."""
    text = optional_text(values, key, path)
    if not text:
        raise FieldError(path + key, "is missing" if values.get(key, _MISSING) is _MISSING else "is empty")
    return text


def optional_text(values: Mapping[str, Any], key: str, path: str = "") -> str:
    """Return the text at ``key``, ``""`` when absent or null; FieldError for any other type."""
    value = values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(path + key, f"must be text, not {kind_of(value)}")
    return value


def optional_flag(values: Mapping[str, Any], key: str, path: str = "") -> bool:
    """Return the flag at ``key`` (``true`` or ``false``, also as text), False when absent; FieldError otherwise."""
    value = values.get(key)
    text = value.strip().lower() if isinstance(value, str) else value
    if text is None or text is False or text in ("", "false"):
        return False
    if text is True or text == "true":
        return True
    raise FieldError(path + key, "must be true or false")


def optional_number(values: Mapping[str, Any], key: str, path: str = "") -> float | None:
    """Return the number at ``key`` (also as text such as ``"2.5"``), None when absent; FieldError otherwise."""
    value = values.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise FieldError(path + key, f"must be a number, not {kind_of(value)}")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise FieldError(path + key, "must be a number") from None
    if not math.isfinite(number):
        raise FieldError(path + key, "must be a finite number")
    return number


def share_of(value: object) -> float | None:
    """How much of some work is done, as somebody told it, held between 0 and 1; None for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    held = min(max(value, 0), 1)  # before it is made a float, for which a whole number may be too large
    return float(held) if math.isfinite(held) and value not in (math.inf, -math.inf) else None
