"""What a slice view and a 3D view have in common: a window nobody sees, displayable managers, and a picture of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import slicer
import vtk

# Importing these registers the OpenGL classes behind VTK's factories; without them a window renders nothing.
import vtkmodules.vtkRenderingContextOpenGL2
import vtkmodules.vtkRenderingFreeType
import vtkmodules.vtkRenderingOpenGL2
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401
from vtkmodules.util.numpy_support import vtk_to_numpy

from CastInterfaceLib.slow_calls import slow_call

# zlib level of the pictures. Level 1 halves the time of level 6 and costs about a tenth more bytes.
PNG_LEVEL = 1

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUE_COLOR = 2
_FILTER_UP = 2


class Picture(NamedTuple):
    """One encoded picture: PNG bytes, width and height in pixels."""

    data: bytes
    width: int
    height: int


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
        self.overlay = vtk.vtkRenderer()
        self.overlay.SetLayer(1)
        self.overlay.InteractiveOff()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetShowWindow(False)
        self.window.SetMultiSamples(0)  # 8 samples cost software rendering tenfold
        self.window.SetNumberOfLayers(2)
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        self.window.AddRenderer(self.overlay)
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
        """The layout name: "Red", "Green", "Yellow", "1" …"""
        return str(self.node.GetLayoutName())

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the view in pixels."""
        width, height = self.window.GetSize()
        return int(width), int(height)

    def resize(self, width: int, height: int) -> None:
        """Give the next pictures another size."""
        self.window.SetSize(width, height)

    def fit(self) -> None:
        """Make what is shown fill the view."""
        raise NotImplementedError

    def annotate(self) -> None:
        """Bring the text in the corners up to date before a picture is taken."""
        raise NotImplementedError

    def pixels(self) -> Any:
        """Render; the pixels as a ``vtkImageData`` of unsigned char RGB, rows from the bottom up."""
        self.annotate()
        with slow_call(f"VTK draws view {self.name}"):
            self.window.Render()
        return self._grab()

    def _grab(self) -> Any:
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.SetInputBufferTypeToRGB()
        grab.ReadFrontBufferOff()
        grab.ShouldRerenderOff()
        grab.Update()
        return grab.GetOutput()

    def close(self) -> None:
        """Let go of scene and window. The view cannot be used again."""
        # The managers let go when the last reference to them does; taking their node or renderer first crashes.
        del self._managers
        self.window.Finalize()


def encode_png(pixels: Any) -> Picture:
    """The PNG (ISO/IEC 15948) of a ``vtkImageData`` of unsigned char RGB.

    Every row is stored as its difference from the row above: as small as what ``vtkPNGWriter`` makes of such pictures
    by trying five filters a row, in less than half the time.
    """
    width, height, _ = pixels.GetDimensions()
    rows = vtk_to_numpy(pixels.GetPointData().GetScalars()).reshape(height, width * 3)[::-1]
    filtered = np.empty((height, 1 + width * 3), np.uint8)
    filtered[:, 0] = _FILTER_UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _TRUE_COLOR, 0, 0, 0)
    body = zlib.compress(filtered.tobytes(), PNG_LEVEL)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return Picture(_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks), width, height)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def shrink(pixels: Any, width: int) -> Any:
    """The same picture scaled down to ``width`` pixels (never up), antialiased, its proportions kept."""
    have_width, have_height, _ = pixels.GetDimensions()
    if have_width <= width:
        return pixels
    window = vtk.vtkImageSincInterpolator()
    window.AntialiasingOn()
    resize = vtk.vtkImageResize()
    resize.SetInputData(pixels)
    resize.SetInterpolator(window)
    resize.SetOutputDimensions(width, max(1, round(have_height * width / have_width)), 1)
    resize.Update()
    return resize.GetOutput()
