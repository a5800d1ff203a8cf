"""What a sender that stalls, idles or compresses may cost the hub."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from hub_process import HubProcess
from hub_wire import WAIT, Wire, batch_body, event
from raw_wire import head


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "hub.toml").write_text('upload_idle_seconds = 0.2\nidle_seconds = "200ms"\n')
    hub = HubProcess(folder, "--settings", str(folder / "hub.toml"))
    yield hub
    hub.stop()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("application/json", "/api/hub"),
        ("application/x-www-form-urlencoded", "/api/hub"),
        ("multipart/related; boundary=b", "/api/hub"),
        ("application/json", "/api/hub/request"),
        ("application/json", "/oauth/token"),
        ("application/json", "/fhircast"),
    ],
)
def test_a_body_that_does_not_go_on_is_given_up(impatient: HubProcess, kind: str, path: str) -> None:
    with Wire(impatient.url) as wire, socket.create_connection(("127.0.0.1", port(impatient)), WAIT) as line:
        line.sendall(head(wire, kind, 1000, path) + b'{"id"')
        assert line.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_a_body_in_pieces_is_taken(hub: HubProcess) -> None:
    with Wire(hub.url) as wire, socket.create_connection(("127.0.0.1", port(hub)), WAIT) as line:
        body = json.dumps(event("Patient-open", wire.topic)).encode()
        line.sendall(head(wire, "application/json", len(body)))
        for at in range(0, len(body), 40):
            line.sendall(body[at : at + 40])
            wire.status()
        assert line.recv(65_536).startswith(b"HTTP/1.1 202 ")


LINES = {
    "an event": ("application/json", 100, b""),
    "a batch": ("multipart/related; boundary=b", 100, b""),
    "a form": ("application/x-www-form-urlencoded", 100, b""),
    "an event without a token": ("application/json", 100, b"401"),
    "a batch without a token": ("multipart/related; boundary=b", 10**9, b"401"),
    "a body of no kind that is known": ("text/plain", 100, b"415"),
    "an event that is too large": ("application/json", 10**9, b"413"),
}


@pytest.mark.parametrize("title", LINES)
def test_who_asks_before_it_sends_is_invited_only_when_its_body_is_read(hub: HubProcess, title: str) -> None:
    kind, length, refused = LINES[title]
    with Wire(hub.url) as wire, socket.create_connection(("127.0.0.1", port(hub)), WAIT) as line:
        asked = head(wire, kind, length).replace(b"\r\n\r\n", b"\r\nExpect: 100-Continue\r\n\r\n")
        line.sendall(asked.replace(b"Bearer", b"Basic") if refused == b"401" else asked)
        answer = line.recv(65_536)
        if not refused:
            assert answer == b"HTTP/1.1 100 Continue\r\n\r\n"
            line.sendall(b"{" * length)
            answer, refused = line.recv(65_536), b"400"
        else:
            assert b"\r\nConnection: close\r\n" in answer, "what would come next could be the body"
        assert answer.startswith(b"HTTP/1.1 " + refused + b" ")


def test_a_connection_without_a_request_is_closed(impatient: HubProcess) -> None:
    for begun in (b"", b"GET /api/hub/status HTTP/1.1\r\nHost:"):
        with socket.create_connection(("127.0.0.1", port(impatient)), WAIT) as line:
            line.sendall(begun)
            assert line.recv(100) == b""
    with Wire(impatient.url) as wire:  # a subscriber's socket is none of these
        listener = wire.listen("S")
        line = http.client.HTTPConnection("127.0.0.1", port(impatient), timeout=WAIT)
        line.connect()
        assert line.sock.recv(1) == b""
        wire.publish(event("Patient-open", wire.topic), 202)
        assert listener.event()["event"]["hub.event"] == "Patient-open"


def test_a_compressed_body_is_not_unpacked(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        batch = batch_body(event("dicom-send", wire.topic, {"files": []}), [])
        for path, kind, body in (
            ("/api/hub", "application/json", b" " * 1_000_000),
            ("/api/hub", "multipart/related; boundary=b", batch),
            ("/oauth/token", "application/x-www-form-urlencoded", b"a=b"),
        ):
            for coding, packed in (("gzip", gzip.compress(body)), ("deflate", b"none"), ("br", b""), ("x", body[:9])):
                headers = {"Content-Type": kind, "Content-Encoding": coding}
                answer = wire.http.post(hub.url + path, data=packed, headers=headers)
                assert (answer.status_code, "Content-Encoding" in answer.text) == (415, True)
        plain = {"Content-Type": "application/json", "Content-Encoding": "identity"}
        body = json.dumps(event("Patient-open", wire.topic)).encode()
        assert wire.http.post(wire.hub, data=body, headers=plain).status_code == 202


def port(hub: HubProcess) -> int:
    return int(hub.url.rsplit(":", 1)[1])
