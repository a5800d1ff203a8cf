"""What the three modules' self-tests share, in Slicer's "Reload and Test" as in the tests of this project."""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import vtk

from CastSlicerLib.dependencies import missing_requirements


def run_each(case: unittest.TestCase, *tests: Callable[[], object]) -> None:
    """Run tests of a case one by one, each with its own set-up."""
    for test in tests:
        case.setUp()
        try:
            test()
        finally:
            case.tearDown()


def skip_unless_installed(case: unittest.TestCase, requirements: Path) -> None:
    """Skip a case whose module's packages are not installed, as on the machines that build extensions."""
    missing = ", ".join(str(requirement) for requirement in missing_requirements(requirements))
    if missing:
        case.skipTest(f"Python packages are missing: {missing}. Open the module, which offers to install them.")


def add_volume(name: str, columns: int, rows: int, slices: int) -> Any:
    """Put a volume of 16-bit numbers that came from no file into the scene, and return its node."""
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, slices)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    volume.SetAndObserveImageData(image)
    return volume


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Let Slicer's events go on until something is so; AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"nothing happened within {seconds:g} s")
        slicer.app.processEvents()
        time.sleep(0.005)
