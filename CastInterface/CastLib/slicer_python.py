"""Which Python runs child processes: Slicer's own executable is the application, not an interpreter."""

from __future__ import annotations

import shutil
import sys


def in_slicer() -> bool:
    """Tell whether this runs in Slicer itself and not on its engine alone."""
    return hasattr(sys.modules.get("slicer"), "app")


def slicer_python() -> str:
    """Return the interpreter to start children with: ``PythonSlicer`` in Slicer, this one elsewhere."""
    found = shutil.which("PythonSlicer") if in_slicer() else None  # Slicer has its own Python's folder in PATH
    return found or sys.executable
