"""The page of data types, and the command's help, name every one that is known or answered here."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from CastCLI.request import add_arguments
from CastInterfaceLib.display.answers import answer_requests
from CastLib.data_types import DATA_TYPES, KNOWN

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data-types.md").read_text(encoding="utf-8")


def words(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]{6,}\b", text))


def rows() -> dict[str, str]:
    """Each data type of the page, and who answers it."""
    found = {}
    for row in PAGE.splitlines():
        if row.startswith("| `"):
            types, who = row.split("|")[1:3]
            found.update(dict.fromkeys(words(types), who))
    return found


class Session:
    def __init__(self) -> None:
        self.answered: list[str] = []

    def on_request(self, data_type: str, *_: Any, in_background: bool) -> None:
        assert in_background
        self.answered.append(data_type)

    def on_other_requests(self, *_: Any) -> None:
        pass


def test_every_known_data_type_stands_on_the_page_and_in_the_help() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    told = words(parser.format_help())
    known = {one.name for one in KNOWN}
    assert set(DATA_TYPES) <= set(rows()) == known <= told
    assert len(known) == len(KNOWN)


def test_what_a_display_answers_is_told_of_it() -> None:
    session: Any = Session()
    answer_requests(session, views=None, status=None, patient_text=False)  # type: ignore[arg-type]  # nobody asks
    others = {one.name for one in KNOWN if one.answers.startswith("displays of others")}
    shown = {name for name, who in rows().items() if "image display" in who}
    assert shown == set(session.answered) == {one.name for one in KNOWN if one.answers.startswith("displays")} - others
