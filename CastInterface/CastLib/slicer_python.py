"""Which Python runs child processes: Slicer's own executable is the application, not an interpreter."""

from __future__ import annotations

import shutil
import sys

# ``-m`` would put the working folder first on the path: a json.py that lies there would stand for Python's own.
_LAUNCH = (
    "import sys; sys.path[:] = filter(None, sys.path); from runpy import run_module; "
    "run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def in_slicer() -> bool:
    """Tell whether this runs in Slicer itself and not on its engine alone."""
    return hasattr(sys.modules.get("slicer"), "app")


def slicer_python() -> str:
    """Return the interpreter to start children with: ``PythonSlicer`` in Slicer, this one elsewhere."""
    found = shutil.which("PythonSlicer") if in_slicer() else None  # Slicer has its own Python's folder in PATH
    return found or sys.executable


def module_command(module: str, *arguments: str, python: str = "") -> list[str]:
    """The command line that runs a module as ``-m`` does, whatever lies in the working folder.

    ``python`` is the interpreter, ``slicer_python()`` by default.
    """
    return [python or slicer_python(), "-c", _LAUNCH, module, *arguments]
