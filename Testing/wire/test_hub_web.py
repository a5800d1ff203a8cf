"""What pages of elsewhere, and clients that break the WebSocket protocol, may not do."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_process import ROOT, HubProcess
from hub_wire import WAIT, Wire, event, hub_in_thread

CONTRACT = ROOT / "CastHub" / "CastHubLib" / "contract"


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


#: Addresses that one reader takes for this machine's and a browser for another's.
ELSEWHERE = [
    "http://evil.example\\@localhost/",
    "http://evil.example\\.localhost/",
    "http://localhost\\@evil.example/",
    "http://evil.example#@localhost/",
    "http://localhost@evil.example/",
    "http:\\\\evil.example/",
    "http://evil.example\t.localhost/",
    "http://localhost\uff0f.evil.example/",
    "//evil.example/",
    "javascript://localhost/%0aalert(1)",
    "http://localhost:1@evil.example/",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_an_address_that_browsers_read_otherwise_gets_no_code(wire: Wire, address: str) -> None:
    form = {"user_name": "u", "redirect_uri": address}
    answer = wire.http.post(wire.url + "/oauth/authorize", data=form, allow_redirects=False)
    assert answer.status_code in (400, 403) and "redirect_uri" in answer.json()["message"]
    origin = address.rstrip("/")
    if origin.isascii() and origin.isprintable():
        assert wire.http.get(wire.url + "/api/hub/status", headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("address", ["http://localhost:3000/cb?x=1", "https://127.0.0.1", "http://[::1]:8080/\u00e4"])
def test_a_page_of_this_machine_gets_one(wire: Wire, address: str) -> None:
    form = {"user_name": "u", "redirect_uri": address}
    answer = wire.http.post(wire.url + "/oauth/authorize", data=form, allow_redirects=False)
    assert answer.status_code == 302 and "code=" in answer.headers["Location"]


def test_an_origin_is_allowed_with_its_port_and_no_other(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, allowed_origins=("https://viewer.example",)) as url:
        for origin, status in {
            "https://viewer.example": 200,
            "https://VIEWER.example:443": 200,
            "https://viewer.example:444": 403,
            "http://viewer.example": 403,
            "https://viewer.example.evil.example": 403,
        }.items():
            assert requests.get(url + "/api/hub/status", headers={"Origin": origin}).status_code == status, origin


def test_a_query_is_decoded_once(wire: Wire) -> None:
    query = "hub.mode=subscribe&hub.channel.type=websocket&hub.events=a&hub.topic=" + wire.topic + "%2541%2526x=y"
    answer = wire.http.post(f"{wire.hub}?{query}")
    assert answer.status_code == 202
    with Wire(wire.url, wire.topic + "%41%26x=y") as other:
        socket = other.bind(answer.json()["hub.channel.endpoint"].replace("%2541", "%41"))
        assert socket
        body = event("a", other.topic)
        wire.publish(body, 202)
        assert socket.event()["id"] == body["id"]


def test_an_id_token_is_no_access_token(wire: Wire) -> None:
    told = wire.sign_in({"user_name": "u", "topic": wire.topic})
    for token, status in ((told["id_token"], 401), (told["access_token"], 202)):
        wire.use(token)
        wire.publish(event("a", wire.topic), status)
    for token in told["id_token"], told["access_token"]:
        answer = wire.http.post(wire.url + "/oauth/authorize", json={"id_token": token})
        assert answer.json()["user_name"] == "u", "who somebody was is told by both"


@pytest.mark.parametrize("path", ["/api/hub/conference-client", "/docs/"])
def test_no_page_may_be_framed(wire: Wire, path: str) -> None:
    headers = wire.http.get(wire.url + path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_root_leads_to_the_documents(wire: Wire) -> None:
    assert wire.http.get(wire.url + "/").url == wire.url + "/docs/"


def upgraded(endpoint: str) -> socket.socket:
    host, _, path = endpoint.removeprefix("ws://").partition("/")
    name, port = host.split(":")
    line = socket.create_connection((name, int(port)), WAIT)
    lines = [f"GET /{path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""]
    line.sendall("\r\n".join(lines).encode())
    while b"hub.lease" not in line.recv(4096):
        pass
    return line


def masked(text: bytes) -> bytes:
    size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + text


@pytest.mark.parametrize("first", [b"", masked(b'{"id":"x"}'), masked(b'{"id":"' + b"x" * 300 + b'"}')])
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_frame_without_a_mask_closes_the_socket_with_1002(wire: Wire, first: bytes, piece: int) -> None:
    line = upgraded(wire.subscribe("S"))
    data = first + b'\x81\x0a{"id":"x"}'
    for start in range(0, len(data), piece):
        try:
            line.sendall(data[start : start + piece])
        except OSError:
            break
    got = b""
    while more := line.recv(100):
        got += more
    assert got.endswith(b"\x88\x02\x03\xea")
    line.close()


def test_masked_frames_are_read_however_they_are_cut(wire: Wire) -> None:
    other = wire.listen("O", "SyncError")
    endpoint = wire.subscribe("S", "a-open")
    line = upgraded(endpoint)
    body = event("a-open", wire.topic)
    wire.publish(body, 202)
    while b"a-open" not in line.recv(4096):
        pass
    refusal = json.dumps({"id": body["id"], "status": 409, "x": "y" * 200}).encode()
    for byte in masked(b'{"id":"x"}') + masked(refusal):
        line.sendall(bytes([byte]))
    assert other.event()["event"]["hub.event"] == "SyncError"
    line.close()


def test_what_is_no_http_is_refused_in_the_hubs_form(hub: HubProcess) -> None:
    for data in (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA" + b"b" * 20_000, b"\x16\x03\x01\r\n\r\n", b"GET\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", int(hub.url.rpartition(":")[2])), WAIT) as line:
            line.sendall(data + b"\r\n\r\n")
            got = b""
            while more := line.recv(65_536):
                got += more
            head, _, text = got.partition(b"\r\n\r\n")
            assert head.split()[1] == b"400" and json.loads(text)["message"]


def test_unnamed_users_on_a_full_disk_leave_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_in_thread(tmp_path) as url:
        assert requests.post(url + "/oauth/authorize", json={}).status_code == 200
        before = sorted(tmp_path.iterdir())

        def full(self: Path, text: str) -> int:
            self.touch()
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
        answer = requests.post(url + "/oauth/authorize", json={})
        assert answer.status_code >= 500 and "No space left" in answer.json()["message"]
        assert sorted(tmp_path.iterdir()) == before


def test_a_hub_that_ends_takes_no_event_that_nobody_will_get(start_hub: Callable[..., HubProcess]) -> None:
    hub = start_hub()
    with Wire(hub.url) as wire, Wire(hub.url, wire.topic) as publisher:
        listener = wire.listen("S", "a")
        statuses: list[tuple[str, int]] = []

        def publish() -> None:
            try:
                while True:
                    body = event("a", wire.topic)
                    answer = publisher.publish(body)
                    statuses.append((body["id"], answer.status_code))
                    if answer.status_code == 503:
                        assert answer.headers["Retry-After"] and answer.json()["message"]
            except requests.RequestException:
                pass

        thread = threading.Thread(target=publish)
        thread.start()
        got = [listener.event()["id"] for _ in range(20)]
        hub.process.terminate()
        while "closed" not in (frame := listener.frame()):
            got.append(frame["id"])
        assert frame == {"closed": 1001}
        listener.close()
        thread.join()
        taken = [id for id, status in statuses if status == 202]
        assert set(taken) <= set(got), "what was answered 202 has been sent"
        assert all(status in (202, 503) for _, status in statuses)


def patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for each in value.values():
            yield from patterns(each)
    elif isinstance(value, list):
        for each in value:
            yield from patterns(each)


def test_every_pattern_of_the_contract_is_one_in_javascript_too() -> None:
    found = {each for path in CONTRACT.rglob("*.json") for each in patterns(json.loads(path.read_text("utf-8")))}
    assert found
    for pattern in found:
        for escaped in re.findall(r"\\(u[0-9a-f]{4}|.)", pattern):
            assert escaped in set("^$\\.*+?()[]{}|/sSdDwW") or escaped[0] == "u", pattern
    node = shutil.which("node")
    if node:
        script = "for (const p of JSON.parse(process.argv[1])) new RegExp(p, 'u')"
        subprocess.run([node, "-e", script, json.dumps(sorted(found))], check=True)


def test_every_operation_of_the_contract_has_a_name_of_its_own() -> None:
    described = json.loads((CONTRACT / "openapi.json").read_text("utf-8"))["paths"]
    names = [each["operationId"] for operations in described.values() for each in operations.values()]
    assert len(set(names)) == len(names) and all(name.isidentifier() for name in names)
