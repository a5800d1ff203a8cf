"""What silence means, and the heartbeat's period: both are settings. The rules stand in the conformance table."""

from __future__ import annotations

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


def outcome(frame: dict[str, Any]) -> dict[str, Any]:
    assert frame["event"]["hub.event"] == "SyncError" and frame["id"] and frame["timestamp"].endswith("Z")
    (item,) = frame["event"]["context"]
    assert item["key"] == "operationoutcome" and item["resource"]["resourceType"] == "OperationOutcome"
    (issue,) = item["resource"]["issue"]
    assert issue["severity"] == "warning" and issue["code"] == "processing" and issue["diagnostics"]
    return {coding["system"].rsplit("/", 1)[1]: coding["code"] for coding in issue["details"]["coding"]}


def test_who_has_acknowledged_and_falls_silent_is_taken_out(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, answer_seconds=0.3, max_unanswered=2) as url, Wire(url) as wire:
        other = wire.listen("O", "SyncError,subscription-removed")
        never = wire.listen("NEVER", "Patient-open")
        socket = wire.listen("S", "Patient-open")
        bodies = [event("Patient-open", wire.topic) for _ in range(4)]
        for body in bodies[:2]:
            wire.publish(body)
            socket.event()
        socket.send({"id": bodies[0]["id"], "status": 200})
        other.nothing()
        other.nothing()
        other.nothing()  # one missing answer is not two in a row
        for body in bodies[2:]:
            wire.publish(body)
        denial = [socket.frame() for _ in range(3)][2]
        assert denial["hub.mode"] == "denied" and "answer" in denial["hub.reason"]
        assert socket.frame() == {"closed": 1013}
        assert other.event()["event"]["context"] == {"reason": "send-failure", "subscriber": "S"}
        assert outcome(other.event())["subscriber"] == "S"
        for body in bodies:
            assert never.event()["id"] == body["id"]
        never.nothing()


def test_nothing_counts_as_missing_while_a_socket_is_down(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, answer_seconds=0.3, max_unanswered=2) as url, Wire(url) as wire:
        other = wire.listen("O", "SyncError,subscription-removed")
        endpoint = wire.subscribe("S", "Patient-open", subscriber__acknowledges="true")
        wire.bind(endpoint).cut()
        bodies = [event("Patient-open", wire.topic) for _ in range(3)]
        for body in bodies:
            wire.publish(body)
        for _ in range(4):
            other.nothing()
        socket = wire.bind(endpoint)
        for body in bodies:
            assert socket.event()["id"] == body["id"]
        socket.send({"id": bodies[-1]["id"], "status": 200})
        for _ in range(4):
            other.nothing()
        assert wire.status()["subscriptions"] == 2


def test_acknowledgements_without_a_status_oblige_to_nothing(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, answer_seconds=0.1, max_unanswered=1) as url, Wire(url) as wire:
        socket = wire.listen("S", "Patient-open")
        for _ in range(2):
            body = event("Patient-open", wire.topic)
            wire.publish(body)
            socket.event()
            socket.send({"id": body["id"], "timestamp": "2026-01-01T00:00:00Z"})
        for _ in range(3):  # from now on it is silent
            wire.publish(event("Patient-open", wire.topic))
            socket.event()
        socket.nothing()
        socket.nothing()
        assert wire.status()["subscriptions"] == 1


def test_heartbeat_only_to_who_lists_it(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, heartbeat_seconds=0.1) as url, Wire(url) as wire:
        cast = wire.listen("CAST", subscriber__product__name="P")
        socket = wire.listen("S", "Patient-open,Heartbeat")
        beat = socket.event()["event"]
        assert beat == {
            "hub.topic": wire.topic,
            "hub.event": "heartbeat",
            "context": [{"key": "period", "decimal": "0.1"}],
        }
        cast.nothing()
