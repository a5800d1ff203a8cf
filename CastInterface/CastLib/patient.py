"""Whose images they are, as DICOM files say it (PS3.3 C.7.1.1), and when two of them cannot be one person."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

#: What a reader of headers must read for `Patient.of`.
PATIENT_TAGS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient as a file, an event or a manifest names one; ``""`` where it does not.

    ``name`` is DICOM's (``Family^Given``), ``birth_date`` YYYYMMDD.
    """

    id: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""

    @classmethod
    def of(cls, header: Any) -> Patient:
        """Return the patient of a file's header (a ``pydicom.Dataset``)."""
        return cls(*(str(header.get(keyword) or "").strip(" \0") for keyword in PATIENT_TAGS))

    def contradiction(self, other: Patient) -> str:
        """Return what shows that the two are different people, naming both; ``""`` when nothing does.

        What one of them does not say contradicts nothing. Two issuers give the same number to two people.
        """
        issuers = self.issuer and other.issuer and self.issuer != other.issuer
        if self.id and other.id and (self.id != other.id or issuers):
            of = (f" of {self.issuer}", f" of {other.issuer}") if issuers else ("", "")
            return f"patient ID {self.id}{of[0]} and patient ID {other.id}{of[1]}"
        if _differ(self.name, other.name):
            return f"patient {self.name} and patient {other.name}"
        if self.birth_date and other.birth_date and self.birth_date != other.birth_date:
            return f"birth date {self.birth_date} and birth date {other.birth_date}"
        return ""


def _differ(one: str, other: str) -> bool:
    """Whether two names differ in the first form that both have: alphabetic, ideographic, phonetic (PS3.5 6.2.1)."""
    both = zip(map(_plain, one.split("=")), map(_plain, other.split("=")), strict=False)
    return next((ours != theirs for ours, theirs in both if ours and theirs), False)


def _plain(form: str) -> str:
    """One form of a name without what writers differ in: case, blanks, empty parts."""
    return re.sub(r"[\s^]+", "^", unicodedata.normalize("NFC", form).casefold()).strip("^")
