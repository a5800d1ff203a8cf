"""What the three modules' self-tests share, in Slicer's "Reload and Test" as in the tests of this project."""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable

import slicer


def run_each(case: unittest.TestCase, *tests: Callable[[], object]) -> None:
    """Run tests of a case one by one, each with its own set-up."""
    for test in tests:
        case.setUp()
        try:
            test()
        finally:
            case.tearDown()


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Let Slicer's events go on until something is so; AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"nothing happened within {seconds:g} s")
        slicer.app.processEvents()
        time.sleep(0.005)
