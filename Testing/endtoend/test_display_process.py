"""The display as a process at a real hub: the main job, its log, its end, and what it says when it cannot start."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_parts import SIGHTS, check_sides, color_at, decode, study_uid_of, write_balls, write_phantom
from hub_process import HubProcess, package_environment

from CastLib.client import Pump, Session, SessionSettings
from CastLib.message import Message, Target
from CastLib.study_context import make_study_context

PATIENCE = 120.0
DISPLAY = Target(actor="ID")


class Worklist:
    """One who opens studies, sends files and asks the display."""

    def __init__(self, hub: str) -> None:
        self.topic = f"topic-{secrets.token_hex(4)}"
        self.pump = Pump()
        settings = SessionSettings(hub=hub, topic=self.topic, product="WORKLIST", actors=("WORKLIST_CLIENT",))
        self.session = Session(settings, self.pump)
        self.events: list[Message] = []
        self.session.on_event(self.events.append)
        self.session.start()
        self.session.wait_online(PATIENCE)

    def ask(self, data_type: str) -> dict[str, Any] | None:
        answer = self.session.request(data_type, target=DISPLAY, timeout=5.0)
        return answer["responses"][0]["data"] if answer["responses"] else None

    def until(self, done: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while True:
            status = self.ask("STATUS")
            if status and done(status):
                return status
            assert time.monotonic() < end, {key: (status or {}).get(key) for key in ("items", "context")}
            time.sleep(0.1)


@pytest.fixture
def worklist(hub: HubProcess) -> Iterator[Worklist]:
    made = Worklist(hub.url)
    yield made
    made.session.close()


def start(hub: str, topic: str, temp: Path, *arguments: str) -> subprocess.Popen[bytes]:
    temp.mkdir()
    environment = {**package_environment(), "TMPDIR": str(temp), "TEMP": str(temp), "TMP": str(temp)}
    command = [sys.executable, "-m", "CastInterfaceLib", "--hub", hub, "--topic", topic, *arguments]
    return subprocess.Popen(
        command, env=environment, cwd=temp, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def segmentations_in(status: dict[str, Any]) -> list[dict[str, Any]]:
    """What a STATUS tells of the segmentations shown."""
    told = [item["resource"]["segmentations"] for item in status["context"] if item["key"] == "segmentation"]
    return list(told[0]) if told else []


def test_the_main_job_at_a_real_hub(hub: HubProcess, worklist: Worklist, tmp_path: Path) -> None:
    files = write_phantom(tmp_path / "studies")
    uid = study_uid_of(files[0])
    other = write_phantom(tmp_path / "elsewhere")
    process = start(
        hub.url, worklist.topic, tmp_path / "temp", "--studies", str(tmp_path / "studies"), "--size", "300x300"
    )
    try:
        worklist.until(lambda status: status["studies"])
        worklist.session.publish("ImagingStudy-open", make_study_context(uid))
        worklist.until(lambda status: status["context"])
        views = view_pictures(worklist)
        for plane in SIGHTS:
            view = views[plane]
            pixels = decode(view["picture"])
            assert pixels.shape == (300, 300, 3)
            check_sides(pixels, plane, view["fieldOfView"][0], view["window"], view["level"])

        worklist.session.send_files("dicom-send", [write_balls(tmp_path / "studies", tmp_path / "balls.dcm")])
        status = worklist.until(lambda status: segmentations_in(status))
        assert segmentations_in(status)[0]["fileName"] == "balls.dcm"
        axial = view_pictures(worklist)["Axial"]
        red, green, _ = color_at(decode(axial["picture"]), (34.0, 0.0), axial["fieldOfView"][0])
        assert red > green + 25

        id = worklist.session.publish("ImagingStudy-open", {"study": {"uid": "1.2.3.4"}})
        worklist.until(lambda status: any(item["key"] == "problem" for item in status["items"]))

        worklist.session.send_files("ImagingStudy-open", other)
        worklist.until(lambda status: status["context"])
        assert view_pictures(worklist)["3D"]["studyInstanceUID"] == study_uid_of(other[0])
        assert any((tmp_path / "temp").iterdir())
        worklist.session.publish("ImagingStudy-close", make_study_context(study_uid_of(other[0])))
        worklist.until(lambda status: not status["context"])
        assert np.abs(decode(view_pictures(worklist)["Axial"]["picture"])[60:-60]).max() == 0
        worklist.session.send_files("ImagingStudy-open", other)  # left open: its files go with the process
        worklist.until(lambda status: status["context"])
    finally:
        process.terminate()
        out, log = process.communicate(timeout=PATIENCE)
    assert out == b""
    lines = log.decode().splitlines()
    if os.name != "nt":
        assert process.returncode == 0, log.decode()
        assert list((tmp_path / "temp").iterdir()) == []
    assert sum("ImagingStudy-open: id" in line for line in lines) == 4
    assert sum("ImagingStudy-open refused with 404" in line and id in line for line in lines) == 1
    assert "Phantom" not in log.decode()


def view_pictures(worklist: Worklist) -> dict[str, dict[str, Any]]:
    answer = worklist.ask("SCENEVIEW")
    assert answer
    return {view["orientation"]: view for view in answer["viewports"]}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_ctrl_c_ends_it_even_without_a_hub(tmp_path: Path) -> None:
    process = start("http://127.0.0.1:9", "T", tmp_path / "temp")
    assert process.stderr is not None
    while b"waiting to reconnect" not in (line := process.stderr.readline()):
        assert line, "it ended by itself"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == b""
    assert process.returncode == 130
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a group")
def test_ctrl_c_in_a_terminal_while_it_still_starts_is_no_error(tmp_path: Path) -> None:
    environment = package_environment()
    for pause in (0.5, 1.0, 2.0):
        command = [sys.executable, "-m", "CastCLI", "display", "--quiet", "--hub", "http://127.0.0.1:9"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, start_new_session=True)
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGINT)  # a terminal gives it to all that runs in it
        said = process.communicate(timeout=PATIENCE)[1].decode()
        assert (process.returncode, [line for line in said.splitlines() if " WARNING " not in line]) == (130, [])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--size", "1024"], 2, "1024x1024"),
        (["--size", "9x9"], 2, "64 to 4096"),
        (["--studies", "not-there"], 1, "not-there"),
        (["--layout", "nine-up"], 1, "four-up"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    process = start("http://127.0.0.1:9", "T", tmp_path / "temp", *arguments)
    out, log = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, b"")
    assert words in log.decode()
    assert "Traceback" not in log.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is Linux's")
def test_missing_opengl_is_told_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    process = start("http://127.0.0.1:9", "T", tmp_path / "temp")
    out, log = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, b"")
    assert "apt-get install libegl1" in log.decode()
    assert len(log.decode().splitlines()) == 1
