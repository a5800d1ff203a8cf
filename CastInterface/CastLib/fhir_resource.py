"""FHIR resources as clients write them: STU3, R4 or R5, a list or one object, numbers as texts, names in any case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from CastLib.fields import trimmed

DICOM_UID = "urn:dicom:uid"

# What else of a study identifiers tell in the field: the open's mode and address; and values that are URIs themselves.
_KNOWN_SYSTEMS = ("urn:cast:", "idc", "urn:ietf:", "urn:uuid:")
_OID = "urn:oid:"
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST_UID = 64  # PS3.5 9.1
_LEAST_DOTS = 3  # a number such as 2024.17 is no UID …
_OF_A_UUID = "2.25."  # … but what is made of a UUID has two


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier: ``system`` and ``kind`` (its type's codes and words) in small letters, ``""`` for none."""

    system: str
    value: str
    kind: str = ""

    @property
    def uid(self) -> str:
        """The DICOM UID that it is said to be, ``""`` when it is something else."""
        if self.system == DICOM_UID:
            return bare_uid(self.value)
        return bare_uid(self.value) if self.value.lower().startswith(_OID) else ""

    @property
    def is_bare(self) -> bool:
        """Tell whether it says nothing of what it is: neither by a type nor by a system that is known."""
        known = self.system == DICOM_UID or self.system.startswith(_KNOWN_SYSTEMS)
        return not self.kind and not self.uid and not known


def member(resource: dict[str, Any], *names: str) -> Any:
    """Return a member by one of its names, which are in small letters; None when there is none."""
    for name in names:
        if name in resource:
            return resource[name]
    folded = {key.casefold(): value for key, value in reversed(list(resource.items()))}
    return next((folded[name] for name in names if name in folded), None)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; one object stands for a list of one (STU2 forms)."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield entry


def text(value: Any) -> str:
    """Return a text without what stands around it; a whole number is one too, anything else is ``""``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return trimmed(value) if isinstance(value, str) else ""


def identifiers(value: Any) -> Iterator[Identifier]:
    """Yield the identifiers that have a value, of a list or of one."""
    for entry in objects(value):
        found = text(member(entry, "value"))
        if found and text(member(entry, "use")).lower() != "old":
            yield Identifier(text(member(entry, "system")).lower(), found, _kind(member(entry, "type")))


def bare_uid(written: str) -> str:
    """Return a UID without ``urn:oid:`` and what stands around it."""
    written = trimmed(written)
    return trimmed(written[len(_OID) :]) if written.lower().startswith(_OID) else written


def is_uid(written: str) -> bool:
    """Tell whether a text looks like a DICOM UID (PS3.5 9.1, B.2), as a number with dots in it does not."""
    looks_so = written.startswith(_OF_A_UUID) or written.count(".") >= _LEAST_DOTS
    return looks_so and len(written) <= _LONGEST_UID and _UID.fullmatch(written) is not None


def _kind(value: Any) -> str:
    """The words of a CodeableConcept, in small letters."""
    if not isinstance(value, dict):
        return text(value).lower()
    words = [text(member(value, "text"))]
    for coding in objects(member(value, "coding")):
        words += [text(member(coding, "code")), text(member(coding, "display"))]
    return " ".join(filter(None, words)).lower()
