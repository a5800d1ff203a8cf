"""To which volume of the scene a DICOM SEG belongs, if to any. Main thread only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from CastInterfaceLib.scene.image_words import PATIENT_ID, PATIENT_NAME
from CastInterfaceLib.scene.volumes import FRAME_OF_REFERENCE, INSTANCES, SERIES, STUDY, geometry_of
from CastInterfaceLib.study.grids import Grid, check_other_grid
from CastInterfaceLib.study.label_maps import Segmentation
from CastLib.errors import CastError
from CastLib.patient import Patient


def volume_for(nodes: Iterable[Any], segmentation: Segmentation) -> Any:
    """The one of some volume nodes that a segmentation belongs to. A result is never shown on another study.

    It is of the series that it references; where it names none, of the one whose images it was derived from; where it
    names no images either, of the one that shares its frame of reference. Of several volumes of one series it is the
    one on whose grid it lies.

    Raises:
        CastError: there is none or not only one, it is of another patient, or it lies elsewhere.
    """
    name = segmentation.file_name or "The segmentation"
    same_study = [node for node in nodes if node.GetAttribute(STUDY) == segmentation.study_uid]
    if not same_study:
        raise CastError(f"{name} belongs to study {segmentation.study_uid}, which is not open here.")
    candidates = _candidates(same_study, segmentation, name)
    for node in candidates:
        shown = Patient(id=node.GetAttribute(PATIENT_ID) or "", name=node.GetAttribute(PATIENT_NAME) or "")
        why = shown.contradiction(segmentation.patient)
        if why:
            raise CastError(f"{name} is of another patient than the series it is for ({why}).")
    found, problem = [], CastError("")
    for node in candidates:
        try:
            _check_place(node, segmentation)
            found.append(node)
        except CastError as error:
            problem = error
    if not found:
        raise problem
    if len(found) > 1:
        raise CastError(f"{name} could belong to {len(found)} of the open series and does not say to which.")
    return found[0]


def odd_about(segmentation: Segmentation, node: Any) -> list[str]:
    """Sentences on what is odd about a segmentation that is shown over a volume."""
    warnings = (*segmentation.warnings, *_check_place(node, segmentation))
    return [f"{segmentation.file_name}: {warning}." for warning in warnings]


def _candidates(nodes: Sequence[Any], segmentation: Segmentation, name: str) -> list[Any]:
    frame = segmentation.frame_of_reference_uid
    found = [node for node in nodes if node.GetAttribute(SERIES) in segmentation.source_series]
    instances = segmentation.source_instances
    if instances:
        of_images = [node for node in nodes if not instances.isdisjoint((node.GetAttribute(INSTANCES) or "").split())]
        if not segmentation.source_series or len(found) > 1:
            found = of_images or found
    elif not segmentation.source_series and frame:
        found = [node for node in nodes if node.GetAttribute(FRAME_OF_REFERENCE) == frame]
    if not found:
        raise CastError(f"{name} references none of the open series.")
    in_frame = [node for node in found if not frame or (node.GetAttribute(FRAME_OF_REFERENCE) or frame) == frame]
    if not in_frame:
        raise CastError(f"{name} lies in another frame of reference than the series it references.")
    return in_frame


def _check_place(node: Any, segmentation: Segmentation) -> list[str]:
    grid = segmentation.grid
    marked = segmentation.marked or [((np.array([grid.shape[::-1]], float) - 1) / 2, 1.0)]
    return check_other_grid(segmentation.file_name or "The segmentation", grid, grid_of(node), marked)


def grid_of(node: Any) -> Grid:
    """The grid of a volume node."""
    columns, rows, slices = node.GetImageData().GetDimensions()
    return Grid((slices, rows, columns), geometry_of(node))
