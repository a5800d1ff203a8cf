"""DICOM SEG files decoded into arrays, without any engine: what a worker thread does before the scene is touched.

Source: DICOM PS3.3 A.51 (Segmentation IOD) and C.8.20; the decoding itself is highdicom's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from CastLib.errors import CastError

# Storage SOP classes of PS3.4 B.5: Segmentation, and Label Map Segmentation (supplement 243).
SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")

# A fractional segment (probability or occupancy) counts as present from here on.
FRACTION = 0.5

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class SegmentMask:
    """One segment, cut down to the box in which it is present.

    Attributes:
        number: the segment number in the file.
        color: red, green and blue, 0 to 1.
        terminology: Slicer's terminology entry ("" without one).
        mask: uint8 (slices, rows, columns), 0 or 1.
        first: slice, row and column of the mask's first voxel in the whole segmentation.
        voxels: how many voxels are present.
    """

    number: int
    label: str
    color: tuple[float, float, float]
    terminology: str
    mask: np.ndarray
    first: tuple[int, int, int]
    voxels: int


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A decoded SEG.

    Attributes:
        source_series: the SeriesInstanceUIDs it says it was made from.
        ijk_to_ras: 4x4, voxel (column, row, slice) to RAS in mm.
        shape: slices, rows, columns of the whole.
    """

    sop_instance_uid: str
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    source_series: tuple[str, ...]
    description: str
    ijk_to_ras: np.ndarray
    shape: tuple[int, int, int]
    segments: tuple[SegmentMask, ...]
    file_name: str = ""

    @property
    def voxel_volume(self) -> float:
        """Cubic millimetres of one voxel."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3])))


def read_segmentation(path: Path) -> Segmentation:
    """Decode a BINARY, FRACTIONAL or LABELMAP SEG.

    Args:
        path: the file.

    Raises:
        CastError: it is no SEG, is broken, or its frames do not make a volume.
    """
    import highdicom  # half a second: only who gets a SEG pays it

    try:
        seg = highdicom.seg.segread(str(path))
        volumes = [_decode(seg, number) for number in seg.segment_numbers]
        if not volumes:
            raise CastError(f"{path.name} holds no segment.")
        geometry = seg.get_volume_geometry(allow_missing_positions=True)
        if geometry is None:
            raise CastError(f"The frames of {path.name} do not make one volume.")
        segments = tuple(
            _segment_mask(seg.get_segment_description(number), number, mask)
            for number, mask in zip(seg.segment_numbers, volumes, strict=True)
        )
        return Segmentation(
            sop_instance_uid=str(seg.SOPInstanceUID),
            series_uid=str(seg.SeriesInstanceUID),
            study_uid=str(seg.StudyInstanceUID),
            frame_of_reference_uid=str(seg.get("FrameOfReferenceUID", "")),
            source_series=_source_series(seg),
            description=str(seg.get("SeriesDescription", "")) or str(seg.get("ContentDescription", "")),
            ijk_to_ras=_ijk_to_ras(geometry.affine),
            shape=(int(geometry.shape[0]), int(geometry.shape[1]), int(geometry.shape[2])),
            segments=segments,
            file_name=path.name,
        )
    except CastError:
        raise
    except MemoryError:
        raise CastError(f"{path.name} is too large for this machine's memory.") from None
    except Exception as error:  # highdicom and pydicom raise whatever a broken file leads them to
        raise CastError(f"{path.name} cannot be read as a DICOM SEG: {error}") from error


def _decode(seg: Any, number: int) -> np.ndarray:
    """The whole volume of one segment, 0 or 1."""
    volume = seg.get_volume(segment_numbers=[number], combine_segments=False, allow_missing_positions=True)
    array = volume.array[..., 0]
    return (array >= FRACTION).astype(np.uint8) if array.dtype.kind == "f" else (array > 0).astype(np.uint8)


def _ijk_to_ras(affine: np.ndarray) -> np.ndarray:
    """From (slice, row, column) to LPS, as highdicom has it, to (column, row, slice) to RAS."""
    return np.asarray(_LPS_TO_RAS @ affine[:, [2, 1, 0, 3]])


def _segment_mask(description: Any, number: int, mask: np.ndarray) -> SegmentMask:
    present = np.argwhere(mask.any(axis=(1, 2))), np.argwhere(mask.any(axis=(0, 2))), np.argwhere(mask.any(axis=(0, 1)))
    first, stop = (0, 0, 0), (0, 0, 0)
    if len(present[0]):
        first = (int(present[0][0, 0]), int(present[1][0, 0]), int(present[2][0, 0]))
        stop = (int(present[0][-1, 0]) + 1, int(present[1][-1, 0]) + 1, int(present[2][-1, 0]) + 1)
    box = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    return SegmentMask(
        number=int(number),
        label=str(description.get("SegmentLabel", "")) or f"Segment {number}",
        color=_color(description, number),
        terminology=_terminology(description),
        mask=np.ascontiguousarray(mask[box]),
        first=first,
        voxels=int(np.count_nonzero(mask)),
    )


# Colours for segments that recommend none: far apart, and readable over grey.
PALETTE = (
    (0.50, 0.68, 0.50),
    (0.95, 0.84, 0.57),
    (0.69, 0.48, 0.40),
    (0.44, 0.72, 0.82),
    (0.85, 0.40, 0.31),
    (0.87, 0.51, 0.40),
    (0.56, 0.93, 0.56),
    (0.75, 0.40, 0.34),
)


def _color(description: Any, number: int) -> tuple[float, float, float]:
    lab = description.get("RecommendedDisplayCIELabValue")
    if lab is None or len(lab) != 3:
        return PALETTE[(number - 1) % len(PALETTE)]
    from highdicom.color import CIELabColor

    red, green, blue = CIELabColor.from_dicom_value([int(part) for part in lab]).to_rgb()
    return red / 255, green / 255, blue / 255


def _code(item: Any, keyword: str) -> str:
    sequence = item.get(keyword)
    if not sequence:
        return "^^"
    code = sequence[0]
    parts = (code.get("CodingSchemeDesignator", ""), code.get("CodeValue", ""), code.get("CodeMeaning", ""))
    return "^".join(str(part) for part in parts)


def _terminology(description: Any) -> str:
    """Slicer's seven fields: context, category, type, modifier, anatomic context, region, its modifier."""
    kind = _code(description, "SegmentedPropertyTypeCodeSequence")
    if kind == "^^":
        return ""
    kinds = description.get("SegmentedPropertyTypeCodeSequence")
    regions = description.get("AnatomicRegionSequence")
    return "~".join(
        (
            "Segmentation category and type - DICOM master list",
            _code(description, "SegmentedPropertyCategoryCodeSequence"),
            kind,
            _code(kinds[0], "SegmentedPropertyTypeModifierCodeSequence"),
            "Anatomic codes - DICOM master list",
            _code(description, "AnatomicRegionSequence"),
            _code(regions[0], "AnatomicRegionModifierSequence") if regions else "^^",
        )
    )


def _source_series(seg: Any) -> tuple[str, ...]:
    """SeriesInstanceUIDs under Referenced Series Sequence (PS3.3 C.12.2 Common Instance Reference)."""
    items = seg.get("ReferencedSeriesSequence") or []
    return tuple(str(item.SeriesInstanceUID) for item in items if item.get("SeriesInstanceUID"))
