"""What a user makes in the scene himself: points, models, drawings, volumes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from display_desk import Desk

from CastLib.study_context import make_study_context


@pytest.fixture
def scene(desk: Desk) -> Iterator[Any]:
    """The scene; what the test made there itself is taken out at its end."""
    scene = desk.host.scene
    before = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    yield scene
    study = desk.display.study
    if study is not None:
        desk.send("ImagingStudy-close", make_study_context(study.study_uid))
    for node in [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]:
        if node not in before and node.GetScene() is not None:
            scene.RemoveNode(node)


def add_points(desk: Desk, name: str, over: Any = None) -> Any:
    node = desk.host.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.CreateDefaultDisplayNodes()
    node.AddControlPoint(0.0, 0.0, 0.0)
    if over is not None:
        node.SetNthControlPointAssociatedNodeID(0, over.GetID())
    return node


def add_model(desk: Desk, name: str) -> Any:
    import vtk

    ball = vtk.vtkSphereSource()
    ball.SetRadius(30.0)
    ball.Update()
    node = desk.host.scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    node.SetAndObservePolyData(ball.GetOutput())
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetVisibility2D(True)
    node.GetDisplayNode().SetColor(1.0, 0.0, 0.0)
    return node


def add_segmentation(desk: Desk, name: str, over: Any) -> Any:
    import vtk

    ball = vtk.vtkSphereSource()
    ball.SetRadius(30.0)
    ball.Update()
    node = desk.host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(over)
    node.AddSegmentFromClosedSurfaceRepresentation(ball.GetOutput(), "Drawn", [1.0, 0.0, 0.0])
    return node


def add_volume(desk: Desk, name: str, kind: str = "vtkMRMLScalarVolumeNode") -> Any:
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(30, 30, 30)
    image.GetPointData().SetScalars(numpy_to_vtk(np.full(27000, 1, np.int16), deep=True))
    node = desk.host.scene.AddNewNodeByClass(kind, name)
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    return node
