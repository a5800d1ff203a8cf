"""The room for the engine alone: no Slicer, no Qt, no screen."""

from __future__ import annotations

from typing import Any

import slicer

from CastInterfaceLib.scene.layouts import Split, layout_name, parse_layout, slots
from CastInterfaceLib.views.engine import Engine
from CastInterfaceLib.views.offscreen_view import OffscreenView
from CastInterfaceLib.views.slice_view import SliceView
from CastInterfaceLib.views.threed_view import ThreeDView
from CastLib.errors import CastError

DEFAULT_LAYOUT = "four-up"


class EngineViewer:
    """A bare engine with the views of one of Slicer's layouts. A `viewer.Viewer`.

    Args:
        layout: a name out of `layout_names`.
        size: width and height of each view's picture in pixels.
        engine: where scene and application logic are from; one of its own by default.

    Raises:
        CastError: there is no such layout.
    """

    def __init__(self, layout: str = DEFAULT_LAYOUT, size: tuple[int, int] = (1024, 1024), engine: Any = None) -> None:
        self._engine = engine if engine is not None else Engine()
        self.scene = self._engine.scene
        self.application_logic = self._engine.application_logic
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLScene(self.scene)
        node = self._layout_logic.GetLayoutNode()
        known = _drawable_layouts(node)
        if layout not in known:
            raise CastError(f"There is no layout {layout!r}; there are {', '.join(sorted(known))}.")
        number, tree = known[layout]
        node.SetViewArrangement(number)
        self.layout = (layout, tree)
        self._views = [self._open_view(slot.node_class, slot.tag, size) for slot in slots(tree)]

    def _open_view(self, node_class: str, tag: str, size: tuple[int, int]) -> OffscreenView:
        node = self.scene.GetSingletonNode(tag, node_class)
        kind = SliceView if node_class == "vtkMRMLSliceNode" else ThreeDView
        return kind(self.application_logic, node, size)

    @property
    def views(self) -> list[OffscreenView]:
        """All views, in the layout's reading order."""
        return list(self._views)

    @property
    def slice_views(self) -> list[SliceView]:
        """The views of slice nodes."""
        return [view for view in self._views if isinstance(view, SliceView)]

    @property
    def threed_views(self) -> list[ThreeDView]:
        """The views of 3D view nodes."""
        return [view for view in self._views if isinstance(view, ThreeDView)]

    def resize(self, width: int, height: int) -> None:
        """Give all pictures another size."""
        for view in self._views:
            view.resize(width, height)

    def close(self) -> None:
        """Empty the scene and close the views."""
        self.scene.Clear(False)  # with the views' own nodes as well the managers crash
        self.close_views()

    def close_views(self) -> None:
        """Close the views and leave the scene as it is."""
        for view in self._views:
            view.close()
        self._views.clear()


def _drawable_layouts(layout_node: Any) -> dict[str, tuple[int, Split]]:
    layouts: dict[str, tuple[int, Split]] = {}
    for constant in (name for name in dir(layout_node) if name.startswith("SlicerLayout")):
        number = getattr(layout_node, constant)
        if isinstance(number, int) and layout_node.IsLayoutDescription(number):
            tree = parse_layout(layout_node.GetLayoutDescription(number))
            if tree is not None:
                layouts[layout_name(constant)] = (number, tree)
    return layouts
