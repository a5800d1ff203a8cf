"""Reading JSON from outside: every mistake names the field, none is a crash, and none costs more than its length."""

from __future__ import annotations

import json
import math
import re
import sys
from array import array
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, NoReturn

from CastLib.errors import FieldError

MAX_DEPTH = 100  # nesting of one message; a scene view or a FHIR resource stays under 30
MAX_RUN = 250_000  # values in a row without the end of an object: longer lists of numbers are files
MAX_CONTAINERS = 1_500_000  # lists and objects: 16 MiB of DICOM metadata have a million
_DIGITS = sys.float_info.max_10_exp  # so many a whole number may have and is no larger than the largest float
_ESCAPES_A_VALUE = 4  # that take no longer to read than one value
_PIECE = 64 * 1024  # bytes looked at in one go: between them other threads have their turn
_MISSING = object()
_NO_BRACKETS = bytes(each for each in range(256) if each not in b"[]{}")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # one level deeper, one level up, as signed bytes
#: Characters that no reader sees: controls, separators of lines, and those that turn the direction of writing.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


#: What stands around a word from outside and is no part of it: controls with NUL, blanks of every width with the
#: no-break one, and marks that take no place.
_AROUND = "".join(
    map(chr, (*range(0x21), *range(0x7F, 0xA1), 0x1680, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205F, 0x2060))
)
_AROUND += "\u3000\ufeff"


def trimmed(text: str) -> str:
    """Return a text without blanks, controls and invisible marks at its ends."""
    return text.strip(_AROUND)


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters; the last one of a longer text is ``…``."""
    return text if len(text) <= most else text[: most - 1] + "…"


def kind_of(value: object) -> str:
    """Return the JSON word for a value's type: ``text``, ``a number``, ``a list`` and so on."""
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
    Infinity, numbers past the largest float, a key that an object has twice, nesting deeper than ``max_depth``, more
    than ``MAX_RUN`` values in a row (a member of an object counts as three) or ``MAX_CONTAINERS`` lists and objects.
    """
    try:
        text = data if isinstance(data, str) else str(data, "utf-8")
        encoded = data.encode() if isinstance(data, str) else bytes(data)
    except UnicodeDecodeError as error:
        raise FieldError(where, f"not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise _half_a_character(where) from None
    if text.startswith("\ufeff"):
        raise FieldError(where, "begins with a byte order mark: JSON is written without one")
    _check_shape(encoded, where, max_depth)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise FieldError(where, f"not JSON: {error.msg} at character {error.pos}") from None
    except _NoNumber as error:
        raise FieldError(where, f"not JSON: {error} is no number that JSON can carry on") from None
    except _Twice as error:
        raise FieldError(where, f"has {error} twice in one object: readers would differ on which counts") from None
    if "\\" in text and ("\\ud" in text or "\\uD" in text):
        _refuse_lone_surrogates(value, where)
    return value


def _refuse_lone_surrogates(value: Any, where: str) -> None:
    """An escaped half of a character cannot be sent on as UTF-8, nor logged: refuse it where it enters."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str) and not each.isascii():
            try:
                each.encode()
            except UnicodeEncodeError:
                raise _half_a_character(where) from None


def _half_a_character(where: str) -> FieldError:
    return FieldError(where, "holds half of a surrogate pair, which is no character")


class _Twice(ValueError):
    """A key that an object has more than once."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        for key, _ in pairs:
            if key not in found:
                raise _Twice(repr(key[:80]))
            del found[key]
    return found


class _NoNumber(ValueError):
    """A number that no JSON writer may write again."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NoNumber(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NoNumber(digits[:40])
    return number


def _whole(digits: str) -> int:
    """Past the largest float other readers read infinity; and thousands of digits cost their square to read."""
    if len(digits) > _DIGITS:
        _finite(digits)
    return int(digits)


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=_once_each
)


def _check_shape(data: bytes, where: str, max_depth: int) -> None:
    """Refuse deep nesting before the parser recurses into it, and what would keep it from pausing for long."""
    if len(data) <= _PIECE and data.count(b"[") + data.count(b"{") <= max_depth:
        return
    depth = run = containers = 0
    for piece, escapes in _outside_strings(data):
        steps = array("b", piece.translate(_STEPS, _NO_BRACKETS))
        if max(accumulate(steps, initial=depth)) > max_depth:
            raise FieldError(where, f"nested deeper than {max_depth}")
        depth += sum(steps)
        values = piece.count(b",") + 2 * piece.count(b":") + escapes // _ESCAPES_A_VALUE
        run = 0 if b"}" in piece else run + values
        containers += piece.count(b"[") + piece.count(b"{")
        if run > MAX_RUN:
            raise FieldError(where, f"has more than {MAX_RUN} values in a row: send so many as a file")
        if containers > MAX_CONTAINERS:
            raise FieldError(where, f"has more than {MAX_CONTAINERS} lists and objects: send so many as a file")


def _outside_strings(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield what stands outside of strings, a piece at a time, with the number of escapes left out with the rest.

    Escaped backslashes and quotes go first, then every quote begins or ends a string: nothing is looked at twice.
    """
    inside, carried = False, b""
    for start in range(0, len(data), _PIECE):
        piece = carried + data[start : start + _PIECE]
        escapes = piece.count(b"\\")
        piece = piece.replace(rb"\\", b"")
        carried = b"\\" if piece.endswith(b"\\") else b""
        parts = piece.replace(rb"\"", b"").split(b'"')
        yield b"".join(parts[int(inside) :: 2]), escapes
        inside ^= not len(parts) & 1


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


def refuse_unseen(text: str, field: str) -> str:
    """Return a name or title; raises FieldError when it holds characters that no reader sees.

    Controls (C0, C1), line and paragraph separators, and those that turn the direction of writing: they cut names,
    break lines, or show a person another name than the one that counts.
    """
    found = None if text.isascii() and text.isprintable() else UNSEEN.search(text)
    if found:
        raise FieldError(field, f"holds the unseen character U+{ord(found[0]):04X}: names are written without")
    return text


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
