"""Protocol: group topics, which the wire calls conferences."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_process import HubProcess
from hub_wire import WAIT, Socket, Wire, event, hub_in_thread

CAST = {"subscriber__product__name": "P"}


@pytest.fixture
def host(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


@pytest.fixture
def guest(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


@pytest.fixture
def other(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def call(wire: Wire, method: str, path: str = "", **fields: Any) -> requests.Response:
    """Without a token, as existing clients do."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, f"{wire.url}/api/hub/conference{path}", json=fields or None)


def start(host: Wire, *guests: Wire, **more: Any) -> dict[str, Any]:
    topics = [each.topic for each in guests]
    answer = call(host, "POST", hostTopic=host.topic, title="Tumor board", topics=topics, **more)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def told(socket: Socket, name: str) -> dict[str, Any]:
    frame = socket.event()
    assert frame["event"]["hub.event"] == name and frame["id"] and frame["timestamp"]
    context: dict[str, Any] = frame["event"]["context"]
    return context


def record(host: Wire, *topics: str, leader: str = "", title: str = "Tumor board") -> dict[str, Any]:
    return {"hostTopic": host.topic, "sceneLeaderTopic": leader or host.topic, "title": title, "topics": list(topics)}


def mine(wire: Wire) -> list[dict[str, Any]]:
    """The groups in which this topic takes part; the hub is shared with other tests."""
    listed = call(wire, "GET").json()
    return [each for each in listed if wire.topic in (each["hostTopic"], *each["topics"])]


def test_a_group_outlives_a_participants_reconnect_and_its_events_wait_for_it(host: Wire, guest: Wire) -> None:
    host.listen("HOST", **CAST)
    endpoint = guest.subscribe("GUEST", "Patient-open", **CAST)
    guest.bind(endpoint).cut()
    start(host, guest)
    host.publish(event("Patient-open", host.topic), 202)
    again = guest.bind(endpoint)
    assert told(again, "conference-start")["hostTopic"] == host.topic
    assert again.event()["event"]["hub.topic"] == host.topic
    again.leave(1000)
    anew = guest.listen("GUEST-2", "Patient-open", **CAST)
    host.publish(event("Patient-open", host.topic), 202)
    assert anew.event()["event"]["hub.topic"] == host.topic


def test_a_host_that_leaves_hands_over(host: Wire, guest: Wire, other: Wire) -> None:
    socket = guest.listen("GUEST", "none", **CAST)
    start(host, guest, other)
    told(socket, "conference-start")
    assert call(host, "DELETE", hostTopic=host.topic, leaveTopic=host.topic).json() == {"removed": 0, "updated": 1}
    assert told(socket, "conference-end")["leaveTopic"] == host.topic
    lead = told(socket, "conference-lead")
    assert lead["hostTopic"] == lead["sceneLeaderTopic"] == guest.topic and lead["leaderLabel"] == guest.topic
    assert mine(guest)[0]["topics"] == [other.topic] and mine(host) == []
    assert call(other, "DELETE", hostTopic=guest.topic, leaveTopic=other.topic).json() == {"removed": 1, "updated": 0}
    assert told(socket, "conference-end") == {"title": "Tumor board", "hostTopic": guest.topic, "reason": "empty"}


def test_starting_again_replaces_the_hosts_group(host: Wire, guest: Wire, other: Wire) -> None:
    socket = guest.listen("GUEST", "none", **CAST)
    start(host, guest)
    assert start(host, other)["conference"]["topics"] == [other.topic]
    told(socket, "conference-start")
    assert told(socket, "conference-end")["reason"] == "host-ended"
    socket.nothing()
    refused = call(host, "POST", hostTopic=host.topic, title="t", topics=["*"])
    assert refused.status_code == 400 and mine(host)[0]["topics"] == [other.topic], "what is refused ends nothing"


def test_old_names_of_fields_forms_and_a_delete_without_body(host: Wire, guest: Wire) -> None:
    address = f"{host.url}/api/hub/conference"
    made = requests.post(address, data={"user": host.topic, "title": "T", "topics": guest.topic})
    assert made.json()["conference"] == record(host, guest.topic, title="T")
    again = call(guest, "PATCH", "/join/", user=host.topic, topic=guest.topic, join_user_name="G")
    assert again.json()["conference"]["topics"] == [guest.topic]
    led = call(guest, "PATCH", "/lead/", user=host.topic, leadTopic=guest.topic, leader_user_name="G")
    assert led.json()["conference"]["sceneLeaderTopic"] == guest.topic
    gone = requests.delete(address, params={"user": host.topic})
    assert gone.json() == {"removed": 1, "updated": 0}


