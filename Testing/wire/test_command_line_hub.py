"""``cast`` tells what happens to whom it works with: a hub that goes and comes back, a reader that leaves, refusals."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from cast_command import CastCommand, run_cast
from hub_process import HubProcess, package_environment
from hub_wire import Wire, event


@pytest.mark.parametrize("words", [["watch"], ["answer", "X", "--exec", "python"]], ids=lambda words: words[0])
def test_a_hub_that_goes_and_comes_back_is_told_by_who_stays(tmp_path, words):
    first = HubProcess(tmp_path / "hub")
    command = CastCommand(tmp_path / "command", *words, "--hub", first.url)
    command.wait_for_error_line("Ctrl-C ends")
    first.stop()
    command.wait_for_error_line("the hub is away: ")
    second = HubProcess(tmp_path / "hub", "--port", str(urlsplit(first.url).port))
    try:
        command.wait_for_error_line("the hub is back; what was published meanwhile may be missing", seconds=60)
    finally:
        second.stop()
    command.interrupt()
    assert command.finish() == 130


def test_a_request_says_when_the_hub_ended_before_the_time_was_over(tmp_path):
    hub = HubProcess(tmp_path / "hub")
    slow = CastCommand(tmp_path, "answer", "X", "--exec", f"{sys.executable} -c 'import time; time.sleep(20)'",
                       "--hub", hub.url)  # fmt: skip
    slow.wait_for_error_line("answering X")
    asked = CastCommand(tmp_path / "asks", "request", "X", "--timeout", "60", "--hub", hub.url)
    while not slow.lines:
        assert asked.process.poll() is None
    hub.stop()
    assert asked.finish() == 4
    assert "the hub did not wait to the end: no answer from" in asked.error_text
    assert "within" not in asked.error_text


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe without a reader is another error there")
def test_a_watch_ends_when_who_reads_it_has_left(tmp_path, hub, user):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "CastCLI", "watch", "--json", "--hub", hub.url, "--user", user]
    environment = package_environment()
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment) as watching:
        os.close(writer)
        assert watching.stderr is not None and "watching" in watching.stderr.readline()
        Wire(hub.url, user=user).publish(event("a-open", user, []))
        assert watching.stderr.read() == ""
    assert watching.returncode == 0


def test_watch_prints_what_is_said(tmp_path, hub, user, peer):
    seen = CastCommand(
        tmp_path, "watch", "status-update", "SyncError", "--count", "2", "--hub", hub.url, "--user", user
    )
    seen.wait_for_error_line("watching")
    wire = Wire(hub.url, user=user)
    wire.publish(event("status-update", user, {"message": "half\nway"}))
    issue = {"severity": "warning", "code": "processing", "diagnostics": "VIEW cannot open it"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    wire.publish(event("SyncError", user, [{"key": "operationoutcome", "resource": outcome}]))
    assert seen.finish() == 0
    progress, failure = seen.lines
    assert progress.endswith(": half way") and failure.endswith(": VIEW cannot open it")


def test_a_request_that_all_refuse_has_failed(tmp_path, hub, user, peer):
    words = ["request", "X", "--hub", hub.url, "--user", user]
    for name, data, code in (("ONE", {"error": "not here"}, 1), ("TWO", {"a": 1}, 0)):
        session, _ = peer(name=name)
        session.on_request("X", lambda _, data=data: data, in_background=True)
        asked = run_cast(tmp_path, *words)
        assert asked.process.returncode == code and "cannot: not here" in "".join(asked.lines)


def test_a_batch_that_reaches_nobody_is_told(tmp_path, hub, user, peer):
    (tmp_path / "a.nii").write_bytes(b"n" * 400)
    words = ["send", "nifti-send", "a.nii", "--hub", hub.url, "--user", user]
    assert "does anybody listen?" in run_cast(tmp_path, *words).error_text
    peer()
    assert "warning" not in run_cast(tmp_path, *words).error_text
