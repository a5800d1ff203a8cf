"""A real provider as a child process, and one who asks it, for tests over a real hub."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub_process import package_environment

from CastLib.client import Pump, Session, SessionSettings
from CastLib.message import Message, Target

PATIENCE = 600.0  # a bound for a machine that does much else


class ProviderProcess:
    """``python -m CastServiceProviderLib SCRIPT``, ready when made; its temporary files go to ``temp``.

    ``environment`` is added to its own, ``written`` is what it reads from standard input.
    """

    def __init__(
        self,
        script: Path,
        hub: str,
        temp: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        written: str = "",
    ) -> None:
        self.product = f"{script.stem}-{secrets.token_hex(3)}"
        self.temp = temp
        temp.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "CastServiceProviderLib", str(script), "--hub", hub, "--product", self.product]
        own = {"TMPDIR": str(temp), "TEMP": str(temp), "CAST_CLIENT_SECRET": "hush"}
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**package_environment(), **own, **(environment or {})},
            text=True,
        )
        assert self.process.stdin is not None
        with self.process.stdin as stream:
            stream.write(written)
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(PATIENCE) or self.process.poll() is not None:
            self.stop()
            raise RuntimeError("the provider did not start:\n" + "".join(self.lines))

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            for line in said:
                self.lines.append(line)
                if "Ctrl-C ends it" in line:
                    self._ready.set()
        self._ready.set()

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self._reader.join(PATIENCE)


class Asker:
    """A session on a topic of its own (or another's) that keeps what it receives."""

    def __init__(self, hub: str, topic: str = "", **settings: Any) -> None:
        self.pump = Pump()
        self.topic = topic or "topic-" + secrets.token_hex(4)
        settings = {"product": "VIEWER", "announce": False, "call_timeout": PATIENCE, **settings}
        self.session = Session(SessionSettings(hub=hub, user=self.topic, topic=self.topic, **settings), self.pump)
        self.events: list[Message] = []
        self.session.on_event(self.events.append)
        present = {"source": "status", "product": settings["product"], "items": []}
        self.session.on_request("STATUS", lambda request: present, in_background=True)
        self.session.start()
        self.session.wait_online(PATIENCE)

    @property
    def errors(self) -> list[str]:
        return [line["message"] for line in self.updates if line["level"] == "error"]

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [message.context_dict() for message in self.events if message.key == "status-update"]

    @property
    def results(self) -> list[Message]:
        return [message for message in self.events if message.key != "status-update"]

    def until(self, what: Callable[[], object]) -> None:
        assert self.pump.run_until(what, PATIENCE), f"waited in vain; what came: {[m.wire for m in self.events]}"

    def send(self, product: str, paths: list[Path], event: str = "dicom-send", **context: Any) -> None:
        self.session.send_files(event, paths, context=context, target=Target(product=product))

    def status_items(self, product: str) -> dict[str, str]:
        """The items of a provider's STATUS."""
        answer = self.session.request("STATUS", target=Target(product=product), timeout=60.0)
        (response,) = answer["responses"]
        items = {item["key"]: item["value"] for item in response["data"]["items"]}
        assert response["data"]["source"] == "status" and response["data"]["product"] == product
        return items

    def close(self) -> None:
        self.session.close()


def running_under(pid: int) -> list[str]:
    """The command lines of what a process has started, itself not among them."""
    import psutil

    try:
        return [" ".join(child.cmdline()) for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def temporary_files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))
