"""Actors: the roles an application plays. IHE's keywords, and those seen in the field; any other keyword routes too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from CastLib.errors import FieldError
from CastLib.fields import kind_of

IMAGE_DISPLAY = "ID"
EVIDENCE_CREATOR = "EC"
WORKLIST_CLIENT = "WORKLIST_CLIENT"

SLICER_PRODUCT = "3DSLICER-ID"  # the product by which existing worklists know Slicer as an image display

#: IHE's actor keywords and those of Cast clients, with what they mean.
ACTORS = {
    IMAGE_DISPLAY: "Image Display",
    EVIDENCE_CREATOR: "Evidence Creator",
    WORKLIST_CLIENT: "Worklist client",
    "REPORTING_CLIENT": "Reporting client",
    "RC": "Report Creator",
    "REPORT_CREATOR": "Report Creator",
    "IMAGE_ARCHIVE": "Image Archive",
    "WATCHER": "Watcher",
    "HUB": "Hub",
}


def actor_words(actors: Iterable[str]) -> str:
    """Return actors as a person reads them: ``Image Display, Report Creator``; unknown keywords as they are."""
    return ", ".join(ACTORS.get(actor.upper(), actor) for actor in actors)


def parse_actors(value: Any, field: str = "subscriber.actors") -> tuple[str, ...]:
    """Return the keywords in ``value``: a list, one keyword, a comma list, or JSON text of a list or keyword.

    Order is kept, repeats (without case) are dropped, null is no actor. Raises FieldError for anything else.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = _actors_in_text(value, field)
    if not isinstance(value, list):
        raise FieldError(field, f"must be a keyword or a list of keywords, not {kind_of(value)}")
    found: dict[str, str] = {}
    for index, actor in enumerate(value):
        if not isinstance(actor, str):
            raise FieldError(f"{field}[{index}]", f"must be text, not {kind_of(actor)}")
        if actor.strip():
            found.setdefault(actor.strip().casefold(), actor.strip())
    return tuple(found.values())


def _actors_in_text(text: str, field: str) -> list[Any]:
    stripped = text.strip()
    if stripped[:1] not in ("[", '"'):
        return stripped.split(",")
    try:
        value = json.loads(stripped)
    except ValueError:
        raise FieldError(field, "is neither a keyword nor a JSON list of keywords") from None
    return value if isinstance(value, list) else [value]
