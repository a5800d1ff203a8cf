"""Decoded segments with their surfaces and images, ready for a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from pydicom.errors import InvalidDicomError
from vtkmodules.util.numpy_support import numpy_to_vtk

from CastInterfaceLib.study.grids import Box
from CastInterfaceLib.study.label_maps import Segmentation, SegmentMask, outer_segments
from CastInterfaceLib.study.segment_surfaces import closed_surface
from CastInterfaceLib.study.segmentation_file import read_segmentation
from CastInterfaceLib.study.source_grids import Source
from CastInterfaceLib.study.structure_file import read_structures
from CastLib.dicom.headers import STRUCTURE_SET, uid_of
from CastLib.dicom.reading import read_header
from CastLib.errors import FieldError

# Two segments are in the same place when the boxes share this much of the inner one's.
SAME_PLACE = 0.8

#: Voxels in the boxes of all segments for which surfaces are made, smallest first: a whole body has a third of that,
#: a thousand labels strewn everywhere would take hours.
MAX_SURFACE_VOXELS = 1 << 30


@dataclass(frozen=True, slots=True)
class PreparedSegmentation:
    """Decoded segments, ready for the scene.

    Attributes:
        surfaces: ``vtkPolyData``, one a segment.
        images: a ``vtkOrientedImageData`` for each of the segmentation's layers, by the layer's ``id``.
        outer: the numbers of the segments that `outer_segments` finds.
    """

    segmentation: Segmentation
    surfaces: tuple[Any, ...]
    images: dict[int, Any]
    outer: frozenset[int]


def prepare_segmentation(path: Path, sources: Sequence[Source] = ()) -> PreparedSegmentation:
    """Everything of a SEG or structure set that takes time: decoding, surfaces, which segment hides another.

    Touches no scene; made for a worker thread.

    Args:
        path: the file.
        sources: the series that it may be of.

    Raises:
        CastError: the file cannot be read as either.
    """
    if _is_structure_set(path):
        return prepare_segments(read_structures(path, sources))
    return prepare_segments(read_segmentation(path, [float(one.grid.spacing[2]) for one in sources]))


def _is_structure_set(path: Path) -> bool:
    try:
        return uid_of(read_header(path, ["SOPClassUID"]), "SOPClassUID") == STRUCTURE_SET
    except (InvalidDicomError, FieldError, OSError):  # which of them it is, is told when it is read
        return False


def prepare_segments(segmentation: Segmentation) -> PreparedSegmentation:
    """The same for segments that are decoded already."""
    segments = segmentation.segments
    in_slices_only = _too_wide(segments)
    if in_slices_only:
        words = f"{len(in_slices_only)} of its {len(segments)} segments are shown in slices only, not in 3D"
        segmentation = replace(segmentation, warnings=(*segmentation.warnings, words))
    segmentation.marked  # noqa: B018  found on this thread, for the main one
    return PreparedSegmentation(
        segmentation=segmentation,
        surfaces=tuple(
            vtk.vtkPolyData() if one.number in in_slices_only else closed_surface(one, segmentation.ijk_to_ras)
            for one in segments
        ),
        images={id(layer): _oriented_image(layer, segmentation) for layer in segmentation.layers},
        outer=outer_segments(segments, SAME_PLACE),
    )


def _too_wide(segments: Sequence[SegmentMask]) -> set[int]:
    """The numbers of the segments that `MAX_SURFACE_VOXELS` leaves without a surface."""
    room = MAX_SURFACE_VOXELS
    wide = set()
    for segment in sorted(segments, key=lambda one: int(np.prod(one.shape))):
        room -= int(np.prod(segment.shape))
        if room < 0:
            wide.add(segment.number)
    return wide


def _oriented_image(layer: np.ndarray, segmentation: Segmentation) -> Any:
    """A layer as ``vtkOrientedImageData``, cut down to where it has segments.

    Its place is told by the extent, so the matrix is the whole's.
    """
    box = box_of([segment for segment in segmentation.segments if segment.layer is layer])
    assert box is not None
    (i, last_i), (j, last_j), (k, last_k) = box
    part = layer[k : last_k + 1, j : last_j + 1, i : last_i + 1]
    image = slicer.vtkOrientedImageData()
    image.SetExtent(i, last_i, j, last_j, k, last_k)
    kind = vtk.VTK_UNSIGNED_CHAR if layer.dtype == np.uint8 else vtk.VTK_UNSIGNED_SHORT
    scalars = numpy_to_vtk(np.ascontiguousarray(part).reshape(-1), deep=True, array_type=kind)
    image.GetPointData().SetScalars(scalars)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(segmentation.ijk_to_ras.ravel())
    image.SetImageToWorldMatrix(matrix)
    return image


def box_of(segments: Sequence[SegmentMask]) -> Box | None:
    """First and last column, row and slice of all segments, None when all are empty."""
    full = [segment.box for segment in segments if segment.voxels]
    if not full:
        return None
    ends = [(min(box[axis].start for box in full), max(box[axis].stop for box in full) - 1) for axis in (2, 1, 0)]
    return ends[0], ends[1], ends[2]
