"""The patient that a context names, as DICOM has one: only what can be compared with a file is taken."""

from __future__ import annotations

import re
from typing import Any

from CastLib.fhir_resource import Identifier, identifiers, member, objects, text
from CastLib.patient import Patient

_RECORD_NUMBER = re.compile(r"\b(mr|mrn|pi|patient ?id|medical record( number)?)\b")
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_ADDRESSES = ("http:", "https:", "urn:uuid:", "urn:cast:", "urn:ietf:")  # of resources, or this product's own


def read_patient(resource: dict[str, Any]) -> Patient:
    """Return what a Patient resource says that DICOM says too; ``id`` and references are the sender's own affair.

    The ID is that of a record number, else the only one whose system is no address of resources; of several nothing
    can be said. The name is taken only where no ID is: it is written in too many ways (middle names, alphabets).
    """
    found = list(identifiers(member(resource, "identifier")))
    numbers = [one for one in found if _RECORD_NUMBER.search(one.kind)] or list(filter(_is_local, found))
    values = {one.value for one in numbers}
    id = values.pop() if len(values) == 1 else ""
    return Patient(id=id, name="" if id else _name(resource), birth_date=_date(text(member(resource, "birthdate"))))


def _is_local(identifier: Identifier) -> bool:
    return bool(identifier.system) and not identifier.kind and not identifier.system.startswith(_ADDRESSES)


def _name(resource: dict[str, Any]) -> str:
    """``Family^Given`` of the only name with one family and one given name, in which no two spellings can differ."""
    names = list(objects(member(resource, "name")))
    if len(names) != 1:
        return ""
    family, given = member(names[0], "family"), member(names[0], "given")
    parts = [text(part[0] if isinstance(part, list) and len(part) == 1 else part) for part in (family, given)]
    plain = all(part.isalpha() and part.isascii() for part in parts)
    return "^".join(parts) if plain else ""


def _date(written: str) -> str:
    """A whole date as DICOM writes it; a year, or a month, is none."""
    found = _DATE.match(written)
    return "".join(found.groups()) if found else ""
