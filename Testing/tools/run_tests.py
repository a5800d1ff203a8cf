"""Formatting, types and all tests, on all cores: what ``run.py test`` runs in the project's environment.

Usage: run_tests.py [--long] [PYTEST ARGUMENTS]

Every check runs even when one fails, each in a process of its own and as many at once as there are cores; what a
process printed comes when it has ended. The last line counts what passed and failed. Files and tests that are named run
alone, in one process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
SLICER = Path("Testing", "slicer")  # inside the stand-in for Slicer, of which there is one a process
LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
FAILED, INTERRUPTED = 1, 130


class Counts(NamedTuple):
    """What came of one check, or of all."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def main(arguments: list[str]) -> int:
    """Run everything; 0 when all passed."""
    cores = os.cpu_count() or 1
    try:
        if any(Path(word.split("::")[0]).exists() for word in arguments):
            rounds = [[*LINT, pytest(arguments)]]
        else:
            # The files of the first part share their cores by themselves, those inside the stand-in by us.
            rounds = [[*LINT], [pytest(["-n", str(cores), "--dist", "loadfile", f"--ignore={SLICER}", *arguments])]]
            files = sorted(SLICER.glob("test_*.py"), key=lambda file: -file.stat().st_size)
            rounds += [[pytest([str(file), *arguments]) for file in files]]
        counts = Counts()
        for commands in rounds:
            counts = counts.plus(run_side_by_side(commands, cores))
    except KeyboardInterrupt:
        return INTERRUPTED
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped", flush=True)
    return FAILED if counts.failed else 0


def pytest(arguments: list[str]) -> tuple[str, ...]:
    """The command, without the report that is added when it is run."""
    return ("pytest", *arguments)


def run_side_by_side(commands: list[tuple[str, ...]], cores: int) -> Counts:
    """Run the commands, ``cores`` at a time; whatever ends this ends them."""
    waiting: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()
    for command in commands:
        waiting.put(command)
    found: list[Counts] = []
    running: set[subprocess.Popen[bytes]] = set()
    over, lock = threading.Event(), threading.Lock()

    def work() -> None:
        while not over.is_set():
            try:
                command = waiting.get_nowait()
            except queue.Empty:
                return
            counts, text = run_check(command, running, alone=len(commands) == 1)
            with lock:
                found.append(counts)
                print(f"$ {' '.join(command)}", flush=True)
                sys.stdout.buffer.write(text)
                sys.stdout.flush()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(cores)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(0.2)  # so that Ctrl-C is heard
    finally:
        over.set()
        for process in list(running):
            with contextlib.suppress(OSError):
                process.terminate()
    return sum_of(found, len(commands))


def sum_of(found: list[Counts], commands: int) -> Counts:
    """All of them; a check that told nothing has failed."""
    total = Counts(failed=commands - len(found))
    for counts in found:
        total = total.plus(counts)
    return total


def run_check(command: tuple[str, ...], running: set[subprocess.Popen[bytes]], alone: bool) -> tuple[Counts, bytes]:
    """Run one command; what came of it, and what it printed, unless it runs ``alone``: then it prints as it goes."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        more = [f"--junitxml={report}"] if command[0] == "pytest" else []
        process = subprocess.Popen(
            [sys.executable, "-m", *command, *more],
            stdin=subprocess.DEVNULL,
            stdout=None if alone else subprocess.PIPE,
            stderr=None if alone else subprocess.STDOUT,
        )
        running.add(process)
        text, _ = process.communicate()
        running.discard(process)
        if command[0] != "pytest":
            return Counts(passed=int(process.returncode == 0), failed=int(process.returncode != 0)), text or b""
        counts = count_tests(report)
        if process.returncode != 0 and not counts.failed:  # pytest found no test, or broke off
            counts = counts.plus(Counts(failed=1))
        return counts, text or b""


def count_tests(report: Path) -> Counts:
    """Counts from pytest's JUnit report; none when there is no report. An error in a fixture counts as failed."""
    counts = Counts()
    with contextlib.suppress(OSError, ElementTree.ParseError):
        for suite in ElementTree.parse(report).iter("testsuite"):
            of = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
            failed = of["failures"] + of["errors"]
            counts = counts.plus(Counts(of["tests"] - failed - of["skipped"], failed, of["skipped"]))
    return counts


if __name__ == "__main__":
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
