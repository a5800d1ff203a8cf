"""A program in Node that a test drives: JSON lines in both directions."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from typing import Any

WAIT = 15.0  # seconds in which what must come comes


class ProgramError(Exception):
    """The program refused a command, in its own words."""


class NodeProgram:
    """``do`` gives it a command and returns its answer; ``told`` returns what it tells next of itself."""

    def __init__(self, script: Path, *arguments: str) -> None:
        pipe = subprocess.PIPE
        command = ["node", str(script), *arguments]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8")
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            (self.events if "event" in told else self._answers).put(told)
        self._answers.put({"error": "the program has ended"})

    def do(self, command: str, **arguments: Any) -> Any:
        """Give a command and return its answer; raises ProgramError."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=WAIT)
        if "error" in answer:
            raise ProgramError(answer["error"])
        return answer["answer"]

    def told(self) -> dict[str, Any]:
        """What it tells next of itself: ``event`` names it."""
        return self.events.get(timeout=WAIT)

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
