"""Protocol: publish. FHIRcast 2.5, 2.6."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import HubProcess
from hub_wire import Wire, event, hub_in_thread, provider


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


STUDY = [{"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "1"}}]
SUBSCRIBERS: dict[str, dict[str, str]] = {
    "display": {"subscriber__product__name": "3DSLICER-ID", "subscriber__actors": '["ID"]'},
    "worklist": {"subscriber__product__name": "VTK", "subscriber__actors": "WORKLIST_CLIENT"},
    "*": {"subscriber__product__name": "OHIF", "subscriber__actors": '["ID", "EC"]'},
    "plain": {"events": "ImagingStudy-open,Patient-open"},
}
ALL = set(SUBSCRIBERS)

#: event, context, root fields, who gets it
ROUTES: list[tuple[str, Any, dict[str, Any], set[str]]] = [
    ("ImagingStudy-open", STUDY, {}, ALL),
    ("IMAGINGSTUDY-OPEN", STUDY, {}, ALL),
    ("ImagingStudy-opened", STUDY, {}, ALL - {"plain"}),
    ("study-open", STUDY, {}, ALL - {"plain"}),
    ("org.example.whatever", [], {}, ALL - {"plain"}),
    ("Patient-open", {"an": "object"}, {}, ALL),
    ("scene-update", {"an": "object"}, {}, ALL - {"plain"}),
    ("ImagingStudy-open", STUDY, {"subscriber_name": "display"}, ALL - {"display"}),
    ("ImagingStudy-open", STUDY, {"subscriber_name": "plain"}, ALL),
    ("ImagingStudy-open", STUDY, {"subscriber_name": "*"}, ALL),
    ("ImagingStudy-open", STUDY, {"target_actor": "ID"}, {"display", "*"}),
    ("ImagingStudy-open", STUDY, {"target_actor": "*"}, ALL),
    ("ImagingStudy-open", STUDY, {"target_actor": "REPORT_CREATOR"}, set()),
    ("ImagingStudy-open", STUDY, {"target_product_name": "3DSLICER-ID"}, {"display"}),
    ("ImagingStudy-open", STUDY, {"target_product_name": "*"}, ALL),
    ("ImagingStudy-open", STUDY, {"target_actor": "ID", "target_product_name": "OHIF"}, {"*"}),
    ("status-update", {"message": "m", "level": "info"}, {"target_subscriber_name": "WORKLIST"}, {"worklist"}),
]


@pytest.mark.parametrize(("name", "context", "root", "wanted"), ROUTES)
def test_who_gets_an_event(wire: Wire, name: str, context: Any, root: dict[str, Any], wanted: set[str]) -> None:
    sockets = {who: wire.listen(who, **fields) for who, fields in SUBSCRIBERS.items()}
    sent = event(name, wire.topic, context, **root)
    wire.publish(sent, 200 if root.get("subscriber_name") else 202)
    end = event("Patient-open", wire.topic)
    wire.publish(end)
    for who, each in sockets.items():
        if who in wanted:
            assert each.event() == sent, who
        assert each.event()["id"] == end["id"], who


def test_another_topic_hears_nothing(wire: Wire, hub: HubProcess) -> None:
    with Wire(hub.url) as other:
        socket = other.listen("S")
        wire.publish(event("Patient-open", wire.topic))
        socket.nothing()


def test_an_event_arrives_byte_for_byte(wire: Wire) -> None:
    listener = wire.listen("S")
    body = event("Observation-update", wire.topic, [{"key": "o", "resource": {"value": 0}}])
    text = json.dumps(body, indent=1).replace('"value": 0', '"value": 1.10, "ä": "\\u00e4\U0001f600"').encode()
    wire.publish(text, 202)
    _, data = listener._socket.recv_data()
    assert data == text


def test_order_is_kept(wire: Wire) -> None:
    listeners = [wire.listen(f"S{n}") for n in range(3)]
    ids = []
    for _ in range(200):
        body = event("Patient-open", wire.topic)
        ids.append(body["id"])
        wire.publish(body)
    assert [[each.event()["id"] for _ in ids] for each in listeners] == [ids] * 3


def test_publish_to_the_topics_own_address(wire: Wire) -> None:
    listener = wire.listen("S")
    wire.publish(event("Patient-open", wire.topic), 202, path=wire.topic)
    assert listener.event()["event"]["hub.topic"] == wire.topic
    answer = wire.publish(event("Patient-open", "another"), 400, path=wire.topic)
    assert answer.json()["field"] == "event.hub.topic"


@pytest.mark.parametrize("kind", ["application/json", "application/fhir+json; charset=utf-8"])
def test_json_content_types(wire: Wire, kind: str) -> None:
    data = json.dumps(event("Patient-open", wire.topic))
    answer = wire.http.post(wire.url + "/api/hub", data=data, headers={"Content-Type": kind})
    assert answer.status_code == 202 and answer.json() == {"status": "received"}


GOOD = event("Patient-open", "t")
BAD: list[tuple[Any, str]] = [
    (b"", "body"),
    (b"{", "body"),
    (b"[]", "body"),
    ([GOOD], "body"),
    (b'"text"', "body"),
    (b"\xff\xfe{}", "body"),
    (b'{"id": NaN}', "body"),
    (b"{" * 100_000, "body"),
    (b'{"a":' * 100_000, "body"),
    (b"[" * 100_000 + b"]" * 100_000, "body"),
    (b'{"id": "\\ud800"}', "body"),
    (b'{"a": 1' + b"0" * 10_000 + b"}", "body"),
    ({}, "event"),
    ({**GOOD, "id": {"a": 1}}, "id"),
    ({**GOOD, "id": ""}, "id"),
    ({**GOOD, "event": []}, "event"),
    ({**GOOD, "event": {"hub.event": "x"}}, "event.hub.topic"),
    ({**GOOD, "event": {"hub.topic": "x"}}, "event.hub.event"),
    ({**GOOD, "event": {"hub.topic": [], "hub.event": "x"}}, "event.hub.topic"),
    ({**GOOD, "event": {**GOOD["event"], "context": "text"}}, "event.context"),
    ({**GOOD, "event": {**GOOD["event"], "context": [5]}}, "event.context[0]"),
    ({**GOOD, "subscriber.name": 5}, "subscriber.name"),
    ({**GOOD, "target.actor": ["ID"]}, "target.actor"),
    ({**GOOD, "subscriber.actor": {"a": 1}}, "subscriber.actor"),
    (event("dicom-send", "t", {"files": [{"fileName": "a.dcm", "data": "AAAA"}]}), "event.context.files[0].data"),
    (event("dicom-send", "t", {"files": "a.dcm"}), "event.context.files"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_bad_bodies_name_the_field_and_the_hub_goes_on(wire: Wire, body: Any, field: str) -> None:
    answer = wire.publish(body, 400)
    assert answer.json()["field"] == field and answer.json()["message"].startswith(field)
    wire.publish(event("Patient-open", wire.topic), 202)


def test_a_body_may_have_16_mib(wire: Wire) -> None:
    body = json.dumps(event("Patient-open", wire.topic, [{"key": "x", "v": "y" * 17_000_000}])).encode()
    assert "takes" in wire.publish(body, 413).json()["message"]
    headers = {"Content-Type": "application/json"}
    chunked = wire.http.post(wire.hub, data=iter([body[:9_000_000], body[9_000_000:]]), headers=headers)
    assert chunked.status_code == 413
    wire.publish(event("Patient-open", wire.topic), 202)


def test_other_content_types(wire: Wire) -> None:
    answer = wire.http.post(wire.hub, data="hello", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415 and "Content-Type" in answer.json()["message"]


def test_rights(wire: Wire) -> None:
    answer = wire.publish(event("Patient-open", "*"), 403)
    assert answer.json()["message"].startswith("event.hub.topic")
    wire.use("nonsense")
    assert "sign in" in wire.publish(event("Patient-open", wire.topic), 401).json()["message"]


def test_address_only_files_and_unknown_fields_are_routed_as_they_are(wire: Wire) -> None:
    listener = wire.listen("S")
    files = [{"url": "https://x.example/v.nii.gz", "fileName": "volume", "task": "total", "fast": True}]
    sent = event("nifti-send", wire.topic, {"files": files, "totalSegmentator": {}}, hello="world")
    wire.publish(sent, 202)
    assert listener.event() == sent


def test_an_odd_files_key_outside_the_binary_families_is_nobodys_business(wire: Wire) -> None:
    wire.publish(event("annotation-update", wire.topic, {"files": {"odd": 1}}), 202)


def test_a_slow_subscriber_delays_nobody_and_is_dropped(tmp_path: Path) -> None:
    """One subscriber stops reading; another gets every event at once, in order, and hears that the first went."""
    with hub_in_thread(tmp_path, backlog_most=300_000, shutdown_seconds=0.2) as url, Wire(url) as wire:
        stalled = _stalled(wire.subscribe("SLOW", subscriber__product__name="P"))
        listener = wire.listen("S")
        removed: list[Any] = []
        for number in range(400):
            body = event("Patient-open", wire.topic, [{"key": "x", "v": "y" * 50_000}])
            wire.publish(body)
            frame = listener.event()
            if frame["event"]["hub.event"] == "subscription-removed":
                removed.append(frame["event"]["context"])
                frame = listener.event()
            assert frame["id"] == body["id"]
            if removed and number % 10 == 0:
                break
        assert removed == [{"reason": "send-failure", "subscriber": "SLOW"}]
        assert wire.status()["subscriptions"] == 1
        stalled.close()


def _stalled(endpoint: str) -> socket.socket:
    """A bound socket that reads its upgrade and nothing more."""
    host, _, path = endpoint.removeprefix("ws://").partition("/")
    name, port = host.split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((name, int(port)))
    lines = [f"GET /{path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""]
    raw.sendall("\r\n".join(lines).encode())
    assert b"101" in raw.recv(64)
    return raw


def test_nothing_is_published_to_everybody(hub: HubProcess, wire: Wire) -> None:
    display = wire.listen("display")
    with provider(hub.url) as everyone:
        refused = everyone.publish(event("dicom-send", "*", {"files": [{"url": "https://h/a.dcm"}]}), 400)
        assert refused.json()["field"] == "event.hub.topic"
    display.nothing()
