"""The hub as a process: start, what it says of itself, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from hub_process import HubProcess, package_environment
from hub_wire import WAIT, Wire, batch_body, event

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")


def run_hub(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "CastHubLib", "--state", str(state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=package_environment())


def test_status(hub: HubProcess) -> None:
    status = requests.get(hub.url + "/api/hub/status").json()
    assert status["status"] == "ok" and status["version"] and status["started_at"].endswith("Z")
    assert status["uptime_seconds"] >= 0 and status["auth"] == "mock"
    assert {"subscriptions", "connected", "topics", "payloads"} <= set(status)


def test_well_known_configuration(hub: HubProcess) -> None:
    found = requests.get(hub.url + "/api/hub/.well-known/fhircast-configuration").json()
    assert found["fhircastVersion"] == "3.0.0" and found["websocketSupport"] is True
    assert "ImagingStudy-open" in found["eventsSupported"] and "status-request" in found["eventsSupported"]
    assert found["capabilities"] == {"supportsGetCurrentContext": False, "supportsNonCurrentContextUpdates": False}


def test_no_context_is_kept(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        answer = wire.http.get(f"{wire.hub}{wire.topic}")
        assert answer.status_code == 404 and "context" in answer.json()["message"]
        wire.use("")
        assert wire.http.get(f"{wire.hub}{wire.topic}").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/api/reset", 404),
        ("DELETE", "/api/hub", 405),
        ("PUT", "/api/hub/", 405),
    ],
)
def test_unknown_addresses_answer_json(hub: HubProcess, method: str, path: str, status: int) -> None:
    answer = requests.request(method, hub.url + path)
    assert answer.status_code == status and answer.json()["message"]


@pytest.mark.parametrize(
    "noise",
    [
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/hub/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_noise_is_survived(hub: HubProcess, noise: bytes) -> None:
    name, port = hub.url.removeprefix("http://").split(":")
    with socket.create_connection((name, int(port)), timeout=WAIT) as raw:
        raw.sendall(noise)
        assert raw.recv(4096).startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert requests.get(hub.url + "/api/hub/status").status_code == 200


def test_beyond_loopback_needs_to_be_wanted(tmp_path: Path) -> None:
    done = run_hub("--host", "0.0.0.0", "--port", "0", state=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert "--insecure-mock" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_beyond_loopback_when_wanted(start_hub: Callable[..., HubProcess]) -> None:
    started = start_hub("--host", "0.0.0.0", "--insecure-mock")
    local = started.url.replace("0.0.0.0", "127.0.0.1")
    assert requests.get(local + "/api/hub/status", headers={"Host": "any.name"}).status_code == 200


def test_a_taken_port_is_one_sentence(hub: HubProcess, tmp_path: Path) -> None:
    done = run_hub("--port", hub.url.rsplit(":", 1)[1], state=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert "is taken" in done.stderr and "--port" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_state_folder_that_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_hub("--port", "0", state=tmp_path / "file")
    assert done.returncode == 1 and done.stdout == "" and str(tmp_path) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@posix
@pytest.mark.parametrize(("how", "code"), [("SIGTERM", 0), ("SIGINT", 130), ("SIGHUP", 0)])
def test_end(
    start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, code: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    started = start_hub()
    wire = Wire(started.url)
    listener = wire.listen("S")
    size = 130 * 1024 * 1024
    files = [{"fileName": "a.dcm", "byteLength": size}]
    assert (
        wire.send_batch(batch_body(event("dicom-send", wire.topic, {"files": files}), [bytes(size)])).status_code == 200
    )
    ids = [wire_event(wire) for _ in range(50)]
    assert started.stop(getattr(signal, how)) == code
    assert listener.event()["event"]["hub.event"] == "dicom-send"
    assert [listener.event()["id"] for _ in ids] == ids, "what was waiting has been written"
    assert listener.frame() == {"closed": 1001}
    assert os.listdir(temporary) == []
    wire.close()


def wire_event(wire: Wire) -> str:
    body = event("Patient-open", wire.topic, [{"key": "x", "v": "y" * 10_000}])
    wire.publish(body, 202)
    id: str = body["id"]
    return id


@posix
def test_an_asker_gets_what_came_when_the_hub_ends(start_hub: Callable[..., HubProcess]) -> None:
    started = start_hub()
    with Wire(started.url) as wire:
        listener = wire.listen("SILENT")
        body = event("status-request", wire.topic, {"timeoutSeconds": 300}, subscriber_name="A")
        import threading

        got: list[requests.Response] = []
        asker = threading.Thread(target=lambda: got.append(wire.request(body)))
        asker.start()
        listener.event()
        assert started.stop() == 0
        asker.join(WAIT)
        assert got[0].json()["missing"] == ["SILENT"] and got[0].json()["timedOut"] is True
