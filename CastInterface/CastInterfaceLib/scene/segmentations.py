"""Decoded segments in the scene: fill and outline in the slices, closed surfaces in 3D."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from CastInterfaceLib.scene.slices_in_3d import hide_slices_in_3d
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import INSTANCES, SERIES, STUDY
from CastInterfaceLib.study.grids import box_corners
from CastInterfaceLib.study.label_maps import Segmentation, SegmentMask, middle_of
from CastInterfaceLib.study.prepared_segmentation import PreparedSegmentation, box_of
from CastSlicerLib.slow_calls import slow_call

#: Tags of a segment: its number in the file it came in, and how opaque it is in 3D where that is not wholly.
SEGMENT_NUMBER = "Cast.Number"
OPACITY_3D = "Cast.Opacity3D"

LABELMAP = "Binary labelmap"
SURFACE = "Closed surface"

FILL_OPACITY = 0.2
OUTLINE_PIXELS = 2

# The outermost of segments that lie around each other is seen through, else it would hide them.
OUTER_OPACITY = 0.2


# Segments that fill this share of the body's box leave no room for slices in 3D.
FILLING = 0.4


def show_segmentation(viewer: Viewer, prepared: PreparedSegmentation, volume: Any, body: np.ndarray) -> Any:
    """Add a ``vtkMRMLSegmentationNode`` over the volume it belongs to, and look at it in 3D.

    Args:
        viewer: where to show it.
        prepared: what to show.
        volume: the node that it belongs to (`segmentation_source.volume_for`).
        body: corners of the body's box in RAS mm (8, 3), see `slices_in_3d.box_corners`.

    Returns:
        the new node.
    """
    segmentation = prepared.segmentation
    node = viewer.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", segmentation.description or "Segmentation")
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
    box = box_of(segmentation.segments)
    if box is None:
        return node
    corners = box_corners(segmentation.ijk_to_ras, box)
    if not _crosses_a_slice(viewer, corners):
        _jump_to(viewer, segmentation)
    if np.prod(np.ptp(corners, axis=0)) > FILLING * np.prod(np.ptp(body, axis=0)):
        hide_slices_in_3d(viewer)
    for view in viewer.threed_views:
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


def _crosses_a_slice(viewer: Viewer, corners: np.ndarray) -> bool:
    for view in viewer.slice_views:
        matrix = view.node.GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        point = np.array([matrix.GetElement(row, 3) for row in range(3)])
        distances = (corners - point) @ normal
        if distances.min() <= 0 <= distances.max():
            return True
    return False


def _jump_to(viewer: Viewer, segmentation: Segmentation) -> None:
    """Move the slices to the middle of the largest segment, which none of them shows."""
    k, j, i = middle_of(max(segmentation.segments, key=lambda segment: segment.voxels))
    place = segmentation.ijk_to_ras @ np.array([i, j, k, 1.0])
    for view in viewer.slice_views:
        view.node.JumpSliceByOffsetting(*(float(coordinate) for coordinate in place[:3]))
