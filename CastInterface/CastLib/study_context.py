"""What is open: patient, study, encounter and series, in and out of a context (protocol: ImagingStudy-open; guide 3.5).

Clients write the same study in many forms; they are read here once, into one value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from CastLib.dicom_patient import Patient
from CastLib.errors import FieldError
from CastLib.fields import need_object
from CastLib.message import Message

DICOM_UID = "urn:dicom:uid"
OPEN_MODE = "urn:cast:open-mode"
DICOMWEB_ROOT = "urn:cast:dicomweb-root"
NIFTI_URL = "urn:cast:nifti-url"
NIFTI_FILE_NAME = "urn:cast:nifti-filename"
VOLVIEW_SAMPLE = "urn:cast:volview-sample-id"
WORKLIST_SAMPLE = "urn:cast:worklist-sample-id"

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_BUCKETS = {"s3://": "https://{}.s3.amazonaws.com/{}", "gs://": "https://storage.googleapis.com/{}/{}"}
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_STUDY_KEYS = ("study", "imagingstudy")


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A file of an open that is an address: ``url`` is http(s), whatever form it came in."""

    url: str
    file_name: str
    mime_type: str
    role: str
    label: str


@dataclass(frozen=True, slots=True)
class StudyReference:
    """A study as a message names it; ``""`` and ``()`` where it does not. UIDs are bare, without ``urn:oid:``.

    ``open_mode`` is the mode named, or what follows when none is: files, else a NIfTI address, else DICOMweb when there
    is a study UID and an http(s) root, else ``""``: by UID or accession number, from wherever the display has it.
    ``resource_id`` is the id that a close refers to. ``patient`` holds what identifies a person in DICOM too: never the
    id of a FHIR resource, nor a study's subject.
    """

    study_uid: str = ""
    accession: str = ""
    resource_id: str = ""
    patient_id: str = ""
    patient: Patient = field(default_factory=Patient)
    encounter_id: str = ""
    series_uids: tuple[str, ...] = ()
    open_mode: str = ""
    dicomweb_root: str = ""
    nifti_url: str = ""
    nifti_file_name: str = ""
    sample_id: str = ""
    files: tuple[FileAddress, ...] = ()


def bare_uid(text: str) -> str:
    """Return a UID without ``urn:oid:`` and surrounding blanks."""
    text = text.strip()
    return text[8:].strip() if text.lower().startswith("urn:oid:") else text


def http_address(url: str) -> str:
    """Return the http(s) form of an address: ``s3://b/k`` and ``gs://b/k`` have one, others stay, none is ``""``."""
    for scheme, form in _BUCKETS.items():
        if url.lower().startswith(scheme):
            bucket, _, key = url[len(scheme) :].partition("/")
            return form.format(bucket, key) if bucket and key else ""
    return url if url.lower().startswith(("http://", "https://")) else ""


def parse_study(message: Message) -> StudyReference:
    """Return the study a message names. Raises FieldError when a study resource is no object.

    A message that names none gives an empty reference: the caller says whether that is a mistake.
    """
    study: dict[str, Any] = {}
    patient: dict[str, Any] = {}
    encounter: dict[str, Any] = {}
    series: list[str] = []
    files: list[FileAddress] = []
    for item in message.items():
        key = str(item.get("key", "")).lower()
        resource = item.get("resource", item)
        if key in _STUDY_KEYS:
            study = need_object(resource, "event.context.study")
            study = need_object(study["resource"], "event.context.study") if "resource" in study else study
        elif key == "patient":
            patient = need_object(resource, "event.context.patient")
        elif key == "encounter":
            encounter = need_object(resource, "event.context.encounter")
        elif key == "series":
            series.append(_uid_of(need_object(resource, "event.context.series")))
        elif key == "files":
            files.extend(_addresses(item))
    return _reference(study, patient, encounter, series, files)


def _reference(
    study: dict[str, Any],
    patient: dict[str, Any],
    encounter: dict[str, Any],
    series: list[str],
    files: list[FileAddress],
) -> StudyReference:
    series = series + [_uid_of(entry) for entry in _objects(study.get("series"))]
    nifti_url = http_address(_by_system(study, NIFTI_URL))
    root = http_address(_by_system(study, DICOMWEB_ROOT))
    uid = _uid_of(study)
    named = _by_system(study, OPEN_MODE).lower()
    follows = "files" if files else "nifti-url" if nifti_url else "dicomweb" if uid and root else ""
    return StudyReference(
        study_uid=uid,
        accession=_accession(study),
        resource_id=_text(study.get("id")),
        patient_id=_patient_id(patient, study),
        patient=_patient_of(patient),
        encounter_id=_text(encounter.get("id")),
        series_uids=tuple(dict.fromkeys(uid for uid in series if uid)),
        open_mode=named or follows,
        dicomweb_root=root,
        nifti_url=nifti_url,
        nifti_file_name=_by_system(study, NIFTI_FILE_NAME),
        sample_id=_by_system(study, WORKLIST_SAMPLE) or _by_system(study, VOLVIEW_SAMPLE),
        files=tuple(files),
    )


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a FHIR list; one object stands for a list of one (STU2 forms)."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield entry


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _by_system(resource: dict[str, Any], system: str) -> str:
    for identifier in _objects(resource.get("identifier")):
        if _text(identifier.get("system")).lower() == system:
            return _text(identifier.get("value"))
    return ""


