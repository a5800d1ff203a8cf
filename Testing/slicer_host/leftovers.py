"""What the product has left behind: threads, processes, timers, observers, connections, descriptors, files."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import shiboken6
from PySide6 import QtCore

from slicer_host import guarded_scene, origins, pythonqt_signals

# Devices, and what is mapped or loaded once and stays: fonts, libraries, drivers' caches.
NOT_OURS = ("/dev/", "/proc/", "/usr/", "/memfd:", "/sys/", "/lib")


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


def descriptors() -> dict[str, str]:
    """What this process has open that a product opens: files, pipes and sockets, by number; Linux only.

    Not Qt's and the graphics driver's own (event counters, devices, memory), nor the test runner's for output.
    """
    folder = Path("/proc/self/fd")
    found = {}
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            target = str(entry.readlink())
        except OSError:  # the folder's own, closed by now
            continue
        if target.startswith(("pipe:", "socket:")) or (target.startswith("/") and not target.startswith(NOT_OURS)):
            found[entry.name] = target
    return found


def left_open(opened_before: dict[str, str]) -> list[str]:
    """What was opened since and is open.

    To be asked before garbage is collected: that would close what somebody has forgotten to.
    """
    known = set(opened_before.items())
    found = [(number, what) for number, what in descriptors().items() if (number, what) not in known]
    return [f"descriptor {number} of {what}{_peers(number, what)}" for number, what in found]


def _peers(number: str, what: str) -> str:
    """Who is at the two ends of a socket."""
    if not what.startswith("socket:"):
        return ""
    import psutil

    process = psutil.Process()
    ends = [one for one in process.net_connections("all") if one.fd == int(number)]
    return "".join(f", {one.laddr} to {one.raddr or 'nobody'}, {one.status}" for one in ends)


def find(owners: dict[str, Any], folder: Path) -> list[str]:
    """All but that, a line each; empty when all was put away."""
    gc.collect()
    return [
        *origins.threads(),
        *origins.processes(),
        *timers(),
        *guarded_scene.observers(),
        *connections(owners),
        *files(folder),
    ]
