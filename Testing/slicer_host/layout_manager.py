"""``slicer.app.layoutManager()``: Slicer's names for the layout's views, over real views that are drawn offscreen."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from slicer_host.strict import Strict

PLACE = "slicer_host/layout_manager.py"
SIZE = (512, 512)


class View(Strict):
    """``sliceView()`` and ``threeDView()``."""

    LIST = PLACE

    def __init__(self, view: Any) -> None:
        self._view = view

    def renderWindow(self) -> Any:
        """The ``vtkRenderWindow``."""
        return self._view.window

    def forceRender(self) -> None:
        """Draw now."""
        self._view.window.Render()

    def scheduleRender(self) -> None:
        """Draw soon; here at once."""
        self._view.window.Render()

    def resetFocalPoint(self) -> None:
        """Look at the middle of what there is."""
        self._view.fit()


class SliceWidget(Strict):
    """A ``qMRMLSliceWidget``."""

    LIST = PLACE

    def __init__(self, view: Any) -> None:
        self._view = view
        self._inner = View(view)

    def sliceView(self) -> View:
        """The view itself."""
        return self._inner

    def sliceLogic(self) -> Any:
        """The ``vtkMRMLSliceLogic``."""
        return self._view.logic

    def mrmlSliceNode(self) -> Any:
        """The ``vtkMRMLSliceNode``."""
        return self._view.node


class ThreeDWidget(Strict):
    """A ``qMRMLThreeDWidget``."""

    LIST = PLACE

    def __init__(self, view: Any) -> None:
        self._view = view
        self._inner = View(view)

    def threeDView(self) -> View:
        """The view itself."""
        return self._inner

    def mrmlViewNode(self) -> Any:
        """The ``vtkMRMLViewNode``."""
        return self._view.node


class LayoutManager(Strict):
    """A ``qSlicerLayoutManager``. As in Slicer a view stays when the layout no longer shows it."""

    LIST = PLACE

    def __init__(self, engine: Any) -> None:
        self._application_logic = engine.application_logic
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(engine.scene)
        self._slices: dict[str, SliceWidget] = {}
        self._threeds: list[ThreeDWidget] = []
        self._known: set[str] = set()
        self._node = self._logic.GetLayoutNode()
        self._tag = self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow)
        self._node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._follow()

    def _follow(self, *_: Any) -> None:
        from CastInterfaceLib.views.slice_view import SliceView
        from CastInterfaceLib.views.threed_view import ThreeDView

        nodes = self._logic.GetViewNodes()
        for node in [nodes.GetItemAsObject(index) for index in range(nodes.GetNumberOfItems())]:
            if node.GetID() in self._known:
                continue
            self._known.add(node.GetID())
            if node.IsA("vtkMRMLSliceNode"):
                self._slices[node.GetLayoutName()] = SliceWidget(SliceView(self._application_logic, node, SIZE))
            elif node.IsA("vtkMRMLViewNode"):
                self._threeds.append(ThreeDWidget(ThreeDView(self._application_logic, node, SIZE)))

    def layoutLogic(self) -> Any:
        """The ``vtkMRMLLayoutLogic``."""
        return self._logic

    def setLayout(self, number: int) -> None:
        """Show another layout: a constant of ``vtkMRMLLayoutNode``."""
        self._node.SetViewArrangement(number)

    @property
    def layout(self) -> int:
        """The layout's number."""
        return int(self._node.GetViewArrangement())

    @layout.setter
    def layout(self, number: int) -> None:
        self.setLayout(number)

    def sliceViewNames(self) -> tuple[str, ...]:
        """The names of the slice views: "Red", "Green" and so on."""
        return tuple(self._slices)

    def sliceWidget(self, name: str) -> SliceWidget | None:
        """A slice view by its name; None when there is none."""
        return self._slices.get(name)

    def mrmlSliceLogics(self) -> Any:
        """A ``vtkCollection`` of the slice logics."""
        return self._application_logic.GetSliceLogics()

    @property
    def threeDViewCount(self) -> int:
        """How many 3D views there are."""
        return len(self._threeds)

    def threeDWidget(self, index: int) -> ThreeDWidget | None:
        """A 3D view by its number; None when there is none."""
        return self._threeds[index] if 0 <= index < len(self._threeds) else None

    def resetSliceViews(self) -> None:
        """Show the whole background volume in each slice view."""
        for widget in self._slices.values():
            widget._view.fit()

    def resetThreeDViews(self) -> None:
        """Look at everything in each 3D view."""
        for widget in self._threeds:
            widget._view.fit()

    def _close(self) -> None:
        self._node.RemoveObserver(self._tag)
        for widget in [*self._slices.values(), *self._threeds]:
            widget._view.close()
        self._slices.clear()
        self._threeds.clear()
