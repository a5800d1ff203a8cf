"""What a view says in words of the image that it shows: from the attributes of its volume node. Main thread only."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

# Attributes of a volume node, beside those of `scene.volumes`; who loads and who opens it sets them. They say whose it
# is, what of it is missing, and a few words where its voxels are not those of the files.
PATIENT_NAME = "DICOM.PatientName"
PATIENT_ID = "DICOM.PatientID"
STUDY_DATE = "DICOM.StudyDate"
SERIES_DESCRIPTION = "DICOM.SeriesDescription"
MISSING_SLICES = "Cast.MissingSlices"  # numbers along the volume's third axis, from 0, with blanks between
WARNING = "Cast.Warning"
NOT_CONFIRMED_SINCE = "Cast.NotConfirmedSince"  # a time of the day; "" while the hub confirms what is shown

# A path of some folders: drive, share, home or root, then at least one folder.
_PATH = re.compile(r"(?<![^\s\"'(])(?:file:/*|[A-Za-z]:[\\/]|\\\\|~?/)(?:[^\s\\/]+[\\/])+")
_WHOLE_PATH = re.compile(r"^(?:file:/*|[A-Za-z]:[\\/]|\\\\|~?/).*[\\/]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImageWords:
    """What is said of an image; ``""`` where nothing is known.

    ``study_date`` is written 2026-01-02. ``warning`` and ``not_confirmed_since`` are marks that no picture may lack.
    """

    patient_name: str = ""
    patient_id: str = ""
    study_date: str = ""
    description: str = ""
    warning: str = ""
    not_confirmed_since: str = ""

    def without_patient(self) -> ImageWords:
        """The same with nothing that tells who the patient is."""
        return replace(self, patient_name="", patient_id="")


def words_of(volume: Any) -> ImageWords:
    """What a volume node's attributes say; all empty for None."""
    if volume is None:
        return ImageWords()

    def told(attribute: str) -> str:
        return without_path(volume.GetAttribute(attribute) or "")

    return ImageWords(
        patient_name=person_name(told(PATIENT_NAME)),
        patient_id=told(PATIENT_ID),
        study_date=date_text(told(STUDY_DATE)),
        description=told(SERIES_DESCRIPTION) or without_path(volume.GetName() or ""),
        warning=told(WARNING),
        not_confirmed_since=told(NOT_CONFIRMED_SINCE),
    )


def missing_slices(volume: Any) -> frozenset[int]:
    """The numbers of a volume's slices that were never received."""
    return frozenset(int(word) for word in (volume.GetAttribute(MISSING_SLICES) or "").split() if word.isdigit())


def without_path(text: str) -> str:
    """The text with no folder in it: a path that it is or has keeps only its last name."""
    return _PATH.sub("", _WHOLE_PATH.sub("", text.strip()))


def person_name(value: str) -> str:
    """A DICOM person name (PS3.5 6.2.1) as it is read: "Doe, John Paul"; what follows it in other scripts behind it."""
    groups = []
    for group in value.split("="):
        parts = [part.strip() for part in group.split("^")]
        family, given = parts[0], " ".join(part for part in parts[1:3] if part)
        groups.append(", ".join(part for part in (family, given) if part))
    return " · ".join(dict.fromkeys(group for group in groups if group))


def date_text(value: str) -> str:
    """A DICOM date (PS3.5 6.2) as 2026-01-02; anything else as it is."""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if re.fullmatch(r"\d{8}", value) else value


def window_text(window: float, level: float, opacity: float = 1.0) -> str:
    """Window and level with as many decimals as the window's size asks for: "W 400 L 40", "W 0.002 L 0.001".

    A volume that is not drawn wholly opaque is told too: it looks darker than its window says.
    """
    dimmed = f" at {opacity:.0%}" if opacity < 1 else ""
    return f"W {number_text(window, window)} L {number_text(level, window)}{dimmed}"


def number_text(value: float, scale: float) -> str:
    """A number so precise that three digits of ``scale`` are told: 0.00213 at a scale of 0.002, 1234 at one of 400."""
    if not math.isfinite(value):
        return str(value)
    size = abs(scale) if scale and math.isfinite(scale) else 1.0
    decimals = 2 - math.floor(math.log10(size))
    if decimals > 6 or abs(value) >= 1e7:
        return f"{value:.3g}"
    text = f"{value:.{max(0, decimals)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
