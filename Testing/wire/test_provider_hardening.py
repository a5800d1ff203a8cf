"""A provider at a real hub: its secret, daemons, a hub that goes away, and what its log shows."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import HubProcess
from provider_process import Asker, ProviderProcess, running_under, temporary_files

Start = Callable[..., ProviderProcess]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="/proc, and a keeper that is told of daemons")

NOSY = """
import glob, os, re

def onMessage(message, context):
    secret = b"hu" + b"sh-7f3a91"
    found, read = [], []
    for pattern in ("/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline", "/proc/[0-9]*/task/*/environ"):
        for path in glob.glob(pattern):
            try:
                content = open(path, "rb").read()
            except OSError:
                continue
            read.append(path)
            if secret in content and path.split("/")[2] != str(os.getpid()):
                found.append(path)
    pid = os.getppid()
    while pid > 1:
        if f"/proc/{pid}/cmdline" in read and b"-m\\0pytest" in open(f"/proc/{pid}/cmdline", "rb").read():
            break  # the test itself
        try:
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    start, end = (int(part, 16) for part in re.match("([0-9a-f]+)-([0-9a-f]+)", line).groups())
                    try:
                        memory.seek(start)
                        if secret in memory.read(end - start):
                            found.append(f"memory of {pid}: {line}")
                    except (OSError, ValueError, OverflowError):
                        pass
        except OSError:
            pass
        pid = int(re.search(r"PPid:\\s+(\\d+)", open(f"/proc/{pid}/status").read()).group(1))
    context.progress(f"{len(read) > 5} {found}")
"""


@pytest.fixture
def asker(hub: Any) -> Any:
    asker = Asker(hub.url)
    yield asker
    asker.close()


@pytest.fixture
def scan(tmp_path: Path) -> list[Path]:
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(344) + b"n+1\0")
    return [path]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ProviderProcess]]:
    """A function that starts a provider of a script's text; ended after the test."""
    started: list[ProviderProcess] = []

    def begin(text: str, hub: str, *arguments: str, **more: Any) -> ProviderProcess:
        (tmp_path / "Told.py").write_text(text)
        started.append(ProviderProcess(tmp_path / "Told.py", hub, tmp_path / "temp", *arguments, **more))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


@linux_only
@pytest.mark.parametrize("way", ["environment", "file", "pipe"])
def test_a_script_does_not_find_the_secret(
    hub: Any, asker: Asker, scan: list[Path], start: Start, tmp_path: Path, way: str
) -> None:
    """Neither in what /proc tells of any process, nor in the memory of those that began it."""
    (tmp_path / "secret").write_text("hush-7f3a91")
    flag = {"environment": [], "file": ["--client-secret-file", str(tmp_path / "secret")]}
    flag["pipe"] = ["--client-secret-file", "-"]
    process = start(
        NOSY,
        hub.url,
        *flag[way],
        environment={"CAST_CLIENT_SECRET": "hush-7f3a91"},
        written="hush-7f3a91\n" if way == "pipe" else "",
    )
    asker.send(process.product, scan, event="nifti-send")
    asker.until(lambda: asker.updates)
    assert asker.updates[0]["message"] == "True []"
    assert process.stop() == 0
    assert "hush" not in process.log


LEAVER = """
import os, subprocess, time
from pathlib import Path

def onMessage(message, context):
    subprocess.Popen(["sleep", "600"], start_new_session=True, close_fds=False)
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    context.progress("left")
    if message["event"]["context"].get("stay"):
        time.sleep(600)
"""


@linux_only
def test_daemons_block_neither_the_slot_nor_the_end(
    hub: Any, asker: Asker, scan: list[Path], start: Start, tmp_path: Path
) -> None:
    process = start(LEAVER, hub.url)
    for count in (1, 2):
        asker.send(process.product, scan, event="nifti-send")
        asker.until(lambda count=count: len(asker.updates) == 2 * count)
        last = asker.updates[-1]
        assert last["message"] == "done, without a result file; 2 processes that the script left running, ended"
        assert last["ended"] is True
    asker.send(process.product, scan, event="nifti-send", stay=True)
    asker.until(lambda: len(asker.updates) == 5)
    assert process.stop() == 0
    asker.until(lambda: asker.errors == ["the service is stopping"])
    assert not running_under(process.process.pid) and not temporary_files(process.temp)


