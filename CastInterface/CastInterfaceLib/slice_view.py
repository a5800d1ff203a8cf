"""A slice view offscreen: Slicer's slice logic and displayable managers, with the letters a radiologist expects."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from CastInterfaceLib.anatomy import direction_letters, is_oblique, plane_name, position_text
from CastInterfaceLib.annotations import CornerText, EdgeLetters
from CastInterfaceLib.offscreen_view import OffscreenView

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


class SliceView(OffscreenView):
    """One slice node with a slice logic of its own. See `OffscreenView` for the arguments.

    Attributes:
        logic: the ``vtkMRMLSliceLogic``; it is added to the application logic's slice logics.
    """

    def __init__(self, application_logic: Any, node: Any, size: tuple[int, int]) -> None:
        super().__init__(slicer.vtkMRMLSliceViewDisplayableManagerFactory, MANAGERS, application_logic, node, size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._application_logic = application_logic
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        self.logic.SetMRMLScene(node.GetScene())
        self.logic.SetSliceNode(node)
        application_logic.GetSliceLogics().AddItem(self.logic)
        # The slice logic delivers finished grey or colour pixels: the mapper must leave 0..255 as they are.
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(self._mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self._image)
        self._letters = EdgeLetters(self.overlay)
        self._text = CornerText(self.overlay)
        self.logic.ResizeSliceNode(*size)
        self._observation = self.logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._connect_image)
        self._connect_image()

    def _connect_image(self, *_: Any) -> None:
        image = self.logic.GetImageDataConnection()
        self._mapper.SetInputConnection(image)
        self._image.SetVisibility(image is not None)

    @property
    def volume(self) -> Any:
        """The background volume node, or None."""
        return self.node.GetScene().GetNodeByID(self.logic.GetSliceCompositeNode().GetBackgroundVolumeID() or "")

    def resize(self, width: int, height: int) -> None:
        super().resize(width, height)
        self.logic.ResizeSliceNode(width, height)

    def fit(self) -> None:
        """Show the whole background volume, at its middle slice."""
        self.logic.ResizeSliceNode(*self.size)
        if self.volume is not None:
            self.logic.FitSliceToBackground()
            self.logic.SnapSliceOffsetToIJK()

    def annotate(self) -> None:
        volume = self.volume
        matrix = self.node.GetSliceToRAS()
        right, up, normal, point = ([matrix.GetElement(row, column) for row in range(3)] for column in range(4))
        if volume is None:
            self._letters.show("", "", "", "")
            self._text.show(lower_left="nothing open")
        else:
            self._letters.show(
                left=direction_letters([-x for x in right]),
                right=direction_letters(right),
                top=direction_letters(up),
                bottom=direction_letters([-x for x in up]),
            )
            display = volume.GetScalarVolumeDisplayNode()
            window = f"W {display.GetWindow():.0f}  L {display.GetLevel():.0f}" if display else ""
            self._text.show(upper_right=volume.GetName(), lower_left=position_text(point, normal), lower_right=window)
        title = plane_name(normal) + (", oblique" if is_oblique(normal) else "")
        self._text.title(title, self.node.GetLayoutColor())

    def close(self) -> None:
        self.logic.RemoveObserver(self._observation)
        self._application_logic.GetSliceLogics().RemoveItem(self.logic)
        super().close()
