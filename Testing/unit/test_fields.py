"""Reading JSON from outside: whatever comes, a value or an error that names the field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from CastLib import fields
from CastLib.errors import FieldError
from CastLib.fields import optional_number, optional_text, parse_json, refuse_unseen, share_of


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


def naive_depth(text: str) -> int:
    """The deepest nesting, looked at a character at a time; where no JSON can go on, it ends."""
    deepest = depth = 0
    inside = escaped = False
    for letter in text:
        if inside:
            escaped, inside = letter == "\\" and not escaped, letter != '"' or escaped
        elif letter == '"':
            inside = True
        elif letter == "\\":
            break
        else:
            depth += (letter in "[{") - (letter in "]}")
            deepest = max(deepest, depth)
    return deepest


@given(st.text('[]{}"\\a,', max_size=60), st.integers(1, 7))
def test_nesting_is_counted_outside_of_strings_wherever_the_text_is_cut(text: str, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_PIECE", piece)
        for most in range(4):
            with pytest.raises(FieldError) as caught:
                parse_json(text + "!", "it", most)
            told, naive = "nested deeper" in caught.value.reason, naive_depth(text) > most
            assert told == naive or (told and "\\" in text)


@pytest.mark.parametrize("text", ['"' + '\\"[' * 70_000, '"[{' * 70_000, '"' + "\\" * 200_000, "[" * 200_000])
def test_text_that_nobody_ends_is_no_json(text: str) -> None:
    with pytest.raises(FieldError):
        parse_json(text)


def test_text_is_looked_at_once_whatever_stands_in_it() -> None:
    for text in ('"' + '\\"[' * 70_000, '"[{' * 70_000, '"' + "\\" * 200_000):
        pieces = list(fields._outside_strings(text.encode()))
        assert len(pieces) == -(-len(text) // fields._PIECE)
        assert sum(len(piece) for piece, _ in pieces) <= len(text)


def test_a_byte_order_mark_is_called_so() -> None:
    for text in ("\ufeff{}", b"\xef\xbb\xbf{}"):
        with pytest.raises(FieldError, match="body: begins with a byte order mark"):
            parse_json(text)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '[{"b":{"x":0,"a":1,"\\u0061":1}}]'])
def test_a_key_twice_in_one_object_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="'a' twice"):
        parse_json(text)
    assert parse_json('{"a":{"a":1},"b":[{"a":2},{"a":3}]}')


@pytest.mark.parametrize("digits", ["1" + "0" * 309, "-" + "9" * 4000, "2" + "0" * 308, "1e309"])
def test_a_number_that_others_read_as_infinity_is_refused_before_its_digits_are_read(digits: str) -> None:
    with pytest.raises(FieldError, match=f"not JSON: {digits[:40]}.* is no number that JSON can carry on"):
        parse_json(f'[1, {{"a": {digits}}}]')
    assert parse_json(f"[{10**308}, {-(10**308)}, 0, -7]") == [10**308, -(10**308), 0, -7]


def test_values_in_a_row_are_bounded_between_ends_of_objects() -> None:
    many = ",".join(["1"] * fields.MAX_RUN)
    assert len(parse_json(f"[{many}]")) == fields.MAX_RUN
    assert len(parse_json(f'[{many},{{}},{many},"{"x" * 2**17}"]')) == 2 * fields.MAX_RUN + 2
    members = ",".join(f'"{number}":0' for number in range(fields.MAX_RUN // 2))
    for text in (
        f"[{many},{many}]",
        f"{{{members}}}",
        f'["{chr(92) + "n"}"]'.replace("\\n", "\\n" * 5 * fields.MAX_RUN),
    ):
        with pytest.raises(FieldError, match="in a row"):
            parse_json(text)


def test_lists_and_objects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_CONTAINERS", 200)
    assert parse_json(f"[{','.join(['{}'] * 199)}]")
    with pytest.raises(FieldError, match="lists and objects"):
        parse_json(f"[{','.join(['{}'] * 200)}]")


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\x85", "\u202egpj.exe", "\u2066x", "\u200f", "\u2028"])
def test_characters_that_nobody_sees_are_no_part_of_a_name(name: str) -> None:
    with pytest.raises(FieldError, match=r"U\+"):
        refuse_unseen(name, "subscriber.name")
    assert refuse_unseen("R\u00f6ntgen \u05d0\u200d\U0001f469", "subscriber.name")
