"""A real hub as a child process, for tests of whatever speaks to one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE_FOLDERS = [ROOT / "CastInterface", ROOT / "CastServiceProvider", ROOT / "CastHub"]
START_SECONDS = 120.0
PROGRAM = ("-m", "CastHubLib")


def package_environment() -> dict[str, str]:
    """Return this process's environment with the tree's packages on Python's path, for child processes."""
    paths = [*map(str, PACKAGE_FOLDERS), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


class HubProcess:
    """A hub on a free loopback port with a state folder of its own; ``log`` is the file its lines go to."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        python: str = sys.executable,
        program: tuple[str, ...] = ("-m", "CastHubLib"),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "hub.log"
        self.state = folder / "state"
        command = [python, *program, "--port", "0", "--state", str(self.state), *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=package_environment())
        self.url = self._first_line()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _first_line(self) -> str:
        """Read the address, which the hub prints when it answers; give up when it neither answers nor ends."""
        assert self.process.stdout is not None
        timer = threading.Timer(START_SECONDS, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline().decode().strip()
        finally:
            timer.cancel()
        if not line:
            self.process.wait()
            raise RuntimeError(f"the hub did not start:\n{self.log.read_text()}")
        return line

    def stop(self, how: int = signal.SIGTERM, seconds: float = 15.0) -> int:
        """End the hub and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()
