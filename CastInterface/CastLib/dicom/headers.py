"""What a pile of DICOM files says of itself before its pixels, value by value: nonsense costs only itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pydicom
from pydicom.multival import MultiValue

from CastLib.dicom.folder_files import CANNOT_BE_OPENED, EMPTY, NOT_THERE, FoundFile
from CastLib.dicom.reading import read_image_header
from CastLib.errors import FieldError
from CastLib.patient import PATIENT_TAGS

#: What tells images at one place apart by their kind …
KIND_TAGS = (
    "EchoNumbers",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "SequenceName",
    "ImageType",
    "StackID",
    "ConvolutionKernel",
    "KVP",
    "EnergyWindowNumber",
)
#: … and by when they were made.
TIME_TAGS = (
    "TemporalPositionIdentifier",
    "TriggerTime",
    "AcquisitionNumber",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentDate",
    "ContentTime",
    "InstanceCreationDate",
    "InstanceCreationTime",
)
#: Storage SOP classes of PS3.4 B.5: Segmentation, and Label Map Segmentation (supplement 243).
SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
#: … and Surface Segmentation, which has no voxels: all that are results of segmenting.
SEGMENTATION_CLASSES = (*SEG_CLASSES, "1.2.840.10008.5.1.4.1.1.66.5")
#: RT Structure Set: contours of regions.
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
#: What is shown as segments over the series that it is of.
SEGMENTS_CLASSES = (*SEG_CLASSES, STRUCTURE_SET)

_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_TAGS = (
    *_UIDS,
    *PATIENT_TAGS,
    *KIND_TAGS,
    *TIME_TAGS,
    "InstanceNumber",
    "AccessionNumber",
    "Modality",
    "SeriesDescription",
    "StudyDate",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
)
#: Suffixes by which a file without bytes is known to have been an image.
_IMAGE_SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")


def read_slice_header(path: Path) -> tuple[pydicom.Dataset, str]:
    """Return a file's header with its values decoded, and why its pixels are not all there or ``""``.

    A value that is nonsense is taken out, as if the file did not have it. Raises InvalidDicomError for a file that is
    no DICOM, and FieldError for one that is damaged, cannot be opened, or does not say which instance it is.
    """
    try:
        header, why = read_image_header(path, _TAGS)
    except OSError as error:
        raise FieldError(path.name, f"{CANNOT_BE_OPENED} ({error.strerror or type(error).__name__})") from None
    for keyword in _TAGS:
        try:
            header.get(keyword)
        except Exception:  # pydicom has no one error for values that are none
            del header[keyword]
    for keyword in _UIDS:
        if not uid_of(header, keyword):
            raise FieldError(path.name, f"damaged DICOM file ({keyword} is missing)")
    return header, why


def is_lost_image(found: FoundFile) -> bool:
    """Whether a file that cannot be read may well be an image that is missing somewhere."""
    if found.why == EMPTY:
        return found.path.suffix.lower() in _IMAGE_SUFFIXES
    return found.why == NOT_THERE or found.why.startswith(CANNOT_BE_OPENED)


def text_of(header: pydicom.Dataset, keyword: str) -> str:
    """Return an attribute as text without the blanks and NULs around it, ``""`` when it is absent, empty or broken."""
    try:
        value = header.get(keyword)
        if isinstance(value, MultiValue):
            value = "\\".join(map(str, value))  # as it stands in the file
        return "" if value is None else str(value).strip("\0 \t\r\n")
    except Exception:  # pydicom has no one error for values that are none
        return ""


def uid_of(header: pydicom.Dataset, keyword: str) -> str:
    """Return a UID (or another attribute that may have one value only) as text, the first where there are several."""
    return text_of(header, keyword).split("\\", 1)[0].strip("\0 ")


def numbers_of(header: pydicom.Dataset, keyword: str, count: int, name: str) -> tuple[float, ...]:
    """Return an attribute as so many finite numbers; raises FieldError, with the file's ``name``, when it is not."""
    try:
        value: Any = header.get(keyword)
        parts = [] if value is None else list(value) if not isinstance(value, (str, int, float)) else [value]
        numbers = tuple(float(part) for part in parts)
    except Exception:  # pydicom has no one error for values that are none
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise FieldError(f"{name}: {keyword}", f"must be {count} number{'s' if count > 1 else ''}")
    return numbers


def number_of(header: pydicom.Dataset, keyword: str) -> float | None:
    """Return an attribute as a number, the first of several, None when it is absent, or none, or not finite."""
    try:
        number = float(uid_of(header, keyword))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
