"""Protocol: subscribe. FHIRcast 2.4."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket
from hub_process import HubProcess
from hub_wire import WAIT, Socket, Wire, event, hub_in_thread, provider


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


@pytest.mark.parametrize("path", ["/api/hub", "/api/hub/"])
@pytest.mark.parametrize("as_json", [False, True])
def test_subscribe_answers_202_with_an_endpoint(wire: Wire, path: str, as_json: bool) -> None:
    form = wire.form("S")
    answer = wire.http.post(wire.url + path, **({"json": form} if as_json else {"data": form}))
    assert answer.status_code == 202 and answer.headers["Content-Type"].startswith("application/json")
    endpoint = answer.json()["hub.channel.endpoint"]
    assert endpoint.startswith(wire.url.replace("http", "ws") + "/bind/")
    assert len(endpoint.rsplit("/", 1)[1]) >= 22, "128 bits or more"
    assert endpoint != wire.subscribe("S"), "each subscription has its own"


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
def test_errors_are_plain_text_that_name_the_field(
    wire: Wire, change: dict[str, str | None], status: int, field: str
) -> None:
    form = {key: value for key, value in (wire.form("S") | change).items() if value is not None}
    answer = wire.http.post(wire.hub, data=form)
    assert answer.status_code == status and answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.startswith(field)


def test_a_repeated_field_is_refused(wire: Wire) -> None:
    pairs = [*wire.form("S").items(), ("hub.topic", "other")]
    answer = wire.http.post(wire.hub, data=pairs)
    assert answer.status_code == 400 and "hub.topic" in answer.text


def test_a_token_is_needed(wire: Wire) -> None:
    for token in ("", "nonsense"):
        wire.use(token)
        answer = wire.http.post(wire.hub, data=wire.form("S"))
        assert answer.status_code == 401 and "Bearer" in answer.headers["WWW-Authenticate"]


def test_the_confirmation_is_the_first_frame(wire: Wire) -> None:
    socket = Socket(wire.subscribe("S", "Patient-open,imagingstudy-OPEN", subscriber__product__name="P"))
    assert socket.frame() == {
        "hub.mode": "subscribe",
        "hub.topic": wire.topic,
        "hub.events": "Patient-open,imagingstudy-OPEN",
        "hub.lease_seconds": 7200,
    }
    socket.nothing()
    socket.close()


@pytest.mark.parametrize(
    ("dialect", "lease", "granted"),
    [("plain", "999", 999), ("plain", "1", 60), ("plain", "9999999", 86_400), ("cast", "60", 7200)],
)
def test_lease_granted(wire: Wire, dialect: str, lease: str, granted: int) -> None:
    more = {"subscriber__product__name": "P"} if dialect == "cast" else {}
    socket = Socket(wire.subscribe("S", "Patient-open", hub__lease_seconds=lease, **more))
    assert granted - 10 < socket.frame()["hub.lease_seconds"] <= granted, "and never longer than the token's life"
    socket.close()


@pytest.mark.parametrize("id", ["nonsense", "", "a/b"])
def test_a_bind_address_that_was_not_issued_is_refused(wire: Wire, id: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Socket(f"{wire.url.replace('http', 'ws')}/bind/{id}")
    assert refused.value.status_code in (403, 404)


def test_bind_without_upgrade_is_a_client_error(wire: Wire) -> None:
    answer = wire.http.get(wire.subscribe("S").replace("ws://", "http://"))
    assert answer.status_code == 400 and answer.json()["message"]


def test_a_second_live_socket_replaces_the_first(wire: Wire) -> None:
    endpoint = wire.subscribe("S")
    first, second = wire.bind(endpoint), wire.bind(endpoint)
    assert first.frame() == {"closed": 1000}
    wire.publish(event("Patient-open", wire.topic), 202)
    assert second.event()["event"]["hub.event"] == "Patient-open"


def test_subscribing_again_with_the_endpoint_replaces_the_events(wire: Wire) -> None:
    endpoint = wire.subscribe("S", "Patient-open")
    socket = wire.bind(endpoint)
    rewritten = endpoint.replace(wire.url.replace("http", "ws"), "wss://elsewhere.example")
    assert wire.subscribe("S", "Encounter-open", hub__channel__endpoint=rewritten) == endpoint
    assert socket.frame()["hub.events"] == "Encounter-open"
    wire.publish(event("Patient-open", wire.topic))
    wire.publish(event("Encounter-open", wire.topic))
    assert socket.event()["event"]["hub.event"] == "Encounter-open"


def test_an_endpoint_belongs_to_its_token(wire: Wire) -> None:
    endpoint = wire.subscribe("S")
    with Wire(wire.url) as other:
        form = other.form("S", hub__channel__endpoint=endpoint, hub__topic=wire.topic)
        assert other.http.post(other.hub, data=form).status_code == 404
        form["hub.mode"] = "unsubscribe"
        assert other.http.post(other.hub, data=form).status_code == 404


HABITS = {
    "endpoint with another origin": lambda wire, endpoint: {
        "hub.channel.endpoint": "wss://elsewhere/bind/" + endpoint.rsplit("/", 1)[1] + "%0A"
    },
    "medplum 4: endpoint": lambda wire, endpoint: {"endpoint": endpoint, "hub.events": "*"},
    "JavaScript and OHIF: topic and name": lambda wire, endpoint: {
        "hub.topic": wire.topic,
        "subscriber.name": "S",
        "hub.callback": "http://localhost/castCallback",
    },
}


@pytest.mark.parametrize("habit", HABITS)
def test_unsubscribe_three_habits(wire: Wire, habit: str) -> None:
    other = wire.listen("OTHER")
    endpoint = wire.subscribe("S", subscriber__product__name="P", subscriber__actors='["ID"]')
    socket = wire.bind(endpoint)
    form = {"hub.mode": "unsubscribe", **HABITS[habit](wire, endpoint)}
    answer = wire.http.post(wire.hub, data=form)
    assert answer.status_code == 202 and answer.json()["hub.channel.endpoint"] == endpoint
    denial = socket.frame()
    assert denial["hub.mode"] == "denied" and denial["hub.topic"] == wire.topic and denial["hub.events"] == "*"
    assert socket.frame() == {"closed": 1000}
    removed = other.event()
    assert removed["event"]["hub.event"] == "subscription-removed" and removed["subscriber.name"] == "S"
    assert removed["subscriber.product.name"] == "P" and removed["subscriber.actor"] == "ID"
    assert removed["event"]["context"] == {"reason": "unsubscribe", "subscriber": "S"}
    other.nothing()
    with pytest.raises(websocket.WebSocketBadStatusException):
        Socket(endpoint)


def test_unsubscribe_never_removes_others(wire: Wire) -> None:
    sockets = [wire.listen("SAME"), wire.listen("SAME")]
    for form in (
        {"hub.topic": wire.topic},
        {"hub.topic": wire.topic, "subscriber.name": "SAME"},
        {"hub.topic": wire.topic, "subscriber.name": "NOBODY"},
        {"hub.channel.endpoint": "ws://x/bind/unknown"},
    ):
        answer = wire.http.post(wire.hub, data={"hub.mode": "unsubscribe", **form})
        assert 400 <= answer.status_code < 500 and answer.headers["Content-Type"].startswith("text/plain")
    wire.publish(event("Patient-open", wire.topic))
    assert all(socket.event()["event"]["hub.event"] == "Patient-open" for socket in sockets)


def test_a_socket_closed_by_its_client_is_told_to_the_topic_at_once(wire: Wire) -> None:
    other = wire.listen("OTHER")
    wire.listen("S", subscriber__product__name="P").close()
    removed = other.event()
    assert removed["event"]["context"] == {"reason": "websocket-disconnect", "subscriber": "S"}
    other.nothing()


def test_topic_star_is_for_providers(hub: HubProcess, wire: Wire) -> None:
    with provider(hub.url) as everyone:
        socket = everyone.listen("PROVIDER", "dicom-send")
        wire.publish(event("dicom-send", wire.topic, {"files": [{"url": "https://x/a", "fileName": "volume"}]}))
        while (frame := socket.event())["event"]["hub.topic"] != wire.topic:
            pass  # the hub is shared: other tests' events come too
        assert frame["event"]["context"]["files"][0]["fileName"] == "volume"


def test_frames_that_are_none_of_the_hubs_business_are_ignored(wire: Wire) -> None:
    socket = wire.listen("S")
    frames: list[Any] = ["no json", "[" * 100_000, '"text"', [], {"hub.channel.endpoint": "ws://x"}, {"type": "ping"}]
    frames += [{"id": 5, "status": {}}, {"event": 5}, {"event": {"hub.event": "status-response", "context": []}}]
    for frame in [*frames, {"id": "x", "status": "200"}, {"id": "x", "status": 409}, {"id": "x"}]:
        socket.send(frame)
    wire.publish(event("Patient-open", wire.topic))
    assert socket.event()["event"]["hub.event"] == "Patient-open"


def test_leases_are_enforced_for_plain_and_extended_for_cast(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, lease_default=1, lease_least=1) as url, Wire(url) as wire:
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
    with hub_in_thread(tmp_path, subscriptions_most=1) as url, Wire(url) as wire:
        wire.listen("S")
        answer = wire.http.post(wire.hub, data=wire.form("T"))
        assert answer.status_code == 503 and "no more" in answer.text


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
