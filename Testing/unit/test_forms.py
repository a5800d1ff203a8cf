"""The fields of a form, however they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests import Request

from CastLib.errors import FieldError
from CastLib.forms import FORM, FORM_DATA, parse_fields

FIELDS = {"hub.mode": "subscribe", "hub.topic": "r\u00f6ntgen & co", "hub.events": "a,b", "empty": ""}


def written(kind: str) -> tuple[bytes, str]:
    """The fields as another program writes them."""
    ways: dict[str, Any] = {"json": {"json": FIELDS}, FORM: {"data": FIELDS}}
    ways[FORM_DATA] = {"files": {key: (None, value) for key, value in FIELDS.items()}}
    request = Request("POST", "http://h", **ways[kind]).prepare()
    assert isinstance(request.body, (bytes, str))
    body = request.body.encode() if isinstance(request.body, str) else request.body
    return body, request.headers["Content-Type"]


@pytest.mark.parametrize("kind", ["json", FORM, FORM_DATA])
def test_every_way_gives_the_same_fields(kind: str) -> None:
    assert parse_fields(*written(kind)) == FIELDS


@pytest.mark.parametrize("kind", ["", "text/plain;charset=UTF-8", FORM])
def test_json_is_known_by_its_bracket(kind: str) -> None:
    assert parse_fields(b"  " + json.dumps(FIELDS).encode(), kind) == FIELDS


def part(name: str, value: str = "x", more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


BAD: dict[str, tuple[bytes, str]] = {
    "given twice": (b"a=1&a=2", FORM),
    "given twice in parts": ((part("a") + part("a") + "--b--").encode(), f"{FORM_DATA}; boundary=b"),
    "a file": ((part("a", more='; filename="f.txt"') + "--b--").encode(), f"{FORM_DATA}; boundary=b"),
    "no name": ((part("") + "--b--").encode(), f"{FORM_DATA}; boundary=b"),
    "no boundary": ((part("a") + "--b--").encode(), FORM_DATA),
    "an odd boundary": ((part("a") + "--b--").encode(), f"{FORM_DATA}; boundary=\u00e9"),
    "another boundary": ((part("a") + "--b--").encode(), f"{FORM_DATA}; boundary=c"),
    "no end": (part("a").encode(), f"{FORM_DATA}; boundary=b"),
    "no UTF-8": (b"a=%ff", FORM),
    "no UTF-8 in a part": (part("a", "?").encode().replace(b"?", b"\xff") + b"--b--", f"{FORM_DATA}; boundary=b"),
    "too many fields": (b"&".join(b"a%d=1" % n for n in range(300)), FORM),
    "too many parts": (("".join(part(f"a{n}") for n in range(300)) + "--b--").encode(), f"{FORM_DATA}; boundary=b"),
    "parts in parts": (
        ("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 5000 + "--b--").encode(),
        f"{FORM_DATA}; boundary=b",
    ),
    "lines without an end": (
        b"--b\r\nContent-Disposition: form-data; name=x" + b"\r" * 60_000,
        f"{FORM_DATA}; boundary=b",
    ),
    "headers without an end": ((part("a", more="; x=y" * 9000) + "--b--").encode(), f"{FORM_DATA}; boundary=b"),
    "another encoding": (
        (part("a", more="\r\nContent-Transfer-Encoding: base64") + "--b--").encode(),
        f"{FORM_DATA}; boundary=b",
    ),
    "a list": (b"[]", "application/json"),
}


@pytest.mark.parametrize("what", BAD)
def test_mistakes(what: str) -> None:
    with pytest.raises(FieldError):
        parse_fields(*BAD[what])


def test_a_field_may_not_stand_in_two_places() -> None:
    assert parse_fields(b"a=1", FORM, known={"b": 1}) == {"a": "1"}
    with pytest.raises(FieldError, match="given twice"):
        parse_fields(b"a=1", FORM, known={"a": 1})


@given(st.binary(max_size=200), st.sampled_from([FORM, "", f"{FORM_DATA}; boundary=b", "application/json"]))
@example((part("a") * 2 + "--b--").encode()[:-3], f"{FORM_DATA}; boundary=b")
def test_any_bytes_give_fields_or_a_field_error(body: bytes, kind: str) -> None:
    try:
        assert isinstance(parse_fields(body, kind), dict)
    except FieldError:
        pass
