"""What a slice view and a 3D view have in common: a window nobody sees, displayable managers, and a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk

# Importing these registers the OpenGL classes behind VTK's factories; without them a window renders nothing.
import vtkmodules.vtkRenderingContextOpenGL2
import vtkmodules.vtkRenderingFreeType
import vtkmodules.vtkRenderingOpenGL2
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401
from vtkmodules.util.numpy_support import vtk_to_numpy

from CastInterfaceLib.views.annotations import Annotations
from CastSlicerLib.slow_calls import slow_call


class OffscreenView:
    """A view node shown in a window of its own that is never mapped on a screen.

    Args:
        factory: the displayable manager factory class of this kind of view.
        managers: names of displayable manager classes; those the engine lacks are left out.
        application_logic: the ``vtkMRMLApplicationLogic`` of the node's scene.
        node: the ``vtkMRMLSliceNode`` or ``vtkMRMLViewNode`` to show.
        size: width and height of the pictures in pixels.
    """

    def __init__(
        self, factory: Any, managers: Sequence[str], application_logic: Any, node: Any, size: tuple[int, int]
    ) -> None:
        self.node = node
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetShowWindow(False)
        self.window.SetMultiSamples(0)  # 8 samples cost software rendering tenfold
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        # Displayable managers refuse a renderer without an interactor.
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.EnableRenderOff()
        self._interactor.Initialize()
        instance = factory.GetInstance()
        instance.SetMRMLApplicationLogic(application_logic)
        for name in managers:
            if hasattr(slicer, name) and not instance.IsDisplayableManagerRegistered(name):
                instance.RegisterDisplayableManager(name)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.SetRenderer(self.renderer)
        self._managers.Initialize(instance, self.renderer)
        self._managers.SetMRMLDisplayableNode(node)

    @property
    def name(self) -> str:
        """The layout name: "Red", "Green", "Yellow", "1" and so on."""
        return str(self.node.GetLayoutName())

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the view in pixels."""
        width, height = self.window.GetSize()
        return int(width), int(height)

    @property
    def volume(self) -> Any:
        """The volume node shown, or None."""
        raise NotImplementedError

    def resize(self, width: int, height: int) -> None:
        """Give the next pictures another size."""
        self.window.SetSize(width, height)

    def fit(self) -> None:
        """Make what is shown fill the view."""
        raise NotImplementedError

    def annotations(self) -> Annotations:
        """What is to be written into a picture taken now, as if there were no other view. Main thread only."""
        raise NotImplementedError

    def pixels(self) -> np.ndarray:
        """Render; the pixels (rows from the top, columns, 3) uint8, without any text. Main thread only."""
        with slow_call(f"VTK draws view {self.name}"):
            self.window.Render()
            return self._grab()

    def _grab(self) -> np.ndarray:
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.SetInputBufferTypeToRGB()
        grab.ReadFrontBufferOff()
        grab.ShouldRerenderOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        rows = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)
        return np.ascontiguousarray(rows[::-1])

    def close(self) -> None:
        """Let go of scene and window. The view cannot be used again."""
        # The managers let go when the last reference to them does; taking their node or renderer first crashes.
        del self._managers
        self.window.Finalize()
