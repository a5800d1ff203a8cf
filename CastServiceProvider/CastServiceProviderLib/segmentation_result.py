"""A script's label array as a DICOM Segmentation that any viewer reads (PS3.3 A.51, BINARY).

BINARY rather than LABELMAP (supplement 243), which most viewers do not know yet.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.sr.coding import Code as DicomCode
from pydicom.valuerep import DS, PersonName

from CastLib.dicom.reading import read_header
from CastLib.dicom.series import Geometry, Series, read_series
from CastLib.errors import FieldError
from CastLib.version import __version__
from CastServiceProviderLib.findings import NOTHING_FOUND

SERIES_NUMBER = 300  # where most scanners do not count to

warnings.filterwarnings("ignore", category=UserWarning, module=r"highdicom(\.|$)")  # quotes patients' names

_UTF_8 = "ISO_IR 192"  # every name of every source can be written in it, which of no other set is true
MANUFACTURER = "Cast Interface for 3D Slicer"

# What a result takes over from its source though it may be empty there (type 2); files in the field often lack some.
_TAKEN_OVER = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)


@dataclass(frozen=True, slots=True)
class Code:
    """A coded term: its value, its scheme (``SCT`` is SNOMED CT, ``DCM`` DICOM's own) and its meaning (PS3.3 8.1)."""

    value: str
    scheme: str
    meaning: str

    def to_dicom(self) -> DicomCode:
        """The same as pydicom has it; raises FieldError for what DICOM cannot hold."""
        for field, most in (("value", 16), ("scheme", 16), ("meaning", 64)):
            text = getattr(self, field)
            if not isinstance(text, str) or not text or _as_text(text, field)[:most] != text:
                raise FieldError(f"Code.{field}", f"must be a text of 1 to {most} characters, not {str(text)[:80]!r}")
        return DicomCode(self.value, self.scheme, self.meaning)


# Categories of segments (PS3.16 CID 7150).
TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
BODY_SUBSTANCE = Code("91720002", "SCT", "Body Substance")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")

# Families of algorithms (PS3.16 CID 7162).
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
CLUSTER_ANALYSIS = Code("123107", "DCM", "Cluster Analysis")
MORPHOLOGICAL_OPERATIONS = Code("123104", "DCM", "Morphological Operations")


@dataclass(frozen=True, slots=True)
class SegmentDescription:
    """What one label means. ``number`` is its value in the label array: 1, 2, 3 … without gaps (PS3.3 C.8.20.4).

    ``color`` is sRGB, 0 to 255 each; ``algorithm`` and ``algorithm_version`` name what drew the segment.
    """

    number: int
    label: str
    category: Code
    type: Code
    color: tuple[int, int, int]
    algorithm: str
    algorithm_version: str = __version__
    algorithm_family: Code = ARTIFICIAL_INTELLIGENCE
    anatomic_region: Code | None = None

    def to_dicom(self) -> hd.seg.SegmentDescription:
        """The same as highdicom has it; raises FieldError for a colour or a text that DICOM cannot hold."""
        for field in ("label", "algorithm", "algorithm_version"):
            text = getattr(self, field)
            if not isinstance(text, str) or not text or _as_text(text, field) != text:
                raise FieldError(f"segments[{self.number}].{field}", "must have 1 to 64 characters, and no backslash")
        for field in ("category", "type", "algorithm_family", "anatomic_region"):
            code = getattr(self, field)
            if not isinstance(code, Code) and not (field == "anatomic_region" and code is None):
                told = f'must be a Code, as Code("10200004", "SCT", "Liver"), not {type(code).__name__}'
                raise FieldError(f"segments[{self.number}].{field}", told)
        color: Any = self.color
        if np.shape(color) != (3,) or not all(
            isinstance(part, (int, np.integer)) and 0 <= part <= 255 for part in color
        ):
            raise FieldError(f"segments[{self.number}].color", "must be three whole numbers from 0 to 255")
        return hd.seg.SegmentDescription(
            segment_number=self.number,
            segment_label=self.label,
            segmented_property_category=self.category.to_dicom(),
            segmented_property_type=self.type.to_dicom(),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=hd.AlgorithmIdentificationSequence(
                name=self.algorithm, family=self.algorithm_family.to_dicom(), version=self.algorithm_version
            ),
            tracking_id=self.label,
            tracking_uid=hd.UID(),
            anatomic_regions=None if self.anatomic_region is None else [self.anatomic_region.to_dicom()],
            display_color=hd.color.CIELabColor.from_rgb(*self.color),
        )


def write_segmentation(
    path: str | os.PathLike[str],
    source_files: Iterable[str | os.PathLike[str]],
    labels: npt.NDArray[Any],
    segments: Sequence[SegmentDescription],
    *,
    description: str,
    product: str,
    version: str,
) -> Path:
    """Write ``labels`` as a DICOM Segmentation over the series in ``source_files``, and return its path.

    ``labels`` has whole numbers, shape (slices, rows, columns), slices in the order of ``read_series(source_files)``;
    0 is background. Every source instance is referenced. ``description`` is the series' description; ``product`` and
    ``version`` name the provider. A described segment of which ``labels`` has no voxel is written without a frame and
    says so (`findings`). Raises FieldError when the sources are not one volume, when the shape differs or when a label
    is not described.
    """
    series = _one_volume(source_files)
    counts = _count(labels, series.volume, segments)
    result = hd.seg.Segmentation(
        source_images=[_header(file, series.volume) for file in series.files],
        pixel_array=np.ascontiguousarray(labels, dtype=np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment.to_dicom() for segment in segments],
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=_as_text(product, "product"),
        software_versions=_as_text(version, "version"),
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description=_as_text(description, "description"),
        series_description=_as_text(description, "description"),
        specific_character_set=_UTF_8,
        omit_empty_frames=any(counts[1:]),  # DICOM knows no image without frames: where all are empty, all are written
    )
    for item, count in zip(result.SegmentSequence, counts[1:], strict=True):
        if not count:
            item.SegmentDescription = NOTHING_FOUND
    path = Path(path)
    result.save_as(path, enforce_file_format=True)
    return path


def volumes_ml(
    labels: npt.NDArray[Any], segments: Sequence[SegmentDescription], geometry: Geometry
) -> dict[int, float]:
    """Return each segment's volume in millilitres by its number; raises FieldError for an array of another shape."""
    counts = _count(labels, geometry, segments)
    return {segment.number: counts[segment.number] * geometry.voxel_volume / 1000 for segment in segments}


def _one_volume(source_files: Iterable[str | os.PathLike[str]]) -> Series:
    if isinstance(source_files, (str, os.PathLike)):
        raise FieldError("source_files", f"must be a list of files: write [{str(source_files)!r}]")
    found = read_series(source_files)
    if len(found) != 1:
        raise FieldError("source_files", f"must be the files of one series, not of {len(found)}")
    if not found[0].volume.even:
        raise FieldError("source_files", "; ".join(found[0].warnings))
    if not found[0].frame_of_reference_uid:
        raise FieldError("source_files", "have no FrameOfReferenceUID")
    return found[0]


def _count(labels: npt.NDArray[Any], geometry: Geometry, segments: Sequence[SegmentDescription]) -> list[int]:
    """Return how many voxels each label has, background first; raises FieldError for what is no label array."""
    if not isinstance(labels, np.ndarray):
        raise FieldError("labels", f"must be a numpy array, not {type(labels).__name__}")
    shape = (geometry.slices, geometry.rows, geometry.columns)
    if labels.shape != shape:
        swapped = " (it has columns first: write labels.transpose(2, 1, 0))" if labels.shape == shape[::-1] else ""
        told = f"must have the shape {shape} of its source (slices, rows, columns), not {labels.shape}{swapped}"
        raise FieldError("labels", told)
    if labels.dtype.kind == "b":
        raise FieldError(
            "labels", "is a mask of true and false: write mask.astype(numpy.uint8), so that 1 is segment 1"
        )
    if labels.dtype.kind not in "ui":
        raise FieldError("labels", f"must hold whole numbers, not {labels.dtype}: write labels.astype(numpy.uint8)")
    if not isinstance(segments, (list, tuple)) or not all(isinstance(one, SegmentDescription) for one in segments):
        raise FieldError("segments", "must be a list of SegmentDescription, one for each label")
    if not segments:
        raise FieldError("segments", "is empty")
    if [segment.number for segment in segments] != list(range(1, len(segments) + 1)) or len(segments) > 255:
        raise FieldError("segments", "must be numbered 1, 2, 3 … in order, 255 at most")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > len(segments):
        raise FieldError("labels", f"holds {low if low < 0 else high}, which no segment describes")
    return [int(count) for count in np.bincount(labels.astype(np.uint8).ravel(), minlength=len(segments) + 1)]


def _header(file: Path, geometry: Geometry) -> pydicom.Dataset:
    header = read_header(file)
    _to_utf_8(header)
    if geometry.slices > 1:  # what a scanner wrote may be the gap, negative, or wrong; readers would trust it
        header.SpacingBetweenSlices = DS(geometry.spacing[2], auto_format=True)
    for keyword in _TAKEN_OVER:
        if keyword not in header:
            setattr(header, keyword, "")
    return header


def _to_utf_8(header: pydicom.Dataset) -> None:
    """Decode every text by the file's own character set, so that it is encoded anew when the result is written."""
    header.decode()
    for element in header.iterall():
        if element.VR == "PN":  # keeps its first bytes
            names = (
                [PersonName(str(name)) for name in element.value] if element.VM > 1 else PersonName(str(element.value))
            )
            element.value = names
        elif element.keyword == "SpecificCharacterSet":  # items of sequences may have one of their own
            element.value = _UTF_8


def _as_text(text: str, field: str) -> str:
    """The text as a value of DICOM's LO can hold it (PS3.5 6.2); raises FieldError for what is none."""
    if not isinstance(text, str):
        raise FieldError(field, f"must be text, not {type(text).__name__}")
    return (
        "".join(" " if character < " " or character == "\x7f" else character for character in text)
        .replace("\\", "/")[:64]
        .strip()
    )
