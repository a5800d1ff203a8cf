"""Makes the module ``qt``: the listed classes, a loader for `.ui` files that knows the stand-ins, and qt.Signal."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from . import qt_list
from .main_thread import check_thread
from .pythonqt_attributes import count_as_cpp, loading
from .starving import process_events

# Classes a `.ui` file may name besides Qt's own, by name; ctk.py and qmrml.py fill it.
ui_classes: dict[str, type] = {}
# Web addresses given to QDesktopServices.openUrl: no browser opens in a test.
opened_urls: list[str] = []
# Stand-ins that a loader made: Qt owns them, and their Python half must live as long.
_made: dict[int, Any] = {}


class QUiLoader(QtUiTools.QUiLoader):
    """Slicer's loader: takes an open file, and knows the ctk and qMRML widgets."""

    def load(self, device: Any, *parent: Any) -> Any:
        if not isinstance(device, QtCore.QIODevice):
            raise ValueError("QUiLoader.load takes an open QFile, not a path")
        text, later = split_ui(device.readAll().data().decode())
        buffer = QtCore.QBuffer()
        buffer.setData(text.encode())
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        loading.append(True)
        try:
            widget = QtUiTools.QUiLoader.load(self, buffer, *parent)
        finally:
            loading.pop()
        # The root belongs to Python from here on, and vanishes with its last reference.
        _made.pop(id(widget), None)
        for step in later:
            step(widget)
        return widget

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        kind = ui_classes.get(class_name)
        if kind is None:
            if not class_name.startswith("Q"):
                raise AttributeError(
                    f"no stand-in for {class_name}: add one to slicer_host/ctk.py or slicer_host/qmrml.py"
                )
            return QtUiTools.QUiLoader.createWidget(self, class_name, parent, name)
        widget = kind(parent) if parent is not None else kind()
        widget.setObjectName(name)
        _made[id(widget)] = widget
        widget.destroyed.connect(make_release(id(widget)))
        return widget


def split_ui(text: str) -> tuple[str, list[Callable[[Any], None]]]:
    """A `.ui` file without what PySide6's loader cannot do, and that as steps to do on the widget loaded.

    These are connections that carry VTK pointers, and flags of the stand-ins (``ctkPathLineEdit::Files``).
    """
    root = ElementTree.fromstring(text)
    later: list[Callable[[Any], None]] = []
    for parent in root.iter("connections"):
        for item in list(parent):
            sender, signal, receiver, slot = (item.findtext(t) or "" for t in ("sender", "signal", "receiver", "slot"))
            if "vtk" in signal + slot:
                parent.remove(item)
                later.append(make_connection(sender, signal, receiver, slot))
    for element in root.iter("widget"):
        kind = ui_classes.get(element.get("class", ""))
        for item in list(element.findall("property")) if kind else []:
            words = item.findtext("set") or ""
            if "::" in words:
                element.remove(item)
                value = sum(int(getattr(kind, word.rpartition("::")[2])) for word in words.split("|"))
                later.append(make_setting(element.get("name", ""), item.get("name", ""), value))
    return ElementTree.tostring(root, encoding="unicode"), later


def named(widget: Any, name: str) -> Any:
    """The widget itself or its child of that name."""
    return widget if widget.objectName == name else widget.findChild(QtCore.QObject, name)


def make_connection(sender: str, signal: str, receiver: str, slot: str) -> Callable[[Any], None]:
    def connect_named(widget: Any) -> None:
        if not named(widget, sender).connect(signal, getattr(named(widget, receiver), slot.partition("(")[0])):
            raise ValueError(f"the .ui file connects {sender}.{signal}, which is no signal")

    return connect_named


def make_setting(name: str, attribute: str, value: int) -> Callable[[Any], None]:
    def set_named(widget: Any) -> None:
        setattr(named(widget, name), attribute, value)

    return set_named


def make_release(key: int) -> Callable[[], None]:
    def release() -> None:
        _made.pop(key, None)

    return release


class QtModule(ModuleType):
    """``qt``: what is not listed is refused, with where to add it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"module 'qt' of the stand-in has no '{name}': a class PythonQt has is added to slicer_host/qt_list.py, "
            "and PySide6's own spelling (qt.QtCore, qt.Slot) is none of PythonQt's"
        )


def single_shot(milliseconds: int, *call: Any) -> None:
    """``QTimer.singleShot(ms, f)``; off the main thread refused."""
    check_thread("QTimer.singleShot")
    if len(call) != 1 or not callable(call[0]):
        raise ValueError("QTimer.singleShot takes milliseconds and a callable")
    # PySide6's own makes a timer and connects it in PySide6's manner, which is no longer there.
    timer = QtCore.QTimer(QtCore.QCoreApplication.instance())
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)

    def fire() -> None:
        timer.deleteLater()
        call[0]()

    timer.connect("timeout()", fire)
    timer.start()


class UrlKeeper(QtCore.QObject):
    """Takes the web addresses that would open a browser."""

    @QtCore.Slot(QtCore.QUrl)
    def keep(self, url: QtCore.QUrl) -> None:
        opened_urls.append(url.toString())


def install(app: QtWidgets.QApplication, settings_folder: Path | None) -> None:
    """Put ``qt`` into sys.modules and turn settings and web addresses away from the person's own."""
    qt = QtModule("qt")
    for module, names in ((QtCore, qt_list.CORE), (QtGui, qt_list.GUI), (QtWidgets, qt_list.WIDGETS)):
        for name in names:
            setattr(qt, name, getattr(module, name))
    for name, _ in qt_list.MOVED:
        setattr(qt, name, getattr(QtGui, name))
    count_as_cpp(QUiLoader)
    qt.QUiLoader = QUiLoader  # type: ignore[attr-defined]
    qt.Signal = QtCore.Signal  # type: ignore[attr-defined]
    QtCore.QTimer.singleShot = staticmethod(single_shot)  # type: ignore[method-assign, assignment]
    for kind in (QtCore.QCoreApplication, QtWidgets.QApplication):
        kind.processEvents = staticmethod(process_events)  # type: ignore[method-assign, assignment]
    if settings_folder is None:
        settings_folder = Path(tempfile.mkdtemp(prefix="slicer-host-"))
        atexit.register(shutil.rmtree, settings_folder, ignore_errors=True)
    formats, scopes = QtCore.QSettings.Format, QtCore.QSettings.Scope
    QtCore.QSettings.setDefaultFormat(formats.IniFormat)
    QtCore.QSettings.setPath(formats.IniFormat, scopes.UserScope, str(settings_folder))
    keeper = UrlKeeper(app)
    for scheme in ("http", "https"):
        QtGui.QDesktopServices.setUrlHandler(scheme, keeper, "keep")
    sys.modules["qt"] = qt
