"""Rows of ``docs/images.md``: what is read, shown, refused, each proved by the test under it.

A test of ``Testing/images`` that stands for a row of the page is decorated with `row`; the page is made from all rows
by ``Testing/tools/make_documents.py``. The test asserts pixels, geometry and texts itself, and returns the sentences
that the program told: the row's own must be among them, so the page never quotes a sentence that nobody is told.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

GROUPS = (
    "Files and folders",
    "Images",
    "Patients and studies",
    "Segmentations and other results",
    "What comes over the wire",
    "Services",
)
OUTCOMES = ("shown", "shown, with a warning", "left out", "refused")


class Row(NamedTuple):
    """One line of the page."""

    group: str
    what: str
    outcome: str
    sentence: str


ROWS: list[Row] = []


def row(group: str, what: str, outcome: str, sentence: str = "") -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test prove one row.

    Args:
        group: one of `GROUPS`.
        what: the input, in a user's words.
        outcome: one of `OUTCOMES`.
        sentence: what the user is told, or a part of it, to the letter; "" when there is nothing to tell.
    """
    assert group in GROUPS and outcome in OUTCOMES
    ROWS.append(Row(group, what, outcome, sentence))

    def decorate(test: Callable[..., Iterable[str] | None]) -> Callable[..., None]:
        @functools.wraps(test)
        def checked(*arguments: Any, **more: Any) -> None:
            told = list(test(*arguments, **more) or ())
            assert not sentence or any(sentence in one for one in told), told

        return checked

    return decorate


def as_markdown(rows: Iterable[Row]) -> str:
    """The page."""
    lines = [
        "# What is read, shown and refused",
        "",
        "Made from the tests in `Testing/images` by `python Testing/tools/make_documents.py`: every line was tried.",
        "The sentences are those of the tests' inputs; names and numbers are theirs.",
    ]
    found = sorted(set(rows), key=lambda one: (GROUPS.index(one.group), OUTCOMES.index(one.outcome), one.what))
    for group in GROUPS:
        here = [one for one in found if one.group == group]
        if here:
            lines += ["", f"## {group}", "", "| what comes | what is done | what is told |", "|---|---|---|"]
            lines += [f"| {one.what} | {one.outcome} | {one.sentence.replace('|', chr(92) + '|')} |" for one in here]
    return "\n".join(lines) + "\n"
