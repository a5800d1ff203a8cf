"""A Cast client that subscribes anew, as most do instead of binding again, gets what was kept for what it lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket
from hub_process import HubProcess
from hub_wire import Socket, Wire, event, hub_in_thread, until_status

CLIENT = {"subscriber__product__name": "JS", "subscriber__actors": '["ID"]'}


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def lose(wire: Wire, socket: Socket) -> None:
    """Cut a socket, and wait until the hub has seen it."""
    before = wire.status()["connected"]
    socket.cut()
    until_status(wire, connected=before - 1)


def publish(wire: Wire, *names: str) -> list[str]:
    bodies = [event(name, wire.topic) for name in names]
    for body in bodies:
        wire.publish(body, 202)
    return [body["id"] for body in bodies]


def got(socket: Socket, count: int) -> list[str]:
    return [socket.event()["id"] for _ in range(count)]


def test_what_was_published_meanwhile_comes_in_order_and_once(wire: Wire) -> None:
    endpoint = wire.subscribe("S", "a-open,b-open", **CLIENT)
    first = wire.bind(endpoint)
    ids = publish(wire, "a-open")
    assert got(first, 1) == ids
    lose(wire, first)
    kept = publish(wire, "a-open", "b-open", "c-open")[:2]
    anew = wire.subscribe("S", "a-open,b-open", **CLIENT)
    kept += publish(wire, "b-open")
    socket = wire.bind(anew)
    kept += publish(wire, "a-open")
    assert got(socket, 4) == kept
    socket.nothing()
    with pytest.raises(websocket.WebSocketBadStatusException):
        Socket(endpoint)
    wire.listen("S", "a-open,b-open", **CLIENT).nothing()


def test_who_acknowledges_gets_what_it_has_not_acknowledged_too(wire: Wire) -> None:
    first = wire.listen("S", "a-open", subscriber__acknowledges="true", **CLIENT)
    ids = publish(wire, "a-open", "a-open")
    assert got(first, 2) == ids
    first.send({"id": ids[0], "status": 200})
    until_status(wire, unacknowledged=1)
    lose(wire, first)
    ids += publish(wire, "a-open")
    assert got(wire.listen("S", "a-open", **CLIENT), 2) == ids[1:]


def test_more_events_may_be_wanted_than_before_and_not_fewer(wire: Wire) -> None:
    lose(wire, wire.listen("S", "a-open,b-open", **CLIENT))
    ids = publish(wire, "a-open", "b-open")
    wire.listen("S", "b-open", **CLIENT).nothing()
    assert got(wire.listen("S", "*", **CLIENT), 2) == ids


OTHERS = {
    "another name": ("T", CLIENT),
    "another product": ("S", {**CLIENT, "subscriber__product__name": "PY"}),
    "other actors": ("S", {**CLIENT, "subscriber__actors": "EC"}),
    "a plain FHIRcast one": ("S", {}),
}


@pytest.mark.parametrize("who", OTHERS)
def test_others_get_nothing_of_it(wire: Wire, who: str) -> None:
    lose(wire, wire.listen("S", "a-open", **CLIENT))
    ids = publish(wire, "a-open")
    name, more = OTHERS[who]
    wire.listen(name, "a-open", **more).nothing()
    assert got(wire.listen("S", "a-open", **CLIENT), 1) == ids


def test_never_across_tokens(wire: Wire) -> None:
    lose(wire, wire.listen("S", "a-open", **CLIENT))
    publish(wire, "a-open")
    with Wire(wire.url, wire.topic, user="somebody else") as other:
        other.listen("S", "a-open", **CLIENT).nothing()


@pytest.mark.parametrize(("name", "events"), [("*", "a-open"), ("", "a-open")])
def test_a_name_that_is_everybodys_is_nobodys(wire: Wire, name: str, events: str) -> None:
    lose(wire, wire.listen(name, events, **CLIENT))
    publish(wire, "a-open")
    wire.listen(name, events, **CLIENT).nothing()


def test_of_two_windows_with_one_name_each_gets_its_own(wire: Wire) -> None:
    first, second = (wire.listen("S", "a-open", **CLIENT) for _ in range(2))
    ids = publish(wire, "a-open")
    lose(wire, first)
    ids += publish(wire, "a-open")
    anew = wire.listen("S", "a-open", **CLIENT)
    assert got(anew, 1) == ids[1:] and got(second, 2) == ids, "who is there loses nothing and gets nothing twice"
    lose(wire, second)
    lose(wire, anew)
    ids = publish(wire, "a-open")
    for _ in range(2):
        assert got(wire.listen("S", "a-open", **CLIENT), 1) == ids
    wire.listen("S", "a-open", **CLIENT).nothing()


def test_one_whose_socket_has_yet_to_come_is_not_lost(wire: Wire) -> None:
    endpoint = wire.subscribe("S", "a-open", subscriber__acknowledges="true", **CLIENT)
    ids = publish(wire, "a-open")
    wire.listen("S", "a-open", **CLIENT).nothing()
    assert got(wire.bind(endpoint), 1) == ids


def test_nobody_is_told_of_who_has_come_back_and_all_of_who_comes_no_more(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, grace_seconds=0.3, bind_seconds=0.3) as url, Wire(url) as wire:
        other = wire.listen("O", "subscription-removed,x-open", subscriber__product__name="P")
        lose(wire, wire.listen("S", "a-open", **CLIENT))
        socket = wire.listen("S", "a-open", **CLIENT)
        until_status(wire, subscriptions=2)
        publish(wire, "x-open")
        assert other.event()["event"]["hub.event"] == "x-open"
        lose(wire, socket)
        publish(wire, "a-open")
        wire.subscribe("S", "a-open", **CLIENT)
        assert other.event()["event"]["hub.event"] == "subscription-removed"
        until_status(wire, subscriptions=1)
        assert wire.status()["undelivered"] == 1
