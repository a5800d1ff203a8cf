"""@medplum/core's FHIRcast client in a Node process, driven from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node_program import NodeProgram

SCRIPT = Path(__file__).with_name("medplum.mjs")


class MedplumClient(NodeProgram):
    """``event`` and ``message`` return what it tells next: ``connect`` or ``disconnect``, and ``message``."""

    def __init__(self, folder: Path, package: str) -> None:
        super().__init__(SCRIPT, str(folder), package)

    def start(self, hub_url: str, token: str) -> None:
        """Begin anew: another hub or another user, without subscription."""
        self.do("start", hubUrl=hub_url, token=token)
        while not self.events.empty():
            self.events.get()

    def event(self) -> str:
        """The name of the next event that is no message."""
        told = self.told()
        assert told["event"] != "message", told
        name: str = told["event"]
        return name

    def message(self) -> dict[str, Any]:
        """The next event's message."""
        told = self.told()
        assert told["event"] == "message", told
        payload: dict[str, Any] = told["payload"]
        return payload