RETURNS = """
import os, time

def onMessage(message, context):
    gate = message["event"]["context"]["gate"]
    files = context.files()
    context.progress("working")
    while not os.path.exists(gate):
        time.sleep(0.02)
    return context.files()
"""


def test_a_hub_that_is_away_when_a_job_ends_costs_nothing(
    start_hub: Callable[..., HubProcess], scan: list[Path], start: Start, tmp_path: Path
) -> None:
    """The result waits until hub and asker are back; lines of progress meanwhile end no job."""
    script = RETURNS.replace(
        "return context.files()", "context.progress('on')\n    context.send_files(files, event='nifti-send')"
    )
    script = script.replace("    context.progress", "    files = context.files()\n    context.progress", 1)
    state = tmp_path / "state"
    first = start_hub(folder=state)
    port = first.url.rsplit(":", 1)[1]
    process = start(script, first.url)
    asker = Asker(first.url)
    gate = tmp_path / "gate"
    try:
        asker.send(process.product, scan, event="nifti-send", gate=str(gate))
        asker.until(lambda: asker.updates)
        first.stop()
        gate.touch()
        wait_for(lambda: "tried again" in process.log)
        start_hub("--port", port, folder=state)
        asker.until(lambda: asker.results)
        assert len(asker.results) == 1 and not asker.errors
        assert process.stop() == 0
        assert "Traceback" not in process.log
    finally:
        asker.close()


def test_a_result_is_given_up_in_the_end_and_the_asker_told_when_the_hub_is_back(
    start_hub: Callable[..., HubProcess], scan: list[Path], start: Start, tmp_path: Path
) -> None:
    first = start_hub()
    process = start(RETURNS, first.url, "--hub-away", "0.5")
    asker = Asker(first.url)
    gate = tmp_path / "gate"
    try:
        asker.send(process.product, scan, event="nifti-send", gate=str(gate))
        asker.until(lambda: asker.updates)
        first.stop()
        gate.touch()
        wait_for(lambda: re.search(r"job 1: failed after .*the result could not be sent: no hub answers", process.log))
        wait_for(lambda: "an asker could not be told how its job ended" in process.log)
        assert process.stop() == 0
    finally:
        asker.close()


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


PRINTS = """
import sys

def onMessage(message, context):
    for share in range(0, 101, 10):
        print(f"\\\\r{share}% of it", end="", file=sys.stderr)
    print("\\\\nvolume 12 ml")
    context.progress("told")
    if message["event"]["context"].get("fail"):
        raise KeyError("gone")
"""


def test_the_log_shows_what_a_script_prints_and_where_it_failed(
    hub: Any, asker: Asker, scan: list[Path], start: Start, tmp_path: Path
) -> None:
    process = start(PRINTS.replace("\\\\", "\\"), hub.url, "--log-level", "debug")
    asker.send(process.product, scan, event="nifti-send")
    asker.until(lambda: len(asker.updates) == 2)
    asker.send(process.product, scan, event="nifti-send", fail=True)
    asker.until(lambda: asker.errors)
    assert process.stop() == 0
    lines = process.log.splitlines()
    assert [line for line in lines if line.endswith("INFO cast.provider: job 1: | volume 12 ml")]
    assert [line for line in lines if line.endswith("INFO cast.provider: job 1: | 100% of it")]
    trace = [line.partition("job 2: | ")[2] for line in lines if "ERROR cast.provider: job 2: | " in line]
    assert trace[2] == "Traceback (most recent call last):" and trace[-1] == "KeyError: 'gone'"
    assert "urllib3" not in process.log and os.sep + "oauth" not in process.log
