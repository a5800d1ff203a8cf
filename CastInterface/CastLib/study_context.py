"""What is open: patient, study, encounter and series, in and out of a context (protocol: ImagingStudy-open; guide 3.5).

Clients write the same study in many forms; they are read here once, into one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from CastLib.errors import FieldError
from CastLib.fhir_patient import read_patient
from CastLib.fhir_resource import DICOM_UID, bare_uid, identifiers, is_uid, member, objects, text
from CastLib.fields import need_object
from CastLib.message import Message
from CastLib.patient import Patient

OPEN_MODE = "urn:cast:open-mode"
DICOMWEB_ROOT = "urn:cast:dicomweb-root"
NIFTI_URL = "urn:cast:nifti-url"
NIFTI_FILE_NAME = "urn:cast:nifti-filename"
VOLVIEW_SAMPLE = "urn:cast:volview-sample-id"
WORKLIST_SAMPLE = "urn:cast:worklist-sample-id"

_BUCKETS = {"s3://": "https://{}.s3.amazonaws.com/{}", "gs://": "https://storage.googleapis.com/{}/{}"}
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_STUDY_KEYS = ("study", "imagingstudy")
_WHERE = "event.context"
_NOBODY = Patient()


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
    ``resource_id`` is the id that a close refers to. ``patient`` is what a patient's resource beside it says.
    """

    study_uid: str = ""
    accession: str = ""
    resource_id: str = ""
    patient: Patient = _NOBODY
    series_uids: tuple[str, ...] = ()
    open_mode: str = ""
    dicomweb_root: str = ""
    nifti_url: str = ""
    nifti_file_name: str = ""
    sample_id: str = ""
    files: tuple[FileAddress, ...] = ()


def http_address(url: str) -> str:
    """Return the http(s) form of an address: ``s3://b/k`` and ``gs://b/k`` have one, others stay, none is ``""``."""
    for scheme, form in _BUCKETS.items():
        if url.lower().startswith(scheme):
            bucket, _, key = url[len(scheme) :].partition("/")
            return form.format(bucket, key) if bucket and key else ""
    return url if url.lower().startswith(("http://", "https://")) else ""


def parse_study(message: Message) -> StudyReference:
    """Return the study a message names.

    A message that names none gives an empty reference: the caller says whether that is a mistake.

    Raises FieldError when a resource is no object, and when the message names two studies or two patients: which of
    them is meant nobody can know.
    """
    patients: list[dict[str, Any]] = []
    series: list[str] = []
    files: list[FileAddress] = []
    for key, item, resource in _items(message):
        if key == "patient":
            patients.append(need_object(resource, f"{_WHERE}.patient"))
        elif key == "series":
            series.append(_uid_of(need_object(resource, f"{_WHERE}.series")))
        elif key == "files":
            files.extend(_addresses(item))
    return _reference(study_resource(message), _only_patient(patients), series, files)


def study_resource(message: Message) -> dict[str, Any]:
    """Return the study's resource as the message has it, ``{}`` when it names none; raises as ``parse_study``."""
    studies = []
    for key, _, resource in _items(message):
        if key in _STUDY_KEYS:
            study = need_object(resource, f"{_WHERE}.study")
            studies.append(need_object(study["resource"], f"{_WHERE}.study") if "resource" in study else study)
    return _only_study(studies)


