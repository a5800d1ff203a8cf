"""The strict path, ``/fhircast``: FHIRcast STU3 to the letter, on the same hub and topics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hub_process import HubProcess
from hub_wire import Wire, batch_body, event


@pytest.fixture
def strict(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        wire.hub = hub.url + "/fhircast/"
        yield wire


@pytest.fixture
def cast(hub: HubProcess, strict: Wire) -> Iterator[Wire]:
    with Wire(hub.url, strict.topic) as wire:
        yield wire


@pytest.mark.parametrize("path", ["/fhircast", "/fhircast/"])
def test_subscribe_and_confirmation(strict: Wire, path: str) -> None:
    answer = strict.http.post(strict.url + path, data=strict.form("", "Patient-open"))
    assert answer.status_code == 202
    strict.bind(answer.json()["hub.channel.endpoint"]).nothing()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hub.events": "*"}, "hub.events"),
        ({"hub.events": "Patient-open,*"}, "hub.events"),
        ({"hub.topic": "*"}, "hub.topic"),
        ({"hub.channel.type": None}, "hub.channel.type"),
    ],
)
def test_what_fhircast_does_not_have_is_refused(strict: Wire, change: dict[str, str | None], field: str) -> None:
    form = {key: value for key, value in (strict.form("", "Patient-open") | change).items() if value is not None}
    answer = strict.http.post(strict.hub, data=form)
    assert answer.status_code == 400 and answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.startswith(field)


@pytest.mark.parametrize("sender", [{}, {"subscriber_name": "S"}])
def test_a_publish_is_always_202_and_comes_back_to_its_sender(strict: Wire, sender: dict[str, str]) -> None:
    socket = strict.listen("S", "Patient-open", subscriber__product__name="P")
    body = event("Patient-open", strict.topic, **sender)
    strict.publish(body, 202)
    assert socket.event() == body


def test_targets_narrow_cast_subscriptions_and_no_strict_ones(strict: Wire, cast: Wire) -> None:
    named = cast.listen("N", "Patient-open", subscriber__actors="ID")
    other = cast.listen("O", "Patient-open", subscriber__actors="EC")
    plain = strict.listen("", "Patient-open")
    for wire in (strict, cast):
        wire.publish(event("Patient-open", cast.topic, target_actor="ID"))
        assert named.event()["event"]["hub.event"] == plain.event()["event"]["hub.event"] == "Patient-open"
    other.nothing()


def test_topic_in_the_path(strict: Wire) -> None:
    strict.publish(event("Patient-open", strict.topic), 202, path=strict.topic)
    strict.publish(event("Patient-open", strict.topic), 400, path="another")


def test_no_batches_and_no_requests(strict: Wire) -> None:
    batch = batch_body(event("dicom-send", strict.topic, {"files": [{"fileName": "a.dcm", "byteLength": 1}]}), [b"1"])
    assert strict.send_batch(batch).status_code == 415
    assert strict.request(event("status-request", strict.topic, subscriber_name="S")).status_code == 400


def test_each_address_renews_its_own(strict: Wire, cast: Wire) -> None:
    endpoint = strict.subscribe("", "Patient-open")
    assert strict.subscribe("", "Patient-close", hub__channel__endpoint=endpoint) == endpoint
    answer = cast.http.post(cast.hub, data=cast.form("", "*", hub__channel__endpoint=endpoint))
    assert answer.status_code == 400 and answer.text.startswith("hub.channel.endpoint")


def test_well_known_configuration(strict: Wire) -> None:
    found = strict.http.get(strict.hub + ".well-known/fhircast-configuration").json()
    assert found["fhircastVersion"] == "3.0.0" and "Patient-open" in found["eventsSupported"]
    assert "status-request" not in found["eventsSupported"] and "org.cast" not in found


def test_context_is_asked_for_by_topic(strict: Wire) -> None:
    assert strict.http.get(strict.hub + strict.topic).status_code == 404
