"""The hub and FHIRcast clients that others wrote: @medplum/core 4 and 5 from npm, unchanged."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from hub_process import HubProcess
from hub_wire import WAIT, Socket, Wire, event
from node_program import ProgramError
from thirdparty.medplum import MedplumClient

Start = Callable[..., MedplumClient]
PACKAGES = ["medplum4", "medplum5"]
PATHS = ["/api/hub", "/fhircast"]
EVENTS = [f"{resource}-{what}" for resource in ("Patient", "ImagingStudy") for what in ("open", "close")]
EVENTS += ["DiagnosticReport-update", "syncerror"]
PATIENT = {"key": "patient", "resource": {"resourceType": "Patient", "id": "p1"}}
STUDY = {"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "s1", "status": "available"}}
STUDY["resource"]["subject"] = {"reference": "Patient/p1"}  # type: ignore[index]


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def token_of(wire: Wire) -> str:
    return str(wire.http.headers["Authorization"]).removeprefix("Bearer ")


def online(start: Start, wire: Wire, package: str, path: str, events: list[str] = EVENTS) -> MedplumClient:
    """A client that has subscribed and connected."""
    client = start(package, wire.url + path, token_of(wire))
    subscription = client.do("subscribe", topic=wire.topic, events=events)
    assert subscription["endpoint"].startswith("ws://")
    client.do("connect")
    assert client.event() == "connect"
    return client


def until_down(wire: Wire, connected: int) -> None:
    deadline = time.monotonic() + WAIT
    while wire.status()["connected"] > connected:
        assert time.monotonic() < deadline, "the hub has not noticed the broken socket"
        time.sleep(0.01)


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("path", PATHS)
def test_events_go_both_ways_and_acknowledgements_are_understood(
    medplum: Start, wire: Wire, package: str, path: str
) -> None:
    """It acknowledges without a status: that is no refusal, and nobody waits for more."""
    cast = wire.listen("CAST", subscriber__product__name="P")
    client = online(medplum, wire, package, path)
    sent = event("Patient-open", wire.topic, [PATIENT], subscriber_name="CAST")
    wire.publish(sent)
    assert client.message() == sent
    client.do("publish", topic=wire.topic, event="ImagingStudy-open", context=[STUDY, PATIENT])
    echo = client.message()
    assert echo["event"]["hub.event"] == "ImagingStudy-open" and echo["event"]["context"] == [STUDY, PATIENT]
    assert cast.event() == echo, "its own event comes back to it as the others get it"
    wire.publish(event("Patient-close", wire.topic, [PATIENT]))
    assert client.message()["event"]["hub.event"] == "Patient-close"
    assert cast.event()["event"]["hub.event"] == "Patient-close", "and no SyncError before it"


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("path", PATHS)
def test_unsubscribing_ends_subscription_and_socket(medplum: Start, wire: Wire, package: str, path: str) -> None:
    client = medplum(package, wire.url + path, token_of(wire))
    endpoint = client.do("subscribe", topic=wire.topic, events=EVENTS)["endpoint"]
    client.do("connect")
    assert client.event() == "connect"
    client.do("unsubscribe")
    assert client.event() == "disconnect"
    if path == "/fhircast":
        assert Socket(endpoint).frame()["hub.mode"] == "denied"
    else:
        with pytest.raises(websocket.WebSocketBadStatusException):
            Socket(endpoint)


@pytest.mark.parametrize("path", PATHS)
def test_version_5_comes_back_by_itself_and_misses_nothing(
    medplum: Start, start_hub: Callable[..., HubProcess], path: str
) -> None:
    with Wire(start_hub().url) as wire:
        client = online(medplum, wire, "medplum5", path)
        client.do("break")
        assert client.event() == "disconnect"
        until_down(wire, 0)
        sent = event("Patient-open", wire.topic, [PATIENT])
        wire.publish(sent)
        assert client.event() == "connect"
        assert client.message() == sent
        later = event("Patient-close", wire.topic, [PATIENT])
        wire.publish(later)
        assert client.message() == later


def test_version_4_connects_again_with_the_subscription_it_has(
    medplum: Start, start_hub: Callable[..., HubProcess]
) -> None:
    with Wire(start_hub().url) as wire:
        client = online(medplum, wire, "medplum4", "/fhircast")
        client.do("break")
        assert client.event() == "disconnect"
        until_down(wire, 0)
        sent = [event("Patient-open", wire.topic, [PATIENT]) for _ in range(3)]
        for body in sent:
            wire.publish(body)
        client.do("connect")
        assert client.event() == "connect"
        assert [client.message() for _ in sent] == sent


@pytest.mark.parametrize(("package", "path"), list(zip(PACKAGES, PATHS, strict=True)))
def test_a_denied_client_stays_away(medplum: Start, wire: Wire, package: str, path: str) -> None:
    """Version 5 would come back for ever if no denial told it that the subscription is over."""
    client = medplum(package, wire.url + path, token_of(wire))
    endpoint = client.do("subscribe", topic=wire.topic, events=EVENTS)["endpoint"]
    client.do("connect")
    assert client.event() == "connect"
    form = {"hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": wire.topic}
    answer = wire.http.post(wire.url + path, data=form | {"hub.channel.endpoint": endpoint})
    assert answer.status_code == 202
    assert client.event() == "disconnect"
    with pytest.raises(queue.Empty):
        client.events.get(timeout=1)


@pytest.mark.parametrize(("package", "path"), list(zip(PACKAGES, PATHS, strict=True)))
def test_a_refused_subscription_is_an_error_to_it(medplum: Start, wire: Wire, package: str, path: str) -> None:
    client = medplum(package, wire.url + path, "a.bad.token")
    with pytest.raises(ProgramError):
        client.do("subscribe", topic=wire.topic, events=EVENTS)


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("path", PATHS)
def test_the_current_context(medplum: Start, keeping: HubProcess, package: str, path: str) -> None:
    with Wire(keeping.url) as wire:
        first = medplum(package, wire.url + path, token_of(wire))
        assert first.do("context", topic=wire.topic)["context.type"] == ""
        first.do("publish", topic=wire.topic, event="Patient-open", context=[PATIENT])
        context = first.do("context", topic=wire.topic)
        assert (context["context.type"], context["context"]) == ("Patient", [PATIENT])
        late = online(medplum, wire, package, path)
        told = late.message()["event"]
        assert told["context"] == [PATIENT] and told["context.versionId"] == context["context.versionId"]
        late.do("publish", topic=wire.topic, event="Patient-close", context=[PATIENT])
        assert late.message()["event"]["hub.event"] == "Patient-close"
        assert late.do("context", topic=wire.topic)["context"] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_an_update_passes_with_the_version_it_names(medplum: Start, wire: Wire, package: str) -> None:
    client = online(medplum, wire, package, "/fhircast")
    report = {"key": "report", "reference": {"reference": "DiagnosticReport/r1"}}
    patient = {"key": "patient", "reference": {"reference": "Patient/p1"}}
    bundle: dict[str, Any] = {"resourceType": "Bundle", "id": "b1", "type": "transaction", "entry": []}
    context = [report, patient, {"key": "updates", "resource": bundle}]
    client.do("publish", topic=wire.topic, event="DiagnosticReport-update", context=context, versionId="v1")
    told = client.message()["event"]
    assert told["context"] == context and told["context.versionId"] == "v1"


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize(
    "study", [{"study_uid": "1.2.3"}, {"accession": "A1"}, {"study_uid": "1.2.3", "patient_id": "P"}]
)
def test_what_our_clients_open_is_valid_to_it(medplum: Start, wire: Wire, package: str, study: dict[str, str]) -> None:
    """It looks closely at what is to be published: keys, types, ids, and which of them an event may hold."""
    from CastLib.study_context import make_study_context

    client = online(medplum, wire, package, "/api/hub")
    for name in "ImagingStudy-open", "ImagingStudy-close":
        context = make_study_context(**study)
        client.do("publish", topic=wire.topic, event=name, context=context)
        assert client.message()["event"]["context"] == context
