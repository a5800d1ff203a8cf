"""A decoded series as a volume node, shown in the views; and every node of a study taken out of the scene again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from CastInterfaceLib.scene.image_words import (
    MISSING_SLICES,
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_DESCRIPTION,
    STUDY_DATE,
    WARNING,
    missing_slices,
)
from CastInterfaceLib.scene.slices_in_3d import show_slices_in_3d
from CastInterfaceLib.scene.subject_hierarchy import put_under_patient, remove_empty, take_out
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.study.grids import box_corners
from CastInterfaceLib.study.look import Look
from CastInterfaceLib.study.prepared_volume import PreparedVolume
from CastLib.dicom.series import Series
from CastSlicerLib.slow_calls import slow_call

# Node attributes that tell which study, series and instances a node was made from.
STUDY = "DICOM.StudyInstanceUID"
SERIES = "DICOM.SeriesInstanceUID"
FRAME_OF_REFERENCE = "DICOM.FrameOfReferenceUID"
INSTANCES = "DICOM.instanceUIDs"  # Slicer's own name for it

SERIES_KEY = "Cast.SeriesKey"

ALONG = 0.9  # cosine of the angle up to which a view looks along a volume's slices

INVERTED_GREY = "vtkMRMLColorTableNodeInvertedGrey"


def add_volume(scene: Any, series: Series, prepared: PreparedVolume) -> Any:
    """A volume node of exactly these voxels and this geometry, not yet shown anywhere.

    Args:
        scene: the MRML scene.
        series: where the voxels are from; its UIDs become the node's attributes.
        prepared: what `prepare_volume` gave.

    Returns:
        a ``vtkMRMLScalarVolumeNode``, or a ``vtkMRMLVectorVolumeNode`` for colour.
    """
    color = prepared.image.GetNumberOfScalarComponents() == 3
    kind = "vtkMRMLVectorVolumeNode" if color else "vtkMRMLScalarVolumeNode"
    volume = scene.AddNewNodeByClass(kind, series_name(series))
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(prepared.ijk_to_ras.ravel())
    volume.SetIJKToRASMatrix(matrix)
    name_volume(volume, series)
    volume.SetAttribute(MISSING_SLICES, " ".join(map(str, prepared.missing)))
    volume.SetAttribute(WARNING, prepared.mark)
    put_under_patient(scene, volume, series)
    set_look(volume, prepared.look)  # before the image, which the display node would else look through for a window
    volume.SetAndObserveImageData(prepared.image)
    return volume


def series_name(series: Series) -> str:
    """What a viewer calls the series: its description, else its modality, and which part of it this is."""
    name = series.description or series.modality or "Series"
    return f"{name} ({series.part})" if series.part else name


def volume_corners(volume: Any) -> np.ndarray:
    """The corners of a volume node's box in RAS mm (8, 3)."""
    columns, rows, slices = volume.GetImageData().GetDimensions()
    return box_corners(geometry_of(volume), ((0, columns - 1), (0, rows - 1), (0, slices - 1)))


def geometry_of(volume: Any) -> np.ndarray:
    """IJK to RAS mm of a volume node, 4x4."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def name_volume(volume: Any, series: Series) -> None:
    """Note on a volume node which series it is, and make sure that it can be shown."""
    if volume.GetDisplayNode() is None:
        volume.CreateDefaultDisplayNodes()
    volume.SetAttribute(STUDY, series.study_uid)
    volume.SetAttribute(SERIES, series.uid)
    volume.SetAttribute(FRAME_OF_REFERENCE, series.frame_of_reference_uid)
    volume.SetAttribute(INSTANCES, " ".join(series.instance_uids))
    volume.SetAttribute(PATIENT_NAME, series.patient.name)
    volume.SetAttribute(PATIENT_ID, series.patient.id)
    volume.SetAttribute(STUDY_DATE, series.study_date)
    volume.SetAttribute(SERIES_DESCRIPTION, series.description)
    volume.SetAttribute(SERIES_KEY, series.key)


def is_shown(viewer: Viewer, volume: Any) -> bool:
    """Whether a volume is the background of the slice views."""
    return all(
        view.logic.GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID() for view in viewer.slice_views
    )


def show_volume(viewer: Viewer, volume: Any, body: np.ndarray) -> None:
    """Make a volume the background of every slice view, its middle slices visible in 3D.

    The slices are turned to the volume's own axes, so that what was acquired is shown and not an interpolation.

    Args:
        viewer: where to show it.
        volume: the volume node.
        body: corners of the body's box in RAS mm (8, 3).
    """
    for view in viewer.slice_views:
        view.node.SetOrientationToDefault()  # a study before may have been oblique
    selection = viewer.application_logic.GetSelectionNode()
    selection.SetActiveVolumeID(volume.GetID())
    with slow_call("Slicer's logics show a volume in all slice views"):
        viewer.application_logic.PropagateVolumeSelection()
        for view in viewer.slice_views:
            view.fit()
            show_existing_slice(view, volume)
    show_slices_in_3d(viewer, body)
    for view in viewer.threed_views:
        view.look_at(body)


def show_existing_slice(view: Any, volume: Any) -> None:
    """Where a slice view looks along a volume's slices and stands on one that is missing: go to the nearest other."""
    missing = missing_slices(volume)
    to_ras = geometry_of(volume)
    step = to_ras[:3, 2]
    matrix = view.node.GetSliceToRAS()
    normal, centre = (np.array([matrix.GetElement(row, column) for row in range(3)]) for column in (2, 3))
    spacing = float(np.linalg.norm(step))
    if not missing or abs(normal @ step) < ALONG * spacing:
        return
    slices = [number for number in range(volume.GetImageData().GetDimensions()[2]) if number not in missing]
    here = (centre - to_ras[:3, 3]) @ step / spacing**2
    if slices and round(here) in missing:
        nearest = min(slices, key=lambda number: abs(number - here))
        view.logic.SetSliceOffset(view.logic.GetSliceOffset() + (nearest - here) * float(normal @ step))


def set_look(volume: Any, look: Look) -> None:
    """Show a volume with this window and level."""
    display = volume.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(look.window, look.level)
    if look.inverted:
        display.SetAndObserveColorNodeID(INVERTED_GREY)


def array_of(volume: Any) -> np.ndarray:
    """The voxels of a volume node as they are now, not copied: (slices, rows, columns), components behind.

    Main thread only; the array may be read on any, for Slicer gives a volume another one with other voxels.
    """
    image = volume.GetImageData()
    shape = image.GetDimensions()[::-1]
    components = image.GetNumberOfScalarComponents()
    array = vtk_to_numpy(image.GetPointData().GetScalars())
    return np.asarray(array.reshape(shape if components == 1 else (*shape, components)))


def remove_nodes(scene: Any, nodes: Iterable[Any]) -> None:
    """Take nodes out of the scene, with all that was made for them alone; those that have gone already are left."""
    for node in nodes:
        if node.GetScene() is not None:
            remove_node(scene, node)


def remove_node(scene: Any, node: Any) -> None:
    """Take a node out of the scene together with its display and storage nodes, which nobody else uses."""
    displays = [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    storages = [node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())]
    folder = take_out(scene, node)
    scene.RemoveNode(node)
    for helper in (*displays, *storages):
        if helper is not None:
            scene.RemoveNode(helper)
    remove_empty(scene, folder)
