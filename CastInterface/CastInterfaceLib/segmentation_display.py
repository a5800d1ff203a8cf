"""Decoded segments in the scene: fill and outline in the slices, closed surfaces in 3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk

from CastInterfaceLib.host import Host
from CastInterfaceLib.label_maps import Segmentation, SegmentMask, middle_of, outer_segments
from CastInterfaceLib.segment_surfaces import closed_surface
from CastInterfaceLib.segmentation_reading import read_segmentation
from CastInterfaceLib.slices_in_3d import Box, box_corners, hide_slices_in_3d
from CastInterfaceLib.study_loading import INSTANCES, SERIES, STUDY
from CastSlicerLib.slow_calls import slow_call

#: Tags of a segment: its number in the file it came in, and how opaque it is in 3D where that is not wholly.
SEGMENT_NUMBER = "Cast.Number"
OPACITY_3D = "Cast.Opacity3D"

LABELMAP = "Binary labelmap"
SURFACE = "Closed surface"

FILL_OPACITY = 0.2
OUTLINE_PIXELS = 2

# The outermost of segments that lie around each other is seen through, else it would hide them: two segments are in the
# same place when the boxes share this much of the inner one's.
OUTER_OPACITY = 0.2
SAME_PLACE = 0.8

#: Voxels in the boxes of all segments for which surfaces are made, smallest first: a whole body has a third of that,
#: a thousand labels strewn everywhere would take hours.
SURFACE_VOXELS_MOST = 1 << 30

# Segments that fill this share of the body's box leave no room for slices in 3D.
FILLING = 0.4


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


def prepare_segmentation(path: Path, spacings: Sequence[float] = ()) -> PreparedSegmentation:
    """Everything of a SEG that takes time: decoding, surfaces, which segment hides another.

    Touches no scene; made for a worker thread. For ``spacings`` see `read_segmentation`.

    Raises:
        CastError: the file cannot be read as a SEG.
    """
    return prepare_segments(read_segmentation(path, spacings))


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
    """The numbers of the segments that `SURFACE_VOXELS_MOST` leaves without a surface."""
    room = SURFACE_VOXELS_MOST
    wide = set()
    for segment in sorted(segments, key=lambda one: int(np.prod(one.shape))):
        room -= int(np.prod(segment.shape))
        if room < 0:
            wide.add(segment.number)
    return wide


def show_segmentation(host: Host, prepared: PreparedSegmentation, volume: Any, body: np.ndarray) -> Any:
    """Add a ``vtkMRMLSegmentationNode`` over the volume it belongs to, and look at it in 3D.

    Args:
        host: where to show it.
        prepared: what to show.
        volume: the node that it belongs to (`segmentation_source.volume_for`).
        body: corners of the body's box in RAS mm (8, 3), see `slices_in_3d.box_corners`.

    Returns:
        the new node.
    """
    segmentation = prepared.segmentation
    node = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", segmentation.description or "Segmentation")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), volume.GetID())
    told = (
        (STUDY, segmentation.study_uid or volume.GetAttribute(STUDY)),
        (SERIES, segmentation.series_uid),
        (INSTANCES, segmentation.sop_instance_uid),
    )
    for name, value in told:
        if value:
            node.SetAttribute(name, value)
    content = slicer.vtkSegmentation()  # filled before the node has it, which would look at all anew for each
    content.SetSourceRepresentationName(LABELMAP)
    ids = _segment_ids(segmentation)
    for segment, surface, name in zip(segmentation.segments, prepared.surfaces, ids, strict=True):
        content.AddSegment(_segment(segment, surface, prepared.images.get(id(segment.layer))), name)
    with slow_call("Slicer's segmentation takes its segments"):
        node.SetAndObserveSegmentation(content)
        node.CreateDefaultDisplayNodes()
    set_segmentation_look(node)
    for segment, name in zip(segmentation.segments, ids, strict=True):
        if segment.number in prepared.outer:
            node.GetDisplayNode().SetSegmentOpacity3D(name, OUTER_OPACITY)
            content.GetSegment(name).SetTag(OPACITY_3D, str(OUTER_OPACITY))
    box = _box(segmentation.segments)
    if box is None:
        return node
    corners = box_corners(segmentation.ijk_to_ras, box)
    if not _crosses_a_slice(host, corners):
        _jump_to(host, segmentation)
    if np.prod(np.ptp(corners, axis=0)) > FILLING * np.prod(np.ptp(body, axis=0)):
        hide_slices_in_3d(host)
    for view in host.threed_views:
        view.fit()
    return node


def _segment_ids(segmentation: Segmentation) -> list[str]:
    """Slicer's names of the segments: those of the file, else by their numbers; each once."""
    ids: dict[str, None] = {}
    for segment in segmentation.segments:
        wanted = segment.id or f"Segment_{segment.number}"
        name, number = wanted, 2
        while name in ids:
            name, number = f"{wanted}_{number}", number + 1
        ids[name] = None
    return list(ids)


def _segment(segment: SegmentMask, surface: Any, image: Any) -> Any:
    made = slicer.vtkSegment()
    made.SetName(segment.label)
    made.SetColor(*segment.color)
    made.SetTag(SEGMENT_NUMBER, str(segment.number))
    if segment.terminology:
        made.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), segment.terminology)
    if image is None or not segment.voxels:
        image = slicer.vtkOrientedImageData()  # empty, and its own: nothing of others would be drawn for it
    else:
        made.SetLabelValue(segment.value)
    made.AddRepresentation(LABELMAP, image)
    made.AddRepresentation(SURFACE, surface)
    return made


def _oriented_image(layer: np.ndarray, segmentation: Segmentation) -> Any:
    """A layer as ``vtkOrientedImageData``, cut down to where it has segments.

    Its place is told by the extent, so the matrix is the whole's.
    """
    box = _box([segment for segment in segmentation.segments if segment.layer is layer])
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


def _box(segments: Sequence[SegmentMask]) -> Box | None:
    """First and last column, row and slice of all segments, None when all are empty."""
    full = [segment.box for segment in segments if segment.voxels]
    if not full:
        return None
    ends = [(min(box[axis].start for box in full), max(box[axis].stop for box in full) - 1) for axis in (2, 1, 0)]
    return ends[0], ends[1], ends[2]


def _crosses_a_slice(host: Host, corners: np.ndarray) -> bool:
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
    k, j, i = middle_of(max(segmentation.segments, key=lambda segment: segment.voxels))
    place = segmentation.ijk_to_ras @ np.array([i, j, k, 1.0])
    for view in host.slice_views:
        view.node.JumpSliceByOffsetting(*(float(coordinate) for coordinate in place[:3]))
