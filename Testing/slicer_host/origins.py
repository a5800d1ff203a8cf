"""Who began it: whether a thread, a process, a timer or an observer was started by the product or by a test."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

# Folders with the product's files; load_module() adds an installed one.
ROOT = Path(__file__).resolve().parents[2]
product_folders: set[str] = {str(ROOT / name) for name in ("CastInterface", "CastServiceProvider", "CastHub")}

_threads: dict[threading.Thread, str] = {}
_processes: dict[int, str] = {}


def is_products(function: Any) -> bool:
    """Whether a function or a bound method stands in a file of the product."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is not None and any(code.co_filename.startswith(folder) for folder in product_folders)


def origin() -> str:
    """File and line of the product that this call comes from; "" when a test made it."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if any(name.startswith(folder) for folder in product_folders):
            return f"{Path(name).name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def watch() -> None:
    """Have threads and child processes remember their origin; once a process."""
    start, popen = threading.Thread.start, subprocess.Popen.__init__

    def start_thread(self: threading.Thread) -> None:
        inherited = _threads.get(threading.current_thread(), "")
        place = origin() or inherited
        if place:
            forget_ended_threads()
            _threads[self] = place
        start(self)

    def start_process(self: Any, *arguments: Any, **keywords: Any) -> None:
        popen(self, *arguments, **keywords)
        place = origin() or _threads.get(threading.current_thread(), "")
        if place:
            _processes[self.pid] = place

    threading.Thread.start = start_thread  # type: ignore[method-assign]
    subprocess.Popen.__init__ = start_process  # type: ignore[method-assign]
    watch_qt_processes()


def watch_qt_processes() -> None:
    """The same for QProcess."""
    from PySide6 import QtCore

    start = QtCore.QProcess.start

    def start_qt_process(self: Any, *arguments: Any) -> None:
        start(self, *arguments)
        place = origin()
        if place and self.waitForStarted(10_000):
            _processes[self.processId()] = place

    QtCore.QProcess.start = start_qt_process  # type: ignore[method-assign]


def forget_ended_threads() -> None:
    """Let go of threads that have ended, so that a long test does not gather them."""
    for thread in list(_threads):
        if thread.ident is not None and not thread.is_alive():
            _threads.pop(thread, None)


def threads() -> list[str]:
    """The product's threads that run now."""
    forget_ended_threads()
    return [f"thread {thread.name}, begun at {place}" for thread, place in _threads.items()]


def processes() -> list[str]:
    """The product's child processes that run now."""
    import psutil

    alive = {}
    for child in psutil.Process().children():
        if child.pid in _processes and child.status() != psutil.STATUS_ZOMBIE:
            alive[child.pid] = _processes[child.pid]
    _processes.clear()
    _processes.update(alive)
    return [f"process {pid}, begun at {place}" for pid, place in alive.items()]
