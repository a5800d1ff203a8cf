"""The folder of an installed Slicer, as far as its ``PythonSlicer`` goes."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def make_slicer_home(home: Path) -> Path:
    """A folder that looks like an installed Slicer as far as ``PythonSlicer`` goes, which is put on ``PATH``.

    As in Slicer it knows Slicer's packages and not the extension's: those are on its path only when its starter says
    so.
    """
    scripts, packages = home / "bin", home / "lib" / "Python"
    scripts.mkdir(parents=True)
    packages.mkdir(parents=True)
    packages.joinpath("sitecustomize.py").write_text(
        "import sys\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if '__editable__' not in getattr(f, '__module__', '')]\n"
        "sys.path[:] = [p for p in sys.path if '__editable__' not in p]\n",
        encoding="utf-8",
    )
    separator = os.pathsep
    if os.name == "nt":
        starter = scripts / "PythonSlicer.bat"
        lines = (f"@set PYTHONPATH={packages}{separator}%PYTHONPATH%", f'@"{sys.executable}" %*', "")
        starter.write_text("\n".join(lines), encoding="utf-8")
    else:
        starter = scripts / "PythonSlicer"
        starter.write_text(
            f'#!/bin/sh\nPYTHONPATH="{packages}{separator}$PYTHONPATH" exec "{sys.executable}" "$@"\n', encoding="utf-8"
        )
        starter.chmod(0o755)
    os.environ["PATH"] = f"{scripts}{separator}{os.environ.get('PATH', '')}"
    return home
