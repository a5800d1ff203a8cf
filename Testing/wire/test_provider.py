"""A provider at a real hub: what it takes, whom it answers, and that nothing a script does stops it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import package_environment
from provider_process import Asker, ProviderProcess, running_under, temporary_files

from CastLib.message import Target

# One script that does as the message says, so that one provider serves all tests.
SCRIPT = """
'''Does what it is told.'''
import os, subprocess, sys, time
from pathlib import Path

def onMessage(message, context):
    told = message["event"]["context"]
    task = told.get("task")
    if task == "echo":
        files = context.files()
        context.progress(f"{len(files)} files", 0.5)
        context.send_files(files, event=message["event"]["hub.event"], context={"task": "back"})
    elif task == "wait":
        context.progress("waiting")
        while not os.path.exists(told["gate"]):
            time.sleep(0.02)
        context.progress("on")
    elif task == "listen":
        context.progress("waiting")
        while not context.cancelled():
            time.sleep(0.02)
    elif task == "raise":
        raise ValueError("no T1 volume among the files")
    elif task == "crash":
        os._exit(9)
    elif task == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(600)
    elif task == "nonsense":
        path = context.directory / "result.dcm"
        path.write_text("I am no DICOM file" * 30)
        context.send_files([path])
    elif task == "flood":
        for _ in range(100):
            print("x" * 100000)
        context.progress("flooded")
    elif task == "fetch":
        context.files()
