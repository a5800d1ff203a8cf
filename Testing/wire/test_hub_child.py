"""A hub as another program's child: it ends with it, tells it alone who is there, and never waits for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest
import requests
from hub_process import package_environment
from hub_wire import Wire
from provider_process import Asker

PATIENCE = 120.0


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "CastHubLib", "--port", "0", "--state", str(folder), "--end-with-stdin"]


class HubChild:
    """A hub whose parent this is."""

    def __init__(self, folder: Path) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command(folder), stdin=pipe, stdout=pipe, stderr=pipe, env=package_environment()
        )
        self.url = self.line()

    def line(self) -> str:
        return self._pipe(self.process.stdout).readline().decode().strip()

    def end(self) -> int:
        self._pipe(self.process.stdin).close()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            self._pipe(pipe).close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


@pytest.fixture
def child(tmp_path: Path) -> Iterator[HubChild]:
    child = HubChild(tmp_path)
    yield child
    child.close()


def test_it_ends_when_its_stdin_closes(child: HubChild) -> None:
    assert child.end() == 0


def test_it_tells_its_parent_who_is_connected_and_nobody_else(child: HubChild) -> None:
    assert json.loads(child.line())["subscribers"] == []
    anna = Asker(child.url, "topic-of-anna", name="VIEWER-OF-ANNA")
    while not (told := json.loads(child.line()))["subscribers"]:
        pass
    (subscriber,) = told["subscribers"]
    assert subscriber["name"] == "VIEWER-OF-ANNA" and subscriber["product"] == "VIEWER"
    assert subscriber["topic"] == "topic-of-anna" and subscriber["connected"] is True
    assert set(subscriber) == {"name", "product", "version", "actors", "topic", "connected"}
    assert told["subscriptions"] == 1
    for path in ("/api/hub/status", "/api/hub/.well-known/fhircast-configuration"):
        answer = requests.get(child.url + path, timeout=PATIENCE).text
        assert "ANNA" not in answer and "anna" not in answer
    assert child.end() == 0
    anna.close()
    assert child.process.stderr is not None
    log = child.process.stderr.read().decode()
    assert "subscribed" in log and "stopped" in log and "anna" not in log.lower()


def test_it_goes_on_when_its_parent_does_not_read(child: HubChild) -> None:
    wire = Wire(child.url)
    for number in range(1000):  # a line of log each: more than a pipe holds, and so is each report then
        wire.subscribe(f"N-{number}")
    time.sleep(1.5)
    assert requests.get(f"{child.url}/api/hub/status", timeout=PATIENCE).json()["subscriptions"] == 1000
    assert child.end() == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"hub = subprocess.Popen({command(tmp_path)!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "print(hub.pid, hub.stdout.readline().decode().strip(), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=package_environment()
    ) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().decode().split()
        assert requests.get(f"{url}/api/hub/status", timeout=PATIENCE).ok
        hub = psutil.Process(int(pid))
        parent.send_signal(signal.SIGKILL)
        psutil.wait_procs([hub], timeout=PATIENCE)
    assert not hub.is_running()


def test_settings_reach_it_through_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('auth = "single-user"\nport = 1\n')
    monkeypatch.setenv("CAST_HUB_SETTINGS", str(file))
    child = HubChild(tmp_path)
    try:
        assert requests.get(child.url + "/api/hub/status").json()["auth"] == "single-user"  # and the flag's port
    finally:
        child.close()


def test_a_wrong_setting_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAST_HUB_MAX_CODES", "many")
    done = subprocess.run(
        command(tmp_path), capture_output=True, text=True, env=package_environment(), timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cast: the variable CAST_HUB_MAX_CODES: must be a number, not 'many'\n"
