"""Makes a process look like Slicer, once, and lets tests work it.

They load modules, let time pass, take pictures, and look for what was left behind.
"""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer_host.loaded_module import LoadedModule

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parent
PACKAGE_FOLDERS = [ROOT / name for name in ("CastInterface", "CastServiceProvider", "CastHub")]

# QCoreApplication::exec(), to be called without letting go of the GIL.
APPLICATION_EXEC = {"win32": "?exec@QCoreApplication@@SAHXZ", "": "_ZN16QCoreApplication4execEv"}

_host: Host | None = None


def start_host(starving: bool = False, main_window: bool = True, packages: list[Path] | None = None) -> Host:
    """The process's host; the first call makes it.

    Args:
        starving: whether Qt's loop keeps the GIL as in Slicer. A later call changes it.
        main_window: False for ``--no-main-window``: no layout manager then. A later call changes it.
        packages: where the product's packages are imported from; the source tree's folders by default.
    """
    global _host
    if _host is None:
        _host = Host(packages if packages is not None else PACKAGE_FOLDERS)
    _host.set_starving(starving)
    _host.set_main_window(main_window)
    return _host


def import_slicer() -> None:
    """Import Slicer's engine without the folder of its tests.

    The package ``slicer`` imports every file of any folder on the path that has its name: the tests beside this package
    would be imported, and all that they import would be there before a module is opened.
    """
    path = list(sys.path)
    sys.path[:] = [folder for folder in path if Path(folder).resolve() != HERE]
    try:
        importlib.import_module("slicer")
    finally:
        sys.path[:] = path


