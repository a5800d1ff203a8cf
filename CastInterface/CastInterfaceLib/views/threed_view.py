"""A 3D view offscreen: Slicer's view logic and displayable managers, and a camera that looks at what there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import slicer

from CastInterfaceLib.scene.image_words import without_path, words_of
from CastInterfaceLib.scene.viewer import nodes_of_class
from CastInterfaceLib.views.annotations import Annotations, rgb
from CastInterfaceLib.views.lettering import Color
from CastInterfaceLib.views.offscreen_view import OffscreenView

MANAGERS = (
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager3D",
    "vtkMRMLColorLegendDisplayableManager",
)

BACKGROUND = (0.055, 0.065, 0.085)
BACKGROUND_TOP = (0.20, 0.23, 0.29)

# How much more than the body fits into the view.
ROOM = 1.3

# Where the camera stands, seen from the middle of what is shown: in front, to the patient's left and above.
FROM = (-0.55, 0.75, 0.42)


class ThreeDView(OffscreenView):
    """One 3D view node. See `OffscreenView` for the arguments."""

    def __init__(self, application_logic: Any, node: Any, size: tuple[int, int]) -> None:
        super().__init__(slicer.vtkMRMLThreeDViewDisplayableManagerFactory, MANAGERS, application_logic, node, size)
        self._application_logic = application_logic
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        self.logic.SetName(node.GetLayoutName())
        self.logic.SetMRMLScene(node.GetScene())
        self.logic.AddViewNode(node.GetLayoutName())
        application_logic.GetViewLogics().AddItem(self.logic)
        self.renderer.GradientBackgroundOn()
        node.SetBackgroundColor(*BACKGROUND)
        node.SetBackgroundColor2(*BACKGROUND_TOP)
        node.SetBoxVisible(False)
        node.SetAxisLabelsVisible(False)
        node.SetOrientationMarkerType(node.OrientationMarkerTypeAxes)
        node.SetOrientationMarkerSize(node.OrientationMarkerSizeMedium)

    @property
    def camera_node(self) -> Any:
        """The ``vtkMRMLCameraNode`` that Slicer keeps for this view."""
        return self._application_logic.GetModuleLogic("Cameras").GetViewActiveCameraNode(self.node)

    def fit(self) -> None:
        """Look at everything that is visible."""
        bounds = [0.0] * 6
        self.renderer.ComputeVisiblePropBounds(bounds)
        if bounds[0] <= bounds[1]:
            self.look_at(np.array(list(itertools.product(*(bounds[i : i + 2] for i in (0, 2, 4))))))

    def look_at(self, corners: np.ndarray) -> None:
        """Stand in front of a box (8 corners in RAS mm), near enough that a body within it fills the view."""
        low, high = corners.min(axis=0), corners.max(axis=0)
        centre, half = (low + high) / 2, (high - low) / 2
        toward = np.array(FROM) / np.linalg.norm(FROM)
        right = np.cross([0.0, 0.0, 1.0], toward)
        right /= np.linalg.norm(right)
        up = np.cross(toward, right)
        width, height = self.size
        # Half width and height of the ellipsoid in the box: bodies are round, corners of the box may be cut off.
        needed = max(float(np.linalg.norm(half * up)), float(np.linalg.norm(half * right)) * height / width)
        camera = self.camera_node
        distance = ROOM * max(needed, 1.0) / math.sin(math.radians(camera.GetViewAngle() / 2))
        camera.SetFocalPoint(*centre)
        camera.SetPosition(*(centre + toward * distance))
        camera.SetViewUp(0, 0, 1)
        self.renderer.ResetCameraClippingRange()

    @property
    def volume(self) -> Any:
        """The volume node that the slices show, or None."""
        scene = self.node.GetScene()
        shown = (
            scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
            for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode")
        )
        return next((volume for volume in shown if volume is not None), None)

    def annotations(self, name: str = "3D") -> Annotations:
        """See `OffscreenView.annotations`; ``name`` is what the view is called among others."""
        return Annotations(name, rgb(self.node.GetLayoutColor()), words_of(self.volume), legend=tuple(self._segments()))

    def _segments(self) -> Iterator[tuple[str, Color]]:
        """Names and colours of the segments that are visible in 3D."""
        for node in nodes_of_class(self.node.GetScene(), "vtkMRMLSegmentationNode"):
            display, content = node.GetDisplayNode(), node.GetSegmentation()
            if display is None or not (display.GetVisibility() and display.GetVisibility3D()):
                continue
            for index in range(content.GetNumberOfSegments()):
                if display.GetSegmentVisibility(content.GetNthSegmentID(index)):
                    segment = content.GetNthSegment(index)
                    yield without_path(segment.GetName() or ""), rgb(segment.GetColor())

    def close(self) -> None:
        self._application_logic.GetViewLogics().RemoveItem(self.logic)
        super().close()
