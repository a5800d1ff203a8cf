"""A script's label array as a DICOM Segmentation that any viewer reads (PS3.3 A.51, BINARY).

BINARY rather than LABELMAP (supplement 243), which most viewers do not know yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.sr.coding import Code as DicomCode
from pydicom.valuerep import DS

from CastLib.dicom_reading import read_header
from CastLib.dicom_series import Geometry, Series, read_series
from CastLib.errors import FieldError
from CastLib.version import __version__

SERIES_NUMBER = 300  # where most scanners do not count to
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
        """The same as pydicom has it."""
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
        if not self.label or len(self.label) > 64:
            raise FieldError(f"segments[{self.number}].label", "must have 1 to 64 characters")
        if len(self.color) != 3 or not all(0 <= part <= 255 for part in self.color):
            raise FieldError(f"segments[{self.number}].color", "must be three numbers from 0 to 255")
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
    ``version`` name the provider. Raises FieldError when the sources are not one volume, when the shape differs, when a
    label is not described or a described segment is empty: an empty result is better told than sent.
    """
    series = _one_volume(source_files)
    geometry = series.volume
    _check_labels(labels, geometry, segments)
    sources = [_header(file, geometry) for file in series.files]
    result = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(labels, dtype=np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment.to_dicom() for segment in segments],
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=product[:64],
        software_versions=version,
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description=description[:64],
        series_description=description[:64],
    )
    path = Path(path)
    result.save_as(path, enforce_file_format=True)
    return path


def volumes_ml(
    labels: npt.NDArray[Any], segments: Sequence[SegmentDescription], geometry: Geometry
) -> dict[int, float]:
    """Return each segment's volume in millilitres by its number; raises FieldError for an array of another shape."""
    _check_labels(labels, geometry, segments)
    counts = np.bincount(labels.ravel(), minlength=len(segments) + 1)
    return {segment.number: float(counts[segment.number]) * geometry.voxel_volume / 1000 for segment in segments}


def _one_volume(source_files: Iterable[str | os.PathLike[str]]) -> Series:
    found = read_series(source_files)
    if len(found) != 1:
        raise FieldError("source_files", f"must be the files of one series, not of {len(found)}")
    if not found[0].volume.even:
        raise FieldError("source_files", "; ".join(found[0].warnings))
    if not found[0].frame_of_reference_uid:
        raise FieldError("source_files", "have no FrameOfReferenceUID")
    return found[0]


def _check_labels(labels: npt.NDArray[Any], geometry: Geometry, segments: Sequence[SegmentDescription]) -> None:
    shape = (geometry.slices, geometry.rows, geometry.columns)
    if labels.shape != shape:
        raise FieldError("labels", f"must have the shape {shape} of its source, not {labels.shape}")
    if labels.dtype.kind not in "ui":
        raise FieldError("labels", f"must hold whole numbers, not {labels.dtype}")
    if not segments:
        raise FieldError("segments", "is empty")
    if [segment.number for segment in segments] != list(range(1, len(segments) + 1)) or len(segments) > 255:
        raise FieldError("segments", "must be numbered 1, 2, 3 … in order, 255 at most")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > len(segments):
        raise FieldError("labels", f"holds {low if low < 0 else high}, which no segment describes")
    counts = np.bincount(labels.ravel(), minlength=len(segments) + 1)
    empty = [segment.label for segment in segments if not counts[segment.number]]
    if empty:
        raise FieldError("labels", f"nothing was found for: {', '.join(empty)}")


def _header(file: Path, geometry: Geometry) -> pydicom.Dataset:
    header = read_header(file)
    if geometry.slices > 1:  # what a scanner wrote may be the gap, negative, or wrong; readers would trust it
        header.SpacingBetweenSlices = DS(geometry.spacing[2], auto_format=True)
    for keyword in _TAKEN_OVER:
        if keyword not in header:
            setattr(header, keyword, "")
    return header