def _uid_of(resource: dict[str, Any]) -> str:
    """Prefer the identifier (guide 3.5), then ``uid``, then an ``id`` that looks like a UID."""
    found = bare_uid(_by_system(resource, DICOM_UID)) or bare_uid(_text(resource.get("uid")))
    if found:
        return found
    last = bare_uid(_text(resource.get("id")))
    return last if _UID.fullmatch(last) and last.count(".") >= 3 else ""


def _accession(study: dict[str, Any]) -> str:
    """R4 keeps it in the study's identifiers, R5 in ``basedOn``, STU2 in ``accession``."""
    places = [*_objects(study.get("identifier"))]
    for based_on in _objects(study.get("basedOn")):
        places.extend(_objects(based_on.get("identifier")))
    for identifier in places:
        if _has_code(identifier, "ACSN"):
            return _text(identifier.get("value"))
    legacy = study.get("accession")
    return _text(legacy.get("value")) if isinstance(legacy, dict) else _text(legacy)


def _patient_id(patient: dict[str, Any], study: dict[str, Any]) -> str:
    for identifier in _objects(patient.get("identifier")):
        if _text(identifier.get("value")):
            return _text(identifier.get("value"))
    if _text(patient.get("id")):
        return _text(patient.get("id"))
    subject = study.get("subject") or study.get("patient")
    reference = _text(subject.get("reference")) if isinstance(subject, dict) else ""
    return reference.rsplit("/", 1)[-1]


def _patient_of(patient: dict[str, Any]) -> Patient:
    """Who is meant, in DICOM's words: by the medical record number, else the only identifier that names its system."""
    identifiers = [one for one in _objects(patient.get("identifier")) if _text(one.get("value"))]
    named = [one for one in identifiers if _has_code(one, "MR")] or [
        one for one in identifiers if _text(one.get("system")) and not one.get("type")
    ]
    names = [_dicom_name(name) for name in _objects(patient.get("name"))]
    birth_date = _text(patient.get("birthDate")).replace("-", "")
    return Patient(
        id=_text(named[0].get("value")) if len(named) == 1 else "",
        name=names[0] if len(names) == 1 else "",
        birth_date=birth_date if len(birth_date) == 8 else "",
    )


def _dicom_name(name: dict[str, Any]) -> str:
    given = name.get("given")
    givens = [_text(part) for part in given] if isinstance(given, list) else [_text(given)]
    return "^".join(part for part in (_text(name.get("family")), " ".join(filter(None, givens))) if part)


def _has_code(identifier: dict[str, Any], code: str) -> bool:
    kind = identifier.get("type")
    codings = _objects(kind.get("coding")) if isinstance(kind, dict) else ()
    return any(_text(coding.get("code")).upper() == code for coding in codings)


def _addresses(item: dict[str, Any]) -> Iterator[FileAddress]:
    holder = item if "files" in item else item.get("resource", {})
    files = holder.get("files") if isinstance(holder, dict) else None
    for entry in _objects(files):
        url = http_address(_text(entry.get("url")) or _text(entry.get("uri")))
        if url:
            name = _text(entry.get("fileName")) or _text(entry.get("filename")) or url.split("?")[0].rsplit("/", 1)[-1]
            yield FileAddress(
                url, name, _text(entry.get("mimeType")), _text(entry.get("role")), _text(entry.get("label"))
            )


def make_study_context(
    study_uid: str = "",
    *,
    accession: str = "",
    patient_id: str = "",
    resource_id: str = "",
) -> list[dict[str, Any]]:
    """Return a context that plain FHIRcast and Cast clients both read (guide 3.5).

    Raises FieldError when neither a study UID nor an accession number is given.
    """
    if not study_uid and not accession:
        raise FieldError("study", "needs a study UID or an accession number")
    identifiers: list[dict[str, Any]] = []
    if study_uid:
        identifiers.append({"system": DICOM_UID, "value": f"urn:oid:{study_uid}"})
    if accession:
        identifiers.append(_identifier("ACSN", accession))
    study: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "id": resource_id or study_uid or accession,
        "status": "available",
        "identifier": identifiers,
        "subject": {"reference": f"Patient/{patient_id}"} if patient_id else {"display": "not known"},
    }
    if study_uid:
        study["uid"] = study_uid
    items: list[dict[str, Any]] = []
    if patient_id:
        items.append(
            {
                "key": "patient",
                "resource": {
                    "resourceType": "Patient",
                    "id": patient_id,
                    "identifier": [_identifier("MR", patient_id)],
                },
            }
        )
    items.append({"key": "study", "resource": study})
    return items


def _identifier(type: str, value: str) -> dict[str, Any]:
    """Return a business identifier; ``type`` is a code of HL7's table 0203: ACSN accession number, MR patient ID."""
    return {"type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": type}]}, "value": value}