class Host:
    """See `start_host`.

    Attributes:
        app: ``slicer.app``.
        folder: a temporary folder that goes with the process.
        messages: the message boxes shown, see `messages.Message`.
        installs: what pip was asked for: (requirements, keywords).
        log: the rows of Slicer's log, "LEVEL logger: message", see `slicer_log`.
        database: ``slicer.dicomDatabase``.
        slot_errors: what Qt slots raised since the test began.
    """

    def __init__(self, packages: list[Path]) -> None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
        self.folder = Path(tempfile.mkdtemp(prefix="slicer-host-"))
        self._put_python_path(packages)
        self._start_qt()
        self._start_slicer()
        from slicer_host import messages, pythonqt_signals, slicer_log

        self.log = slicer_log.rows
        self.messages, self.installs = messages.shown, messages.installs
        self.slot_errors = pythonqt_signals.slot_errors
        self._modules: dict[str, LoadedModule] = {}
        self._window: Any = None
        self._opened_before: dict[str, str] = {}
        # What is here by now stays: leftovers() need not look through it after every test.
        gc.collect()
        gc.freeze()

    @staticmethod
    def _put_python_path(packages: list[Path]) -> None:
        for folder in reversed(packages):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))

    def _start_qt(self) -> None:
        from PySide6 import QtWidgets

        from slicer_host import app, pythonqt

        QtWidgets.QApplication.setApplicationName("Slicer")
        QtWidgets.QApplication.setOrganizationName("slicer.org")
        QtWidgets.QApplication.setStyle("Fusion")
        QtWidgets.QApplication.setQuitOnLastWindowClosed(False)
        self.app = app.qSlicerApplication(["Slicer"])
        pythonqt.install(self.app, self.folder / "settings")
        self._light = self.app.palette()

    def _start_slicer(self) -> None:
        import_slicer()
        import slicer
        import slicer.util

        from slicer_host import (
            app,
            dicom,
            guarded_scene,
            io_manager,
            main_window,
            messages,
            module,
            origins,
            qmrml,
            slicer_home,
            slicer_log,
            strict,
        )

        guarded_scene.install()
        origins.watch()
        import qt

        from CastInterfaceLib.views.engine import Engine

        for part in (app, module, main_window):
            part.make_strict()
        self._engine = Engine()
        self._manager = app.qSlicerModuleManager()
        state = app.state
        state.engine, state.module_manager, state.io_manager = self._engine, self._manager, io_manager.IOManager()
        state.settings = qt.QSettings()
        state.slicer_home = str(slicer_home.make_slicer_home(self.folder / "slicer"))
        state.temporary_path = str(self.folder / "temporary")
        os.mkdir(state.temporary_path)
        # Children's too. What the product leaves in there is found.
        os.environ["TMPDIR"] = os.environ["TEMP"] = os.environ["TMP"] = state.temporary_path
        tempfile.tempdir = state.temporary_path
        self.database = dicom.DICOMDatabase()
        sys.modules.update(dicom.make_dicom_lib(self.database))
        slicer.__path__.append(str(Path(__file__).parent / "slicer_files"))
        slicer.app = self.app
        slicer.mrmlScene = self._engine.scene
        slicer.modules = sys.modules["slicer.modules"] = module.Modules("slicer.modules")
        slicer.dicomDatabase = self.database
        slicer.selfTests = {}
        for kind in (
            *qmrml.WIDGETS,
            module.qSlicerScriptedLoadableModule,
            module.qSlicerScriptedLoadableModuleWidget,
        ):
            setattr(slicer, kind.__name__, kind)
        slicer.__dict__["__getattr__"] = strict.refuse_unlisted
        messages.install()
        slicer_log.install()
        # Slicer 5.12 imports it when its module panel comes up.
        importlib.import_module("slicer.packaging")

    # --- the application ---------------------------------------------------------------------------------------------

    def set_starving(self, starving: bool) -> None:
        """Have Qt's loop keep the GIL, as in Slicer, or not."""
        from slicer_host import starving as loop

        loop.use(self.app, starving)

    def set_main_window(self, wanted: bool) -> None:
        """Be Slicer with its window, or ``--no-main-window``. Modules loaded before are unloaded."""
        from slicer_host.app import state
        from slicer_host.layout_manager import LayoutManager
        from slicer_host.main_window import qSlicerMainWindow

        if wanted == (self._window is not None):
            return
        self.unload_all()
        if wanted:
            self._window = qSlicerMainWindow()
            self._window.resize(500, 900)
            self._window.show()
            state.layout_manager = LayoutManager(self._engine)
        else:
            self.close_scene()
            state.layout_manager._close()
            state.layout_manager = None
            self._window.close()
            self._window.deleteLater()
            self._window = None
            delete_later_now()

    def spin(self, until: Callable[[], Any] | None = None, timeout: float = 10.0) -> bool:
        """Run Qt's loop until `until()` is true (False when it never was), or for `timeout` seconds."""
        from slicer_host import starving

        return bool(starving.spin(self.app, until, timeout))

    def run(self, begin: Callable[[], Any]) -> int:
        """Slicer's life: call `begin` inside the loop and go on until ``slicer.app.exit``; the exit code."""
        import qt
        from PySide6 import QtWidgets

        from slicer_host import starving

        qt.QTimer.singleShot(0, begin)
        if starving.is_starving():
            return int(starving.function(APPLICATION_EXEC)())
        return int(QtWidgets.QApplication.exec())

    def answer(self, *buttons: str) -> None:
        """Answer the next questions of ``slicer.util``: "Ok", "Cancel", "Yes" and so on."""
        from slicer_host import messages

        messages.answer_next(*buttons)

    def set_dark(self, dark: bool = True) -> None:
        """Give the application a dark or a light palette."""
        from slicer_host import appearance

        self.app.setPalette(appearance.dark_palette() if dark else self._light)

    def grab(self, what: Any, name: Any, width: int = 400, height: int | None = None) -> Path:
        """A picture of a panel or another widget; where it is.

        Args:
            what: a `LoadedModule`, its widget, or a QWidget. A chosen module is shown in Slicer's panel of this width.
            name: the picture's file; a name alone goes into ``$SLICER_HOST_PICTURES``, else the host's folder.
            width: in pixels.
            height: in pixels; as high as the contents want by default.
        """
        from slicer_host import appearance

        widget = what.object.widgetRepresentation() if isinstance(what, LoadedModule) else getattr(what, "parent", what)
        if callable(widget):  # a QWidget's parent()
            widget = what
        path = Path(name)
        if not path.is_absolute():
            path = Path(os.environ.get("SLICER_HOST_PICTURES", self.folder / "pictures")) / path
        return appearance.grab(widget, path, width, height, self._window)

    def scrolls_sideways(self) -> bool:
        """Whether the module panel shows a horizontal scroll bar."""
        return bool(self._window.panel().horizontalScrollBar().maximum > 0)

    # --- modules -----------------------------------------------------------------------------------------------------

    def load_module(self, name: str, folder: Path | None = None, select: bool = True) -> LoadedModule:
        """Load a module file and what it depends on, and choose it in the main window as a person does.

        Args:
            name: "CastHub".
            folder: where ``<name>/<name>.py`` or ``<name>.py`` is; the source tree by default.
            select: choose it (``setup`` and ``enter`` run). Without a main window nothing is chosen.
        """
        loaded = self._modules.get(name) or self._load(name, folder or ROOT)
        if select and self._window is not None:
            self.select(name)
        return loaded

    def _load(self, name: str, folder: Path) -> LoadedModule:
        import slicer

        from slicer_host import origins
        from slicer_host.module import import_module_file, qSlicerScriptedLoadableModule

        path = next((p for p in (folder / name / f"{name}.py", folder / f"{name}.py") if p.is_file()), None)
        if path is None:
            raise FileNotFoundError(f"no {name}.py in {folder} or in a folder {name} of it")
        origins.product_folders.add(str(path.parent))
        file = import_module_file(path)
        module = qSlicerScriptedLoadableModule(name, path)
        setattr(slicer.modules, f"{name}Instance", getattr(file, name)(module))
        setattr(slicer.modules, name.lower(), module)
        self._manager.modules_by_name[name] = module
        loaded = self._modules[name] = LoadedModule(name, module)
        for other in module.dependencies:
            if other not in self._modules:
                self._load(other, folder)
        self._manager.moduleLoaded.emit(name)
        return loaded

    def select(self, name: str) -> None:
        """Choose a module; "" for none."""
        self._window.moduleSelector().selectModule(name)
        self.app.processEvents()

    def reload(self, module: LoadedModule) -> Any:
        """Press "Reload"; the new widget."""
        module.widget.onReload()
        self.app.processEvents()
        return module.widget

    def unload_all(self) -> None:
        """Unload all modules, as Slicer does when it ends."""
        import slicer

        if self._window is not None:
            self.select("")
        for name, loaded in reversed(self._modules.items()):
            self._manager.moduleAboutToBeUnloaded.emit(name)
            loaded.object.forget_representation()
            for attribute in (name.lower(), f"{name}Instance"):
                delattr(slicer.modules, attribute)
            del self._manager.modules_by_name[name]
            slicer.selfTests.pop(name, None)
            sys.modules.pop(name, None)
        self._modules.clear()
        delete_later_now()

    # --- scene and data ----------------------------------------------------------------------------------------------

    def close_scene(self) -> None:
        """Close the scene, as the menu does."""
        self._engine.scene.Clear(0)

    def import_dicom(self, folder: Path) -> int:
        """Put the DICOM files of a folder into the database; how many were new."""
        return self.database._add(folder)

    # --- the end -----------------------------------------------------------------------------------------------------

    def leftovers(self, patience: float = 0.0) -> list[str]:
        """What the product has left behind, a line each; looked for until there is nothing or patience (s) is over."""
        from slicer_host import leftovers
        from slicer_host.app import state

        owners = {"slicer.app": self.app, "the module manager": self._manager}
        if self._window is not None:
            owners.update({"the module selector": self._window.moduleSelector()})
        end = time.monotonic() + patience
        while (still_open := leftovers.left_open(self._opened_before)) and time.monotonic() < end:
            self.spin(None, 0.05)
        while True:
            found = leftovers.find(owners, Path(state.temporary_path))
            if not found or time.monotonic() >= end:
                return [*still_open, *found]
            self.spin(None, 0.05)

    def begin_test(self) -> None:
        """Note what is open before a test, which its end may leave open."""
        from slicer_host import leftovers

        self.slot_errors.clear()
        self._opened_before = leftovers.descriptors()
        self.log.clear()

    def end_test(self) -> None:
        """Put everything back for the next test: modules, scene, database, settings, recorded messages, palette."""
        import slicer

        from slicer_host import dialogs, messages
        from slicer_host.app import state

        if self._window is not None:
            state.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self.unload_all()
        self.close_scene()
        self.database._empty()
        state.settings.clear()
        state.translator = None
        state.paused = 0
        messages.forget()
        dialogs.asked.clear()
        dialogs._answers.clear()
        self.slot_errors.clear()
        self.set_dark(False)
        for widget in self.app.topLevelWidgets():
            if widget is not self._window:
                widget.hide()

    def unexpected_errors(self) -> list[BaseException]:
        """What slots raised and no message box told the person."""
        told = "\n".join(message.text for message in self.messages)
        return [error for error in self.slot_errors if not str(error) or str(error) not in told]

    def quit(self) -> None:
        """End as Slicer does: ``aboutToQuit``, then the modules are unloaded. The host cannot be used afterwards."""
        self.run(lambda: self.app.exit(0))
        self.unload_all()
        self.set_main_window(False)
        shutil.rmtree(self.folder, ignore_errors=True)


def delete_later_now() -> None:
    """Carry out what ``deleteLater()`` has put off."""
    from PySide6 import QtCore

    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)
