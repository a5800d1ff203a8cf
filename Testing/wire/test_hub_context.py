"""The current context that a hub keeps with ``context = keep``: its limits, and that nothing sent is changed.

What FHIRcast itself says of it (2.4.2, 2.9, 4.2.2) stands in the conformance table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import HubProcess
from hub_wire import Wire, batch_body, event, hub_in_thread

NOTHING = {"context.type": "", "context.versionId": "", "context": []}


def opened(name: str, topic: str, id: str, **more: Any) -> dict[str, Any]:
    key = "study" if name.startswith("ImagingStudy") else name.split("-", 1)[0].lower()
    resource = {"resourceType": name.split("-", 1)[0], "id": id, **more}
    return event(name, topic, [{"key": key, "resource": resource}])


def current(wire: Wire, path: str = "/api/hub/") -> Any:
    answer = wire.http.get(wire.url + path + wire.topic)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hub_in_thread(tmp_path_factory.mktemp("hub"), context="keep") as url:
        yield url


def test_flag(start_hub: Callable[..., HubProcess]) -> None:
    with Wire(start_hub("--context", "keep").url) as wire:
        wire.publish(opened("Patient-open", wire.topic, "1"))
        assert current(wire)["context.type"] == "Patient"


def test_a_kept_open_is_told_to_the_letter(keeping: str) -> None:
    with Wire(keeping) as wire:
        text = json.dumps(opened("Patient-open", wire.topic, "1", value=0), indent=1)
        text = text.replace('"value": 0', '"value": 1.10, "ä": "\\u00e4\\"event\\""')
        wire.publish(text.encode(), 202)
        endpoint = wire.subscribe("", "Patient-open")
        _, data = wire.bind(endpoint)._socket.recv_data()
        version = json.loads(data)["event"]["context.versionId"]
        assert version and data.decode().replace(f'"context.versionId":"{version}",', "") == text
        asked = wire.http.get(wire.hub + wire.topic).text
        assert '"value": 1.10, "ä"' in asked and json.loads(asked)["context.versionId"] == version


@pytest.mark.parametrize(
    ("path", "name", "told"), [("/api/hub", "", "1"), ("/api/hub", "ONE", "2"), ("/fhircast", "", "2")]
)
def test_an_open_for_one_subscriber_is_told_to_no_other(keeping: str, path: str, name: str, told: str) -> None:
    with Wire(keeping) as wire:
        wire.publish(opened("Patient-open", wire.topic, "1"))
        wire.publish(opened("Patient-open", wire.topic, "2") | {"target.subscriber.name": "ONE"})
        form = wire.form(name, "Patient-open")
        endpoint = wire.http.post(wire.url + path, data=form).json()["hub.channel.endpoint"]
        frame = wire.bind(endpoint).event()
        assert frame["event"]["context"][0]["resource"]["id"] == told


@pytest.mark.parametrize(("given", "stays"), [("v1", True), ("", False), (None, False), (5, False)])
def test_a_version_that_the_publisher_gave_stays(keeping: str, given: Any, stays: bool) -> None:
    with Wire(keeping) as wire:
        body = opened("Patient-open", wire.topic, "1")
        body["event"]["context.versionId"] = given
        wire.publish(body, 202)
        version = current(wire)["context.versionId"]
        assert isinstance(version, str) and version and (version == given) is stays
        told = wire.listen("", "Patient-open").event()
        assert told["event"].pop("context.versionId") == version
        del body["event"]["context.versionId"]
        assert told == body


def test_an_object_context_is_answered_as_a_list(keeping: str) -> None:
    with Wire(keeping) as wire:
        study = {"resourceType": "ImagingStudy", "id": "1"}
        wire.publish(event("ImagingStudy-open", wire.topic, {"study": study, "scene": {"a": 1}}))
        found = current(wire)
        assert found["context.type"] == "ImagingStudy"
        assert found["context"] == [{"key": "study", "resource": study}, {"key": "scene", "resource": {"a": 1}}]


@pytest.mark.parametrize("name", ["scene-open", "study-open", "dicom-open", "org.example.thing_open", "-open", "open"])
def test_what_is_no_event_of_fhircasts_form_is_not_kept(keeping: str, name: str) -> None:
    with Wire(keeping) as wire:
        wire.publish(event(name, wire.topic, [{"key": name.split("-")[0] or "x", "resource": {"id": "1"}}]))
        assert current(wire) == NOTHING


def test_limits(tmp_path: Path) -> None:
    limits = {"max_context_topic_opens": 2, "max_context_bytes": 60_000}
    with hub_in_thread(tmp_path, context="keep", **limits) as url, Wire(url) as wire, Wire(url) as other:
        for id in "1", "2", "3":
            wire.publish(opened("Patient-open", wire.topic, id))
        wire.publish(opened("Patient-close", wire.topic, "3"))
        wire.publish(opened("Patient-close", wire.topic, "2"))
        wire.listen("", "Patient-open,Encounter-open").nothing()
        wire.publish(opened("Encounter-open", wire.topic, "1"))
        other.publish(opened("Patient-open", other.topic, "1", text="x" * 50_000))
        assert current(wire)["context.type"] == "Encounter"
        other.publish(opened("Encounter-open", other.topic, "1", text="x" * 50_000))
        assert current(wire) == NOTHING, "the oldest of all goes first"
        assert current(other)["context.type"] == "Encounter"
        other.publish(opened("Patient-open", other.topic, "2", text="x" * 70_000))
        assert current(other) == NOTHING, "one that is larger than all room is not kept"
        other.publish(opened("Encounter-close", other.topic, "1"))


def test_an_open_is_forgotten_after_its_time(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, context="keep", context_seconds=0.0) as url, Wire(url) as wire:
        wire.publish(opened("Patient-open", wire.topic, "1"))
        assert current(wire) == NOTHING
        wire.listen("", "Patient-open").nothing()


def test_a_kept_batch_gives_the_right_to_its_payloads(keeping: str) -> None:
    with Wire(keeping) as wire, Wire(keeping, wire.topic, user="late") as late:
        study = {"resourceType": "ImagingStudy", "id": "1"}
        files = [{"fileName": "a.dcm", "byteLength": 3}]
        body = event("ImagingStudy-open", wire.topic, {"study": study, "files": files}, subscriber_name="S")
        assert wire.send_batch(batch_body(body, [b"abc"])).status_code == 200
        told = late.listen("", "ImagingStudy-open").event()
        (id,) = told["event"]["context"]["files"][0]["payloadIds"]
        assert late.payload(id).content == b"abc"


def test_a_late_subscriber_may_refuse_what_it_is_told(keeping: str) -> None:
    with Wire(keeping) as wire:
        other = wire.listen("O", "SyncError")
        body = opened("Patient-open", wire.topic, "1")
        wire.publish(body)
        late = wire.listen("LATE", "Patient-open")
        assert late.event()["id"] == body["id"]
        late.send({"id": body["id"], "status": 409})
        (item,) = other.event()["event"]["context"]
        assert "LATE" in item["resource"]["issue"][0]["diagnostics"]


def test_who_has_listed_home_open_hears_last_that_the_user_is_there(keeping: str) -> None:
    with Wire(keeping) as wire:
        wire.publish(opened("Patient-open", wire.topic, "1"))
        wire.publish(event("Home-open", wire.topic))
        socket = wire.listen("", "Patient-open,home-open")
        assert [socket.event()["event"]["hub.event"] for _ in range(2)] == ["Patient-open", "Home-open"]
        wire.publish(opened("Patient-open", wire.topic, "2"))
        late = wire.listen("", "Patient-open,Home-open")
        assert late.event()["event"]["context"][0]["resource"]["id"] == "2"
        late.nothing()


def test_who_acknowledges_gets_what_it_was_told_and_has_not_acknowledged_again(keeping: str) -> None:
    """Also what was open before it bound for the first time: its tail begins with that."""
    with Wire(keeping) as wire:
        first = opened("Patient-open", wire.topic, "1")
        wire.publish(first)
        endpoint = wire.subscribe("", "Patient-open,Encounter-open", subscriber__acknowledges="true")
        second = opened("Encounter-open", wire.topic, "1")
        wire.publish(second)
        for _ in range(2):
            socket = wire.bind(endpoint)
            assert [socket.event()["id"] for _ in range(2)] == [first["id"], second["id"]]
            socket.nothing()
            socket.cut()


def test_renewing_tells_what_is_open_of_the_newly_listed(keeping: str) -> None:
    with Wire(keeping) as wire:
        for name in "Patient-open", "Encounter-open":
            wire.publish(opened(name, wire.topic, "1"))
        endpoint = wire.subscribe("", "Patient-open")
        socket = wire.bind(endpoint)
        assert socket.event()["event"]["hub.event"] == "Patient-open"
        wire.subscribe("", "Patient-open,Encounter-open", hub__channel__endpoint=endpoint)
        assert socket.frame()["hub.mode"] == "subscribe"
        assert socket.event()["event"]["hub.event"] == "Encounter-open"
        socket.nothing()
