"""What tests of real views share: the engine with an empty scene, a phantom in it, and what its views show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from display_parts import AXIAL, SAGITTAL, oblique

from CastInterfaceLib.study.voxels import Voxels, read_voxels
from CastLib.dicom.series import Series

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer


ORIENTATIONS = {"axial": AXIAL, "sagittal": SAGITTAL, "oblique": oblique(), "from above": AXIAL * [1, -1, -1]}


@pytest.fixture
def host(engine: EngineViewer) -> Iterator[EngineViewer]:
    """The engine, with an empty scene before and after."""
    from CastInterfaceLib.scene.slices_in_3d import hide_slices_in_3d
    from CastInterfaceLib.scene.viewer import nodes_of_class
    from CastInterfaceLib.scene.volumes import remove_node

    yield engine
    for kind in ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode"):
        for node in nodes_of_class(engine.scene, kind):
            remove_node(engine.scene, node)
    hide_slices_in_3d(engine)


def show(host: EngineViewer, series: Series) -> tuple[Any, Voxels, np.ndarray]:
    from CastInterfaceLib.scene.volumes import add_volume, show_volume
    from CastInterfaceLib.study.grids import box_corners
    from CastInterfaceLib.study.prepared_volume import prepare_volume

    voxels = read_voxels(series)
    volume = add_volume(host.scene, series, prepare_volume(voxels))
    body = box_corners(voxels.ijk_to_ras, voxels.look.body)
    show_volume(host, volume, body)
    return volume, voxels, body


def viewports(host: EngineViewer) -> dict[str, dict[str, Any]]:
    from CastInterfaceLib.views.scene_view import make_scene_view

    return {viewport["orientation"]: viewport for viewport in make_scene_view(host, "test")["viewports"]}


def straighten(host: EngineViewer) -> None:
    """Turn the slices to the patient's axes and through the origin, as a person would with an oblique study."""
    for view in host.slice_views:
        view.node.SetOrientationToDefault()
        view.logic.FitSliceToBackground()
        view.logic.SetSliceOffset(0.0)
        width, height = view.size
        view.node.SetFieldOfView(150.0 * width / height, 150.0, 1.0)
        matrix = view.node.GetSliceToRAS()
        for row in range(3):
            matrix.SetElement(row, 3, 0.0)
        view.node.UpdateMatrices()


def matrix_of(volume: Any) -> np.ndarray:
    from CastInterfaceLib.scene.volumes import geometry_of

    return geometry_of(volume)


def array_of(volume: Any) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    image = volume.GetImageData()
    return np.asarray(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]))
