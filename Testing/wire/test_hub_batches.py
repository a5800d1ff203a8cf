"""Batches: what errors say, what is left behind, caps and expiry. The rules stand in the conformance table."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import HubProcess
from hub_wire import WAIT, Wire, batch_body, event, hub_in_thread
from raw_wire import posted, read_until

MIB = 1024 * 1024


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def entry(name: str, length: int, **more: Any) -> dict[str, Any]:
    return {"fileName": name, "byteLength": length, **more}


def envelope(topic: str, files: Any, name: str = "dicom-send") -> dict[str, Any]:
    return event(name, topic, {"files": files, "note": "kept"}, subscriber_name="SENDER")


def sent_files(wire: Wire, files: list[dict[str, Any]], parts: list[bytes]) -> list[dict[str, Any]]:
    """Send a batch and return the manifest as a receiver gets it."""
    receiver = wire.listen("RECEIVER")
    answer = wire.send_batch(batch_body(envelope(wire.topic, files), parts))
    assert answer.status_code == 200 and answer.json() == {"status": "received"}
    frame = receiver.event()
    assert frame["event"]["context"]["note"] == "kept"
    manifest: list[dict[str, Any]] = frame["event"]["context"]["files"]
    return manifest


Bad = Callable[[str], bytes]
TWO = [entry("a.dcm", 3), entry("b.dcm", 3)]


def manifest(files: Any, parts: list[bytes], name: str = "dicom-send", **more: Any) -> Bad:
    return lambda topic: batch_body(envelope(topic, files, name), parts, **more)


LENGTH_0, LENGTH_1 = (f"event.context.files[{index}].byteLength" for index in range(2))
BAD: dict[str, tuple[Bad, str]] = {
    "outside the family": (manifest(TWO, [b"abc", b"def"], "Patient-open"), "event.hub.event"),
    "no files": (manifest([], []), "event.context.files"),
    "files of a wrong type": (manifest("a", []), "event.context.files"),
    "an entry of a wrong type": (manifest([5], [b"x"]), "event.context.files[0]"),
    "no length": (manifest([{"fileName": "a.dcm"}], [b"abc"]), LENGTH_0),
    "a negative length": (manifest([entry("a.dcm", -1)], [b"abc"]), LENGTH_0),
    "a length of a wrong type": (manifest([{"fileName": "a.dcm", "byteLength": "3"}], [b"abc"]), LENGTH_0),
    "an empty part": (manifest([entry("a.dcm", 0)], [b""]), LENGTH_0),
    "too few parts": (manifest(TWO, [b"abc"]), "event.context.files"),
    "too many parts": (manifest(TWO, [b"abc", b"def", b"ghi"]), "body"),
    "a part longer than it says": (manifest(TWO, [b"abcd", b"def"]), LENGTH_0),
    "a part shorter than it says": (manifest(TWO, [b"ab", b"def"]), LENGTH_0),
    "no end": (manifest(TWO, [b"abc", b"def"], end=False), LENGTH_1),
    "cut off in a part": (lambda topic: manifest(TWO, [b"abc", b"def"])(topic)[:-10], LENGTH_1),
    "cut off in the envelope": (lambda topic: manifest(TWO, [])(topic)[:60], "body"),
    "no body": (lambda topic: b"", "body"),
    "another boundary": (lambda topic: batch_body(envelope(topic, TWO), [b"abc", b"def"], "c"), "body"),
    "an envelope that is no JSON": (lambda topic: batch_body(b"{", []), "part 1"),
    "an envelope that is a list": (lambda topic: batch_body(b"[]", []), "part 1"),
    "an envelope nested too deep": (lambda topic: batch_body(b"[" * 100_000, []), "part 1"),
    "no id": (lambda topic: batch_body(envelope(topic, TWO) | {"id": ""}, [b"abc", b"def"]), "id"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_batches_name_the_field_and_leave_nothing(wire: Wire, what: str) -> None:
    body, field = BAD[what]
    before = wire.status()["payloads"]
    receiver = wire.listen("RECEIVER")
    answer = wire.send_batch(body(wire.topic))
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] == field and answer.json()["message"].startswith(field)
    assert wire.status()["payloads"] == before
    wire.publish(event("Patient-open", wire.topic))
    assert receiver.event()["event"]["hub.event"] == "Patient-open"


def test_no_body_is_refused_each_time_and_holds_nobody_up(wire: Wire) -> None:
    """The library has one stream for all empty bodies, which behaves differently when it is read again."""
    headers = {"Content-Type": 'multipart/related; boundary="b"'}
    for _ in range(3):
        assert wire.http.post(wire.hub, data=b"", headers=headers, timeout=30).status_code == 400


def test_507_says_what_to_do(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_payloads_bytes=1000, payload_seconds=1) as url, Wire(url) as wire:
        answer = wire.send_batch(batch_body(envelope(wire.topic, [entry("a.dcm", 1001)]), [b"x" * 1001]))
        assert answer.status_code == 507 and "fewer files" in answer.json()["message"]
        good = batch_body(envelope(wire.topic, [entry("a.dcm", 600)]), [b"x" * 600])
        assert wire.send_batch(good).status_code == 200
        full = wire.send_batch(good)
        assert full.status_code == 507 and "try again" in full.json()["message"]
        time.sleep(1.1)
        assert wire.send_batch(good).status_code == 200, "the first has expired"


def test_a_payload_expires(tmp_path: Path) -> None:
    with (
        hub_in_thread(tmp_path, payload_seconds=1, sweep_seconds=0.1, max_payload_memory_bytes=0) as url,
        Wire(url) as wire,
    ):
        [file] = sent_files(wire, [entry("a.dcm", 3)], [b"abc"])
        assert wire.payload(file["payloadIds"][0]).content == b"abc"
        assert _within(lambda: wire.payload(file["payloadIds"][0]).status_code == 404)
        assert _within(lambda: wire.status()["payloads"] == {"count": 0, "bytes": 0})


def test_batches_beyond_memory_lie_in_a_file(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_payload_memory_bytes=MIB) as url, Wire(url) as wire:
        data = random.Random(3).randbytes(11 * MIB)
        small, big = sent_files(wire, [entry("a.dcm", 5), entry("b.dcm", len(data))], [b"small", data])
        assert wire.payload(small["payloadIds"][0]).content == b"small"
        assert b"".join(wire.payload(id).content for id in big["payloadIds"]) == data
        assert wire.payload(big["payloadIds"][1], Range="bytes=5-9").content == data[4 * MIB + 5 : 4 * MIB + 10]


def test_a_batch_in_chunks_of_any_size_is_the_same_batch(wire: Wire) -> None:
    """Transfer-Encoding: chunked; the ends of chunks mean nothing (RFC 9112, 7.1)."""
    parts = [random.Random(4).randbytes(length) for length in (1, 5 * MIB, 300_000)]
    files = [entry(f"{index}.dcm", len(part)) for index, part in enumerate(parts)]
    receiver = wire.listen("RECEIVER")
    body, sizes = batch_body(envelope(wire.topic, files), parts), random.Random(5)

    def chunks() -> Iterator[bytes]:
        start = 0
        while start < len(body):
            end = start + sizes.choice((1, 2, 700, 64 * 1024, MIB))
            yield body[start:end]
            start = end

    assert wire.send_batch(chunks()).status_code == 200
    for part, file in zip(parts, receiver.event()["event"]["context"]["files"], strict=True):
        assert b"".join(wire.payload(id).content for id in file["payloadIds"]) == part


def test_a_page_may_read_a_payload_and_ask_for_its_headers(wire: Wire) -> None:
    [file] = sent_files(wire, [entry("a.dcm", 3)], [b"abc"])
    [id] = file["payloadIds"]
    for method, body in (("GET", b"abc"), ("HEAD", b"")):
        origin = {"Origin": "http://localhost:3000"}
        answer = wire.http.request(method, wire.at(f"payloads/{id}"), headers=origin, timeout=WAIT)
        assert answer.content == body and answer.headers["Content-Length"] == "3"
        assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]
        assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("memory", [0, 1 << 30], ids=["file", "memory"])
def test_a_sender_that_disappears_leaves_nothing(tmp_path: Path, memory: int) -> None:
    with hub_in_thread(tmp_path, max_payload_memory_bytes=memory) as url, Wire(url) as wire:
        raw = _begin(wire, batch_body(envelope(wire.topic, [entry("a.dcm", 20 * MIB)]), [b""], end=False))
        raw.sendall(b"x" * 5 * MIB)
        assert _within(lambda: wire.status()["payloads"]["bytes"] == 20 * MIB)
        raw.close()
        assert _within(lambda: wire.status()["payloads"]["bytes"] == 0)
        [file] = sent_files(wire, [entry("a.dcm", 3)], [b"abc"])
        assert wire.payload(file["payloadIds"][0]).content == b"abc"


def test_a_sender_that_stalls_is_cut_off(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, upload_idle_seconds=0.2) as url, Wire(url) as wire:
        raw = _begin(wire, batch_body(envelope(wire.topic, [entry("a.dcm", 100)]), [b"abc"], end=False))
        answer = read_until(raw, b"no byte")
        assert b" 408 " in answer.split(b"\r\n")[0]
        assert _within(lambda: wire.status()["payloads"]["bytes"] == 0)
        raw.close()


def _begin(wire: Wire, beginning: bytes) -> socket.socket:
    """An upload that is not going to end."""
    kind = 'multipart/related; boundary="b"'
    return posted(wire, "/api/hub/", beginning.removesuffix(b"\r\n"), kind, 50_000_000)


def _within(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
