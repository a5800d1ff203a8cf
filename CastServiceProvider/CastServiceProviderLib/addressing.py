"""Which messages a provider takes, and whom its answers go to (protocol: whom a result goes to; status-update)."""

from __future__ import annotations

from CastLib.actors import EVIDENCE_CREATOR, IMAGE_DISPLAY
from CastLib.dicom.headers import SEGMENTATION_CLASSES
from CastLib.errors import FieldError
from CastLib.events import EVERY
from CastLib.manifest import FileEntry
from CastLib.message import Message, Sender, Target

#: Why what lies at an address is not worked on: it ends a sentence.
FETCHES_NOTHING = "this provider fetches no addresses until the setting to come, allowed_hosts, names whose it may"

_SOP_CLASS, _MODALITY = "00080016", "00080060"


def is_meant_for(message: Message, own: Sender) -> bool:
    """Tell whether a provider takes a message that the hub has matched to it.

    Not what it sent itself. What names this provider or its product is meant for it. What is open to many is not, when
    it is a result already: sent by another provider, or segmentations that come back; providers would answer providers.
    """
    if message.sender.name == own.name:
        return False
    if message.target.name not in ("", EVERY) or message.target.product not in ("", EVERY):
        return True
    actors = message.sender.actors
    if EVIDENCE_CREATOR in actors and IMAGE_DISPLAY not in actors:
        return False
    try:
        entries = message.files
    except FieldError:
        return True  # taken, to be refused with the reason
    return not (entries and all(map(_is_segmentation, entries)))


def is_only_an_address(entry: FileEntry) -> bool:
    """Tell whether the hub does not hold a file's bytes, but tells where they lie (protocol: URL-only sends)."""
    return bool(entry.url) and not entry.payload_ids


def result_target(message: Message) -> Target:
    """The asker when it is an image display that can be named, else the image displays; never everybody."""
    asker = message.sender
    if asker.name not in ("", EVERY) and IMAGE_DISPLAY in asker.actors:
        return Target(name=asker.name)
    return Target(actor=IMAGE_DISPLAY)


def _is_segmentation(entry: FileEntry) -> bool:
    return _value(entry, _MODALITY) == "SEG" or _value(entry, _SOP_CLASS) in SEGMENTATION_CLASSES


def _value(entry: FileEntry, tag: str) -> str:
    element = entry.dicom_metadata.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""
