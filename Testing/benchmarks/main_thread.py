"""How long the product holds Slicer's main thread, beside a fixed piece of Qt's own work on the same machine.

Usage: main_thread.py [TEST FILE ...]

Runs the tests of the panels (those named, else all that drive a panel) in the stand-in for Slicer and reports the
longest slot and the longest callback of each test, most held first: by the clock, and by the processor. The bar is
50 ms; calls to Slicer, VTK and packages that cannot be cut (`CastSlicerLib.slow_calls`) are not counted. The
yardstick, filling a table of 2,000 rows, is measured before and after: a figure on a slow or busy machine is read
beside it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
FILES = (
    "test_interface_panel",
    "test_interface_studies",
    "test_interface_messages",
    "test_provider_panel",
    "test_provider_trials",
    "test_hub_panel",
    "test_main_thread",
    "test_main_job_panels",
)
BAR = 0.050  # seconds
ROWS = 2000
SHOWN = 10


def yardstick() -> float:
    """Median milliseconds of the processor that Qt needs to fill a table, of seven times."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication, QTableWidget, QTableWidgetItem

    application = QApplication.instance() or QApplication([])
    took = []
    for _ in range(7):
        began = time.thread_time()
        table = QTableWidget(ROWS, 4)
        for row in range(ROWS):
            for column in range(4):
                table.setItem(row, column, QTableWidgetItem(f"{row} {column}"))
        table.resizeColumnsToContents()
        took.append(time.thread_time() - began)
    del application
    return statistics.median(took) * 1000


def measure(files: list[str]) -> list[tuple[float, str, float, str, str, int]]:
    """Run the tests; of each measured test (clock, name, processor, name, slot or callback, pieces)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "held")
        for file in files:
            command = [sys.executable, "-m", "pytest", "-q", file]
            code = subprocess.call(command, env={**os.environ, "CAST_HELD_REPORT": str(report)}, cwd=TESTING.parent)
            if code:
                raise SystemExit(f"{file} failed")
        lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return [(clock, name, cpu, cpu_name, kind, pieces) for kind, clock, name, cpu, cpu_name, pieces in lines]


def main(arguments: list[str]) -> None:
    """Measure and print."""
    before = yardstick()
    found = measure(arguments or [str(TESTING / "slicer" / f"{name}.py") for name in FILES])
    print(f"yardstick: a table of {ROWS} rows takes Qt {before:.1f} ms before and {yardstick():.1f} ms after")
    print(f"{len(found)} measures of {sum(one[5] for one in found)} pieces of work; longest by the processor:")
    for clock, _, cpu, name, kind, _ in sorted(found, key=lambda one: -one[2])[:SHOWN]:
        print(
            f"  {cpu * 1000:6.1f} ms ({cpu * 1000 / before:.2f} yardsticks; {clock * 1000:.1f} ms clock) {kind} {name}"
        )
    over = sum(one[2] > BAR for one in found)
    print(f"over {BAR * 1000:.0f} ms of the processor: {over}; by the clock: {sum(one[0] > BAR for one in found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
