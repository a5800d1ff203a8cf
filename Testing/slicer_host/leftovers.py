"""What the product has left behind: threads, child processes, timers, observers, connections, temporary files."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import shiboken6
from PySide6 import QtCore

from slicer_host import guarded_scene, origins, pythonqt_signals


def timers() -> list[str]:
    """QTimers that tick."""
    found = []
    for one in gc.get_objects():
        if type(one) is QtCore.QTimer and shiboken6.isValid(one) and one.isActive():
            found.append(f"timer of {one.interval} ms")
    return found


def connections(owners: dict[str, Any]) -> list[str]:
    """Slots connected to signals of objects that live as long as Slicer."""
    return [
        f"connection to {name} {signature}: {getattr(slot, '__qualname__', slot)}"
        for name, owner in owners.items()
        for signature, slot, _ in pythonqt_signals._connections.get(shiboken6.getCppPointer(owner)[0], ())
    ]


def files(folder: Path) -> list[str]:
    """Files and folders in the folder for temporary ones."""
    return [f"temporary file {path.name}" for path in folder.iterdir()]


def find(owners: dict[str, Any], folder: Path) -> list[str]:
    """All of it, a line each; empty when all was put away."""
    gc.collect()
    return [
        *origins.threads(),
        *origins.processes(),
        *timers(),
        *guarded_scene.observers(),
        *connections(owners),
        *files(folder),
    ]
