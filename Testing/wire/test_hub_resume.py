"""Protocol: resume. What is published while a socket is away, or was not acknowledged, comes when it binds again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket
from hub_process import HubProcess
from hub_wire import Socket, Wire, event, hub_in_thread
from relay import Relay

GRACE = 0.5


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


@pytest.fixture(scope="module")
def hub_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub whose grace time is over for no test that binds again, however slow the machine."""
    with hub_in_thread(tmp_path_factory.mktemp("hub"), grace_seconds=600, max_queued_events=5) as url:
        yield url


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hub_in_thread(tmp_path_factory.mktemp("hub"), grace_seconds=GRACE, max_queued_events=5) as url:
        yield url


def until_down(wire: Wire, waiting: int | None = None, connected: int | None = None) -> None:
    """Wait until the hub has seen a socket drop."""
    for _ in range(1000):
        status = wire.status()
        if connected is not None and status["connected"] == connected:
            return
        if waiting is not None and status["waiting"] == waiting:
            return
        time.sleep(0.01)
    raise AssertionError(f"the hub has not noticed: {status}")


def publish(wire: Wire, count: int, name: str = "Patient-open") -> list[str]:
    bodies = [event(name, wire.topic) for _ in range(count)]
    for body in bodies:
        wire.publish(body, 202)
    return [body["id"] for body in bodies]


def receive(socket: Socket, count: int) -> list[str]:
    return [socket.event()["id"] for _ in range(count)]


