"""Nobody holds the hub, or all of it: everything that can be many has a bound, and a user has a share."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_process import HubProcess
from hub_wire import WAIT, Wire, batch_body, event, hub_in_thread, until_status
from raw_wire import posted

CLIENT = {"subscriber__product__name": "P"}
BATCH = 'multipart/related; boundary="b"'


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def lost(wire: Wire, count: int) -> None:
    """Leave subscriptions behind whose sockets are lost."""
    for number in range(count):
        wire.listen(f"S{number}", "a", **CLIENT).cut()
    until_status(wire, connected=0)


def large(wire: Wire, size: int) -> dict[str, Any]:
    return event("a", wire.topic, [{"key": "x", "v": "y" * size}])


def test_what_waits_for_all_lost_sockets_together_is_bounded(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_waiting_bytes=1024 * 1024) as url:
        wires = [Wire(url) for _ in range(8)]
        for wire in wires:
            lost(wire, 1)
        for wire in wires:
            for _ in range(3):
                wire.publish(large(wire, 100_000), 202)
        until_status(wires[0], subscriptions=3)
        assert wires[0].status()["undelivered"] >= 12
        for wire in wires:
            wire.close()


def test_what_is_kept_for_many_at_once_is_counted_once(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_waiting_bytes=1024 * 1024) as url, Wire(url) as wire:
        lost(wire, 8)
        for _ in range(3):
            wire.publish(large(wire, 300_000), 202)
        assert wire.status()["subscriptions"] == 8 and wire.status()["waiting"] == 24
        wire.publish(large(wire, 300_000), 202)
        until_status(wire, subscriptions=7)


def test_a_user_has_a_share_of_the_subscriptions(tmp_path: Path) -> None:
    settings = {"max_user_subscriptions": 4, "max_user_unbound": 2, "max_subscriptions": 6}
    with hub_in_thread(tmp_path, **settings) as url, Wire(url) as wire, Wire(url) as other:
        endpoints = [wire.subscribe(f"S{number}") for number in range(2)]
        full = wire.http.post(wire.hub, data=wire.form("T"))
        assert full.status_code == 503 and "sockets" in full.json()["message"] and full.headers["Retry-After"]
        for endpoint in endpoints:
            wire.bind(endpoint)
        wire.listen("S2"), wire.listen("S3")
        assert "no more" in wire.http.post(wire.hub, data=wire.form("T")).json()["message"]
        other.listen("O")
        wire.sockets[0].close()
        until_status(wire, subscriptions=4)
        wire.listen("S4"), other.listen("P")
        assert "the hub holds 6" in other.http.post(other.hub, data=other.form("T")).json()["message"]


def test_a_user_has_a_share_of_the_requests(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_requests=2, max_user_requests=1) as url, Wire(url) as wire:
        with Wire(url, wire.topic, user="b") as other, Wire(url, wire.topic, user="c") as third:
            socket = wire.listen("S")
            lines = []
            for asker, late, words in ((wire, wire, "this user"), (other, third, "the hub takes no more")):
                body = event("x-request", wire.topic, {"timeoutSeconds": 60}, subscriber_name=f"A{len(lines)}")
                lines.append(posted(asker, "/api/hub/request", json.dumps(body).encode()))
                until_status(wire, open_requests=len(lines))
                refused = late.request(event("x-request", wire.topic, subscriber_name="C"))
                assert refused.status_code == 503 and words in refused.json()["message"]
            for _ in lines:
                socket.answer(socket.event(), {}, "S")
            for line in lines:
                assert line.recv(12) == b"HTTP/1.1 200"
                line.close()
            until_status(wire, open_requests=0)


def begun(wire: Wire, size: int) -> socket.socket:
    """A batch that has been announced and not sent."""
    files = {"files": [{"fileName": "a.dcm", "byteLength": size}]}
    body = batch_body(event("dicom-send", wire.topic, files), [b""], end=False)[:-2]
    return posted(wire, "/api/hub", body, BATCH, len(body) + size + 9)


def test_a_byte_now_and_then_holds_no_room_for_ever(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, upload_seconds=1.0, upload_idle_seconds=0.6) as url, Wire(url) as wire:
        line = begun(wire, 10_000_000)
        line.settimeout(0.2)
        answer = b""
        until = time.monotonic() + WAIT
        while not answer:
            assert time.monotonic() < until
            try:
                line.sendall(b"x")
                answer = line.recv(4096)
            except TimeoutError:
                pass
        assert answer.startswith(b"HTTP/1.1 408") and b"1 s" in answer
        until_status(wire, subscriptions=0)
        assert wire.status()["payloads"]["bytes"] == 0


def test_a_user_has_a_share_of_the_uploads(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_uploads=3, max_user_uploads=2) as url, Wire(url) as wire, Wire(url) as other:
        lines = [begun(wire, 1000), begun(wire, 1000)]
        until = time.monotonic() + WAIT
        while wire.status()["payloads"]["bytes"] < 2000:
            assert time.monotonic() < until
        batch = batch_body(event("dicom-send", wire.topic, {"files": [{"fileName": "a.dcm", "byteLength": 1}]}), [b"a"])
        assert "this user" in wire.send_batch(batch).json()["message"]
        assert other.send_batch(batch).status_code == 200
        lines.append(begun(other, 1000))
        while wire.status()["payloads"]["bytes"] < 3000:
            assert time.monotonic() < until
        assert other.send_batch(batch).status_code == 503
        for line in lines:
            line.close()
        while wire.send_batch(batch).status_code != 200:
            assert time.monotonic() < until


def many(topic: str, count: int) -> bytes:
    files = [{"fileName": f"{number}.dcm", "byteLength": 1, "label": "x" * 40} for number in range(count)]
    return batch_body(event("dicom-send", topic, {"files": files}, subscriber_name="S"), [b"x"] * count)


def test_a_batch_of_many_small_files_comes_whole_and_one_of_too_many_is_refused(wire: Wire) -> None:
    listener = wire.listen("O", **CLIENT)
    assert wire.send_batch(many(wire.topic, 4000)).status_code == 200, "its envelope is read on a thread"
    files = listener.event()["event"]["context"]["files"]
    assert [file["fileName"] for file in files] == [f"{number}.dcm" for number in range(4000)]
    assert wire.payload(files[3999]["payloadIds"][0]).content == b"x"
    refused = wire.send_batch(many(wire.topic, 20_001))
    assert refused.status_code == 400 and "20000" in refused.json()["message"]
    listed = {"files": [{"url": "http://h/x"}] * 20_001}
    assert wire.publish(event("dicom-send", wire.topic, listed)).status_code == 400


def test_a_long_event_comes_byte_for_byte_with_the_right_to_its_payloads(wire: Wire) -> None:
    with Wire(wire.url, wire.topic, user="other") as other:
        batch = batch_body(event("dicom-send", wire.topic, {"files": [{"fileName": "a.dcm", "byteLength": 1}]}), [b"a"])
        before = wire.listen("B", **CLIENT)
        assert wire.send_batch(batch).status_code == 200
        (stored,) = before.event()["event"]["context"]["files"]
        listener = other.listen("L", **CLIENT)
        assert other.payload(stored["payloadIds"][0]).status_code == 404
        context = {"files": [stored], "more": [{"v": 1.10, "t": "\u00e4" * 200_000}]}
        text = json.dumps(event("dicom-send", wire.topic, context), indent=1).encode()
        wire.publish(text, 202)
        _, data = listener._socket.recv_data()
        assert data == text
        assert other.payload(stored["payloadIds"][0]).content == b"a"


def test_long_answers_come_and_what_is_beyond_the_bound_is_missing(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_answers_bytes=2_000_000) as url, Wire(url) as wire:
        one, two = wire.listen("ONE"), wire.listen("TWO")
        body = json.dumps(event("x-request", wire.topic, {"timeoutSeconds": 60}, subscriber_name="A")).encode()
        line = posted(wire, "/api/hub/request", body)
        long = {"v": ["\u00e4" * 100_000, 1.5, None]}
        one.answer(one.event(), long, "ONE")
        time.sleep(0.5)
        two.answer(two.event(), {"v": "x" * 1_600_000}, "TWO")
        got = b""
        while b"timedOut" not in got:
            got += line.recv(1_000_000)
        answer = json.loads(got.partition(b"\r\n\r\n")[2])
        assert [each["data"] for each in answer["responses"]] == [long] and answer["missing"] == ["TWO"]
        line.close()


@pytest.mark.parametrize("path", ["/api/hub/conference", "/oauth/authorize", "/oauth/token"])
def test_without_a_token_no_long_body_is_read(hub: HubProcess, path: str) -> None:
    answer = requests.post(hub.url + path, data=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    mail = b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 1200
    for kind, body in (
        ("application/json", b'{"a":"' + b'\\"[' * 20_000),
        ("multipart/form-data; boundary=b", mail),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=x" + b"\r" * 60_000),
    ):
        assert requests.post(hub.url + path, data=body, headers={"Content-Type": kind}).status_code == 400


@pytest.mark.parametrize("frame", [b'{"id":"x","id":"y"}', b'{"a":"' + b'\\"[' * 100_000, b"[" * 300_000])
def test_bad_frames_of_a_socket_end_nothing(wire: Wire, frame: bytes) -> None:
    listener = wire.listen("S")
    listener.send(frame.decode())
    body = event("a", wire.topic)
    wire.publish(body, 202)
    assert listener.event()["id"] == body["id"]
