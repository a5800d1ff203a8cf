"""Hub, display and provider as services of a Slicer without a window, as Slicer's own command starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from display_parts import decode, study_uid_of, write_phantom
from hub_process import ROOT, HubProcess
from provider_process import Asker, temporary_files

from CastLib.message import Target
from CastLib.study_context import make_study_context

PATIENCE = 120.0
HUB = ROOT / "CastHub" / "CastHubLib" / "__main__.py"
DISPLAY = ROOT / "CastInterface" / "CastInterfaceLib" / "__main__.py"
PROVIDER = ROOT / "CastServiceProvider" / "CastServiceProviderLib" / "__main__.py"

SCRIPT = '''
"""Says which Python runs it."""
import sys

def onMessage(message, context):
    context.progress(f"PythonSlicer {'slicer-host-' in ':'.join(sys.path)}")
'''


class HeadlessSlicer:
    """``Slicer --no-main-window --python-script FILE -- ARGUMENTS``; what it prints and logs is in ``lines``."""

    def __init__(self, script: Path, temp: Path, *arguments: str) -> None:
        self.temp = temp
        temp.mkdir()
        command = [sys.executable, "-m", "slicer_host", "--no-main-window", "--python-script", str(script)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "Testing"), "TMPDIR": str(temp), "TEMP": str(temp)}
        self.process = subprocess.Popen(
            [*command, "--", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
        )
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def wait_line(self, text: str) -> str:
        """The first line with this text."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = next((line for line in list(self.lines) if text in line), None)
            if found is not None:
                return found
            if self.process.poll() is not None and not self._reading.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no line with {text!r} came:\n{self.log}")

    def end(self, how: int | None = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if how is not None:
            self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start_slicer(tmp_path: Path) -> Iterator[Callable[..., HeadlessSlicer]]:
    started: list[HeadlessSlicer] = []

    def start(script: Path, *arguments: str) -> HeadlessSlicer:
        started.append(HeadlessSlicer(script, tmp_path / f"slicer-{len(started)}", *arguments))
        return started[-1]

    yield start
    for slicer in started:
        slicer.close()


Start = Callable[..., HeadlessSlicer]


def test_a_hub(start_slicer: Start, tmp_path: Path) -> None:
    slicer = start_slicer(HUB, "--port", "0", "--state", str(tmp_path / "state"))
    address = slicer.wait_line("http://")
    assert requests.get(f"{address}/api/hub/status", timeout=PATIENCE).json()["status"] == "ok"
    asker = Asker(address)
    asker.close()
    slicer.wait_line("subscribed")
    assert slicer.end() == 0, slicer.log
    assert "Traceback" not in slicer.log and not temporary_files(slicer.temp)


def test_a_hub_that_cannot_start_says_why_and_ends(start_slicer: Start, hub: HubProcess, tmp_path: Path) -> None:
    port = hub.url.rpartition(":")[2]
    slicer = start_slicer(HUB, "--port", port, "--state", str(tmp_path / "state"))
    assert slicer.end(None) == 1
    assert f"cast: port {port} on 127.0.0.1 is taken" in slicer.log
    assert "Traceback" not in slicer.log


def test_a_display(start_slicer: Start, hub: HubProcess, tmp_path: Path) -> None:
    asker = Asker(hub.url)
    (first, *_) = write_phantom(tmp_path / "studies")
    arguments = ("--hub", hub.url, "--user", asker.topic, "--size", "128x128", "--name=READING-ROOM")
    slicer = start_slicer(DISPLAY, *arguments, "--studies", str(tmp_path / "studies"))
    slicer.wait_line("online")

    def ask(data_type: str) -> Any:
        (response,) = asker.session.request(data_type, target=Target(product="3DSLICER-ID"), timeout=20)["responses"]
        assert response["subscriber"] == "READING-ROOM"
        return response["data"]

    asker.session.publish("ImagingStudy-open", make_study_context(study_uid_of(first)))
    asker.until(lambda: ask("STATUS")["context"])
    views = ask("SCENEVIEW")["viewports"]
    pictures = [decode(view["picture"]) for view in views]
    assert [picture.shape for picture in pictures] == [(128, 128, 3)] * 4
    assert all(picture.max() > 100 for picture in pictures)
    asker.close()
    assert slicer.end() == 0, slicer.log
    assert "Traceback" not in slicer.log and not temporary_files(slicer.temp)


def test_a_provider(start_slicer: Start, hub: HubProcess, tmp_path: Path) -> None:
    script = tmp_path / "WhichPython.py"
    script.write_text(SCRIPT)
    file = tmp_path / "image.dcm"
    file.write_bytes(b"not looked at")
    slicer = start_slicer(PROVIDER, "--hub", hub.url, "--product", "WHICH-PYTHON", str(script))
    slicer.wait_line("serves")
    asker = Asker(hub.url)
    assert asker.status_items("WHICH-PYTHON")
    asker.send("WHICH-PYTHON", [file])
    asker.until(lambda: any("PythonSlicer" in update["message"] for update in asker.updates))
    told: list[dict[str, Any]] = [update for update in asker.updates if "PythonSlicer" in update["message"]]
    assert told[0]["message"] == "PythonSlicer True"
    asker.close()
    assert slicer.end() == 0, slicer.log
    assert "Traceback" not in slicer.log and not temporary_files(slicer.temp)


def test_the_commands_of_the_documentation_reach_their_scripts() -> None:
    """Slicer and Qt take some of what stands after the two dashes for their own."""
    from slicer_host.command import parse, without_qts

    lines = (ROOT / "docs" / "headless.md").read_text(encoding="utf-8").splitlines()
    commands = [line.split()[1:] for line in lines if line.startswith("Slicer --")]
    assert len(commands) == 3
    for command, script in zip(commands, (HUB, DISPLAY, PROVIDER), strict=True):
        options, rest = parse(without_qts(command))
        assert options.python_script == f"MODULES/{script.parent.name}/{script.name}"
        assert rest == command[command.index("--") + 1 :]
    options, rest = parse(without_qts(["--python-script", "main.py", "--", "other.py", "--name", "ME", "--hub", "URL"]))
    assert (options.python_script, rest) == ("other.py", ["--hub", "URL"])


def test_the_standard_streams_are_as_poor_as_in_slicer(capsys: pytest.CaptureFixture[str]) -> None:
    from slicer_host.command import StandardStream

    stream = StandardStream(sys.stdout)
    print("told", file=stream, flush=True)  # type: ignore[arg-type]
    assert capsys.readouterr().out == "told\n" and not stream.isatty()
    for name in ("fileno", "buffer", "encoding", "reconfigure"):
        assert not hasattr(stream, name), name