def test_who_acknowledges_without_a_status_gets_the_tail_too(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        endpoint = wire.subscribe("S", "Patient-open")
        socket = wire.bind(endpoint)
        ids = publish(wire, 3)
        assert receive(socket, 3) == ids
        socket.send({"id": ids[1], "timestamp": "2026-01-01T00:00:00Z"})
        until_unacknowledged(wire, 1)
        socket.cut()
        until_down(wire, connected=0)
        assert receive(wire.bind(endpoint), 1) == ids[2:]


@pytest.mark.parametrize("more", [{}, {"subscriber__product__name": "P"}])
def test_what_is_published_meanwhile_comes_in_order(hub_url: str, more: dict[str, str]) -> None:
    with Wire(hub_url) as wire:
        endpoint = wire.subscribe("S", "Patient-open", **more)
        socket = wire.bind(endpoint)
        first = publish(wire, 2)
        assert receive(socket, 2) == first
        socket.cut()
        until_down(wire, connected=0)
        meanwhile = publish(wire, 3)
        again = wire.bind(endpoint)
        later = publish(wire, 1)
        assert receive(again, 4) == meanwhile + later, "each once, none of those before the drop"


def test_the_unacknowledged_tail_is_sent_again_first(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        endpoint = wire.subscribe("S", "Patient-open")
        socket = wire.bind(endpoint)
        ids = publish(wire, 3)
        assert receive(socket, 3) == ids
        socket.send({"id": ids[0], "status": "200"})
        until_unacknowledged(wire, 2)
        socket.cut()
        until_down(wire, connected=0)
        meanwhile = publish(wire, 1)
        again = wire.bind(endpoint)
        assert receive(again, 3) == ids[1:] + meanwhile
        again.send({"id": meanwhile[0], "status": 202})
        until_unacknowledged(wire, 0)
        again.cut()
        until_down(wire, connected=0)
        wire.bind(endpoint).nothing()


def test_who_says_beforehand_that_it_acknowledges_loses_nothing_of_its_first_socket(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        before = wire.status()["unproven"]
        endpoint = wire.subscribe("S", "Patient-open", subscriber__acknowledges="true")
        socket = wire.bind(endpoint)
        ids = publish(wire, 3)
        assert receive(socket, 1) == ids[:1]
        socket.cut()
        until_down(wire, connected=0)
        ids += publish(wire, 1)
        assert receive(wire.bind(endpoint), 4) == ids and wire.status()["unproven"] == before


def until_unacknowledged(wire: Wire, count: int) -> None:
    for _ in range(1000):
        if wire.status()["unacknowledged"] == count:
            return
        time.sleep(0.01)
    raise AssertionError(wire.status())


def test_a_second_socket_replaces_the_first_and_gets_the_tail(wire: Wire) -> None:
    endpoint = wire.subscribe("S", "Patient-open")
    first = wire.bind(endpoint)
    ids = publish(wire, 2)
    assert receive(first, 2) == ids
    first.send({"id": ids[0], "status": 202})
    first.nothing()
    second = wire.bind(endpoint)
    assert first.frame() == {"closed": 1000}
    assert receive(second, 1) == ids[1:]


def test_after_the_grace_time_the_subscription_is_over(hasty: str) -> None:
    with Wire(hasty) as wire:
        other = wire.listen("OTHER")
        endpoint = wire.subscribe("S", subscriber__product__name="P")
        began = time.monotonic()
        wire.bind(endpoint).cut()
        removed, error = other.event(), other.event()
        assert time.monotonic() - began >= GRACE
        assert removed["event"]["hub.event"] == "subscription-removed"
        assert removed["event"]["context"] == {"reason": "websocket-disconnect", "subscriber": "S"}
        assert error["event"]["hub.event"] == "SyncError", "it did not close in order"
        with pytest.raises(websocket.WebSocketBadStatusException):
            Socket(endpoint)


@pytest.mark.parametrize(("code", "at_once"), [(1000, True), (0, True), (1001, False)])
def test_a_close_in_order_is_no_error(hub_url: str, hasty: str, code: int, at_once: bool) -> None:
    with Wire(hub_url if at_once else hasty) as wire:
        other = wire.listen("OTHER")
        socket = wire.listen("S")
        began = time.monotonic()
        socket.leave(code)
        assert other.event()["event"]["hub.event"] == "subscription-removed", "at once, or when the grace time is over"
        assert at_once or time.monotonic() - began >= GRACE
        other.nothing()


def test_renewing_before_binding_again_keeps_what_waits(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        endpoint = wire.subscribe("S", "Patient-open")
        wire.bind(endpoint).cut()
        until_down(wire, connected=0)
        ids = publish(wire, 1)
        assert wire.subscribe("S", "Patient-open", hub__channel__endpoint=endpoint) == endpoint
        assert receive(wire.bind(endpoint), 1) == ids


def test_more_than_may_wait_ends_the_subscription(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        other = wire.listen("OTHER", "subscription-removed")
        endpoint = wire.subscribe("S", "Patient-open")
        wire.bind(endpoint).cut()
        until_down(wire, connected=1)
        before = wire.status()["undelivered"]
        publish(wire, 6)
        assert other.event()["event"]["context"] == {"reason": "send-failure", "subscriber": "S"}
        assert wire.status()["undelivered"] == before + 6


def test_who_is_away_is_not_asked(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        wire.listen("S").cut()
        until_down(wire, connected=0)
        answer = wire.request(event("status-request", wire.topic, subscriber_name="A")).json()
        assert answer["expected"] == [] and answer["timedOut"] is False


def test_what_was_written_to_a_lost_socket_is_counted(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        before = wire.status()["unproven"]
        socket = wire.listen("S", "Patient-open")
        receive(socket, len(publish(wire, 3)))
        socket.cut()
        until_down(wire, connected=0)
        assert wire.status()["unproven"] == before + 3


def test_what_a_pong_has_proven_is_not_counted(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, ping_seconds=2) as url, Wire(url) as wire:
        socket = wire.listen("S", "Patient-open")
        receive(socket, len(publish(wire, 3)))
        assert socket.ping() == b"3"
        publish(wire, 2)
        receive(socket, 1)
        socket.cut()
        until_down(wire, connected=0)
        assert wire.status()["unproven"] == 2


def test_a_socket_that_died_silently_is_lost_and_not_unresponsive(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, answer_seconds=0.3, max_unanswered=2, ping_seconds=4) as url, Wire(url) as wire:
        other = wire.listen("OTHER", "subscription-removed,SyncError")
        endpoint = wire.subscribe("S", "Patient-open", subscriber__acknowledges="true")
        with Relay(int(url.rsplit(":", 1)[1])) as relay:
            wire.bind(endpoint.replace(url.removeprefix("http"), f"://127.0.0.1:{relay.port}"))
            relay.frozen = True
            ids = publish(wire, 3)
            until_down(wire, connected=1)
        again = wire.bind(endpoint)
        assert receive(again, 3) == ids
        again.send({"id": ids[-1], "status": 200})
        other.nothing()
        assert wire.status()["unproven"] == 0


def test_the_lease_ends_a_grace_time(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, min_lease_seconds=1, default_lease_seconds=1) as url, Wire(url) as wire:
        other = wire.listen("OTHER", subscriber__product__name="P")
        wire.listen("S", "Patient-open").cut()
        assert other.event()["event"]["context"] == {"reason": "lease-expired", "subscriber": "S"}


def test_binding_when_the_grace_time_is_over_is_refused_and_subscribing_with_the_endpoint_too(hasty: str) -> None:
    with Wire(hasty) as wire:
        other = wire.listen("OTHER", "subscription-removed")
        endpoint = wire.subscribe("S", "Patient-open")
        wire.bind(endpoint).cut()
        other.event()
        for _ in range(2):
            with pytest.raises(websocket.WebSocketBadStatusException) as refused:
                wire.bind(endpoint)
            assert refused.value.status_code == 403
        form = wire.form("S", "Patient-open", hub__channel__endpoint=endpoint)
        answer = wire.http.post(wire.hub, data=form)
        assert answer.status_code == 404 and answer.json()["message"].startswith("hub.channel.endpoint: ")


def test_renewing_again_and_again_without_a_socket_keeps_a_subscription_within_its_lease_only(tmp_path: Path) -> None:
    with (
        hub_in_thread(tmp_path, grace_seconds=0.5, min_lease_seconds=1, default_lease_seconds=2) as url,
        Wire(url) as wire,
    ):
        other = wire.listen("OTHER", "subscription-removed")
        endpoint = wire.subscribe("S", "Patient-open", hub__lease_seconds="1")
        wire.bind(endpoint).cut()
        until_down(wire, connected=1)
        ids = publish(wire, 1)
        wire.subscribe("S", "Patient-close", hub__channel__endpoint=endpoint, hub__lease_seconds="1")
        publish(wire, 1)
        ids += publish(wire, 1, "Patient-close")
        again = wire.bind(endpoint)
        assert receive(again, 2) == ids, "what waited before and what the new events brought"
        again.cut()
        assert other.event()["event"]["context"] == {"reason": "websocket-disconnect", "subscriber": "S"}


def test_on_a_resumed_socket_the_confirmation_comes_first_then_the_tail_then_what_waited(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        endpoint = wire.subscribe("S", "Patient-open", subscriber__acknowledges="true")
        socket = wire.bind(endpoint)
        unacknowledged = publish(wire, 2)
        receive(socket, 1)
        socket.cut()
        until_down(wire, connected=0)
        waited = publish(wire, 2)
        again = Socket(endpoint)
        wire.sockets.append(again)
        frames = [again.frame() for _ in range(5)]
        assert frames[0]["hub.mode"] == "subscribe"
        assert [frame["id"] for frame in frames[1:]] == unacknowledged + waited


def test_who_is_behind_with_acknowledging_has_its_oldest_forgotten_and_counted(hub_url: str) -> None:
    with Wire(hub_url) as wire:
        endpoint = wire.subscribe("S", "Patient-open", subscriber__acknowledges="true")
        socket = wire.bind(endpoint)
        before = wire.status()["unproven"]
        ids = publish(wire, 8)
        assert receive(socket, 8) == ids, "on a socket that is there nothing is missing"
        assert wire.status()["unproven"] == before + 3
        socket.cut()
        until_down(wire, connected=0)
        assert receive(wire.bind(endpoint), 5) == ids[3:]
