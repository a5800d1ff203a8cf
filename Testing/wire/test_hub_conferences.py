"""Protocol: group topics, which the wire calls conferences."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_process import HubProcess
from hub_wire import WAIT, Socket, Wire, batch_body, event, hub_in_thread, provider

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


def test_a_group_from_start_to_end(host: Wire, guest: Wire, other: Wire) -> None:
    first = host.listen("HOST", "Patient-open", **CAST)
    second = guest.listen("GUEST", "Patient-open", **CAST)
    late = other.listen("LATE", "Patient-open", **CAST)
    plain = guest.listen("PLAIN", "Patient-open")
    listing = guest.listen("LISTING", "conference-start")

    assert start(host, guest, hostUserName="Dr. H") == {"status": "created", "conference": record(host, guest.topic)}
    state = {"title": "Tumor board", "hostTopic": host.topic, "sceneLeaderTopic": host.topic, "hostUserName": "Dr. H"}
    state["participants"] = ["HOST", "GUEST", "PLAIN", "LISTING"]  # type: ignore[assignment]
    assert told(first, "conference-start") == told(second, "conference-start") == state
    assert told(listing, "conference-start") == state
    assert mine(host) == [{**record(host, guest.topic), "participants": state["participants"]}]

    joined = call(other, "PATCH", "/join", hostTopic=host.topic, joinTopic=other.topic, joinUserName="L")
    assert joined.json() == {"status": "joined", "conference": record(host, guest.topic, other.topic)}
    state["participants"].append("LATE")  # type: ignore[attr-defined]
    for each in (first, second, late):
        assert told(each, "conference-start") == {**state, "joinedTopic": other.topic, "joinedUserName": "L"}

    led = call(other, "PATCH", "/lead", hostTopic=host.topic, sceneLeaderTopic=other.topic)
    assert led.json() == {
        "status": "updated",
        "conference": record(host, guest.topic, other.topic, leader=other.topic),
    }
    label = {"sceneLeaderTopic": other.topic, "leaderUserName": other.topic, "leaderLabel": other.topic}
    for each in (first, second, late):
        assert told(each, "conference-lead") == {**state, **label}

    left = call(other, "DELETE", hostTopic=host.topic, leaveTopic=other.topic)
    assert left.json() == {"removed": 0, "updated": 1}
    for each in (first, second, late):
        end = {"title": "Tumor board", "hostTopic": host.topic, "reason": "attendee-left", "leaveTopic": other.topic}
        assert told(each, "conference-end") == end
    for each in (first, second):
        assert told(each, "conference-lead")["sceneLeaderTopic"] == host.topic, "the lead goes back to the host"

    assert call(host, "DELETE", hostTopic=host.topic).json() == {"removed": 1, "updated": 0}
    for each in (first, second):
        end = {"title": "Tumor board", "hostTopic": host.topic, "reason": "host-ended"}
        assert told(each, "conference-end") == end
    assert mine(host) == []
    host.publish(event("Patient-open", guest.topic))
    assert plain.event()["event"]["hub.event"] == "Patient-open", "and of conferences it has heard nothing"
    assert listing.event()["event"]["hub.event"] == "conference-start"
    late.nothing()


def test_what_one_publishes_all_hear_once(host: Wire, guest: Wire, other: Wire) -> None:
    sockets = [host.listen("HOST", **CAST), host.listen("HOST-2"), guest.listen("GUEST", **CAST), other.listen("O")]
    with provider(host.url) as everyone:
        listener = everyone.listen("PROVIDER", f"x-{host.topic}")
        start(host, guest, other)
        second = call(guest, "POST", hostTopic=guest.topic, title="Again", topics=[host.topic, other.topic])
        assert second.status_code == 200, "the same topics may meet in two groups"
        sent = event(f"x-{host.topic}", guest.topic, {"an": "object"}, subscriber_name="GUEST")
        guest.publish(sent, 200)
        for each in (sockets[0], sockets[1], sockets[3]):
            while (frame := each.event())["event"]["hub.event"].startswith("conference"):
                pass
            assert frame == sent
            each.nothing()
        assert listener.event() == sent
        listener.nothing()
        while (frame := sockets[2].frame()) and frame["event"]["hub.event"] != "conference-start":
            pass
        sockets[2].event()
        sockets[2].nothing()


def test_targets_and_listed_events_hold_across_topics(host: Wire, guest: Wire) -> None:
    display = guest.listen("DISPLAY", subscriber__actors="ID", subscriber__product__name="P")
    plain = guest.listen("PLAIN", "Patient-open")
    start(host, guest)
    told(display, "conference-start")
    host.publish(event("ImagingStudy-open", host.topic, [], target_actor="EC"), 202)
    host.publish(event("Patient-open", host.topic, [], target_actor="ID"), 202)
    host.publish(event("Patient-open", host.topic), 202)
    first = display.event()
    assert (first["event"]["hub.event"], first["target.actor"]) == ("Patient-open", "ID")
    assert "target.actor" not in display.event()
    assert "target.actor" not in plain.event()
    plain.nothing()


def test_who_has_left_hears_and_is_heard_no_more(host: Wire, guest: Wire, other: Wire) -> None:
    sockets = {wire.topic: wire.listen("S") for wire in (host, guest, other)}
    start(host, guest, other)
    call(guest, "DELETE", hostTopic=host.topic, leaveTopic=guest.topic)
    for wire, name in ((guest, "from-guest"), (host, "from-host"), (other, "from-other")):
        wire.publish(event(name, wire.topic), 202)
    for wire in (host, guest, other):
        wire.publish(event("end", wire.topic), 202)
    assert {topic: _names(sockets[topic], topic) for topic in sockets} == {
        host.topic: ["from-host", "from-other"],
        other.topic: ["from-host", "from-other"],
        guest.topic: ["from-guest"],
    }


def _names(socket: Socket, topic: str) -> list[str]:
    """The events that come before the end that is told on the subscriber's own topic; no conference's."""
    names = []
    while (told := socket.event()["event"])["hub.event"] != "end" or told["hub.topic"] != topic:
        names.append(told["hub.event"])
    return [name for name in names if name != "end" and not name.startswith("conference")]


def test_payloads_of_a_batch_are_for_the_group(host: Wire, guest: Wire, other: Wire) -> None:
    receiver = guest.listen("GUEST", **CAST)
    start(host, guest)
    told(receiver, "conference-start")
    files = {"files": [{"fileName": "a.dcm", "byteLength": 3}]}
    assert host.send_batch(batch_body(event("dicom-send", host.topic, files), [b"abc"])).status_code == 200
    id = receiver.event()["event"]["context"]["files"][0]["payloadIds"][0]
    assert guest.payload(id).content == b"abc"
    assert other.payload(id).status_code == 404


def test_requests_stay_on_their_topic_and_a_participant_may_ask_on_the_hosts(host: Wire, guest: Wire) -> None:
    display = host.listen("DISPLAY", subscriber__actors="ID")
    worklist = guest.listen("WORKLIST", "*", subscriber__product__name="VTK", subscriber__actors="WORKLIST_CLIENT")
    bystander = guest.listen("BYSTANDER", subscriber__actors="ID")
    start(host, guest)
    for each in (display, worklist, bystander):
        told(each, "conference-start")
    body = event("status-request", host.topic, {"timeoutSeconds": 5}, subscriber_name="WORKLIST")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(guest.request, body)
        frame = display.event()
        assert frame["subscriber.product.name"] == "VTK" and frame["subscriber.actor"] == "WORKLIST_CLIENT"
        display.answer(frame, {"source": "status"}, "DISPLAY")
        collated = answer.result().json()
    assert collated["expected"] == ["DISPLAY"] and collated["responses"][0]["data"] == {"source": "status"}
    bystander.nothing()


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
    assert len(mine(host)) == 1


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


def test_who_is_not_there_cannot_be_taken_out(host: Wire) -> None:
    assert call(host, "DELETE", hostTopic=NOBODY).json() == {"removed": 0, "updated": 0}
    start(host)
    assert call(host, "DELETE", hostTopic=host.topic, leaveTopic="stranger").json() == {"removed": 0, "updated": 0}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"[" * 100_000, b"\xff"])
def test_bad_bodies(host: Wire, body: bytes) -> None:
    for method, path in (("POST", ""), ("PATCH", "/join"), ("PATCH", "/lead"), ("DELETE", "")):
        headers = {"Content-Type": "application/json"}
        answer = requests.request(method, f"{host.url}/api/hub/conference{path}", data=body, headers=headers)
        assert answer.status_code == 400 and answer.json()["message"]


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


def test_a_topic_may_be_called_conference(host: Wire) -> None:
    host.topic = "conference"
    listener = host.listen("S")
    host.publish(event("Patient-open", "conference"), 202, path="conference")
    assert listener.event()["event"]["hub.topic"] == "conference"


def test_beyond_loopback_a_token_is_needed(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, host="0.0.0.0", insecure_mock=True) as url:
        with Wire(url.replace("0.0.0.0", "127.0.0.1")) as wire:
            for method, path in (("GET", ""), ("POST", ""), ("PATCH", "/join"), ("DELETE", ""), ("GET", "-topics")):
                answer = call(wire, method, path)
                assert answer.status_code == 401 and "sign in" in answer.json()["message"]
                assert "Bearer" in answer.headers["WWW-Authenticate"]
            made = wire.http.post(f"{wire.url}/api/hub/conference", json={"hostTopic": "h", "title": "t"})
            assert made.status_code == 200
            assert wire.http.get(f"{wire.url}/api/hub/conference").json()[0]["hostTopic"] == "h"


def test_limits_are_settings_and_a_deserted_group_ends(tmp_path: Path) -> None:
    limits = {"groups_most": 1, "group_topics_most": 2, "group_title_most": 3}
    with hub_in_thread(tmp_path, **limits, group_deserted_seconds=0.2, sweep_seconds=0.05) as url, Wire(url) as wire:
        socket = wire.listen("S", "none", **CAST)
        assert call(wire, "POST", hostTopic="h", title="long", topics=[]).json()["field"] == "title"
        assert call(wire, "POST", hostTopic="h", title="t", topics=["a", "b"]).json()["field"] == "topics"
        call(wire, "POST", hostTopic=wire.topic, title="t", topics=["a"])
        told(socket, "conference-start")
        full = call(wire, "POST", hostTopic="h", title="t", topics=[])
        assert full.status_code == 503 and "takes no more" in full.json()["message"]
        wire.http.post(wire.hub, data=wire.form("S") | {"hub.mode": "unsubscribe"})
        deadline = time.monotonic() + WAIT
        while call(wire, "GET").json():
            assert time.monotonic() < deadline
