"""One hub at two addresses: what subscriptions made at ``/fhircast`` and at ``/api/hub`` have to do with each other."""

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


def test_targets_narrow_cast_subscriptions_and_no_strict_ones(strict: Wire, cast: Wire) -> None:
    named = cast.listen("N", "Patient-open", subscriber__actors="ID")
    other = cast.listen("O", "Patient-open", subscriber__actors="EC")
    plain = strict.listen("", "Patient-open")
    for wire in (strict, cast):
        wire.publish(event("Patient-open", cast.topic, target_actor="ID"))
        assert named.event()["event"]["hub.event"] == plain.event()["event"]["hub.event"] == "Patient-open"
    other.nothing()


def test_no_batches_and_no_requests(strict: Wire) -> None:
    batch = batch_body(event("dicom-send", strict.topic, {"files": [{"fileName": "a.dcm", "byteLength": 1}]}), [b"1"])
    assert strict.send_batch(batch).status_code == 415
    assert strict.request(event("status-request", strict.topic, subscriber_name="S")).status_code == 400


def test_each_address_renews_its_own(strict: Wire, cast: Wire) -> None:
    endpoint = strict.subscribe("", "Patient-open")
    assert strict.subscribe("", "Patient-close", hub__channel__endpoint=endpoint) == endpoint
    answer = cast.http.post(cast.hub, data=cast.form("", "*", hub__channel__endpoint=endpoint))
    assert answer.status_code == 400 and answer.json()["message"].startswith("hub.channel.endpoint")
