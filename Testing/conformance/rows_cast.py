"""Cast beside FHIRcast: subscribing, publishing, signing in, and who hears of whom (sections of the protocol)."""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from conformance.kit import CAST, QUICK, SIGN_IN, Hub, add, event, refused, resource, row, same

STUDY = resource("ImagingStudy-open", "1")


def cast(name: str, section: str = "Cast Subscribe", needs: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    return row(section, name, CAST, needs)


# Subscribe


@cast("a JSON body is as good as a form")
def _(hub: Hub) -> None:
    program = hub.program()
    answer = program.http.post(program.hub, json=program.form("S"))
    assert answer.status_code == 202
    program.nothing_more(program.bind(answer.json()["hub.channel.endpoint"]))


@cast("fields with underscores for dots, and in the address, are understood too")
def _(hub: Hub) -> None:
    program = hub.program()
    form = {key.replace(".", "_"): value for key, value in program.form("S", "Patient-open").items()}
    for sent in ({"data": form}, {"json": form}, {"params": form}):
        assert program.http.post(program.hub, **sent).status_code == 202, sent


@cast("an endpoint lies at /bind/ on the address that the client has called")
def _(hub: Hub) -> None:
    program = hub.program()
    assert program.subscribe("S").startswith(hub.url.replace("http", "ws", 1) + "/bind/")


@cast("hub.events=* hears every event on its topic")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S", "*")
    for name in "ImagingStudy-open", "annotation-update", "org.example.anything", "anything at all":
        sent = program.send(name, {"an": "object"})
        assert same(socket.event(), sent)


@cast("every frame carries hub.mode, an event, or an acknowledgement's id")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("S", "Patient-open", subscriber__product__name="P")
    socket = program.bind(endpoint)
    program.send("Patient-open")
    program.unsubscribe(endpoint)
    frames = [socket.first]
    while "closed" not in frames[-1]:
        frames.append(socket.frame())
    assert all({"hub.mode", "event", "id"} & set(frame) for frame in frames[:-1]), frames
    assert [frame.get("hub.mode") for frame in frames[:-1]] == ["subscribe", None, "denied"]


@cast("subscribing again by endpoint keeps what the form leaves out: name, product, actors")
def _(hub: Hub) -> None:
    program = hub.program()
    more = {"subscriber__product__name": "P", "subscriber__actors": '["ID"]'}
    endpoint = program.subscribe("S", "Patient-open", **more)
    socket = program.bind(endpoint)
    elsewhere = "wss://elsewhere.example/bind/" + endpoint.rsplit("/", 1)[1]
    assert program.subscribe("", "Encounter-open", hub__channel__endpoint=elsewhere) == endpoint
    program.send("Encounter-open", subscriber_name="S")
    program.send("Encounter-open", target_actor="EC")
    sent = program.send("Encounter-open", target_actor="ID", target_product_name="P", target_subscriber_name="S")
    assert socket.event()["id"] == sent["id"]


@cast("a Cast subscription's lease is extended while its socket lives", needs=(QUICK,))
def _(hub: Hub) -> None:
    program = hub.program()
    more = {"hub__lease": "1", "hub__lease_seconds": "1", "subscriber__product__name": "P"}
    socket = program.listen("CAST", "Patient-open", **more)
    plain = program.listen("PLAIN", "Patient-open", hub__lease_seconds="1")
    while "closed" not in plain.frame():
        pass
    program.nothing_more(socket)


def ended(hub: Hub, form: dict[str, str]) -> None:
    program = hub.program()
    other = program.listen("OTHER")
    endpoint = program.subscribe("S", subscriber__product__name="P", subscriber__actors='["ID"]')
    socket = program.bind(endpoint)
    id = endpoint.rsplit("/", 1)[1]
    form = {key: value.format(endpoint=endpoint, id=id, topic=program.topic) for key, value in form.items()}
    answer = program.http.post(program.hub, data={"hub.mode": "unsubscribe", **form})
    assert answer.status_code == 202 and answer.json()["hub.channel.endpoint"] == endpoint
    denial = socket.frame()
    assert (denial["hub.mode"], denial["hub.topic"], denial["hub.events"]) == ("denied", program.topic, "*")
    assert socket.frame() == {"closed": 1000}
    removed = other.event()
    assert removed["event"]["hub.event"] == "subscription-removed" and removed["subscriber.name"] == "S"
    assert (removed["subscriber.product.name"], removed["subscriber.actor"]) == ("P", "ID")
    assert removed["event"]["context"] == {"reason": "unsubscribe", "subscriber": "S"}
    program.nothing_more(other)
    assert refused(endpoint)


HABITS = {
    "by an endpoint of another origin": {"hub.channel.endpoint": "wss://elsewhere/bind/{id}%0A"},
    "by medplum 4's field endpoint": {"endpoint": "{endpoint}", "hub.events": "*"},
    "by topic and name, as JavaScript and OHIF do": {
        "hub.topic": "{topic}",
        "subscriber.name": "S",
        "hub.callback": "http://localhost/castCallback",
    },
}
for title, form in HABITS.items():
    add("Cast Subscribe", f"unsubscribing {title} ends it and the others hear of it", partial(ended, form=form), CAST)


@cast("topic * and a name under another token end nothing", needs=(SIGN_IN,))
def _(hub: Hub) -> None:
    program, other = hub.program(), hub.program()
    socket = program.listen("S")
    for form in ({"hub.topic": program.topic, "subscriber.name": "S"}, {"hub.topic": "*", "subscriber.name": "S"}):
        answer = other.http.post(other.hub, data={"hub.mode": "unsubscribe", **form})
        assert 400 <= answer.status_code < 500
    program.nothing_more(socket)


@cast("a socket that its client closes is told to the topic at once")
def _(hub: Hub) -> None:
    program = hub.program()
    other = program.listen("OTHER")
    program.listen("S", subscriber__product__name="P").close()
    assert other.event()["event"]["context"] == {"reason": "websocket-disconnect", "subscriber": "S"}
    program.nothing_more(other)


@cast("subscription-removed names several actors as a list")
def _(hub: Hub) -> None:
    program = hub.program()
    other = program.listen("OTHER", "subscription-removed")
    program.listen("S", subscriber__actors='["ID", "EC"]').close()
    assert other.event()["subscriber.actor"] == ["ID", "EC"]


@cast("topic * is for providers: others get 403, and nobody publishes to it", needs=(SIGN_IN,))
def _(hub: Hub) -> None:
    program, everyone = hub.program(), hub.provider()
    assert program.http.post(program.hub, data=program.form("S") | {"hub.topic": "*"}).status_code == 403
    socket = everyone.listen("PROVIDER", f"x-{program.topic}")
    sent = program.send(f"x-{program.topic}", {"an": "object"})
    assert same(socket.event(), sent)
    assert program.publish(event("dicom-send", "*", {"files": []})).status_code == 403
    assert everyone.publish(event("dicom-send", "*", {"files": []})).status_code == 400


# Publish

SUBSCRIBERS: dict[str, dict[str, str]] = {
    "display": {"subscriber__product__name": "3DSLICER-ID", "subscriber__actors": '["ID"]'},
    "worklist": {"subscriber__product__name": "VTK", "subscriber__actors": "WORKLIST_CLIENT"},
    "*": {"subscriber__product__name": "OHIF", "subscriber__actors": '["ID", "EC"]'},
    "plain": {"events": "ImagingStudy-open,Patient-open"},
}
ALL = set(SUBSCRIBERS)

#: The rule, the event, its context, its fields at the root, and who gets it.
ROUTES: list[tuple[str, str, Any, dict[str, Any], set[str]]] = [
    ("an event reaches all who listed it or *", "ImagingStudy-open", STUDY, {}, ALL),
    ("names are compared without case", "IMAGINGSTUDY-OPEN", STUDY, {}, ALL),
    ("a longer name is another event", "ImagingStudy-opened", STUDY, {}, ALL - {"plain"}),
    ("a part of a name is another event", "study-open", STUDY, {}, ALL - {"plain"}),
    ("an unknown event reaches who listed *", "org.example.whatever", [], {}, ALL - {"plain"}),
    ("an object context reaches FHIRcast only if listed", "scene-update", {"an": "object"}, {}, ALL - {"plain"}),
    ("a listed event with an object context reaches FHIRcast", "Patient-open", {"an": "object"}, {}, ALL),
    ("no echo to the Cast subscriber it names", "scene-x", STUDY, {"subscriber_name": "display"}, {"worklist", "*"}),
    ("its name is compared without case", "Patient-open", STUDY, {"subscriber_name": "DISPLAY"}, ALL - {"display"}),
    ("a FHIRcast subscriber gets its own event", "Patient-open", STUDY, {"subscriber_name": "plain"}, ALL),
    ("the name * is nobody's: no echo is suppressed", "Patient-open", STUDY, {"subscriber_name": "*"}, ALL),
    ("target.actor narrows to who has it", "Patient-open", STUDY, {"target_actor": "ID"}, {"display", "*"}),
    ("target.actor is compared without case", "Patient-open", STUDY, {"target_actor": "id"}, {"display", "*"}),
    ("target.actor * narrows nothing", "Patient-open", STUDY, {"target_actor": "*"}, ALL),
    ("an actor nobody has narrows to nobody", "Patient-open", STUDY, {"target_actor": "REPORT_CREATOR"}, set()),
    ("target.product.name narrows", "Patient-open", STUDY, {"target_product_name": "3dslicer-id"}, {"display"}),
    ("target.product.name * narrows nothing", "Patient-open", STUDY, {"target_product_name": "*"}, ALL),
    ("all targets must fit", "Patient-open", STUDY, {"target_actor": "ID", "target_product_name": "OHIF"}, {"*"}),
    ("target.subscriber.name narrows", "status-update", {}, {"target_subscriber_name": "WORKLIST"}, {"worklist"}),
    ("target.subscriber.name * narrows nothing", "Patient-open", STUDY, {"target_subscriber_name": "*"}, ALL),
]  # fmt: skip


def routed(hub: Hub, name: str, context: Any, root: dict[str, Any], wanted: set[str]) -> None:
    program = hub.program()
    sockets = {who: program.listen(who, **fields) for who, fields in SUBSCRIBERS.items()}
    sent = program.send(name, context, **root)
    for who in wanted:
        assert same(sockets[who].event(), sent), who
    program.nothing_more(*sockets.values())


for title, name, context, root, wanted in ROUTES:
    check = partial(routed, name=name, context=context, root=root, wanted=wanted)
    add("Cast Publish", title, check, CAST)


@cast("the answer is 200 to a sender that names itself and else 202, both status received", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    for root, status in ({"subscriber_name": "S"}, 200), ({}, 202):
        answer = program.publish(event("Patient-open", program.topic, **root), status)
        assert answer.json() == {"status": "received"}


@cast("an event arrives as it was sent, byte for byte", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S")
    text = b'{ "timestamp":"2026-01-01T00:00:00Z","id" : "PYCAST-1","event":{"hub.topic":"%s",' % program.topic.encode()
    text += b'"hub.event":"observation-update",\n"context":{"v":1.10,"e":1E2,"\xc3\xa4":"\\u00e4"}},"x":null}'
    program.publish(text, 202)
    _, data = socket._socket.recv_data()
    assert data == text


@cast("fields nobody knows pass, and a file that is only an address is routed as it is", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S")
    files = [{"url": "https://x.example/v.nii.gz", "fileName": "volume", "task": "total", "fast": True}]
    sent = program.send("nifti-send", {"files": files, "totalSegmentator": {}}, hello="world")
    assert same(socket.event(), sent)


@cast("bytes inside the JSON of a binary family are refused", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    files = {"files": [{"fileName": "a.dcm", "data": "AAAA"}]}
    assert program.publish(event("dicom-send", program.topic, files)).status_code == 400
    program.send("annotation-update", files)


@cast("a refused event is told as SyncError to Cast subscribers too, and a Cast one may refuse", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    other, socket = program.listen("OTHER"), program.listen("S", subscriber__product__name="P")
    sent = program.send("ImagingStudy-open", STUDY)
    assert other.event()["id"] == socket.event()["id"] == sent["id"]
    for status in 202, 404:
        socket.send({"id": sent["id"], "status": status})
    assert other.event()["event"]["hub.event"] == "SyncError"
    program.listen("LATE", "x")
    program.nothing_more(socket)


@cast("Cast subscribers are told nothing unasked, also where a context is kept", "Cast Subscribe", ("context",))
def _(hub: Hub) -> None:
    program = hub.program()
    program.send("ImagingStudy-open", STUDY)
    program.nothing_more(
        program.listen("S", "*"), program.listen("T", "ImagingStudy-open,Patient-open", subscriber__product__name="P")
    )


# Sign-in


@cast(
    "form and JSON both sign in; the token says topic, hub.topic and hub.url, and a code is good once",
    "Cast Sign-in",
    (SIGN_IN,),
)
def _(hub: Hub) -> None:
    for kind in "data", "json":
        answer = requests.post(hub.url + "/oauth/authorize", **{kind: {"user_name": "alice", "topic": "room"}})
        assert answer.status_code == 200 and {"user_name", "code", "expires_in"} <= set(answer.json())
        form = {"grant_type": "authorization_code", "code": answer.json()["code"], "client_id": "c"}
        token = requests.post(hub.url + "/oauth/token", **{kind: form})
        assert token.status_code == 200 and "no-store" in token.headers["Cache-Control"]
        assert {"token_type", "access_token", "id_token", "expires_in", "scope", "topic"} <= set(token.json())
        assert token.json()["topic"] == token.json()["hub.topic"] == "room"
        assert token.json()["hub.url"].startswith(hub.url)
        again = requests.post(hub.url + "/oauth/token", **{kind: form})
        assert again.status_code == 400 and again.json()["error"] == "invalid_grant"


@cast("an unnamed caller gets a name, and with last time's id_token the same one", "Cast Sign-in", (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    first = program.sign_in({})
    assert first["topic"].startswith("USER-")
    assert program.sign_in({"id_token": first["id_token"]})["topic"] == first["topic"]
    assert program.sign_in({})["topic"] != first["topic"]


@cast("the well-known document names Cast's events too, and Cast's facts under a key of their own", "Cast Discovery")
def _(hub: Hub) -> None:
    found = hub.configuration().json()
    assert {"dicom-send", "status-request", "subscription-removed", "Patient-open"} <= set(found["eventsSupported"])
    assert isinstance(found["org.cast"], dict)
