"""@medplum/core's FHIRcast client in a Node process, driven from Python."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("medplum.mjs")
WAIT = 15.0  # seconds in which what must come comes


class ClientError(Exception):
    """The client refused a command, in its own words."""


class MedplumClient:
    """``do`` gives it a command, ``event`` returns what it tells next: ``connect``, ``message`` or ``disconnect``."""

    def __init__(self, folder: Path, package: str) -> None:
        command = ["node", str(SCRIPT), str(folder), package]
        pipe = subprocess.PIPE
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
        self._answers.put({"error": "the client's process has ended"})

    def do(self, command: str, **arguments: Any) -> Any:
        """Give a command and return its answer; raises ClientError."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=WAIT)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["answer"]

    def start(self, hub_url: str, token: str) -> None:
        """Begin anew: another hub or another user, without subscription."""
        self.do("start", hubUrl=hub_url, token=token)
        while not self.events.empty():
            self.events.get()

    def event(self) -> str:
        """The name of the next event that is no message."""
        told = self.events.get(timeout=WAIT)
        assert told["event"] != "message", told
        name: str = told["event"]
        return name

    def message(self) -> dict[str, Any]:
        """The next event's message."""
        told = self.events.get(timeout=WAIT)
        assert told["event"] == "message", told
        payload: dict[str, Any] = told["payload"]
        return payload

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
