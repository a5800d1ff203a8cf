"""Where the images of an open come from, decided on a worker thread: local folders, then payloads. No engine.

Every reason why a study cannot be shown is a `NotShown` with the status of the acknowledgement and a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from CastInterfaceLib.study.identity import (
    OTHER_PATIENT,
    OTHER_STUDY,
    Claim,
    Contradiction,
    contradiction_among,
    people_among,
)
from CastLib.dicom.headers import SEGMENTS_CLASSES
from CastLib.dicom.series import Scan, Series
from CastLib.errors import CastError, FieldError, HubNotReachable, Refused, TransferError
from CastLib.manifest import FileEntry
from CastLib.message import Message
from CastLib.study_context import StudyReference
from CastSlicerLib.jobs import Cancelled

_FORMS = {
    "dicomweb": "from a DICOMweb server",
    "dicom-url": "from DICOM addresses",
    "files": "from file addresses",
    "nifti-url": "from a NIfTI address",
    "idc": "from the Imaging Data Commons",
}


#: Why what lies at an address is not shown: it ends a sentence.
FETCHES_NOTHING = "this display fetches no addresses until the setting to come, allowed_hosts, names whose it may"


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


def of_another(contradiction: Contradiction) -> NotShown:
    """Why files are not taken for the study that is open, or is to be."""
    sentence = f"The files are of another {contradiction.thing} than what is asked for: {contradiction.both}."
    return NotShown(409, contradiction.word, sentence)


def payload_entries(message: Message) -> list[FileEntry]:
    """The files of a message whose bytes the hub holds. Raises FieldError for a broken manifest."""
    return [entry for entry in message.files if entry.payload_ids]


def missing_study(reference: StudyReference) -> NotShown:
    """Why a study that was found nowhere is not shown: its form of open is not supported yet, or it is not there."""
    if reference.open_mode in _FORMS:
        return NotShown(
            422,
            "form-not-supported",
            f"The study is to be opened {_FORMS[reference.open_mode]} (open mode {reference.open_mode}) and no local "
            f"folder holds it, but {FETCHES_NOTHING}.",
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


def claims_of_batch(message: Message) -> tuple[Claim, ...]:
    """What a batch says of which study and patient it is: in its context first, then in its files' metadata."""
    return (Claim.of_batch(message), *dict.fromkeys(map(Claim.of_entry, payload_entries(message))))


def open_elsewhere(answer: dict[str, Any]) -> list[Any] | dict[str, Any] | None:
    """The study context in a collated STATUS answer: the worklist's, else the first one that tells of a study."""
    told = [one for one in _contexts_in(answer) if one[1]]
    return min(told, key=lambda one: not one[0])[1] if told else None


def worklists_say(answer: dict[str, Any]) -> list[list[Any] | dict[str, Any]]:
    """What each worklist that answered says is open; an empty context where it says that nothing is."""
    return [context for is_worklist, context in _contexts_in(answer) if is_worklist]


