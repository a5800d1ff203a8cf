"""Reading JSON from outside: whatever comes, a value or an error that names the field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from CastLib.errors import FieldError
from CastLib.fields import optional_number, optional_text, parse_json, share_of


@given(json_values)
def test_any_json_value_is_read_as_the_standard_library_reads_it(value):
    text = json.dumps(value)
    assert parse_json(text) == value
    assert parse_json(text.encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_field_error(data):
    try:
        parse_json(data, "part 1")
    except FieldError as error:
        assert error.field == "part 1"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"a":NaN}',
        "[Infinity]",
        '{"a":-1e999}',
        "{" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 101 + "1" + "}" * 101,
        '"\\ud800"',
        "1" * 10_000,
        b"\xff\xfe",
        "",
    ],
)
def test_what_is_no_message_is_refused(text):
    with pytest.raises(FieldError, match="^body: "):
        parse_json(text)


def test_brackets_inside_text_are_no_nesting():
    assert parse_json(json.dumps({"a": "[{" * 500, "b": ["\\" * 3 + '"['] * 200}))["a"] == "[{" * 500


@given(json_values)
def test_text_and_number_fields_never_crash(value):
    for read in (optional_text, optional_number):
        try:
            read({"key": value}, "key", "event.")
        except FieldError as error:
            assert error.field == "event.key"


@given(st.one_of(json_values, st.floats(), st.integers()))
def test_a_share_is_between_nothing_and_all(value: object) -> None:
    share = share_of(value)
    assert share is None or 0.0 <= share <= 1.0
    if isinstance(value, int) and not isinstance(value, bool):
        assert share is not None


def test_a_share_that_is_one_stays() -> None:
    assert [share_of(value) for value in (0, 0.25, 1, -3, 10**400)] == [0.0, 0.25, 1.0, 0.0, 1.0]
    assert [share_of(value) for value in (None, True, "1", float("nan"), float("inf"))] == [None] * 5
