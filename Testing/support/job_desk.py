"""The provider's side of jobs without a hub, for tests: keeps what is sent and told, hands out small files."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from CastLib.message import Message, parse_publish
from CastServiceProviderLib.job_records import JobRecords
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.jobs import Jobs
from CastServiceProviderLib.result_check import check_results

PATIENCE = 120.0


def make_message(*names: str) -> Message:
    files = [{"fileName": name, "byteLength": 5, "payloadIds": [name]} for name in names]
    event = {"hub.topic": "ann", "hub.event": "dicom-send", "context": {"files": files}}
    return parse_publish({"id": "m1", "timestamp": "t", "subscriber.name": "VIEW-1", "event": event})


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class Desk:
    """Runs scripts as jobs. ``told`` are the lines to the asker, ``notes`` the last ones of jobs that ended well."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.told: list[tuple[str, str, float | None]] = []
        self.notes: list[str] = []
        self.sent: list[tuple[str, list[bytes], dict[str, Any]]] = []
        self.fetched: list[list[int]] = []
        self.script = folder / "Script.py"
        description = {
            "script": str(self.script),
            "hub_name": "http://hub",
            "product_name": "TEST",
            "product_version": "7",
            "description": "Tests",
        }
        self.records = JobRecords()
        self.jobs = Jobs(description, self, JobSettings(**{"timeout": PATIENCE, **settings}), self.records)

    def fetch(self, message: Message, entries: list[int], folder: Path, cancelled: Callable[[], bool]) -> list[Path]:
        self.fetched.append(entries)
        paths = [folder / f"{index}.dcm" for index in entries]
        for path in paths:
            path.write_bytes(b"bytes")
        return paths

    def send(
        self, message: Message, event: str, paths: list[Path], context: dict[str, Any], cancelled: Callable[[], bool]
    ) -> str:
        check_results(event, paths)
        self.sent.append((event, [path.read_bytes() for path in paths], context))
        return "sent-1"

    def notify(self, message: Message, text: str, *, level: str, fraction: float | None, last: bool = False) -> None:
        if last and level == "info":
            self.notes.append(text)
        else:
            self.told.append((level, text, fraction))

    def write(self, body: str, before: str = "") -> None:
        self.script.write_text(
            f"import os, sys, time\n{textwrap.dedent(before)}\ndef onMessage(message, context):\n"
            + textwrap.indent(textwrap.dedent(body), "    ")
        )

    def run(self, body: str, before: str = "", message: Message | None = None) -> list[str]:
        """Run one job to its end; return the errors told."""
        self.write(body, before)
        self.jobs.submit(message or make_message("a.dcm", "b.dcm"))
        self.wait_idle()
        return [text for level, text, _ in self.told if level == "error"]

    def wait_idle(self) -> None:
        wait_for(lambda: not self.jobs.running and not self.jobs.waiting)
