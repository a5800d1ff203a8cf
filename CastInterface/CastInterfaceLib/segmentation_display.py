"""A decoded segmentation in the scene: fill and outline in the slices, closed surfaces in 3D."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk

from CastInterfaceLib.host import Host
from CastInterfaceLib.segment_surfaces import closed_surface
from CastInterfaceLib.segmentation_reading import Segmentation, SegmentMask, read_segmentation
from CastInterfaceLib.slices_in_3d import box_corners, hide_slices_in_3d
from CastInterfaceLib.slow_calls import slow_call
from CastInterfaceLib.study_loading import FRAME_OF_REFERENCE, INSTANCES, SERIES, STUDY
from CastLib.errors import CastError

LABELMAP = "Binary labelmap"
SURFACE = "Closed surface"

FILL_OPACITY = 0.2
OUTLINE_PIXELS = 2

# The outermost of segments that lie around each other is seen through, else it would hide them: two segments are in the
# same place when the boxes share this much of the inner one's.
OUTER_OPACITY = 0.2
SAME_PLACE = 0.8

# Segments that fill this share of the body's box leave no room for slices in 3D.
FILLING = 0.4


@dataclass(frozen=True, slots=True)
class PreparedSegmentation:
    """A decoded SEG, ready for the scene.

    ``surfaces`` are ``vtkPolyData``, one a segment; ``outer`` the numbers of those that `outermost` finds.
    """

    segmentation: Segmentation
    surfaces: tuple[Any, ...]
    outer: frozenset[int]


def prepare_segmentation(path: Path) -> PreparedSegmentation:
    """Everything that takes time: decoding, surfaces, which segment hides another.

    Touches no scene; made for a worker thread.

    Raises:
        CastError: the file cannot be read as a SEG.
    """
    segmentation = read_segmentation(path)
    surfaces = tuple(closed_surface(segment, segmentation.ijk_to_ras) for segment in segmentation.segments)
    segments = segmentation.segments
    outer = outermost(segments)
    return PreparedSegmentation(segmentation, surfaces, outer)


def outermost(segments: Iterable[SegmentMask]) -> frozenset[int]:
    """The numbers of the segments that lie around another one and in none."""
    around = [(one.number, other.number) for one, other in itertools.permutations(segments, 2) if _encloses(one, other)]
    return frozenset(one for one, _ in around) - {other for _, other in around}


def volume_for(nodes: Iterable[Any], segmentation: Segmentation) -> Any:
    """The one of some volume nodes whose series a segmentation references. A result is never shown on another study.

    Raises:
        CastError: none of the series is referenced, or it lies in another frame of reference.
    """
    name = segmentation.file_name or "The segmentation"
    same_study = [node for node in nodes if node.GetAttribute(STUDY) == segmentation.study_uid]
    for node in same_study:
        if node.GetAttribute(SERIES) in segmentation.source_series:
            frame = node.GetAttribute(FRAME_OF_REFERENCE) or ""
            if frame and segmentation.frame_of_reference_uid and frame != segmentation.frame_of_reference_uid:
                raise CastError(f"{name} lies in another frame of reference than the series it references.")
            return node
    if not same_study:
        raise CastError(f"{name} belongs to study {segmentation.study_uid}, which is not open here.")
    raise CastError(f"{name} references none of the open series.")


def show_segmentation(host: Host, prepared: PreparedSegmentation, volume: Any, body: np.ndarray) -> Any:
    """Add a ``vtkMRMLSegmentationNode`` over the volume it belongs to, and look at it in 3D.

    Args:
        host: where to show it.
        prepared: what to show.
        volume: the node that `volume_for` found.
        body: corners of the body's box in RAS mm (8, 3), see `slices_in_3d.box_corners`.

    Returns:
        the new node.
    """
    segmentation = prepared.segmentation
    node = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", segmentation.description or "Segmentation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), volume.GetID())
    node.SetAttribute(STUDY, segmentation.study_uid)
    node.SetAttribute(SERIES, segmentation.series_uid)
    node.SetAttribute(INSTANCES, segmentation.sop_instance_uid)
    content = node.GetSegmentation()
    content.SetSourceRepresentationName(LABELMAP)
    for segment, surface in zip(segmentation.segments, prepared.surfaces, strict=True):
        made = _segment(segment, surface, segmentation.ijk_to_ras)
        with slow_call("Slicer's segmentation takes a segment"):
            content.AddSegment(made, _segment_id(segment))
    set_segmentation_look(node)
    for segment in segmentation.segments:
        if segment.number in prepared.outer:
            node.GetDisplayNode().SetSegmentOpacity3D(_segment_id(segment), OUTER_OPACITY)
    corners = _corners(segmentation)
    if corners is None:
        return node
    if not _crosses_a_slice(host, segmentation):
        _jump_to(host, segmentation)
    if np.prod(np.ptp(corners, axis=0)) > FILLING * np.prod(np.ptp(body, axis=0)):
        hide_slices_in_3d(host)
    for view in host.threed_views:
        view.fit()
    return node


def _segment_id(segment: SegmentMask) -> str:
    return f"Segment_{segment.number}"


def _segment(segment: SegmentMask, surface: Any, ijk_to_ras: np.ndarray) -> Any:
    made = slicer.vtkSegment()
    made.SetName(segment.label)
    made.SetColor(*segment.color)
    if segment.terminology:
        made.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), segment.terminology)
    made.AddRepresentation(LABELMAP, _oriented_image(segment, ijk_to_ras))
    made.AddRepresentation(SURFACE, surface)
    return made


def _oriented_image(segment: SegmentMask, ijk_to_ras: np.ndarray) -> Any:
    """The mask as ``vtkOrientedImageData``. Its place is told by the extent, so the matrix is the whole's."""
    image = slicer.vtkOrientedImageData()
    slices, rows, columns = segment.mask.shape
    k, j, i = segment.first
    image.SetExtent(i, i + columns - 1, j, j + rows - 1, k, k + slices - 1)
    scalars = numpy_to_vtk(segment.mask.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    image.GetPointData().SetScalars(scalars)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(ijk_to_ras.ravel())
    image.SetImageToWorldMatrix(matrix)
    return image


def set_segmentation_look(node: Any) -> None:
    """Fill and outline in the slices, surfaces in 3D."""
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(FILL_OPACITY)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(OUTLINE_PIXELS)
    display.SetPreferredDisplayRepresentationName2D(LABELMAP)
    display.SetPreferredDisplayRepresentationName3D(SURFACE)
    display.SetVisibility3D(True)
    display.SetBackfaceCulling(True)  # the far inside of a see-through segment would shine through as noise


def _encloses(outer: SegmentMask, inner: SegmentMask) -> bool:
    """Whether one segment lies around another: in about the same place, and on the whole further from the middle."""
    if outer is inner or not outer.voxels or not inner.voxels:
        return False
    starts = np.maximum(outer.first, inner.first)
    stops = np.minimum(np.add(outer.first, outer.mask.shape), np.add(inner.first, inner.mask.shape))
    shared = np.prod(np.maximum(stops - starts, 0))
    if shared < SAME_PLACE * inner.mask.size:
        return False
    middle = np.add(inner.first, np.divide(inner.mask.shape, 2))
    return _spread(outer, middle) > _spread(inner, middle)


def _spread(segment: SegmentMask, middle: np.ndarray) -> float:
    """Mean square distance of a segment's voxels from a voxel, in voxels."""
    spread = 0.0
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        counts = segment.mask.sum(axis=others, dtype=np.int64)
        places = np.arange(len(counts)) + segment.first[axis] - middle[axis]
        spread += float((counts * places**2).sum())
    return spread / segment.voxels


def _corners(segmentation: Segmentation) -> np.ndarray | None:
    """The box around all segments, None when all are empty."""
    full = [segment for segment in segmentation.segments if segment.mask.size]
    if not full:
        return None
    low = np.min([segment.first for segment in full], axis=0)
    high = np.max([np.add(segment.first, segment.mask.shape) - 1 for segment in full], axis=0)
    box = tuple((int(first), int(last)) for first, last in zip(low[::-1], high[::-1], strict=True))
    return box_corners(segmentation.ijk_to_ras, (box[0], box[1], box[2]))


def _crosses_a_slice(host: Host, segmentation: Segmentation) -> bool:
    corners = _corners(segmentation)
    assert corners is not None
    for view in host.slice_views:
        matrix = view.node.GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        point = np.array([matrix.GetElement(row, 3) for row in range(3)])
        distances = (corners - point) @ normal
        if distances.min() <= 0 <= distances.max():
            return True
    return False


def _jump_to(host: Host, segmentation: Segmentation) -> None:
    """Move the slices to the middle of the largest segment, which none of them shows."""
    largest = max(segmentation.segments, key=lambda segment: segment.voxels)
    middle = np.argwhere(largest.mask).mean(axis=0) + largest.first
    place = segmentation.ijk_to_ras @ np.array([middle[2], middle[1], middle[0], 1.0])
    for view in host.slice_views:
        view.node.JumpSliceByOffsetting(*(float(coordinate) for coordinate in place[:3]))
