"""Looking into JSON text without taking it apart: what is passed on keeps its numbers and its spelling."""

from __future__ import annotations

import json
import re

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")

Span = tuple[int, int]


def member(text: str, start: int, name: str) -> Span | None:
    """Return where the value of an object's member stands in valid JSON, None when there is no such member.

    ``start`` is where the object begins. Of a repeated member the last one counts, as parsers have it.
    """
    found = None
    position = _after_blank(text, text.index("{", start) + 1)
    while text[position] != "}":
        if text[position] == ",":
            position = _after_blank(text, position + 1)
        key, position = _DECODER.raw_decode(text, position)
        position = _after_blank(text, _after_blank(text, position) + 1)
        begin = position
        _, end = _DECODER.raw_decode(text, begin)
        if key == name:
            found = begin, end
        position = _after_blank(text, end)
    return found


def with_member(text: str, start: int, name: str, value: str) -> str:
    """Return the text with a text member set in a non-empty object that begins at ``start``."""
    present = member(text, start, name)
    if present is not None:
        return text[: present[0]] + json.dumps(value) + text[present[1] :]
    inside = text.index("{", start) + 1
    return f"{text[:inside]}{json.dumps(name)}:{json.dumps(value)},{text[inside:]}"


def _after_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position