def _contexts_in(answer: dict[str, Any]) -> list[tuple[bool, Any]]:
    """Of each that answers and tells its context: whether it is a worklist, and the context if it is of a study."""
    responses = answer.get("responses")
    told: list[tuple[bool, Any]] = []
    for response in responses if isinstance(responses, list) else ():
        data = response.get("data") if isinstance(response, dict) else None
        if not isinstance(data, dict) or "context.type" not in data:
            continue
        context = data.get("context")
        if not isinstance(context, dict) and not _is_list_of_objects(context):
            continue
        is_worklist = "WORKLIST_CLIENT" in str(response.get("actor", "")).upper()
        told.append((is_worklist, context if data["context.type"] == "ImagingStudy" else []))
    return told


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def study_meant(
    scan: Scan, claims: Sequence[Claim], *, certain: bool
) -> tuple[list[Series], list[tuple[Series, Contradiction]]]:
    """The series of the one study and patient that is meant.

    Args:
        scan: what was found.
        claims: what is known of the study: of the event first.
        certain: the files came with the event, or were found by it; others have to say themselves that they are of it.

    Returns:
        its series, and those that are of another study or patient, each with why.

    Raises:
        NotShown: there is no DICOM file, or all are of another study or patient, or of several.
    """
    if not scan.series:
        why = "; ".join(f"{path.name}: {reason}" for path, reason in (*scan.damaged, *scan.skipped)[:3])
        raise NotShown(422, "unreadable", f"There is no DICOM image among the files ({why or 'there are none'}).")
    kept: list[Series] = []
    others: list[tuple[Series, Contradiction]] = []
    for one in scan.series:
        contradiction = contradiction_among([Claim.of_series(one)], claims)
        if contradiction is None:
            kept.append(one)
        else:
            others.append((one, contradiction))
    if not kept:
        raise of_another(others[0][1])
    agreeing = [one for one in kept if any(Claim.of_series(one).agrees(claim) for claim in claims)]
    if not agreeing and not certain:
        raise NotShown(409, OTHER_STUDY, f"The files do not say that they are of {claims[0].name}.")
    uids = sorted({one.study_uid for one in agreeing or kept})
    if len(uids) > 1:
        named = " and ".join(f"study {uid}" for uid in uids[:2])
        raise NotShown(409, OTHER_STUDY, f"The files are of {len(uids)} studies, and none of them is named: {named}.")
    people = people_among(one for one in kept if one.study_uid == uids[0])
    if people:
        raise NotShown(409, OTHER_PATIENT, f"The files of study {uids[0]} are of several patients: {people}.")
    others += [
        (one, Contradiction(OTHER_STUDY, f"study {one.study_uid} and study {uids[0]}"))
        for one in kept
        if one.study_uid != uids[0]
    ]
    return [one for one in kept if one.study_uid == uids[0]], others


def check_wanted(series: Sequence[Series], wanted: Sequence[str]) -> list[str]:
    """The series that an event names and the study does not have.

    Raises:
        NotShown: it has none of those that are named.
    """
    there = {one.uid for one in series}
    missing = [uid for uid in wanted if uid not in there]
    if missing and len(missing) == len(wanted):
        raise unknown_series(missing[0], series[0].study_uid)
    return missing


def unknown_series(uid: str, study_uid: str) -> NotShown:
    """Why a series that is named is not shown: the study does not have it."""
    return NotShown(409, OTHER_STUDY, f"Series {uid}, which is asked for, is not in study {study_uid}.")


def image_series(series: Iterable[Series], wanted: Sequence[str]) -> list[Series]:
    """The series that can be shown as a volume: those asked for first, then the ones with the most slices."""
    found = [one for one in series if one.geometry is not None]
    return sorted(found, key=lambda one: (one.uid not in wanted, -len(one.files), one.key))


def without_picture(series: Iterable[Series]) -> list[tuple[str, str]]:
    """Word and sentence for each series that is found and can be shown neither as a volume nor as a segmentation."""
    return [
        (
            "unreadable" if one.problem else "not-shown",
            f"Series {one.description or one.uid} ({one.modality or 'images'}, {len(one.files)} "
            f"{'file' if len(one.files) == 1 else 'files'}) is not shown: {one.reason_not_shown}.",
        )
        for one in series
        if one.geometry is None and one.sop_class_uid not in SEGMENTS_CLASSES
    ]


def segmentation_files(series: Iterable[Series]) -> list[Path]:
    """The files among the series that hold segments: SEG objects and structure sets."""
    return [path for one in series if one.sop_class_uid in SEGMENTS_CLASSES for path in one.files]


def nothing_to_show(series: Sequence[Series]) -> NotShown:
    """Why none of the series of a study can be shown as a volume."""
    reasons = [f"{one.modality or 'a series'}: {one.reason_not_shown}" for one in series[:3]]
    return NotShown(422, "unreadable", f"No series of the study can be shown ({'; '.join(reasons)}).")


def as_not_shown(error: Exception) -> NotShown:
    """Why something is not shown, for whatever came up."""
    if isinstance(error, NotShown):
        return error
    if isinstance(error, Cancelled):
        return NotShown(409, "called-off", "It was cancelled here.")
    if isinstance(error, FieldError):
        return NotShown(400, "unreadable", str(error))
    if isinstance(error, (TransferError, HubNotReachable, Refused)):
        return NotShown(502, "not-fetched", str(error))
    if isinstance(error, CastError):
        return NotShown(422, "unreadable", str(error))
    return NotShown(500, "failed", f"An unexpected {type(error).__name__} came up.")
