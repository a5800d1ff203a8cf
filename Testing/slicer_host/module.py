"""A scripted module and its widget, as Slicer makes them from a module file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from slicer_host.pythonqt import count_as_cpp, keep
from slicer_host.pythonqt_signals import measured
from slicer_host.qmrml import qMRMLWidget
from slicer_host.strict import missing

Property = QtCore.Property


class Modules(ModuleType):
    """``slicer.modules``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(missing("slicer.modules", name, "the modules that host.load_module() has loaded"))


def kept(name: str, kind: Any, default: Any) -> Any:
    """A property that is kept and read back."""
    return Property(
        kind, lambda self: self._facts.get(name, default), lambda self, value: self._facts.__setitem__(name, value)
    )


class qSlicerScriptedLoadableModule(QtCore.QObject):
    """What ``parent`` is in a ``ScriptedLoadableModule``, and ``slicer.modules.<name>``."""

    title = kept("title", str, "")
    categories = kept("categories", "QStringList", [])
    dependencies = kept("dependencies", "QStringList", [])
    contributors = kept("contributors", "QStringList", [])
    helpText = kept("helpText", str, "")
    acknowledgementText = kept("acknowledgementText", str, "")
    icon = kept("icon", QtGui.QIcon, QtGui.QIcon())
    hidden = kept("hidden", bool, False)
    path = kept("path", str, "")

    def __init__(self, name: str, path: Path) -> None:
        super().__init__()
        keep(self, "_facts", {"path": str(path)})
        keep(self, "_representation", None)
        self.setObjectName(name)

    def widgetRepresentation(self) -> Any:
        """The module's widget; made and set up at the first call."""
        if self._representation is None:
            representation = qSlicerScriptedLoadableModuleWidget(self.objectName, self.path)
            keep(self, "_representation", representation)
            try:
                representation.begin()
            except BaseException:
                # Slicer prints it and shows half a panel; a test is to see it.
                self.forget_representation()
                raise
        return self._representation

    def forget_representation(self) -> None:
        """Delete the widget, as unloading does."""
        if self._representation is not None:
            self._representation.end()
            keep(self, "_representation", None)


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """The widget a module's panel is built into: ``parent`` in a ``ScriptedLoadableModuleWidget``."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__()
        keep(self, "_name", name)
        keep(self, "_path", path)
        keep(self, "_self", None)
        keep(self, "_entered", False)
        self.setObjectName(f"{name}ModuleWidget")
        QtWidgets.QVBoxLayout(self)

    def begin(self) -> None:
        """Make the module's widget class, set it up, give it the scene."""
        module = sys.modules[self._name]
        made = getattr(module, f"{self._name}Widget")(self)
        keep(self, "_self", made)
        setattr(slicer.modules, f"{self._name}Widget", made)
        with measured(made.setup):
            made.setup()
        self.setMRMLScene(slicer.mrmlScene)

    def end(self) -> None:
        """Let go of the panel and delete the widget."""
        keep(self, "_self", None)
        if hasattr(slicer.modules, f"{self._name}Widget"):
            delattr(slicer.modules, f"{self._name}Widget")
        self.setMRMLScene(None)
        self.setParent(None)
        self.deleteLater()

    def self(self) -> Any:
        """The Python object."""
        return self._self

    def reload(self) -> None:
        """A new panel from the class that the module file has now. As in Slicer, ``enter`` is not called again."""
        self.begin()

    def enter(self) -> None:
        """The module was chosen."""
        keep(self, "_entered", True)
        if hasattr(self._self, "enter"):
            with measured(self._self.enter):
                self._self.enter()

    def exit(self) -> None:
        """Another module was chosen."""
        keep(self, "_entered", False)
        if hasattr(self._self, "exit"):
            with measured(self._self.exit):
                self._self.exit()

    isEntered = Property(bool, lambda self: self._entered)


def import_module_file(path: Path) -> ModuleType:
    """Read a module file as Slicer does: under its own name, its folder on Python's path."""
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def make_strict() -> None:
    """Hold these classes to the rules of C++ objects."""
    count_as_cpp(qSlicerScriptedLoadableModule, qSlicerScriptedLoadableModuleWidget)
