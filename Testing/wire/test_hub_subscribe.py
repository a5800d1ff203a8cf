"""Subscribing: what errors say, and what settings bound. The rules themselves stand in the conformance table."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import websocket
from hub_process import HubProcess
from hub_wire import WAIT, Socket, Wire, event, hub_in_thread


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


ERRORS: list[tuple[dict[str, str | None], int, str]] = [
    ({"hub.mode": "nonsense"}, 400, "hub.mode"),
    ({"hub.mode": None}, 400, "hub.mode"),
    ({"hub.channel.type": "webhook"}, 400, "hub.channel.type"),
    ({"hub.topic": None}, 400, "hub.topic"),
    ({"hub.topic": ""}, 400, "hub.topic"),
    ({"hub.events": None}, 400, "hub.events"),
    ({"hub.events": " , "}, 400, "hub.events"),
    ({"hub.topic": "*"}, 403, "hub.topic"),
    ({"hub.lease_seconds": "soon"}, 400, "hub.lease_seconds"),
    ({"subscriber.actors": "[5]"}, 400, "subscriber.actors"),
    ({"hub.channel.endpoint": "ws://127.0.0.1/bind/not-issued"}, 404, "hub.channel.endpoint"),
]


@pytest.mark.parametrize(("change", "status", "field"), ERRORS)
def test_the_reason_of_an_error_names_the_field(
    wire: Wire, change: dict[str, str | None], status: int, field: str
) -> None:
    form = {key: value for key, value in (wire.form("S") | change).items() if value is not None}
    answer = wire.http.post(wire.hub, data=form)
    assert answer.status_code == status and answer.json()["message"].startswith(field)


def test_an_event_sent_as_a_form_is_told_its_type(wire: Wire) -> None:
    for kind in ("application/x-www-form-urlencoded", ""):
        answer = wire.http.post(wire.hub, json=event("a-b", wire.topic), headers={"Content-Type": kind})
        assert answer.status_code == 415 and answer.json()["message"].startswith("Content-Type: an event is sent as")


def test_who_unsubscribes_what_has_ended_is_not_told_to_subscribe(wire: Wire) -> None:
    form = {"hub.mode": "unsubscribe", "hub.topic": wire.topic, "hub.channel.endpoint": wire.subscribe("S")}
    assert wire.http.post(wire.hub, data=form).status_code == 202
    again = wire.http.post(wire.hub, data=form)
    assert again.status_code == 404 and "it has ended" in again.json()["message"]


def test_a_header_that_is_too_long_is_called_so(wire: Wire) -> None:
    answer = wire.http.post(wire.hub, headers={"Authorization": "Bearer " + "x" * 9000})
    assert answer.status_code == 400 and "longer than the 8190 bytes" in answer.json()["message"]


@pytest.mark.parametrize(
    ("dialect", "lease", "granted"),
    [("plain", "999", 999), ("plain", "1", 60), ("plain", "9999999", 86_400), ("cast", "60", 7200)],
)
def test_lease_granted(wire: Wire, dialect: str, lease: str, granted: int) -> None:
    more = {"subscriber__product__name": "P"} if dialect == "cast" else {}
    socket = Socket(wire.subscribe("S", "Patient-open", hub__lease_seconds=lease, **more))
    assert granted - 10 < socket.frame()["hub.lease_seconds"] <= granted, "and never longer than the token's life"
    socket.close()


@pytest.mark.parametrize(
    ("kind", "address", "body", "status"),
    [
        (None, "hub.mode hub.channel.type hub.topic hub.events", "", 202),
        ("application/octet-stream", "hub.mode hub.channel.type hub.topic hub.events", "", 202),
        ("application/x-www-form-urlencoded", "hub_mode hub_topic", "hub_channel_type hub_events", 202),
        ("application/x-www-form-urlencoded", "hub.topic", "hub.mode hub.channel.type hub.topic hub.events", 400),
    ],
)
def test_fields_may_stand_in_the_address_too(wire: Wire, kind: str, address: str, body: str, status: int) -> None:
    values = {"mode": "subscribe", "type": "websocket", "topic": wire.topic, "events": "Patient-open"}
    query, form = (
        urlencode([(name, values[re.split("[._]", name)[-1]]) for name in names.split()]) for names in (address, body)
    )
    answer = wire.http.post(f"{wire.hub}?{query}", data=form, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe"])
def test_a_topic_in_the_address_is_that_of_the_form(wire: Wire, mode: str, strict: bool) -> None:
    base = f"{wire.url}/fhircast" if strict else wire.hub.rstrip("/")
    form = wire.form("S", "Patient-open") | {"hub.mode": mode}
    elsewhere = wire.http.post(f"{base}/other", data=form)
    told = elsewhere.text if strict else elsewhere.json()["message"]
    assert elsewhere.status_code == 400 and told.startswith("hub.topic"), told
    assert wire.http.post(f"{base}/{wire.topic}", data=form | {"hub.mode": "subscribe"}).status_code == 202
    assert wire.http.post(f"{base}/{wire.topic}", data=form | {"hub.mode": "unsubscribe"}).status_code == 202


@pytest.mark.parametrize("kind", ["data", "json"])
def test_a_form_has_bounds_however_it_is_written(wire: Wire, kind: str) -> None:
    form = wire.form("S") | {"hub.events": ",".join(f"event-{number}" for number in range(10_000))}
    answer = wire.http.post(wire.hub, **{kind: form})
    assert answer.status_code == 413 and "bytes" in answer.json()["message"]


def test_bind_without_upgrade_is_a_client_error(wire: Wire) -> None:
    answer = wire.http.get(wire.subscribe("S").replace("ws://", "http://"))
    assert answer.status_code == 400 and answer.json()["message"]


def test_leases_are_enforced_for_plain_and_extended_for_cast(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, default_lease_seconds=1, min_lease_seconds=1) as url, Wire(url) as wire:
        cast = wire.listen("CAST", subscriber__product__name="P")
        plain = wire.listen("PLAIN", "Patient-open")
        denial = plain.frame()
        assert denial["hub.mode"] == "denied" and "lease" in denial["hub.reason"]
        assert plain.frame() == {"closed": 1000}
        assert cast.event()["event"]["context"] == {"reason": "lease-expired", "subscriber": "PLAIN"}
        wire.publish(event("Patient-open", wire.topic))
        assert cast.event()["event"]["hub.event"] == "Patient-open"


def test_a_subscription_whose_socket_never_comes_ends(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, bind_seconds=0.1) as url, Wire(url) as wire:
        other = wire.listen("OTHER")
        endpoint = wire.subscribe("S")
        assert other.event()["event"]["context"]["subscriber"] == "S"
        with pytest.raises(websocket.WebSocketBadStatusException):
            Socket(endpoint)


def test_a_full_hub_says_so(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_subscriptions=1) as url, Wire(url) as wire:
        wire.listen("S")
        answer = wire.http.post(wire.hub, data=wire.form("T"))
        assert answer.status_code == 503 and "no more" in answer.text


def test_unsubscribing_by_name_means_the_one_with_a_socket(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path) as url, Wire(url) as wire:
        lost = wire.subscribe("S", "Patient-open")
        wire.bind(lost).cut()
        deadline = time.monotonic() + WAIT
        while wire.status()["connected"]:
            assert time.monotonic() < deadline
        again = wire.listen("S", "Patient-open")
        form = {"hub.mode": "unsubscribe", "hub.topic": wire.topic, "subscriber.name": "S"}
        assert wire.http.post(wire.hub, data=form).status_code == 202
        assert again.frame()["hub.mode"] == "denied"
        wire.bind(lost)


@pytest.mark.parametrize("product", ["", "P"])
def test_who_has_subscribed_anew_is_not_told_as_gone(tmp_path: Path, product: str) -> None:
    """Most Cast clients subscribe by a new form when a socket is lost; a plain name is no client's own."""
    with hub_in_thread(tmp_path, grace_seconds=0.2) as url, Wire(url) as wire:
        other = wire.listen("OTHER", "subscription-removed,SyncError,Patient-open", subscriber__product__name="P")
        more = {"subscriber__product__name": product} if product else {}
        wire.listen("S", "Patient-open", **more).cut()
        wire.listen("S", "Patient-open", **more)
        deadline = time.monotonic() + WAIT
        while wire.status()["subscriptions"] > 2:
            assert time.monotonic() < deadline
        wire.publish(event("Patient-open", wire.topic), 202)
        names = []
        while not names or names[-1] != "Patient-open":
            names.append(other.event()["event"]["hub.event"])
        assert names == (["Patient-open"] if product else ["subscription-removed", "SyncError", "Patient-open"])