def _items(message: Message) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Each item of the context: its key in lower case, itself, and its resource, which may be the item."""
    for item in message.items():
        resource = member(item, "resource")
        yield text(member(item, "key")).lower(), item, item if resource is None else resource


def _only_study(studies: list[dict[str, Any]]) -> dict[str, Any]:
    """The study named, though some name it twice (as ``study`` and as ``imagingStudy``)."""
    for other in studies[1:]:
        names = [(_uid_of(study), _accession(study)) for study in (studies[0], other)]
        ids = [text(member(study, "id")) for study in (studies[0], other)]
        agree = [one == another for one, another in zip(*names, strict=True) if one and another]
        if not (all(agree) if agree else names[0] == names[1] and ids[0] == ids[1]):
            told = " and ".join(next(filter(None, (*name, id)), "?") for name, id in zip(names, ids, strict=True))
            raise FieldError(_WHERE, f"names two studies ({told}): name the one that is meant")
    return studies[0] if studies else {}


def _only_patient(patients: list[dict[str, Any]]) -> Patient:
    found = list(map(read_patient, patients))
    for other in found[1:]:
        contradiction = found[0].contradiction(other)
        if contradiction:
            raise FieldError(_WHERE, f"names two patients ({contradiction})")
    return found[0] if found else _NOBODY


def _reference(study: dict[str, Any], patient: Patient, series: list[str], files: list[FileAddress]) -> StudyReference:
    series = series + [_uid_of(entry) for entry in objects(member(study, "series"))]
    nifti_url = http_address(_by_system(study, NIFTI_URL))
    root = http_address(_by_system(study, DICOMWEB_ROOT))
    uid = _uid_of(study)
    named = _by_system(study, OPEN_MODE).lower()
    follows = "files" if files else "nifti-url" if nifti_url else "dicomweb" if uid and root else ""
    return StudyReference(
        study_uid=uid,
        accession=_accession(study),
        resource_id=text(member(study, "id")),
        patient=patient,
        series_uids=tuple(dict.fromkeys(filter(_is_dotted, series))),
        open_mode=named or follows,
        dicomweb_root=root,
        nifti_url=nifti_url,
        nifti_file_name=_by_system(study, NIFTI_FILE_NAME),
        sample_id=_by_system(study, WORKLIST_SAMPLE) or _by_system(study, VOLVIEW_SAMPLE),
        files=tuple(files),
    )


def _by_system(resource: dict[str, Any], system: str) -> str:
    return next((one.value for one in identifiers(member(resource, "identifier")) if one.system == system), "")


def _uid_of(resource: dict[str, Any]) -> str:
    """The identifiers' UID (guide 3.5) and ``uid``, which must agree, else what only looks like a UID."""
    found = list(identifiers(member(resource, "identifier")))
    written = member(resource, "uid", "studyinstanceuid")
    said = [one.uid for one in found]
    said += [bare_uid(one.value) for one in identifiers(written)] or [bare_uid(text(written))]
    said = [uid for uid in dict.fromkeys(said) if uid]
    sure = list(filter(is_uid, said))
    if len(sure) > 1:
        raise FieldError(_WHERE, f"names two UIDs for one thing ({sure[0]} and {sure[1]})")
    looks = [bare_uid(text(member(resource, "id"))), *(one.value for one in found if one.is_bare)]
    return next(iter((*sure, *said, *filter(is_uid, looks))), "")


def _accession(study: dict[str, Any]) -> str:
    """R4 keeps it in the study's identifiers, R5 in ``basedOn``, STU3 in ``accession``; many say no type.

    An identifier that says nothing of itself is taken for one only where the study has no other name: it could be
    anything. Of several different ones none is taken.
    """
    own = list(identifiers(member(study, "identifier")))
    ordered = [one for order in objects(member(study, "basedon")) for one in identifiers(member(order, "identifier"))]
    said = {one.value for one in (*own, *ordered) if "acsn" in one.kind or "accession" in one.kind + one.system}
    said = said or set(_legacy_accession(study))
    if not said and not _uid_of(study):
        said = {one.value for one in own if one.is_bare}
    return said.pop() if len(said) == 1 else ""


def _is_dotted(uid: str) -> bool:
    """Tell whether it may be a UID: the field also writes names of folders where a series' UID belongs."""
    return uid.replace(".", "").isdigit()


def _legacy_accession(study: dict[str, Any]) -> Iterator[str]:
    written = member(study, "accession", "accessionnumber")
    yield from (one.value for one in identifiers(written))
    if text(written):
        yield text(written)


def _addresses(item: dict[str, Any]) -> Iterator[FileAddress]:
    holder = item if "files" in item else member(item, "resource")
    files = member(holder, "files") if isinstance(holder, dict) else None
    for entry in objects(files):
        url = http_address(text(member(entry, "url", "uri")))
        if url:
            name = text(member(entry, "filename")) or url.split("?")[0].rsplit("/", 1)[-1]
            mime_type, role, label = (text(member(entry, key)) for key in ("mimetype", "role", "label"))
            yield FileAddress(url, name, mime_type, role, label)


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
