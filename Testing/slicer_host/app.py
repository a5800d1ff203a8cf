"""``slicer.app``: the application object, with what the modules, ``slicer.util`` and the tests use of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtWidgets

from slicer_host.pythonqt import check_thread, count_as_cpp
from slicer_host.strict import Strict, missing

PLACE = "slicer_host/app.py"

# What slicer.app has of QApplication. Its own methods are those of the class below.
FROM_QT = (
    "aboutToQuit", "activeWindow", "applicationName", "applicationVersion", "className", "clipboard", "connect",
    "disconnect", "exit", "focusWidget", "font", "inherits", "keyboardModifiers", "name", "objectName",
    "overrideCursor", "palette", "paletteChanged", "processEvents", "quit", "restoreOverrideCursor", "sendEvent",
    "setOverrideCursor", "setPalette", "topLevelWidgets",
)  # fmt: skip
# Asked for by Qt and the stand-in themselves, whatever the list says.
_VIRTUAL = (
    "childEvent", "connectNotify", "customEvent", "destroyed", "disconnectNotify", "event", "eventFilter", "notify",
    "timerEvent",
)  # fmt: skip


class State:
    """What the application object refers to; the host fills it."""

    engine: Any = None
    layout_manager: Any = None
    module_manager: Any = None
    io_manager: Any = None
    settings: Any = None
    temporary_path = ""
    slicer_home = ""
    python_slicer = ""
    # (context, text) -> text: a test may put a language here.
    translator: Callable[[str, str], str] | None = None
    paused = 0


state = State()


class qSlicerApplication(QtWidgets.QApplication):
    """Slicer's application object."""

    def __getattribute__(self, name: str) -> Any:
        if name not in _LISTED and not name.startswith("__"):
            check_thread(f"slicer.app.{name}")
            raise AttributeError(missing("slicer.app", name, f"FROM_QT in {PLACE}"))
        return QtWidgets.QApplication.__getattribute__(self, name)

    def layoutManager(self) -> Any:
        """The layout manager; None without a main window."""
        return state.layout_manager

    def mrmlScene(self) -> Any:
        """The scene."""
        return state.engine.scene

    def applicationLogic(self) -> Any:
        """The ``vtkSlicerApplicationLogic``."""
        return state.engine.application_logic

    def moduleManager(self) -> Any:
        """The module manager."""
        return state.module_manager

    def ioManager(self) -> Any:
        """The reader and writer of files."""
        return state.io_manager

    def coreIOManager(self) -> Any:
        """The reader and writer of files."""
        return state.io_manager

    def settings(self) -> Any:
        """The person's settings."""
        return state.settings

    def userSettings(self) -> Any:
        """The person's settings."""
        return state.settings

    def testingEnabled(self) -> bool:
        """Whether Slicer was started for tests: no, for then it would show no message."""
        return False

    def translate(self, context: str, text: str) -> str:
        """The text in the application's language."""
        return state.translator(context, text) if state.translator else text

    def pauseRender(self) -> None:
        """Draw nothing until resumeRender."""
        state.paused += 1

    def resumeRender(self) -> None:
        """Draw again."""
        if not state.paused:
            raise RuntimeError("resumeRender called more often than pauseRender")
        state.paused -= 1

    def commandOptions(self) -> CommandOptions:
        """The command line."""
        return CommandOptions()

    temporaryPath = QtCore.Property(str, lambda self: state.temporary_path)
    slicerHome = QtCore.Property(str, lambda self: state.slicer_home)
    launcherExecutableFilePath = QtCore.Property(str, lambda self: f"{state.slicer_home}/Slicer")
    majorVersion = QtCore.Property(int, lambda self: 5)
    minorVersion = QtCore.Property(int, lambda self: 12)


_OWN = (name for name in vars(qSlicerApplication) if not name.startswith("_"))
_LISTED = frozenset((*FROM_QT, *_VIRTUAL, *_OWN))


class CommandOptions:
    """The command line, for ``slicer.util.exit``."""

    runPythonAndExit = False


class FactoryManager(Strict):
    """What the module manager knows of modules that can be loaded."""

    LIST = PLACE

    def loadedModuleNames(self) -> tuple[str, ...]:
        """The names of the modules."""
        return tuple(state.module_manager.modules_by_name)


class qSlicerModuleManager(QtCore.QObject):
    """Knows the modules, and says when one goes."""

    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleLoaded = QtCore.Signal(str)

    # The host's own book; read through the class, for a C++ object takes no Python attributes.
    modules_by_name: dict[str, Any] = {}  # noqa: RUF012

    def module(self, name: str) -> Any:
        """A module by its name; None when there is none."""
        return self.modules_by_name.get(name)

    def factoryManager(self) -> FactoryManager:
        """See `FactoryManager`."""
        return FactoryManager()


def make_strict() -> None:
    """Hold these classes to the rules of C++ objects; after the application was made."""
    count_as_cpp(qSlicerApplication, qSlicerModuleManager)
