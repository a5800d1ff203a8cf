"""The room for Slicer with its window: Slicer's own views, and its DICOM database where it is there."""

from __future__ import annotations

import re
from typing import Any, Protocol

import numpy as np
import slicer

from CastInterfaceLib.scene.dicom_database import DatabaseStudies
from CastInterfaceLib.scene.layouts import DRAWABLE, Slot, Split, layout_name, parse_layout, slots
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.views.offscreen_view import OffscreenView
from CastInterfaceLib.views.screen_words import ScreenWords
from CastInterfaceLib.views.slice_view import SliceView
from CastInterfaceLib.views.threed_view import ThreeDView
from CastLib.client import Pump
from CastLib.errors import CastError
from CastSlicerLib.slow_calls import slow_call
from CastSlicerLib.user_settings import read_setting

PICTURE_SIZE = (1024, 1024)

# In Slicer's settings: whether Slicer's own views name the patient, as they do unless this is false; and whether those
# who ask over the wire are told, as they are not unless this is true.
_ON_SCREEN = "CastInterface/patientTextOnScreen"
_ALLOWED = "CastInterface/patientTextAllowed"


def patient_text_on_screen() -> bool:
    """Whether the views of Slicer's window show the patient's name and ID."""
    return read_setting(_ON_SCREEN) is not False


def patient_text_allowed() -> bool:
    """Whether pictures and scene views name the patient for those who ask for it."""
    return read_setting(_ALLOWED) is True


class SlicerViewer(Viewer, Protocol):
    """A `Viewer` inside Slicer, which has a DICOM database too.

    Attributes:
        has_window: whether somebody may sit in front of it.
    """

    has_window: bool

    def studies(self, pump: Pump) -> DatabaseStudies:
        """Slicer's DICOM database as the place where studies are found."""
        ...


def open_viewer() -> SlicerViewer:
    """The room that fits the Slicer this runs in."""
    if slicer.app.layoutManager() is not None:
        return WindowViewer()
    from CastInterfaceLib.views.headless_viewer import HeadlessViewer

    return HeadlessViewer()


class _WindowView(OffscreenView):
    """What a view of Slicer's window has beside the offscreen kind: its picture may have another size than it.

    The window's size is changed for the picture and given back; words that are for this screen alone are left out.
    """

    _size: tuple[int, int]
    words: ScreenWords

    def _attach(self, view: Any, node: Any, size: tuple[int, int]) -> None:
        self.node = node
        self.window = view.renderWindow()
        self._size = size
        self.words = ScreenWords(self.window, lambda: self.volume, patient_text_on_screen, view.scheduleRender)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self._size

    def resize(self, width: int, height: int) -> None:
        """Give the next pictures another size."""
        self._size = (width, height)

    def pixels(self) -> np.ndarray:
        """See `OffscreenView.pixels`."""
        window = self.window
        shown = tuple(window.GetSize())
        self._before_picture()
        self._set_size(self._size)
        try:
            with self.words.hidden(), slow_call(f"VTK draws view {self.node.GetLayoutName()}"):
                window.Render()
                return self._grab()
        finally:
            self._set_size(shown)
            self._after_picture()

    def _set_size(self, size: tuple[int, int]) -> None:
        with slow_call("VTK makes a view's buffers anew"):
            self.window.SetSize(*size)

    def _before_picture(self) -> None:
        """Make ready what depends on the window's size."""

    def _after_picture(self) -> None:
        """Put back what `_before_picture` changed."""

    def close(self) -> None:
        """Take our words away; the view is Slicer's."""
        self.words.close()


class WindowSliceView(_WindowView, SliceView):
    """A slice view of Slicer's window; ``widget`` is its ``qMRMLSliceWidget``."""

    draws_opacity = False

    def __init__(self, widget: Any, size: tuple[int, int]) -> None:
        self.logic = widget.sliceLogic()
        self._attach(widget.sliceView(), widget.mrmlSliceNode(), size)
        self._geometry: tuple[Any, ...] = ()

    def fit(self) -> None:
        """See `SliceView.fit`; the view keeps its size."""
        self._show_whole()

    def resize(self, width: int, height: int) -> None:
        """Give the next pictures another size."""
        _WindowView.resize(self, width, height)

    def _before_picture(self) -> None:
        node = self.node
        self._geometry = (tuple(node.GetFieldOfView()), tuple(node.GetDimensions()), tuple(node.GetXYZOrigin()))
        self.logic.ResizeSliceNode(*self._size)

    def _after_picture(self) -> None:
        field_of_view, dimensions, origin = self._geometry
        node = self.node
        was_modifying = node.StartModify()
        node.SetDimensions(*dimensions)
        node.SetFieldOfView(*field_of_view)
        node.SetXYZOrigin(*origin)
        node.EndModify(was_modifying)


