"""Protocol: binary batches. Real data of every family, sent and read back in every way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from family_data import DICOM, FAMILIES, check_dicom, of_itk
from hub_process import HubProcess
from hub_wire import Wire, batch_body, event, hub_in_thread

from CastLib.client import Pump, Session, SessionSettings

each_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def sent(wire: Wire, name: str, files: list[dict[str, Any]], parts: list[bytes]) -> list[dict[str, Any]]:
    """Send a batch and return its entries as a receiver gets them."""
    receiver = wire.listen("RECEIVER")
    answer = wire.send_batch(batch_body(event(name, wire.topic, {"files": files}, subscriber_name="SENDER"), parts))
    assert answer.status_code == 200, answer.text
    frame = receiver.event()
    assert frame["event"]["hub.event"] == name
    entries: list[dict[str, Any]] = frame["event"]["context"]["files"]
    return entries


@each_family
def test_round_trip(wire: Wire, tmp_path: Path, family: str) -> None:
    name, file_name, kind, make, check = FAMILIES[family]
    data = make(tmp_path)
    [entry] = sent(wire, name, [{"fileName": file_name, "byteLength": len(data), "mimeType": kind}], [data])
    assert entry["byteLength"] == len(data) == sum(entry["chunkByteLengths"])
    received = b"".join(wire.payload(id).content for id in entry["payloadIds"])
    assert received == data
    check(received, tmp_path)


@each_family
def test_in_ranges_by_head_and_by_its_tag(wire: Wire, tmp_path: Path, family: str) -> None:
    name, file_name, _, make, _ = FAMILIES[family]
    data = make(tmp_path)
    [entry] = sent(wire, name, [{"fileName": file_name, "byteLength": len(data)}], [data])
    received = b""
    for id, length in zip(entry["payloadIds"], entry["chunkByteLengths"], strict=True):
        head = wire.http.head(wire.at(f"payloads/{id}"))
        assert head.status_code == 200 and head.headers["Content-Length"] == str(length) and not head.content
        tag = head.headers["ETag"]
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            assert wire.payload(id, If_None_Match=known).status_code == 304
        assert wire.payload(id, If_None_Match='"other"').status_code == 200
        step = length // 3 + 1
        for start in range(0, length, step):
            part = wire.payload(id, Range=f"bytes={start}-{start + step - 1}", If_Range=tag)
            assert part.status_code == 206 and part.headers["Content-Range"].endswith(f"/{length}")
            received += part.content
    assert received == data


@each_family
def test_by_this_products_client(hub: HubProcess, tmp_path: Path, family: str) -> None:
    name, file_name, kind, make, check = FAMILIES[family]
    path = tmp_path / file_name
    path.write_bytes(make(tmp_path))
    pump, topic = Pump(), "topic-" + secrets.token_hex(4)
    sender, receiver = (
        Session(SessionSettings(hub=hub.url, user=topic, product=product, announce=False), pump) for product in "SR"
    )
    got: list[Any] = []
    receiver.on_event(got.append)
    try:
        receiver.start()
        receiver.wait_online(10)
        sender.send_files(name, [path])
        assert pump.run_until(lambda: bool(got), 60)
        assert got[0].context_dict()["files"][0]["mimeType"] == kind
        [fetched] = receiver.fetch_files(got[0], tmp_path / "received")
        assert fetched.read_bytes() == path.read_bytes()
        check(fetched.read_bytes(), tmp_path)
    finally:
        sender.close()
        receiver.close()


def test_a_mixed_batch_of_files_and_addresses_keeps_their_order(wire: Wire, tmp_path: Path) -> None:
    volume = of_itk(".nii.gz", tmp_path)
    files = [
        {"url": "https://x.example/a.nrrd", "fileName": "volume"},
        {"fileName": "volume.nii.gz", "byteLength": len(volume), "role": "volume", "label": "T1", "task": "total"},
        {"url": "http://x.example/b", "byteLength": 5},
        {"fileName": "ß 1.DCM", "byteLength": len(DICOM[1].read_bytes()), "dicomMetadata": {}, "fast": True},
        {"url": "HTTPS://x.example/c.dcm", "fileName": "c.dcm", "mimeType": "application/dicom"},
    ]
    entries = sent(wire, "nifti-send", files, [volume, DICOM[1].read_bytes()])
    for entry, file in zip(entries, files, strict=True):
        assert {key: entry[key] for key in file} == file
        assert ("payloadIds" in entry) is ("url" not in file)
    assert wire.payload(entries[1]["payloadIds"][0]).content == volume
    check_dicom(wire.payload(entries[3]["payloadIds"][0]).content)


def test_addresses_alone_travel_as_json_and_as_a_batch_without_parts(wire: Wire) -> None:
    files = [{"url": "https://x.example/v.nii.gz", "fileName": "volume"}, {"url": "http://x.example/w"}]
    listener = wire.listen("S")
    body = event("nifti-send", wire.topic, {"files": files}, subscriber_name="W")
    wire.publish(body, 200)
    assert listener.event() == body
    assert sent(wire, "nifti-send", files, []) == files


def test_a_series_of_many_files_by_25_readers_at_once(wire: Wire) -> None:
    data = [secrets.token_bytes(1 + n * 997) for n in range(200)]
    files = [{"fileName": f"{n}.dcm", "byteLength": len(part)} for n, part in enumerate(data)]
    entries = sent(wire, "dicom-send", files, data)
    with ThreadPoolExecutor(25) as pool:
        assert list(pool.map(lambda entry: wire.payload(entry["payloadIds"][0]).content, entries)) == data


def test_one_senders_share_is_not_anothers(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_payloads_bytes=2000, max_sender_payloads_bytes=1000) as url:
        with Wire(url) as wire, Wire(url) as other:
            files = [{"fileName": "a.mrb", "byteLength": 700}]

            def send(sender: Wire) -> Any:
                return sender.send_batch(batch_body(event("mrb-send", sender.topic, {"files": files}), [bytes(700)]))

            assert send(wire).status_code == 200
            full = send(wire)
            assert full.status_code == 507 and "share" in full.json()["message"] and "later" in full.json()["message"]
            assert send(other).status_code == 200
