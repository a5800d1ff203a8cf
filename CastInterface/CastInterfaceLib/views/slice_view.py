"""A slice view offscreen: Slicer's slice logic and displayable managers, with the letters a radiologist expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
import vtk

from CastInterfaceLib.scene.image_words import missing_slices, window_text, words_of
from CastInterfaceLib.views.anatomy import direction_letters, is_oblique, plane_name, position_text, turned_planes
from CastInterfaceLib.views.annotations import Annotations, rgb
from CastInterfaceLib.views.offscreen_view import OffscreenView

MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
)


# Cosine from which on a view lies in the plane of the acquired slices.
_SAME_PLANE = 0.999


def _elements(fill: Callable[[Any], object]) -> np.ndarray:
    """The matrix, 4x4, that a method of VTK's fills."""
    matrix = vtk.vtkMatrix4x4()
    fill(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


class SliceView(OffscreenView):
    """One slice node with a slice logic of its own. See `OffscreenView` for the arguments.

    Attributes:
        logic: the ``vtkMRMLSliceLogic``; it is added to the application logic's slice logics.
        beside_middle: how many mm from the image's middle `fit` opens.
        draws_opacity: whether the opacity of a volume's display node is drawn, over black.
    """

    beside_middle = 0.0
    draws_opacity = True

    def __init__(self, application_logic: Any, node: Any, size: tuple[int, int]) -> None:
        super().__init__(slicer.vtkMRMLSliceViewDisplayableManagerFactory, MANAGERS, application_logic, node, size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._application_logic = application_logic
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        self.logic.SetMRMLScene(node.GetScene())
        self.logic.SetSliceNode(node)
        application_logic.GetSliceLogics().AddItem(self.logic)
        # The slice logic delivers finished grey or colour pixels: the mapper must leave 0..255 as they are, but for
        # the volume's opacity (`pixels`).
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(self._mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self._image)
        self.logic.ResizeSliceNode(*size)
        self._observation = self.logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._connect_image)
        self._connect_image()

    def _connect_image(self, *_: Any) -> None:
        image = self.logic.GetImageDataConnection()
        self._mapper.SetInputConnection(image)
        self._image.SetVisibility(image is not None)

    def pixels(self) -> np.ndarray:
        """See `OffscreenView.pixels`."""
        window = 255 / max(self._opacity, 1e-3) ** 0.5  # the mapper scales colours and, of the same pixels, alpha
        self._mapper.SetColorWindow(window)
        self._mapper.SetColorLevel(window / 2)
        return super().pixels()

    @property
    def _opacity(self) -> float:
        """How opaque the volume is."""
        volume = self.volume
        display = volume.GetDisplayNode() if volume is not None else None
        return float(display.GetOpacity()) if display is not None else 1.0

    @property
    def volume(self) -> Any:
        """The background volume node, or None."""
        return self.node.GetScene().GetNodeByID(self.logic.GetSliceCompositeNode().GetBackgroundVolumeID() or "")

    def resize(self, width: int, height: int) -> None:
        super().resize(width, height)
        self.logic.ResizeSliceNode(width, height)

    def fit(self) -> None:
        """Show the whole background volume along its own axes, at the middle one of the slices that exist."""
        self.logic.ResizeSliceNode(*self.size)
        self._show_whole()

    def _show_whole(self) -> None:
        volume = self.volume
        if volume is None:
            return
        to_ras = _elements(volume.GetIJKToRASMatrix)
        turned = turned_planes(to_ras).get(self.node.GetDefaultOrientation())
        if turned is not None:
            matrix = self.node.GetSliceToRAS()
            for row in range(3):
                for column in range(3):
                    matrix.SetElement(row, column, turned[row, column])
            self.node.UpdateMatrices()
        self.logic.FitSliceToBackground()
        self.logic.SetSliceOffset(self.logic.GetSliceOffset() + self.beside_middle)
        self.logic.SnapSliceOffsetToIJK()
        self._leave_missing(volume)

    def _leave_missing(self, volume: Any) -> None:
        """Move from a slice that was never received to the nearest that was."""
        missing, number = missing_slices(volume), self._acquired_slice(volume)
        if number not in missing:
            return
        last = volume.GetImageData().GetDimensions()[2] - 1
        there = [other for other in range(last + 1) if other not in missing]
        if not there or number is None:
            return
        nearest = min(there, key=lambda other: abs(other - number))
        along, normal = _elements(volume.GetIJKToRASMatrix)[:3, 2], self._matrix()[:3, 2]
        self.logic.SetSliceOffset(self.logic.GetSliceOffset() + (nearest - number) * float(along @ normal))

    def _acquired_slice(self, volume: Any) -> int | None:
        """The number of the volume's slice that lies in the view, None when the view crosses them or shows none."""
        ras_to_ijk, seen = _elements(volume.GetRASToIJKMatrix), self._matrix()
        turn = ras_to_ijk[2, :3] / np.linalg.norm(ras_to_ijk[2, :3])
        if abs(float(turn @ seen[:3, 2])) < _SAME_PLANE:
            return None
        number = round(float((ras_to_ijk @ seen[:, 3])[2]))
        return number if 0 <= number < volume.GetImageData().GetDimensions()[2] else None

    def _matrix(self) -> np.ndarray:
        """From mm in the view to RAS, 4x4."""
        matrix = self.node.GetSliceToRAS()
        return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])

    @property
    def normal(self) -> list[float]:
        """The direction in RAS that the slices are counted along."""
        return [float(component) for component in self._matrix()[:3, 2]]

    @property
    def shows_missing_slice(self) -> bool:
        """Whether the slice in the view was never received."""
        volume = self.volume
        missing = missing_slices(volume) if volume is not None else frozenset()
        return bool(missing) and self._acquired_slice(volume) in missing

    def annotations(self, plane: str = "") -> Annotations:
        """See `OffscreenView.annotations`; ``plane`` is what the view is called among others."""
        volume = self.volume
        right, up, normal, point = (list(map(float, column)) for column in self._matrix()[:3].T)
        title = (plane or plane_name(normal)) + (", oblique" if is_oblique(normal) else "")
        color = rgb(self.node.GetLayoutColor())
        if volume is None:
            return Annotations(title, color, position="nothing open")
        display = volume.GetScalarVolumeDisplayNode()
        return Annotations(
            title,
            color,
            words_of(volume),
            letters=(
                direction_letters([-x for x in right]),
                direction_letters(right),
                direction_letters(up),
                direction_letters([-x for x in up]),
            ),
            position=position_text(point, normal),
            window=window_text(display.GetWindow(), display.GetLevel(), self._opacity) if display else "",
            missing_slice=self.shows_missing_slice,
        )

    def close(self) -> None:
        self.logic.RemoveObserver(self._observation)
        self._application_logic.GetSliceLogics().RemoveItem(self.logic)
        super().close()
