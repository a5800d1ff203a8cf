"""RT structure sets (DICOM PS3.3 A.19.3, C.8.8.5, C.8.8.6) decoded into label maps on the grid of their series.

The contours of a region are filled slice by slice; nothing is made up between them. No engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from CastInterfaceLib.study.contours import MAX_BESIDE, Filled, fill_contours
from CastInterfaceLib.study.grids import LPS_TO_RAS
from CastInterfaceLib.study.label_maps import (
    MAX_LAYER_VOXELS,
    MAX_SEGMENTS,
    LabelLayers,
    Segmentation,
    SegmentMask,
    color_number,
    reading,
)
from CastInterfaceLib.study.source_grids import Source
from CastLib.dicom.headers import text_of, uid_of
from CastLib.dicom.reading import read_header
from CastLib.errors import CastError
from CastLib.patient import Patient

#: What has an inside (PS3.3 C.8.8.6.3).
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSEDPLANAR")

_CONTOUR_DATA = 0x30060050


def read_structures(path: Path, sources: Sequence[Source]) -> Segmentation:
    """Decode a structure set.

    Args:
        path: the file.
        sources: the series that it may be of.

    Raises:
        CastError: it is none, is broken, or references none of the sources.
    """
    with reading(path.name, "a DICOM structure set"):
        return _read(path, sources)


def _read(path: Path, sources: Sequence[Source]) -> Segmentation:
    name = path.name
    data = read_header(path)
    regions = [item for item in data.get("StructureSetROISequence") or () if item.get("ROINumber") is not None]
    if not regions:
        raise CastError(f"{name} holds no region.")
    if len(regions) > MAX_SEGMENTS:
        raise CastError(f"{name} is not shown: it has {len(regions)} regions, more than {MAX_SEGMENTS}.")
    drawn = {int(item.ReferencedROINumber): item for item in data.get("ROIContourSequence") or ()}
    series, instances = _references(data)
    frames = {str(item.get("ReferencedFrameOfReferenceUID") or "") for item in regions} - {""}
    source = _source_for(name, sources, series, frames)
    if int(np.prod(source.grid.shape)) > MAX_LAYER_VOXELS:
        raise CastError(f"{name} is not shown: its series has more voxels than this display takes.")
    labels = LabelLayers(name, "regions", source.grid.shape, len(regions), MAX_SEGMENTS)
    warnings: list[str] = []
    for value, item in enumerate(regions, 1):
        number, frame = int(item.ROINumber), str(item.get("ReferencedFrameOfReferenceUID") or "")
        label = _label(item)
        contours, others = _contours_of(drawn.get(number))
        if others:
            warnings.append(f"{others} of the contours of {label} are points or open lines, which have no inside")
        if frame and source.frame_of_reference_uid not in ("", frame):
            warnings.append(f"{label} is shown empty: it lies in another frame of reference than its series")
            contours = []
        filled = fill_contours(contours, source.grid)
        warnings += _odd(label, filled, bool(contours))
        labels.put(value, partial(_pieces, filled))
    return Segmentation(
        sop_instance_uid=uid_of(data, "SOPInstanceUID"),
        series_uid=uid_of(data, "SeriesInstanceUID"),
        study_uid=uid_of(data, "StudyInstanceUID"),
        frame_of_reference_uid=source.frame_of_reference_uid,
        source_series=tuple(series) or (source.series_uid,),
        description=text_of(data, "StructureSetLabel") or text_of(data, "SeriesDescription"),
        ijk_to_ras=source.grid.ijk_to_ras,
        shape=source.grid.shape,
        segments=tuple(_segments(regions, drawn, labels)),
        file_name=name,
        source_instances=frozenset(instances),
        patient=Patient.of(data),
        warnings=tuple(warnings),
        modality="RTSTRUCT",
    )


def _pieces(filled: Filled) -> Iterator[tuple[int, np.ndarray]]:
    for number, plane in filled.planes.items():
        yield number, plane.reshape(-1)


def _segments(regions: Sequence[Any], drawn: dict[int, Any], labels: LabelLayers) -> Iterator[SegmentMask]:
    counts = labels.counts()
    for value, item in enumerate(regions, 1):
        number = int(item.ROINumber)
        yield SegmentMask(
            number=number,
            label=_label(item),
            color=_color(drawn.get(number), value),
            terminology="",
            layer=labels.layers[labels.layer_of[value]],
            value=value,
            counts=counts[value],
        )


def _label(item: Any) -> str:
    return text_of(item, "ROIName") or f"Region {int(item.ROINumber)}"


def _source_for(name: str, sources: Sequence[Source], series: Sequence[str], frames: set[str]) -> Source:
    """The source it is of: of the series that it references, else of its frame of reference."""
    found = [one for one in sources if one.series_uid in series]
    if not found and not series:
        found = [one for one in sources if one.frame_of_reference_uid in frames]
    if not found:
        raise CastError(f"{name} references none of the open series.")
    if len({one.series_uid for one in found}) > 1:
        raise CastError(f"{name} could belong to {len(found)} of the open series and does not say to which.")
    return found[0]


def _references(data: Any) -> tuple[list[str], set[str]]:
    """The SeriesInstanceUIDs that it references, and the SOPInstanceUIDs of their images (PS3.3 C.8.8.5)."""
    series: dict[str, None] = {}
    instances: set[str] = set()
    for frame in data.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for one in study.get("RTReferencedSeriesSequence") or ():
                series[str(one.get("SeriesInstanceUID") or "")] = None
                for image in one.get("ContourImageSequence") or ():
                    instances.add(str(image.get("ReferencedSOPInstanceUID") or ""))
    series.pop("", None)
    return list(series), instances - {""}


def _contours_of(item: Any) -> tuple[list[np.ndarray], int]:
    """The closed contours of a region in RAS mm, each (n, 3), and how many others it has."""
    closed: list[np.ndarray] = []
    others = 0
    for contour in (item.get("ContourSequence") or ()) if item is not None else ():
        points = _points(contour)
        if text_of(contour, "ContourGeometricType").upper() not in _CLOSED or len(points) < 3:
            others += 1
        else:
            closed.append(points @ LPS_TO_RAS[:3, :3].T)
    return closed, others


def _points(contour: Any) -> np.ndarray:
    """The points (n, 3) in LPS mm. Raises ValueError for what are none."""
    element = contour.get_item(_CONTOUR_DATA)
    value = element.value if element is not None else None
    if isinstance(value, bytes):  # as it stands in the file: decoded one by one, a million numbers take seconds
        parts: Any = value.decode("ascii").split("\\") if value.strip(b" \0") else []
        numbers = np.array([part.strip(" \0") for part in parts], dtype=float)
    else:
        numbers = np.array([] if value is None else value, dtype=float)
    if numbers.size % 3 or not np.isfinite(numbers).all():
        raise ValueError("no points")
    return numbers.reshape(-1, 3)


def _odd(label: str, filled: Filled, has_contours: bool) -> list[str]:
    """What is odd about a region, as parts of a sentence about "it"."""
    told = []
    if filled.outside:
        told.append(f"{filled.outside} of the contours of {label} lie in no slice of its series and are left out")
    if filled.between:
        told.append(f"{filled.between} of the contours of {label} lie between slices and are left out")
    if filled.beside > MAX_BESIDE:
        told.append(f"contours of {label} lie up to {filled.beside:.2f} of a slice beside the slice they are drawn in")
    if has_contours and not any(plane.any() for plane in filled.planes.values()):
        told.append(f"{label} is shown empty, as none of its contours has the middle of a voxel in it")
    numbers = sorted(filled.planes)
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    if steps and float(np.median(steps)) > 1:
        told.append(f"{label} has contours on one of about {np.median(steps):.0f} slices only, and is drawn only there")
    return told


def _color(item: Any, number: int) -> tuple[float, float, float]:
    try:
        red, green, blue = (min(255, max(0, int(part))) / 255 for part in item.ROIDisplayColor)
    except (AttributeError, TypeError, ValueError):
        return color_number(number - 1)
    return red, green, blue
