"""Where the images of an open come from, decided on a worker thread: local folders, then payloads. No engine.

Every reason why a study cannot be shown is a `NotShown` with the status of the acknowledgement and a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from CastInterfaceLib.jobs import Cancelled
from CastInterfaceLib.segmentation_reading import SEG_CLASSES
from CastLib.dicom_series import Scan, Series
from CastLib.errors import CastError, FieldError, HubNotReachable, Refused, TransferError
from CastLib.fhir_resource import bare_uid
from CastLib.manifest import FileEntry, parse_received_manifest
from CastLib.message import Message
from CastLib.study_context import StudyReference, parse_study

_STUDY_UID_TAG = "0020000D"
_INSTANCE_UID_TAG = "00080018"

_FORMS = {
    "dicomweb": "from a DICOMweb server",
    "dicom-url": "from DICOM addresses",
    "files": "from file addresses",
    "nifti-url": "from a NIfTI address",
    "idc": "from the Imaging Data Commons",
}


class NotShown(CastError):
    """A study or a result cannot be shown.

    Attributes:
        status: 4xx or 5xx of the acknowledgement.
        problem: one word for programs: ``form-not-supported``, ``study-not-found``, ``other-study``, ``unreadable`` …
    """

    def __init__(self, status: int, problem: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem


def payload_entries(message: Message) -> list[FileEntry]:
    """The files of a message whose bytes the hub holds. Raises FieldError for a broken manifest."""
    return [entry for entry in parse_received_manifest(message.context) if entry.payload_ids]


def missing_study(reference: StudyReference) -> NotShown:
    """Why a study that was found nowhere is not shown: its form of open is not supported yet, or it is not there."""
    if reference.open_mode in _FORMS:
        return NotShown(
            422,
            "form-not-supported",
            f"The study is to be opened {_FORMS[reference.open_mode]} (open mode {reference.open_mode}), "
            "which this display does not support yet, and no local folder holds it.",
        )
    names = (
        ("study", reference.study_uid),
        ("accession number", reference.accession),
        ("sample", reference.sample_id),
    )
    name = next((f"{word} {value}" for word, value in names if value), "the study")
    return NotShown(404, "study-not-found", f"No local folder holds {name}, and its images were not sent.")


def names_a_study(reference: StudyReference) -> bool:
    """Whether an open says anything by which a study could be found."""
    return bool(
        reference.study_uid
        or reference.accession
        or reference.files
        or reference.nifti_url
        or reference.dicomweb_root
        or reference.sample_id
    )


def studies_of_batch(message: Message) -> set[str]:
    """The StudyInstanceUIDs that a batch names in its context or in its files' metadata; empty when it names none."""
    found = {_metadata(entry, _STUDY_UID_TAG) for entry in payload_entries(message)}
    found.add(parse_study(message).study_uid)
    context = message.context_dict()
    found.add(bare_uid(str(context.get("studyInstanceUID") or "")))
    return found - {""}


def wanted_entry(entry: FileEntry, study_uid: str, known_instances: frozenset[str]) -> bool:
    """Whether a payload is worth fetching: not of another study, and not here already, as far as its metadata tells."""
    study, instance = _metadata(entry, _STUDY_UID_TAG), _metadata(entry, _INSTANCE_UID_TAG)
    return bool(entry.payload_ids) and study in ("", study_uid or study) and instance not in known_instances


def _metadata(entry: FileEntry, tag: str) -> str:
    """One UID of a file's metadata: DICOM JSON (PS3.18 F.2), or plain keywords as some senders write."""
    element = entry.dicom_metadata.get(tag)
    if isinstance(element, dict):
        values = element.get("Value")
        element = values[0] if isinstance(values, list) and values else ""
    if element is None:
        element = entry.dicom_metadata.get(
            {_STUDY_UID_TAG: "StudyInstanceUID", _INSTANCE_UID_TAG: "SOPInstanceUID"}[tag]
        )
    return element if isinstance(element, str) else ""


def open_elsewhere(answer: dict[str, Any]) -> list[Any] | dict[str, Any] | None:
    """The study context in a collated STATUS answer: the worklist's, else the first one that tells of a study."""
    responses = answer.get("responses")
    told = []
    for response in responses if isinstance(responses, list) else ():
        data = response.get("data") if isinstance(response, dict) else None
        if isinstance(data, dict) and data.get("context.type") == "ImagingStudy":
            context = data.get("context")
            if context and (isinstance(context, dict) or _is_list_of_objects(context)):
                told.append(("WORKLIST_CLIENT" not in str(response.get("actor", "")).upper(), context))
    return min(told, key=lambda one: one[0])[1] if told else None


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def only_study(scan: Scan, reference_uid: str) -> tuple[str, list[Series]]:
    """The series of the study that is meant: the one asked for, or the only one there.

    Returns:
        its StudyInstanceUID and its series.

    Raises:
        NotShown: there is no DICOM file, or it is another study, or there are several.
    """
    uids = {series.study_uid for series in scan.series}
    if not uids:
        why = "; ".join(f"{path.name}: {reason}" for path, reason in (*scan.damaged, *scan.skipped)[:3])
        raise NotShown(422, "unreadable", f"There is no DICOM image among the files ({why or 'there are none'}).")
    if reference_uid:
        if reference_uid not in uids:
            raise NotShown(409, "other-study", f"The files belong to another study than {reference_uid}.")
    elif len(uids) > 1:
        raise NotShown(409, "other-study", f"The files belong to {len(uids)} studies, and none of them is named.")
    uid = reference_uid or uids.pop()
    return uid, [series for series in scan.series if series.study_uid == uid]


def image_series(series: Iterable[Series], wanted: Sequence[str]) -> list[Series]:
    """The series that can be shown as a volume: those asked for first, then the ones with the most slices."""
    found = [one for one in series if one.geometry is not None]
    return sorted(found, key=lambda one: (one.uid not in wanted, -len(one.files), one.uid))


def segmentation_files(series: Iterable[Series]) -> list[Path]:
    """The files of SEG objects among the series."""
    return [path for one in series if one.sop_class_uid in SEG_CLASSES for path in one.files]


def nothing_to_show(series: Sequence[Series]) -> NotShown:
    """Why none of the series of a study can be shown as a volume."""
    reasons = [f"{one.modality or 'a series'}: {one.problem or 'no stack of slices'}" for one in series[:3]]
    return NotShown(422, "unreadable", f"No series of the study can be shown ({'; '.join(reasons)}).")


def as_not_shown(error: Exception) -> NotShown:
    """Why something is not shown, for whatever came up."""
    if isinstance(error, NotShown):
        return error
    if isinstance(error, Cancelled):
        return NotShown(409, "called-off", "It was called off here.")
    if isinstance(error, FieldError):
        return NotShown(400, "unreadable", str(error))
    if isinstance(error, (TransferError, HubNotReachable, Refused)):
        return NotShown(502, "not-fetched", str(error))
    if isinstance(error, CastError):
        return NotShown(422, "unreadable", str(error))
    return NotShown(500, "failed", f"An unexpected {type(error).__name__} came up.")
