"""Whose a study, a batch or a file is, as event, manifest and DICOM say it, and when two of them cannot be one.

What one side does not say contradicts nothing. Ids of FHIR resources and a study's subject are no identifier: worklists
send constant ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from CastLib.dicom.series import Series
from CastLib.fhir_resource import bare_uid
from CastLib.manifest import FileEntry
from CastLib.message import Message
from CastLib.patient import Patient
from CastLib.study_context import StudyReference, parse_study

OTHER_STUDY = "other-study"
OTHER_PATIENT = "other-patient"

# Where each stands in DICOM JSON (PS3.18 F.2); some senders write plain keywords.
_TAGS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
    "AccessionNumber": "00080050",
    "PatientID": "00100020",
    "IssuerOfPatientID": "00100021",
    "PatientName": "00100010",
    "PatientBirthDate": "00100030",
}


class Contradiction(NamedTuple):
    """Why two claims cannot be of one thing: ``other-study`` or ``other-patient``, and both, named."""

    word: str
    both: str

    @property
    def thing(self) -> str:
        """``study`` or ``patient``."""
        return self.word.rpartition("-")[2]


@dataclass(frozen=True, slots=True)
class Claim:
    """Which study and patient somebody says something is of; "" where he does not."""

    study_uid: str = ""
    accession: str = ""
    patient: Patient = field(default_factory=Patient)

    @classmethod
    def of_reference(cls, reference: StudyReference) -> Claim:
        """What an event says."""
        return cls(reference.study_uid, reference.accession, reference.patient)

    @classmethod
    def of_series(cls, series: Series) -> Claim:
        """What DICOM files say."""
        return cls(series.study_uid, series.accession, series.patient)

    @classmethod
    def of_entry(cls, entry: FileEntry) -> Claim:
        """What a manifest says of a file."""
        return cls._of_keywords(
            {keyword: _first(entry.dicom_metadata.get(tag)) for keyword, tag in _TAGS.items()}
            | {keyword: text for keyword in _TAGS if (text := _first(entry.dicom_metadata.get(keyword)))}
        )

    @classmethod
    def of_batch(cls, message: Message) -> Claim:
        """What stands beside a batch's list of files: a study as in an open, or keywords in lower camel case."""
        told = cls.of_reference(parse_study(message))
        context = message.context_dict()
        plain = cls._of_keywords({keyword: _first(context.get(_camel(keyword))) for keyword in _TAGS})
        return cls(
            told.study_uid or plain.study_uid,
            told.accession or plain.accession,
            told.patient if told.patient != Patient() else plain.patient,
        )

    @classmethod
    def _of_keywords(cls, texts: dict[str, str]) -> Claim:
        patient = Patient(
            texts["PatientID"], texts["IssuerOfPatientID"], texts["PatientName"], texts["PatientBirthDate"]
        )
        return cls(bare_uid(texts["StudyInstanceUID"]), texts["AccessionNumber"], patient)

    def contradiction(self, other: Claim) -> Contradiction | None:
        """What shows that the two are not of one study and patient, None when nothing does."""
        for one, another, word in (
            (self.study_uid, other.study_uid, "study"),
            (self.accession, other.accession, "accession number"),
        ):
            if one and another and one != another:
                return Contradiction(OTHER_STUDY, f"{word} {one} and {word} {another}")
        both = self.patient.contradiction(other.patient)
        return Contradiction(OTHER_PATIENT, both) if both else None

    def agrees(self, other: Claim) -> bool:
        """Whether both name one study, and nothing speaks against it."""
        same = (self.study_uid and self.study_uid == other.study_uid) or (
            self.accession and self.accession == other.accession
        )
        return bool(same) and self.contradiction(other) is None

    @property
    def name(self) -> str:
        """What it says of the study, for a sentence."""
        if self.study_uid:
            return f"study {self.study_uid}"
        return f"accession number {self.accession}" if self.accession else "a study without a name"


def contradiction_among(claims: Iterable[Claim], others: Iterable[Claim]) -> Contradiction | None:
    """The first contradiction between any of some claims and any of some others."""
    pairs = itertools.product(tuple(claims), tuple(others))
    return next((found for one, other in pairs if (found := one.contradiction(other))), None)


def people_among(series: Iterable[Series]) -> str:
    """What shows that series are of several patients, naming two of them; "" when nothing does."""
    patients = tuple(dict.fromkeys(one.patient for one in series))
    pairs = itertools.combinations(patients, 2)
    return next((both for one, other in pairs if (both := one.contradiction(other))), "")


def uid_in_manifest(entry: FileEntry, keyword: str) -> str:
    """One UID that a manifest tells of a file."""
    return _first(entry.dicom_metadata.get(_TAGS[keyword])) or _first(entry.dicom_metadata.get(keyword))


def _first(element: Any) -> str:
    """The text of an element of DICOM JSON, or a plain text."""
    if isinstance(element, dict):
        values = element.get("Value")
        element = values[0] if isinstance(values, list) and values else ""
        if isinstance(element, dict):  # a person's name
            element = element.get("Alphabetic")
    return element.strip(" \0") if isinstance(element, str) else ""


def _camel(keyword: str) -> str:
    return keyword if keyword == "SOPInstanceUID" else keyword[0].lower() + keyword[1:]
