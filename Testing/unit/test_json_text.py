"""Looking into JSON text: what is found and what is set is what a parser sees, whatever the text looks like."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from CastHubLib.extras.json_text import member, with_member

objects = st.dictionaries(st.text('ab"\\{}:, ', max_size=3), json_values, max_size=5)
looks = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"indent": "\t"}])


@given(objects, looks, st.text('ab"\\{}:, ', max_size=3))
def test_a_member_is_where_a_parser_finds_it(value: dict[str, Any], look: dict[str, Any], name: str) -> None:
    text = f" \n{json.dumps(value, **look)} "
    span = member(text, 0, name)
    assert (span is not None) is (name in value)
    if span is not None:
        assert json.loads(text[span[0] : span[1]]) == value[name]


@given(objects.filter(bool), looks, st.text('ab"\\{}:, ', max_size=3), st.text(max_size=5))
def test_setting_a_member_changes_nothing_else(
    value: dict[str, Any], look: dict[str, Any], name: str, new: str
) -> None:
    text = json.dumps(value, **look)
    assert json.loads(with_member(text, 0, name, new)) == {**value, name: new}


def test_of_a_repeated_member_the_last_counts() -> None:
    text = '{"a":1,"b":{"a":2},"a" :\t[3] }'
    span = member(text, 0, "a")
    assert span is not None and text[span[0] : span[1]] == "[3]"


def test_numbers_and_spelling_stay() -> None:
    text = '{"v":1.10,"e":1E2,"u":"\\u00e4"}'
    assert with_member(text, 0, "x", "y") == '{"x":"y","v":1.10,"e":1E2,"u":"\\u00e4"}'
