"""Event names are compared alike by who publishes and by who subscribes (CastLib.events)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from CastLib.errors import FieldError
from CastLib.events import event_key, is_binary_family, is_request
from CastLib.matching import receives
from CastLib.message import make_message, parse_publish
from CastLib.subscription import make_subscription, parse_events, parse_subscribe

SPELLINGS = [
    "ImagingStudy-open",
    "imagingstudy-OPEN",
    " ImagingStudy-open ",
    "ImagingStudy-open\0",
    "\tImagingStudy-open\r\n",
    "\u00a0ImagingStudy-open\u2003",
    "\ufeffImagingStudy-open\u200b",
    "\x1fImagingStudy-open\x7f",
]


@pytest.mark.parametrize("published", SPELLINGS)
@pytest.mark.parametrize("subscribed", SPELLINGS)
def test_every_spelling_reaches_every_other(published: str, subscribed: str) -> None:
    message = parse_publish(make_message(published, "ann", []))
    form = {"hub.mode": "subscribe", "hub.topic": "ann", "hub.events": f"Patient-open,{subscribed},x"}
    assert receives(parse_subscribe(form).subscription, message)
    assert receives(make_subscription("ann", [subscribed]), message, strict=True)
    assert is_binary_family(published)


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE-open", "straße-open"), ("ΣΊΣΥΦΟΣ-open", "σίσυφος-open"), ("e\u0301tude-open", "Étude-open")],
)
def test_letters_of_every_alphabet_are_folded(one: str, other: str) -> None:
    assert event_key(one) == event_key(other)


def test_what_is_inside_a_name_counts() -> None:
    assert len({event_key(name) for name in ("a-open", "a -open", "a\0-open", "aopen")}) == 4
    assert not is_request("status-request x") and is_request("Status-Request\0")


@pytest.mark.parametrize("name", ["", "\0", " \t\u00a0", "\u200b"])
def test_a_name_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(FieldError, match=r"event\.hub\.event: is empty"):
        parse_publish(make_message(name, "ann", []))
    with pytest.raises(FieldError, match=r"hub\.events: is missing"):
        parse_subscribe({"hub.mode": "subscribe", "hub.topic": "ann", "hub.events": name})
    assert parse_events(f"a,{name},A\0") == ("a",)


@given(st.text(st.characters(codec="ascii")))
def test_a_key_is_its_own_key(name: str) -> None:
    assert event_key(event_key(name)) == event_key(name) == event_key(name.upper())
