"""Publishing: what errors say, limits, slow receivers. The rules themselves stand in the conformance table."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import HubProcess
from hub_wire import Wire, event, hub_in_thread


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


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


def test_a_slow_subscriber_delays_nobody_and_is_dropped(tmp_path: Path) -> None:
    """One subscriber stops reading; another gets every event at once, in order, and hears that the first went."""
    with hub_in_thread(tmp_path, max_backlog_bytes=300_000, shutdown_seconds=0.2) as url, Wire(url) as wire:
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
