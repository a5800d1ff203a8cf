"""Stand-ins for the qMRML widgets that the panels use; the host puts them into ``slicer``."""

from __future__ import annotations

from typing import Any, ClassVar

from PySide6 import QtCore, QtWidgets

from .pythonqt_attributes import keep
from .pythonqt_signals import weakly

Property, Signal = QtCore.Property, QtCore.Signal


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene; the root of most modules' `.ui` files."""

    mrmlSceneChanged = Signal(object)
    SIGNAL_ALIASES: ClassVar = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        keep(self, "_scene", None)

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        keep(self, "_scene", scene)
        self.mrmlSceneChanged.emit(scene)


def flag(name: str, default: bool) -> Any:
    """A property of the node selector that is kept and read back, for a `.ui` file to set."""
    return Property(
        bool, lambda self: self._flags.get(name, default), lambda self, value: self._flags.__setitem__(name, value)
    )


class qMRMLNodeComboBox(QtWidgets.QComboBox):
    """Chooses a node of the scene; follows nodes added, removed and renamed."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    SIGNAL_ALIASES: ClassVar = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged(PyObject)",
    }

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        for name, value in (
            ("_scene", None), ("_types", []), ("_none", False), ("_tags", []), ("_current", None),
            ("_flags", {}), ("_filling", False),
        ):  # fmt: skip
            keep(self, name, value)
        self.connect("currentIndexChanged(int)", weakly(self._chosen))
        self.destroyed.connect(make_release(self._tags))

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        make_release(self._tags)()
        keep(self, "_scene", scene)
        if scene is not None:
            for event in (
                scene.NodeAddedEvent,
                scene.NodeRemovedEvent,
                scene.EndCloseEvent,
                scene.EndBatchProcessEvent,
            ):
                self._tags.append((scene, scene.AddObserver(event, weakly(self._scene_changed))))
        self._fill()

    def _scene_changed(self, scene: Any, event: str) -> None:
        self._fill()

    def _fill(self) -> None:
        current = self._current
        nodes = [] if self._scene is None else [
            node
            for node in (self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes()))
            if any(node.IsA(kind) for kind in self._types) and not node.GetHideFromEditors()
        ]  # fmt: skip
        keep(self, "_filling", True)
        self.clear()
        if self._none:
            self.addItem("None", "")
        for node in nodes:
            self.addItem(node.GetName(), node.GetID())
        keep(self, "_filling", False)
        ids = [node.GetID() for node in nodes]
        if current in ids:
            self.setCurrentNodeID(current)
        elif nodes and not self._none:
            self.setCurrentNodeID(ids[0])
        else:
            self._chosen(self.currentIndex)

    def _chosen(self, index: int) -> None:
        if self._filling:
            return
        identifier = self.itemData(index) or None
        if identifier == self._current:
            return
        keep(self, "_current", identifier)
        self.currentNodeChanged.emit(self.currentNode())
        self.currentNodeIDChanged.emit(identifier or "")

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, identifier: str) -> None:
        index = next((i for i in range(self.count) if self.itemData(i) == (identifier or "")), -1)
        if index == self.currentIndex:
            self._chosen(index)
        else:
            self.setCurrentIndex(index)

    def nodeCount(self) -> int:
        return int(self.count) - (1 if self._none else 0)

    def _set_types(self, types: Any) -> None:
        keep(self, "_types", list(types))
        self._fill()

    def _set_none(self, enabled: bool) -> None:
        keep(self, "_none", enabled)
        self._fill()

    nodeTypes = Property("QStringList", lambda self: self._types, _set_types)
    noneEnabled = Property(bool, lambda self: self._none, _set_none)
    currentNodeID = Property(str, lambda self: self._current or "", setCurrentNodeID)
    addEnabled = flag("addEnabled", True)
    removeEnabled = flag("removeEnabled", True)
    editEnabled = flag("editEnabled", False)
    renameEnabled = flag("renameEnabled", False)
    selectNodeUponCreation = flag("selectNodeUponCreation", True)
    showHidden = flag("showHidden", False)
    showChildNodeTypes = flag("showChildNodeTypes", True)


def make_release(tags: list[tuple[Any, int]]) -> Any:
    """A function that takes the observers off the scene; it must not touch the widget, which may be gone."""

    def release() -> None:
        for scene, tag in tags:
            scene.RemoveObserver(tag)
        tags.clear()

    return release


WIDGETS = (qMRMLWidget, qMRMLNodeComboBox)
