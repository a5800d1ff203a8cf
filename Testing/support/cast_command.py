"""The command ``cast`` as its user runs it: a process of its own, in an empty home and working folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hub_process import package_environment

FINISH_SECONDS = 180.0


class CastCommand:
    """A running ``cast``; ``lines`` holds what it has printed on stdout so far."""

    started: ClassVar[list[CastCommand]] = []

    def __init__(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.work = folder
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in package_environment().items() if not key.startswith("CAST_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "CastCLI", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**kept, "HOME": str(home), "USERPROFILE": str(home), **(environment or {})},
            text=True,
        )
        self.started.append(self)
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, kept_lines), daemon=True)
            for stream, kept_lines in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, kept: list[str]) -> None:
        for line in stream:
            kept.append(line.rstrip("\n"))

    @property
    def error_text(self) -> str:
        return "\n".join(self.errors)

    def finish(self, seconds: float = FINISH_SECONDS) -> int:
        """Wait for its end and return its exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"cast did not end; it said:\n{self.error_text}") from None
        for reader in self._readers:
            reader.join(5)
        return code

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def wait_for_error_line(self, text: str, seconds: float = 20.0) -> None:
        """Wait until a line on stderr holds ``text``."""
        pause = threading.Event()
        for _ in range(int(seconds / 0.05)):
            if any(text in line for line in list(self.errors)):
                return
            if self.process.poll() is not None:
                break
            pause.wait(0.05)
        raise AssertionError(f"{text!r} was not said:\n{self.error_text}")

    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


def end_commands(kept: Sequence[CastCommand] = ()) -> None:
    """Kill what a failed test has left running, but for those in ``kept``."""
    for command in [each for each in CastCommand.started if each not in kept]:
        CastCommand.started.remove(command)
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()


def run_cast(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> CastCommand:
    """Run ``cast`` to its end; ``process.returncode`` is its exit code."""
    command = CastCommand(folder, *arguments, environment=environment)
    command.finish()
    return command
