"""Slicer's main window, as far as modules meet it: a status bar, the module selector, the chosen module's panel."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from slicer_host.app import state
from slicer_host.pythonqt import count_as_cpp, keep


class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """Chooses the module that is shown."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        keep(self, "_selected", "")

    def selectModule(self, name: str) -> None:
        """Leave the module shown, enter another; "" for none."""
        manager = state.module_manager
        if name and manager.module(name) is None:
            raise RuntimeError(f"there is no module {name!r}: load it first")
        if name == self._selected:
            return
        previous, panel = manager.module(self._selected), self.parent().panel()
        keep(self, "_selected", "")
        if previous is not None:
            previous.widgetRepresentation().exit()
            panel.takeWidget().setParent(None)
        if name:
            widget = manager.module(name).widgetRepresentation()
            panel.setWidget(widget)
            keep(self, "_selected", name)
            widget.show()
            widget.enter()
        self.moduleSelected.emit(name)

    selectedModule = QtCore.Property(str, lambda self: self._selected)


class qSlicerMainWindow(QtWidgets.QMainWindow):
    """The window; on no screen."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        keep(self, "_selector", qSlicerModuleSelectorToolBar(self))
        self.addToolBar(self._selector)
        panel = QtWidgets.QScrollArea(self)
        panel.setObjectName("ModulePanel")
        panel.setWidgetResizable(True)
        keep(self, "_panel", panel)
        self.setCentralWidget(panel)
        self.statusBar()

    def moduleSelector(self) -> qSlicerModuleSelectorToolBar:
        """See the class."""
        return self._selector  # type: ignore[no-any-return]

    def panel(self) -> QtWidgets.QScrollArea:
        """Where the chosen module's widget is; scrolls when it is too small for it."""
        return self._panel  # type: ignore[no-any-return]


def make_strict() -> None:
    """Hold these classes to the rules of C++ objects."""
    count_as_cpp(qSlicerModuleSelectorToolBar, qSlicerMainWindow)