class WindowThreeDView(_WindowView, ThreeDView):
    """A 3D view of Slicer's window; ``widget`` is its ``qMRMLThreeDWidget``."""

    def __init__(self, widget: Any, application_logic: Any, size: tuple[int, int]) -> None:
        self._application_logic = application_logic
        self._attach(widget.threeDView(), widget.mrmlViewNode(), size)
        self.renderer = self.window.GetRenderers().GetFirstRenderer()


class WindowViewer:
    """Slicer's scene and the views of its window. A `viewer.Viewer`.

    Args:
        size: width and height of each view's picture in pixels.
    """

    has_window = True

    def __init__(self, size: tuple[int, int] = PICTURE_SIZE) -> None:
        self.scene = slicer.mrmlScene
        self.application_logic = slicer.app.applicationLogic()
        self._manager = slicer.app.layoutManager()
        self._size = size
        self._views: dict[str, Any] = {}

    def studies(self, pump: Pump) -> DatabaseStudies:
        """Slicer's DICOM database as the place where studies are found."""
        return DatabaseStudies(pump)

    @property
    def layout(self) -> tuple[str, Split]:
        """The layout that Slicer shows now: its name, and the tree of the views in it that can be drawn."""
        node = self._manager.layoutLogic().GetLayoutNode()
        description = node.GetCurrentLayoutDescription()
        tree = parse_layout(description) or _row_of_views(description)
        return _name_of(node), tree

    @property
    def slice_views(self) -> list[WindowSliceView]:
        """The slice views that the layout shows."""
        return [self._view(slot) for slot in slots(self.layout[1]) if slot.node_class == DRAWABLE[0]]

    @property
    def threed_views(self) -> list[WindowThreeDView]:
        """The 3D views that the layout shows."""
        return [self._view(slot) for slot in slots(self.layout[1]) if slot.node_class == DRAWABLE[1]]

    def _view(self, slot: Slot) -> Any:
        key = f"{slot.node_class} {slot.tag}"
        widget = self._widget(slot)
        known = self._views.get(key)
        if known is None or known.window is not _view_of(widget).renderWindow():
            if known is not None:
                known.close()
            if slot.node_class == DRAWABLE[0]:
                known = WindowSliceView(widget, self._size)
            else:
                known = WindowThreeDView(widget, self.application_logic, self._size)
            self._views[key] = known
        return known

    def _widget(self, slot: Slot) -> Any:
        if slot.node_class == DRAWABLE[0]:
            return self._manager.sliceWidget(slot.tag)
        for index in range(self._manager.threeDViewCount):
            widget = self._manager.threeDWidget(index)
            if widget.mrmlViewNode().GetLayoutName() == slot.tag:
                return widget
        raise CastError(f"Slicer shows no 3D view {slot.tag}.")

    def close(self) -> None:
        """Let go of the views; they and the scene are Slicer's."""
        for view in self._views.values():
            view.close()
        self._views.clear()


def _view_of(widget: Any) -> Any:
    return widget.sliceView() if hasattr(widget, "sliceView") else widget.threeDView()


def _row_of_views(description: str) -> Split:
    """The views of a layout that holds something else beside them, in a row."""
    found = re.findall(r'<view\s+class="(\w+)"\s+singletontag="([^"]+)"', description)
    views = tuple(Slot(kind, tag) for kind, tag in found if kind in DRAWABLE)
    if not views:
        return Split("row", (), ())  # as while a scene is closed
    return Split("row", views, (1 / len(views),) * len(views))


def _name_of(node: Any) -> str:
    number = node.GetViewArrangement()
    constants = (name for name in dir(node) if name.startswith("SlicerLayout"))
    return next((layout_name(name) for name in constants if getattr(node, name) == number), str(number))
