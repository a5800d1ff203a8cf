"""Cast's group topics, which the wire calls conferences (section names are those of the protocol)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import requests
from conformance.kit import CAST, SIGN_IN, Hub, Program, add, event, row, same
from hub_wire import Socket, batch_body

SECTION = "Cast Group topics"
TITLE = "Tumor board"


def call(program: Program, method: str, path: str = "", **fields: Any) -> requests.Response:
    return program.http.request(method, f"{program.at('conference')}{path}", json=fields or None)


def done(program: Program, method: str, path: str = "", **fields: Any) -> Any:
    answer = call(program, method, path, **fields)
    assert answer.status_code == 200, answer.text[:200]
    return answer.json()


def start(host: Program, *guests: Program, **more: Any) -> Any:
    topics = [each.topic for each in guests]
    return done(host, "POST", hostTopic=host.topic, title=TITLE, topics=topics, **more)


def told(socket: Socket, name: str) -> dict[str, Any]:
    """The context of the next event, which is of this name."""
    frame = socket.event()
    assert frame["event"]["hub.event"] == name and frame["id"] and frame["timestamp"]
    context: dict[str, Any] = frame["event"]["context"]
    return context


def record(host: Program, *topics: str, leader: str = "") -> dict[str, Any]:
    return {"hostTopic": host.topic, "sceneLeaderTopic": leader or host.topic, "title": TITLE, "topics": list(topics)}


def mine(program: Program) -> list[dict[str, Any]]:
    """The groups in which a topic takes part; the hub may have others."""
    return [each for each in done(program, "GET") if program.topic in (each["hostTopic"], *each["topics"])]


def listeners(*programs: Program, events: str = "Patient-open") -> list[Socket]:
    """A Cast subscription of each, which lists no event of groups."""
    return [each.listen(f"S{n}", events, subscriber__product__name="P") for n, each in enumerate(programs)]


@row(SECTION, "a start is told to every participant, whatever its events, and is listed", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    sockets = listeners(host, guest)
    assert start(host, guest, hostUserName="Dr. H") == {"status": "created", "conference": record(host, guest.topic)}
    names = ["S0", "S1"]
    state = {"title": TITLE, "hostTopic": host.topic, "sceneLeaderTopic": host.topic, "hostUserName": "Dr. H"}
    for socket in sockets:
        assert told(socket, "conference-start") == {**state, "participants": names}
    assert mine(guest) == [{**record(host, guest.topic), "participants": names}]


@row(SECTION, "plain FHIRcast subscriptions hear of it only when they have listed it", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    plain, listing = guest.listen("PLAIN", "Patient-open"), guest.listen("L", "conference-start,Patient-open")
    start(host, guest)
    done(host, "DELETE", hostTopic=host.topic)
    assert told(listing, "conference-start")["title"] == TITLE
    guest.nothing_more(plain, listing)


@row(SECTION, "who joins is told to all, itself among them; joining again changes nothing", CAST)
def _(hub: Hub) -> None:
    host, guest, late = hub.program(), hub.program(), hub.program()
    start(host, guest)
    sockets = listeners(host, guest, late)
    for name in ("L", "L"):
        joined = done(late, "PATCH", "/join", hostTopic=host.topic, joinTopic=late.topic, joinUserName=name)
        assert joined == {"status": "joined", "conference": record(host, guest.topic, late.topic)}
        for socket in sockets:
            context = told(socket, "conference-start")
            assert (context["joinedTopic"], context["joinedUserName"]) == (late.topic, "L")
            assert context["title"] == TITLE and context["participants"] == ["S0", "S1", "S2"]


@row(SECTION, "the lead is given to a participant, and all are told; the host stays", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    start(host, guest)
    sockets = listeners(host, guest)
    led = done(guest, "PATCH", "/lead", hostTopic=host.topic, sceneLeaderTopic=guest.topic, leaderUserName="G")
    assert led == {"status": "updated", "conference": record(host, guest.topic, leader=guest.topic)}
    for socket in sockets:
        context = told(socket, "conference-lead")
        assert (context["hostTopic"], context["sceneLeaderTopic"]) == (host.topic, guest.topic)
        assert context["leaderUserName"] == context["leaderLabel"] == "G"


@row(SECTION, "a leave is told to host, others and leaver; a leader that leaves gives the lead back to the host", CAST)
def _(hub: Hub) -> None:
    host, guest, other = hub.program(), hub.program(), hub.program()
    start(host, guest, other)
    done(guest, "PATCH", "/lead", hostTopic=host.topic, sceneLeaderTopic=guest.topic)
    stays, leaves, stays_too = listeners(host, guest, other)
    assert done(guest, "DELETE", hostTopic=host.topic, leaveTopic=guest.topic) == {"removed": 0, "updated": 1}
    end = {"title": TITLE, "hostTopic": host.topic, "reason": "attendee-left", "leaveTopic": guest.topic}
    assert told(leaves, "conference-end") == told(stays, "conference-end") == told(stays_too, "conference-end") == end
    for socket in (stays, stays_too):
        assert told(socket, "conference-lead")["sceneLeaderTopic"] == host.topic
    assert mine(guest) == [] and mine(host)[0]["sceneLeaderTopic"] == host.topic


@row(SECTION, "the last attendee's leave ends it for all: empty", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    start(host, guest)
    sockets = listeners(host, guest)
    assert done(guest, "DELETE", hostTopic=host.topic, leaveTopic=guest.topic) == {"removed": 1, "updated": 0}
    for socket in sockets:
        assert told(socket, "conference-end") == {"title": TITLE, "hostTopic": host.topic, "reason": "empty"}
    assert mine(host) == []


@row(SECTION, "its host ends it for all", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    start(host, guest)
    sockets = listeners(host, guest)
    assert done(host, "DELETE", hostTopic=host.topic) == {"removed": 1, "updated": 0}
    for socket in sockets:
        assert told(socket, "conference-end") == {"title": TITLE, "hostTopic": host.topic, "reason": "host-ended"}
    assert mine(guest) == []
    assert done(host, "DELETE", hostTopic=host.topic) == {"removed": 0, "updated": 0}


@row(SECTION, "what any participant's topic publishes reaches every other's subscriptions, once and as it is", CAST)
def _(hub: Hub) -> None:
    host, guest, other = hub.program(), hub.program(), hub.program()
    start(host, guest, other)
    done(guest, "POST", hostTopic=guest.topic, title="Again", topics=[host.topic, other.topic])
    sockets = [*listeners(host, guest, other), other.listen("PLAIN", "Patient-open")]
    for program in (host, guest, other):
        sent = program.send("Patient-open", {"an": "object"})
        for socket in sockets:
            assert same(socket.event(), sent)
    sent = guest.send("Patient-open", subscriber_name="S1")
    assert [socket.event()["id"] for socket in (sockets[0], *sockets[2:])] == [sent["id"]] * 3
    guest.nothing_more(*sockets)


@row(SECTION, "targets and listed events hold across topics", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    start(host, guest)
    display = guest.listen("D", "Patient-open", subscriber__actors="ID")
    creator = guest.listen("E", "Patient-open,Encounter-open", subscriber__actors="EC")
    host.send("Patient-open", target_actor="EC")
    host.send("Encounter-open")
    assert [creator.event()["event"]["hub.event"] for _ in range(2)] == ["Patient-open", "Encounter-open"]
    host.nothing_more(display, creator)


@row(SECTION, "who has left hears and is heard no more", CAST)
def _(hub: Hub) -> None:
    host, guest, other = hub.program(), hub.program(), hub.program()
    start(host, guest, other)
    done(guest, "DELETE", hostTopic=host.topic, leaveTopic=guest.topic)
    sockets = listeners(host, guest, other)
    sent = {program.topic: program.send("Patient-open")["id"] for program in (host, guest, other)}
    for socket in (sockets[0], sockets[2]):
        assert [socket.event()["id"] for _ in range(2)] == [sent[host.topic], sent[other.topic]]
    assert sockets[1].event()["id"] == sent[guest.topic]
    guest.nothing_more(sockets[1])


@row(SECTION, "requests are not bridged; a participant may ask on the host's topic", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    start(host, guest)
    display = host.listen("DISPLAY", subscriber__actors="ID")
    guest.listen("WORKLIST", "none", subscriber__product__name="VTK", subscriber__actors="WORKLIST_CLIENT")
    bystander = guest.listen("BYSTANDER", subscriber__actors="ID")
    body = event("status-request", host.topic, {"timeoutSeconds": 5}, subscriber_name="WORKLIST")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(guest.request, body)
        frame = display.event()
        assert (frame["subscriber.product.name"], frame["subscriber.actor"]) == ("VTK", "WORKLIST_CLIENT")
        display.answer(frame, 1, "DISPLAY")
        assert answer.result().json()["expected"] == ["DISPLAY"]
    guest.nothing_more(bystander)


@row(SECTION, "payloads of a batch are for the subscribers of all participants", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    host, guest, stranger = hub.program(), hub.program(), hub.program()
    start(host, guest)
    [receiver] = listeners(guest, events="dicom-send")
    files = {"files": [{"fileName": "a.dcm", "byteLength": 3}]}
    assert host.send_batch(batch_body(event("dicom-send", host.topic, files), [b"abc"])).status_code == 200
    [id] = receiver.event()["event"]["context"]["files"][0]["payloadIds"]
    assert guest.payload(id).content == b"abc" and stranger.payload(id).status_code == 404


@row(SECTION, "it outlives a participant's reconnect", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    listeners(guest)[0].leave(1000)
    start(host, guest)
    [again] = listeners(guest)
    sent = host.send("Patient-open")
    assert same(again.event(), sent)


@row(SECTION, "older names of fields are taken too", CAST)
def _(hub: Hub) -> None:
    host, guest = hub.program(), hub.program()
    made = done(host, "POST", user=host.topic, title=TITLE, topics=[])
    assert made["conference"] == record(host)
    joined = done(guest, "PATCH", "/join", user=host.topic, topic=guest.topic, join_user_name="G")
    assert joined["conference"]["topics"] == [guest.topic]
    led = done(guest, "PATCH", "/lead", user=host.topic, leadTopic=guest.topic, leader_user_name="G")
    assert led["conference"]["sceneLeaderTopic"] == guest.topic
    assert done(host, "DELETE", user=host.topic) == {"removed": 1, "updated": 0}


@row(SECTION, "the topics that somebody is subscribed to are listed, with their time zones", CAST)
def _(hub: Hub) -> None:
    program, other = hub.program(), hub.program()
    program.subscribe("A")
    program.subscribe("B", subscriber__client_info='{"timezone": "Europe/Zurich", "platform": "x"}')
    other.subscribe("C")
    listed = done(program, "GET", "-topics")
    assert {"topic": program.topic, "timezone": "Europe/Zurich"} in listed
    assert {"topic": other.topic, "timezone": ""} in listed
    assert "*" not in [each["topic"] for each in listed]


MISTAKES: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "a start without a host": ("POST", "", {"title": "t", "topics": []}, 400),
    "a start without a title": ("POST", "", {"hostTopic": "h", "topics": []}, 400),
    "a join without a host": ("PATCH", "/join", {"joinTopic": "a"}, 400),
    "a join to nobody's group": ("PATCH", "/join", {"hostTopic": "nobody", "joinTopic": "a"}, 404),
    "a join without a topic": ("PATCH", "/join", {"hostTopic": "HOST"}, 400),
    "a join of the host itself": ("PATCH", "/join", {"hostTopic": "HOST", "joinTopic": "HOST"}, 400),
    "a lead in nobody's group": ("PATCH", "/lead", {"hostTopic": "nobody", "sceneLeaderTopic": "a"}, 404),
    "a lead without a topic": ("PATCH", "/lead", {"hostTopic": "HOST"}, 400),
    "a lead for a stranger": ("PATCH", "/lead", {"hostTopic": "HOST", "sceneLeaderTopic": "stranger"}, 400),
    "a leave without a host": ("DELETE", "", {"leaveTopic": "a"}, 400),
}


def refused(hub: Hub, method: str, path: str, fields: dict[str, Any], status: int) -> None:
    host = hub.program()
    start(host)
    fields = {key: host.topic if value == "HOST" else value for key, value in fields.items()}
    assert call(host, method, path, **fields).status_code == status


for title, (method, path, fields, status) in MISTAKES.items():
    check = partial(refused, method=method, path=path, fields=fields, status=status)
    add(SECTION, f"{title} is answered with {status}", check, CAST)
