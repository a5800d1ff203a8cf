"""Qt's loop for the tests, in two ways: as PySide6 runs it, and starving, as Slicer does.

Slicer's PythonQt keeps the GIL while Qt's loop runs, so Python threads live only when a Python slot lets them. PySide6
lets go of it. Starving, the loop is entered through ``ctypes.PyDLL``, which keeps the GIL: a thread gets a turn only
inside Python slots, as in Slicer.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PySide6
import shiboken6
from PySide6 import QtCore

from .main_thread import check_thread
from .pythonqt_signals import after_slot

# How often `until` is looked at when no Python slot ran. Starving, each look is itself a turn for the threads: seldom.
LOOK_MS, STARVING_LOOK_MS = 10, 250
# `until` is not asked more often than this (seconds).
ASK_AT_MOST_EVERY = 0.003

_starving = False
_app: Any = None
_core: Any = None

EXEC = {
    "win32": "?exec@QEventLoop@@QEAAHV?$QFlags@W4ProcessEventsFlag@QEventLoop@@@@@Z",
    "": "_ZN10QEventLoop4execE6QFlagsINS_17ProcessEventsFlagEE",
}
PROCESS_EVENTS = {
    "win32": "?processEvents@QCoreApplication@@SAXV?$QFlags@W4ProcessEventsFlag@QEventLoop@@@@@Z",
    "": "_ZN16QCoreApplication13processEventsE6QFlagsIN10QEventLoop17ProcessEventsFlagEE",
}


def use(app: Any, starving: bool) -> None:
    """Set how loops run from now on."""
    global _app, _starving
    _app, _starving = app, starving


def is_starving() -> bool:
    """Whether loops keep the GIL, as in Slicer."""
    return _starving


def core_library() -> Any:
    """Qt's core library, called without letting go of the GIL."""
    global _core
    if _core is None:
        folder = Path(PySide6.__file__).parent
        names = {"win32": "Qt6Core.dll", "darwin": "Qt/lib/QtCore.framework/QtCore"}
        _core = ctypes.PyDLL(str(folder / names.get(sys.platform, "Qt/lib/libQt6Core.so.6")))
    return _core


def function(names: dict[str, str]) -> Any:
    """A C++ function of Qt's core library by its decorated name."""
    return getattr(core_library(), names.get(sys.platform, names[""]))


def process_events(*flags: Any) -> None:
    """``QApplication.processEvents()``, keeping the GIL when starving."""
    check_thread("processEvents")
    if len(flags) > 1:
        raise ValueError("processEvents takes flags, nothing else")
    value = int(flags[0].value if hasattr(flags[0], "value") else flags[0]) if flags else 0
    if _starving:
        function(PROCESS_EVENTS)(ctypes.c_int(value))
    else:
        _plain_process_events(QtCore.QEventLoop.ProcessEventsFlag(value))


_plain_process_events = QtCore.QCoreApplication.processEvents


def run(loop: QtCore.QEventLoop) -> None:
    """Run an event loop until its quit(), in the way in use."""
    if _starving:
        function(EXEC)(ctypes.c_void_p(shiboken6.getCppPointer(loop)[0]), ctypes.c_int(0))
    else:
        loop.exec()


class Wait:
    """Looks whether a wait is over: after Python slots, and now and then; remembers what `until` raised."""

    def __init__(self, until: Callable[[], Any] | None, end: Callable[[], None]) -> None:
        self.until, self.end = until, end
        self.over = False
        self.error: BaseException | None = None
        self.asked = 0.0
        self.asking = False

    def look(self) -> None:
        now = time.monotonic()
        if self.over or self.asking or now - self.asked < ASK_AT_MOST_EVERY:
            return
        self.asked, self.asking = now, True
        try:
            self.over = bool(self.until and self.until())
        except BaseException as error:
            self.error, self.over = error, True
        finally:
            self.asking = False
        if self.over:
            self.end()


def spin(app: Any, until: Callable[[], Any] | None = None, timeout: float = 10.0, starving: bool | None = None) -> bool:
    """Run Qt's loop until `until()` is true; without one, for `timeout` seconds.

    Answers False when the time was over first. What `until` raises is raised here. `starving` None: as installed.
    """
    global _starving
    before = _starving
    _starving = before if starving is None else starving
    loop = QtCore.QEventLoop()
    wait = Wait(until, loop.quit)
    deadline, look = QtCore.QTimer(), QtCore.QTimer()
    deadline.setSingleShot(True)
    deadline.setInterval(max(0, round(timeout * 1000)))
    # From C++ to C++: the end of the wait is no turn for the threads.
    QtCore.QObject.connect(deadline, QtCore.SIGNAL("timeout()"), loop, QtCore.SLOT("quit()"))
    look.setInterval(STARVING_LOOK_MS if _starving else LOOK_MS)
    if until is not None:
        look.timeout.connect(wait.look)
        after_slot.append(wait.look)
    try:
        if until is not None:
            wait.look()
        if not wait.over:
            deadline.start()
            if until is not None:
                look.start()
            run(loop)
    finally:
        _starving = before
        deadline.stop()
        look.stop()
        if until is not None:
            after_slot.remove(wait.look)
    if wait.error is not None:
        raise wait.error
    if until is None or wait.over:
        return True
    return bool(until())


def wait_in_steps(until: Callable[[], Any], timeout: float) -> bool:
    """Wait without a loop level of its own (modal dialogs): ``deleteLater()`` called before must not strike inside."""
    look = QtCore.QTimer()
    look.setInterval(STARVING_LOOK_MS if _starving else LOOK_MS)
    look.start()
    end = time.monotonic() + timeout
    flags = QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents
    while not until() and time.monotonic() < end:
        process_events(flags)
    look.stop()
    return bool(until())
