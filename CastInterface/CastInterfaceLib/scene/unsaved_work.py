"""What the user has made on the open study and not saved: found and named. Main thread only.

It is what Slicer itself would offer to save: a node that can be stored, that has something in it, and that has changed
since it was last read or written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from CastInterfaceLib.scene.foreign_nodes import displayables, study_of


def unsaved_work(scene: Any, study_uid: str, shown: list[Any], is_changed: Callable[[Any], bool]) -> list[Any]:
    """The nodes that would be lost, or hidden, if a study went.

    Args:
        scene: where they are.
        study_uid: of the study; what is of none known yet was made since it took the views, and counts as its own.
        shown: what this display has put there for the study: work only where somebody has drawn in it.
        is_changed: whether somebody has.
    """
    return [
        node
        for node in displayables(scene)
        if (is_changed(node) if node in shown else study_of(node) in (study_uid, None))
        and _can_be_lost(node)
        and not _is_empty(node)
    ]


def _can_be_lost(node: Any) -> bool:
    stored = node.IsA("vtkMRMLStorableNode") and node.GetSaveWithScene() and not node.GetHideFromEditors()
    return bool(stored and node.GetModifiedSinceRead())


def _is_empty(node: Any) -> bool:
    """Whether a node holds nothing: no point, no segment, no image, no surface."""
    if node.IsA("vtkMRMLMarkupsNode"):
        return not node.GetNumberOfControlPoints()
    if node.IsA("vtkMRMLSegmentationNode"):
        return not node.GetSegmentation().GetNumberOfSegments()
    if node.IsA("vtkMRMLVolumeNode"):
        return node.GetImageData() is None
    if node.IsA("vtkMRMLModelNode"):
        return node.GetMesh() is None or not node.GetMesh().GetNumberOfPoints()
    return False