NOBODY = "nobody-hosts-this"
MISTAKES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("POST", "", {"title": "t", "topics": []}, 400, "hostTopic"),
    ("POST", "", {"hostTopic": "h", "topics": []}, 400, "title"),
    ("POST", "", {"hostTopic": "h", "title": " "}, 400, "title"),
    ("POST", "", {"hostTopic": "h", "title": "t" * 201}, 400, "title"),
    ("POST", "", {"hostTopic": "h", "title": "t", "topics": {"a": 1}}, 400, "topics"),
    ("POST", "", {"hostTopic": "h", "title": "t", "topics": ["a", 5]}, 400, "topics[1]"),
    ("POST", "", {"hostTopic": "h", "title": "t", "topics": [f"t{n}" for n in range(100)]}, 400, "topics"),
    ("POST", "", {"hostTopic": "*", "title": "t"}, 400, "hostTopic"),
    ("POST", "", {"hostTopic": 5, "title": "t"}, 400, "hostTopic"),
    ("PATCH", "/join", {"joinTopic": "a"}, 400, "hostTopic"),
    ("PATCH", "/join", {"hostTopic": NOBODY, "joinTopic": "a"}, 404, "hostTopic"),
    ("PATCH", "/join", {"hostTopic": "HOST"}, 400, "joinTopic"),
    ("PATCH", "/join", {"hostTopic": "HOST", "joinTopic": "HOST"}, 400, "joinTopic"),
    ("PATCH", "/lead", {"hostTopic": NOBODY, "sceneLeaderTopic": "a"}, 404, "hostTopic"),
    ("PATCH", "/lead", {"hostTopic": "HOST"}, 400, "sceneLeaderTopic"),
    ("PATCH", "/lead", {"hostTopic": "HOST", "sceneLeaderTopic": "stranger"}, 400, "sceneLeaderTopic"),
    ("DELETE", "", {}, 400, "hostTopic"),
]


@pytest.mark.parametrize(("method", "path", "fields", "status", "field"), MISTAKES)
def test_mistakes(host: Wire, method: str, path: str, fields: dict[str, Any], status: int, field: str) -> None:
    start(host)
    fields = {key: host.topic if value == "HOST" else value for key, value in fields.items()}
    answer = call(host, method, path, **fields)
    assert answer.status_code == status and answer.json()["message"].startswith(field), answer.text
    if status == 400:
        assert answer.json()["field"] == field


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"[" * 60_000, b"\xff"])
def test_bad_bodies(host: Wire, body: bytes) -> None:
    for method, path in (("POST", ""), ("PATCH", "/join"), ("PATCH", "/lead"), ("DELETE", "")):
        headers = {"Content-Type": "application/json"}
        answer = requests.request(method, f"{host.url}/api/hub/conference{path}", data=body, headers=headers)
        assert answer.status_code == 400 and answer.json()["message"]


def test_a_body_has_an_end(host: Wire) -> None:
    answer = call(host, "POST", hostTopic=host.topic, title="t", hostUserName="x" * 70_000)
    assert answer.status_code == 413 and "65536" in answer.json()["message"]
    assert mine(host) == []


def test_topics_that_could_take_part(host: Wire, guest: Wire) -> None:
    host.subscribe("A")
    host.subscribe("B", subscriber__client_info='{"timezone": " Europe/Zurich ", "platform": "x"}')
    guest.subscribe("C", subscriber__client_info="no json")
    for path in ("-topics", "-topics/"):
        listed = {each["topic"]: each for each in call(host, "GET", path).json()}
        assert listed[host.topic] == {"topic": host.topic, "timezone": "Europe/Zurich"}
        assert listed[guest.topic] == {"topic": guest.topic, "timezone": ""}
        assert list(listed) == sorted(listed) and "*" not in listed


def test_the_page(host: Wire) -> None:
    for path in ("-client", "-client/"):
        answer = call(host, "GET", path)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "/api/hub/conference" in answer.text and "http://" not in answer.text


@pytest.mark.parametrize(
    "reached",
    [{"host": "0.0.0.0"}, {"public_url": "https://hub.example"}, {"trusted_proxies": ("127.0.0.1",)}],
    ids=["another host", "a public address", "a proxy"],
)
def test_where_others_reach_the_hub_a_token_is_needed(tmp_path: Path, reached: dict[str, Any]) -> None:
    with hub_in_thread(tmp_path, insecure_mock=True, **reached) as url:
        with Wire(url.replace("0.0.0.0", "127.0.0.1")) as wire:
            for method, path in (("GET", ""), ("POST", ""), ("PATCH", "/join"), ("DELETE", ""), ("GET", "-topics")):
                answer = call(wire, method, path)
                assert answer.status_code == 401 and "sign in" in answer.json()["message"]
                assert "Bearer" in answer.headers["WWW-Authenticate"]
            made = wire.http.post(f"{wire.url}/api/hub/conference", json={"hostTopic": "h", "title": "t"})
            assert made.status_code == 200
            assert wire.http.get(f"{wire.url}/api/hub/conference").json()[0]["hostTopic"] == "h"


def test_limits_are_settings_and_a_deserted_group_ends(tmp_path: Path) -> None:
    limits = {"max_groups": 1, "max_group_topics": 2, "max_group_title": 3}
    with hub_in_thread(tmp_path, **limits, group_deserted_seconds=0.2, sweep_seconds=0.05) as url, Wire(url) as wire:
        socket = wire.listen("S", "none", **CAST)
        assert call(wire, "POST", hostTopic="h", title="long", topics=[]).json()["field"] == "title"
        assert call(wire, "POST", hostTopic="h", title="t", topics=["a", "b"]).json()["field"] == "topics"
        call(wire, "POST", hostTopic=wire.topic, title="t", topics=["a"])
        told(socket, "conference-start")
        assert wire.status()["groups"] == 1
        full = call(wire, "POST", hostTopic="h", title="t", topics=[])
        assert full.status_code == 503 and "takes no more" in full.json()["message"]
        wire.http.post(wire.hub, data=wire.form("S") | {"hub.mode": "unsubscribe"})
        deadline = time.monotonic() + WAIT
        while wire.status()["groups"]:
            assert time.monotonic() < deadline