"""


@pytest.fixture(scope="module")
def provider(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    folder = tmp_path_factory.mktemp("provider")
    (folder / "Told.py").write_text(SCRIPT)
    process = ProviderProcess(folder / "Told.py", hub.url, folder / "temp", "--slots", "1", "--job-timeout", "60")
    yield process
    assert process.stop() == 0
    assert not temporary_files(process.temp)


@pytest.fixture
def asker(hub: Any) -> Iterator[Asker]:
    asker = Asker(hub.url)
    yield asker
    asker.close()


@pytest.fixture
def scan(tmp_path: Path) -> list[Path]:
    """Two files; only their bytes matter here."""
    paths = [tmp_path / "a.nii", tmp_path / "b.nii"]
    for index, path in enumerate(paths):
        path.write_bytes(bytes([index]) * 344 + b"n+1\0" + bytes(5_000_000 * index))
    return paths


def test_result_and_progress_go_to_the_asker_alone(hub: Any, provider: Any, asker: Asker, scan: list[Path]) -> None:
    other = Asker(hub.url, asker.topic)
    try:
        asker.send(provider.product, scan, event="nifti-send", task="echo")
        asker.until(lambda: asker.results)
        (result,) = asker.results
        assert result.key == "nifti-send" and result.context_dict()["task"] == "back"
        assert result.target == Target(name=asker.session.name)
        assert (result.sender.product, result.sender.actors) == (provider.product, ("EC",))
        fetched = asker.session.fetch_files(result, provider.temp.parent / "back")
        assert [path.read_bytes() for path in fetched] == [path.read_bytes() for path in scan]
        about = result.context_dict()["inReplyTo"]
        assert asker.updates == [{"message": "2 files", "level": "info", "fraction": 0.5, "inReplyTo": about}]
        (update,) = [message for message in asker.events if message.key == "status-update"]
        assert update.wire["target.subscriber.name"] == asker.session.name and "target.actor" not in update.wire
        assert update.wire["subscriber.product.name"] == provider.product
        other.pump.run_once(0.2)
        assert {message.key for message in other.events} <= {"nifti-send"}, "others see the asker's own send at most"
        assert len(other.events) == 0
    finally:
        other.close()


def test_a_worklist_gets_progress_and_the_display_the_result(hub: Any, provider: Any, scan: list[Path]) -> None:
    worklist = Asker(hub.url, actors=("WORKLIST_CLIENT",), product="WORKLIST")
    display = Asker(hub.url, worklist.topic, product="DISPLAY")
    try:
        worklist.send(provider.product, scan[:1], event="nifti-send", task="echo")
        display.until(lambda: display.results)
        assert display.results[0].target == Target(actor="ID")
        worklist.until(lambda: worklist.updates)
        assert not worklist.results and not display.updates
    finally:
        worklist.close()
        display.close()


def test_status_is_answered_while_a_job_runs(provider: Any, asker: Asker, scan: list[Path], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait_idle(asker, provider)
    assert set(asker.status_items(provider.product)) == {"availability"}
    asker.send(provider.product, scan[:1], event="nifti-send", task="wait", gate=str(gate))
    asker.send(provider.product, scan[:1], event="nifti-send", task="echo")
    asker.until(lambda: asker.updates)
    items = asker.status_items(provider.product)
    assert (items["availability"], items["job"], items["waiting"]) == ("online", "running", "1")
    gate.touch()
    asker.until(lambda: asker.results)
    wait_idle(asker, provider)


def wait_idle(asker: Asker, provider: ProviderProcess) -> None:
    end = time.monotonic() + 20
    while "job" in asker.status_items(provider.product):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("raise", "no T1 volume among the files"),
        ("crash", "the script's process ended itself with code 9"),
        ("nonsense", "result.dcm: cannot go out as DICOM: no DICOM file"),
    ],
)
def test_whatever_a_script_does_the_provider_lives(
    provider: Any, asker: Asker, scan: list[Path], task: str, error: str
) -> None:
    asker.send(provider.product, scan[:1], event="nifti-send", task=task)
    asker.until(lambda: asker.errors)
    assert asker.errors == [error] and not asker.results
    asker.send(provider.product, scan[:1], event="nifti-send", task="echo")
    asker.until(lambda: asker.results)
    wait_idle(asker, provider)
    assert not running_under(provider.process.pid)
    assert not temporary_files(provider.temp)
    assert "hush" not in provider.log


def test_a_script_that_hangs_is_ended_with_its_children(
    hub: Any, asker: Asker, scan: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "Told.py").write_text(SCRIPT)
    process = ProviderProcess(tmp_path / "Told.py", hub.url, tmp_path / "temp", "--job-timeout", "1.5")
    asker.send(process.product, scan[:1], event="nifti-send", task="hang")
    asker.until(lambda: asker.errors)
    assert asker.errors == ["the script did not finish within 1.5 s and was ended"]
    wait_idle(asker, process)
    assert not running_under(process.process.pid) and not temporary_files(process.temp)
    assert process.stop() == 0


def test_a_flood_of_output(provider: Any, asker: Asker, scan: list[Path]) -> None:
    asker.send(provider.product, scan[:1], event="nifti-send", task="flood")
    asker.until(lambda: asker.updates)
    assert asker.updates[0]["message"] == "flooded"
    wait_idle(asker, provider)


def test_messages_it_cannot_work_on_are_refused_and_told(provider: Any, asker: Asker) -> None:
    def publish(context: dict[str, Any]) -> str:
        asker.events.clear()
        asker.session.publish("nifti-send", context, target=Target(product=provider.product))
        asker.until(lambda: asker.errors)
        return asker.errors[0]

    assert "event.context.files: is missing" in publish({})
    url = {"url": "http://127.0.0.1:9/a.nii", "fileName": "a.nii"}
    assert "The files are only addresses, but this provider" in publish({"files": [url]})


def test_what_is_not_meant_for_it_is_left_alone(provider: Any, asker: Asker, scan: list[Path]) -> None:
    before = provider.log.count(" began")
    metadata = {"dicomMetadata": {"00080060": {"vr": "CS", "Value": ["SEG"]}}}
    seg = {"fileName": "seg.dcm", "byteLength": 1, "payloadIds": ["x"], **metadata}
    asker.session.publish("dicom-send", {"files": [seg]})
    asker.session.send_files("nifti-send", scan[:1], context={"task": "raise"}, target=Target(product="ANOTHER"))
    asker.session.send_files("nifti-send", scan[:1], context={"task": "raise"}, target=Target(actor="ID"))
    asker.session.publish("ImagingStudy-open", [], target=Target(product=provider.product))
    asker.send(provider.product, scan[:1], event="nifti-send", task="echo")
    asker.until(lambda: asker.results)
    assert provider.log.count(" began") == before + 1 and not asker.errors


def test_a_full_queue_refuses_and_says_so(provider: Any, asker: Asker, scan: list[Path], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    asker.send(provider.product, scan[:1], event="nifti-send", task="wait", gate=str(gate))
    asker.until(lambda: asker.updates)
    for _ in range(18):
        asker.send(provider.product, scan[:1], event="nifti-send", task="other")
    asker.until(lambda: len(asker.errors) == 2)
    assert asker.errors == ["16 jobs are waiting already: try again later"] * 2
    assert provider.log.count("nifti-send refused with 503") == 2
    gate.touch()
    wait_idle(asker, provider)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("how", "code", "task"), [(signal.SIGTERM, 0, "wait"), (signal.SIGINT, 130, "listen")])
def test_stopping_in_the_midst_of_a_job(
    hub: Any, asker: Asker, scan: list[Path], tmp_path: Path, how: int, code: int, task: str
) -> None:
    (tmp_path / "Told.py").write_text(SCRIPT)
    process = ProviderProcess(tmp_path / "Told.py", hub.url, tmp_path / "temp")
    asker.send(process.product, scan[:1], event="nifti-send", task=task, gate="never")
    asker.until(lambda: asker.updates)
    assert temporary_files(process.temp) and running_under(process.process.pid)
    assert process.stop(how) == code
    if task == "wait":
        asker.until(lambda: asker.errors == ["the service is stopping"])
    assert not temporary_files(process.temp)
    assert "Traceback" not in process.log


def test_a_script_changed_while_the_provider_runs_counts_from_the_next_message(
    hub: Any, asker: Asker, scan: list[Path], tmp_path: Path
) -> None:
    script = tmp_path / "Changing.py"
    for text in ("first", "second"):
        script.write_text(f"def onMessage(message, context): context.progress({text!r})")
        if text == "first":
            process = ProviderProcess(script, hub.url, tmp_path / "temp")
        asker.send(process.product, scan[:1], event="nifti-send")
        asker.until(lambda text=text: asker.updates and asker.updates[-1]["message"] == text)
    process.stop()


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "CastServiceProviderLib", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=package_environment())


def test_wrong_use_is_told_in_a_sentence(hub: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "Good.py", tmp_path / "Bad.py"
    made = run_command("--new", str(good))
    assert made.returncode == 0 and good.exists()
    bad.write_text("def onMessage(message, context)")

    def fails(code: int, word: str, *arguments: str) -> None:
        done = run_command(*arguments)
        assert done.returncode == code and word in done.stderr and "Traceback" not in done.stderr, done.stderr

    fails(1, "is not overwritten", "--new", str(good))
    fails(1, "Bad.py, line 1: expected ':'", str(bad))
    fails(1, "no such file", str(tmp_path / "gone.py"))
    for flag, value in (
        ("--slots", "0"),
        ("--job-timeout", "nan"),
        ("--job-memory", "0"),
        ("--job-memory", "1e30"),
        ("--hub-away", "-1"),
    ):
        fails(2, f"argument {flag}: must be ", str(good), flag, value)
    fails(2, "argument --new: is empty", "--new", "")
    fails(1, "--client-secret-file", str(good), "--client-secret-file", str(tmp_path / "gone"))
    fails(2, "--new", str(good), "--new", "x.py")
    fails(2, "required", "--slots", "2")


def test_the_skeleton_works_as_written(hub: Any, asker: Asker, scan: list[Path], tmp_path: Path) -> None:
    run_command("--new", str(tmp_path / "Mine.py"))
    process = ProviderProcess(tmp_path / "Mine.py", hub.url, tmp_path / "temp")
    asker.send(process.product, scan, event="nifti-send")
    asker.until(lambda: asker.results)
    assert len(asker.results[0].context_dict()["files"]) == 2
    assert process.stop() == 0
