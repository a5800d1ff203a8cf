"""Event names: compared without case, kept as the sender spelled them (FHIRcast 2.3.2)."""

from __future__ import annotations

import unicodedata

from CastLib.fields import trimmed

EVERY = "*"

REQUEST_SUFFIX = "-request"
RESPONSE_SUFFIX = "-response"

SUBSCRIPTION_REMOVED = "subscription-removed"
STATUS_UPDATE = "status-update"
SYNC_ERROR = "SyncError"
CONFERENCE_START = "conference-start"
CONFERENCE_LEAD = "conference-lead"
CONFERENCE_END = "conference-end"
DICOM_SEND = "dicom-send"
NIFTI_SEND = "nifti-send"
NRRD_SEND = "nrrd-send"
IMAGING_STUDY_OPEN = "ImagingStudy-open"
IMAGING_STUDY_CLOSE = "ImagingStudy-close"
SCENE_UPDATE = "scene-update"
STRUCTURE_REPORT_UPDATE = "structurereport-update"

#: Families whose bytes travel as a batch and never inside JSON (protocol: binary batches).
BINARY_FAMILIES = (
    "dicom",
    "nifti",
    "nrrd",
    "png",
    "jpg",
    "imagingstudy",
    "scene",
    "openehr",
    "openigtlink",
    "mrb",
    "stl",
)


def event_key(name: str) -> str:
    """Return the form in which event names are compared, by hub and clients alike.

    Without case (Unicode D145, canonical caseless matching), and without what stands around a name: a NUL, a tab or a
    no-break space there is nothing that its sender could mean.
    """
    name = trimmed(name)
    return (
        name.lower() if name.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
    )


def request_event(data_type: str) -> str:
    """Return the event that asks for a data type: ``STATUS`` → ``status-request``."""
    return data_type.lower() + REQUEST_SUFFIX


def response_event(data_type: str) -> str:
    """Return the event that answers for a data type: ``STATUS`` → ``status-response``."""
    return data_type.lower() + RESPONSE_SUFFIX


def data_type_of_event(name: str) -> str:
    """Return the data type a request or response event speaks of (``status-request`` → ``STATUS``), else ``""``."""
    key = event_key(name)
    for suffix in (REQUEST_SUFFIX, RESPONSE_SUFFIX):
        if key.endswith(suffix):
            return key[: -len(suffix)].upper()
    return ""


def is_request(name: str) -> bool:
    """Tell whether an event asks for an answer."""
    return event_key(name).endswith(REQUEST_SUFFIX)


def is_response(name: str) -> bool:
    """Tell whether an event answers a request."""
    return event_key(name).endswith(RESPONSE_SUFFIX)


def is_binary_family(name: str) -> bool:
    """Tell whether an event belongs to a family whose bytes travel as a batch.

    A name belongs when it is the family's word, or that word followed by ``-`` or ``_``.
    """
    key = event_key(name).replace("_", "-")
    return key.split("-", 1)[0] in BINARY_FAMILIES
