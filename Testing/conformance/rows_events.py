"""FHIRcast 2.3, 2.5 and 2.6: events published, received, acknowledged and refused; 3.x, the catalogue."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from conformance.kit import FHIRCAST, NO_CONTEXT, QUICK, STRICT, Hub, add, event, new_topic, resource, row, same

SYSTEM = "https://fhircast.hl7.org/events/syncerror/"

# 2.6, sending


def accepted(hub: Hub, kind: str) -> None:
    program = hub.program()
    socket = program.listen("", "Patient-open")
    body = json.dumps(event("Patient-open", program.topic, resource("Patient-open", "1"))).encode()
    answer = program.http.post(program.hub, data=body, headers={"Content-Type": kind})
    assert 200 <= answer.status_code < 300
    assert same(socket.event(), json.loads(body))


for kind in "application/fhir+json", "application/json", "application/json; charset=utf-8":
    add("FHIRcast 2.6.1", f"an event sent as {kind} is accepted and passed on", partial(accepted, kind=kind))


@row("FHIRcast 2.6.1", "an event comes back to its sender, with its id and timestamp")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("SENDER", "Patient-open")
    sent = program.send("Patient-open", resource("Patient-open", "1"))
    back = socket.event()
    assert (back["id"], back["timestamp"], back["event"]) == (sent["id"], sent["timestamp"], sent["event"])


@row("FHIRcast 2.6.1", "also an event that names its sender comes back to a FHIRcast subscriber")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("SENDER", "Patient-open")
    sent = program.send("Patient-open", subscriber_name="SENDER")
    assert socket.event()["id"] == sent["id"]


@row("FHIRcast 2.6.1", "the answer is 202, also when the event names its sender", STRICT)
def _(hub: Hub) -> None:
    program = hub.program()
    program.publish(event("Patient-open", program.topic), 202)
    program.publish(event("Patient-open", program.topic, subscriber_name="SENDER"), 202)


@row("Practice", "an event can be sent to {hub.url}/{topic}, and not for another topic")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "Patient-open")
    body = event("Patient-open", program.topic)
    assert 200 <= program.publish(body, path=program.topic).status_code < 300
    assert socket.event()["id"] == body["id"]
    assert 400 <= program.publish(event("Patient-open", program.topic), path="another").status_code < 500
    program.nothing_more(socket)


@row("FHIRcast 2.6.1", "a sender without a good token is refused", needs=("sign-in",))
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "Patient-open")
    good = program.http.headers["Authorization"]
    for token in "", "nonsense":
        program.use(token)
        assert program.publish(event("Patient-open", program.topic)).status_code in (401, 403)
    program.use(str(good).removeprefix("Bearer "))
    program.nothing_more(socket)


GOOD = event("Patient-open", "t")
BAD: dict[str, Any] = {
    "nothing": b"",
    "half an object": b'{"id": "1", "event": {',
    "a list": [GOOD],
    "a text": b'"text"',
    "bytes that are no UTF-8": b"\xff\xfe{}",
    "nesting without end": b'{"a":' * 100_000,
    "no event": {"timestamp": GOOD["timestamp"], "id": "1"},
    "an event that is a list": {**GOOD, "event": []},
    "no id": {key: value for key, value in GOOD.items() if key != "id"},
    "an id that is an object": {**GOOD, "id": {"a": 1}},
    "no hub.topic": {**GOOD, "event": {"hub.event": "Patient-open", "context": []}},
    "no hub.event": {**GOOD, "event": {"hub.topic": "t", "context": []}},
    "a hub.event that is a number": {**GOOD, "event": {**GOOD["event"], "hub.event": 5}},
    "a context that is a text": {**GOOD, "event": {**GOOD["event"], "context": "text"}},
    "no context": {key: value for key, value in GOOD.items() if key != "event"}
    | {"event": {key: value for key, value in GOOD["event"].items() if key != "context"}},
    "no timestamp": {key: value for key, value in GOOD.items() if key != "timestamp"},
    "a key twice": b'{"timestamp":"2026-01-01T00:00:00Z","id":"1","id":"2","event":{"hub.topic":"t",'
    b'"hub.event":"Patient-open","context":[]}}',
    "a key twice inside the event": b'{"timestamp":"2026-01-01T00:00:00Z","id":"1","event":{"hub.topic":"t",'
    b'"hub.topic":"u","hub.event":"Patient-open","context":[]}}',
    "a context item that is a number": {**GOOD, "event": {**GOOD["event"], "context": [5]}},
}


def malformed(hub: Hub, body: Any) -> None:
    program = hub.program()
    socket = program.listen("", "Patient-open")
    if isinstance(body, dict) and isinstance(body.get("event"), dict) and "hub.topic" in body["event"]:
        body = {**body, "event": {**body["event"], "hub.topic": program.topic}}
    answer = program.publish(body)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert answer.text.strip() and "Traceback" not in answer.text
    program.nothing_more(socket)


for title, body in BAD.items():
    add("FHIRcast 2.6.2", f"{title} is refused, and the hub goes on", partial(malformed, body=body))

# 2.3 and 2.5.1, what is passed on to whom


@row("FHIRcast 2.5.1", "a subscriber gets the events it has listed and no others")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "Patient-open,Encounter-open")
    program.send("Patient-close")
    program.send("ImagingStudy-open", resource("ImagingStudy-open", "1"))
    sent = program.send("Encounter-open")
    assert socket.event()["id"] == sent["id"]
    program.nothing_more(socket)


@row("FHIRcast 2.3.2", "a name is the whole name: parts and longer names do not match")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "ImagingStudy-opened,Patient-open")
    for name in "ImagingStudy-open", "study-open", "Patient", "open", "-open", "atient-ope", "Patient-opened":
        program.send(name, [])
    program.nothing_more(socket)


@row("FHIRcast 2.5.1", "another topic hears nothing")
def _(hub: Hub) -> None:
    program, other = hub.program(), hub.program()
    socket = other.listen("", "Patient-open")
    program.send("Patient-open")
    other.nothing_more(socket)


@row("FHIRcast 2.5.1", "topics are compared with case, and may hold any character")
def _(hub: Hub) -> None:
    topic = "T/é ü?&=#%25" + new_topic()
    upper, lower = hub.program(topic), hub.program("t" + topic[1:])
    sockets = [upper.listen("", "Patient-open"), lower.listen("", "Patient-open")]
    sent = upper.send("Patient-open")
    assert sockets[0].event()["id"] == sent["id"]
    lower.nothing_more(sockets[1])


@row("FHIRcast 2.5.1", "events come in the order in which they were sent")
def _(hub: Hub) -> None:
    program = hub.program()
    sockets = [program.listen("", "Patient-open,Patient-close") for _ in range(3)]
    names = ["Patient-open", "Patient-close"] * 50
    ids = [program.send(name)["id"] for name in names]
    assert [[socket.event()["id"] for _ in ids] for socket in sockets] == [ids] * 3


@row("FHIRcast 2.3", "what an event holds is passed on untouched, also what nobody knows, and decimals to the digit")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "Observation-open")
    context = [*resource("Observation-open", "1", value=0, text="ä\U0001f600"), {"key": "extension", "data": {"a": 1}}]
    body = event("Observation-open", program.topic, context)
    body["x.unknown"] = {"a": [None, True]}
    text = json.dumps(body).replace('"value": 0', '"value": 1.10')
    assert 200 <= program.publish(text.encode()).status_code < 300
    _, data = socket._socket.recv_data()
    assert json.loads(data, parse_float=str) == json.loads(text, parse_float=str)


@row("FHIRcast 2.3.2", "an event of one's own with a reverse domain name is passed on")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "org.example.patient_transmogrify")
    sent = program.send("org.example.patient_transmogrify", [{"key": "extension", "data": {"a": 1}}])
    assert same(socket.event(), sent)


@row("FHIRcast 2.10", "an update is passed on untouched by a hub that keeps no content", needs=(NO_CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "DiagnosticReport-update")
    body = event("DiagnosticReport-update", program.topic, CATALOGUE["3.6.3 DiagnosticReport-update"])
    body["event"] |= {"context.versionId": "v1", "context.priorVersionId": "v0"}
    assert 200 <= program.publish(body).status_code < 300
    assert same(socket.event(), body)


# 3.x, the catalogue: context items are what each page of the guide asks for

PATIENT = resource("Patient-open", "p1", identifier=[{"system": "urn:oid:2.999", "value": "4438001"}])
ENCOUNTER = resource("Encounter-open", "e1", status="in-progress", subject={"reference": "Patient/p1"})
STUDY_ID = [{"system": "urn:dicom:uid", "value": "urn:oid:2.999.1.2.3"}]
STUDY = resource("ImagingStudy-open", "s1", identifier=STUDY_ID, status="unknown", subject={"reference": "Patient/p1"})
REPORT = resource("DiagnosticReport-open", "r1", status="unknown", subject={"reference": "Patient/p1"})
REPORT_REFERENCE = {"key": "report", "reference": {"reference": "DiagnosticReport/r1"}}
OBSERVATION = {"resourceType": "Observation", "id": "o1", "status": "preliminary"}
UPDATES = {"resourceType": "Bundle", "type": "transaction", "id": "b1"}
UPDATES["entry"] = [{"request": {"method": "PUT"}, "resource": OBSERVATION}]  # type: ignore[assignment]
CODE = {"system": "http://hl7.org/fhir/uv/fhircast/CodeSystem/fhircast-codesystem", "code": "user-initiated"}
ISSUE = {"severity": "warning", "code": "processing", "diagnostics": "did not follow", "details": {"coding": [CODE]}}


def parameters() -> list[dict[str, Any]]:
    return [{"key": "parameters", "resource": {"resourceType": "Parameters", "parameter": [{"valueCoding": CODE}]}}]


CATALOGUE: dict[str, list[dict[str, Any]]] = {
    "3.2.1 SyncError": [
        {"key": "operationoutcome", "resource": {"resourceType": "OperationOutcome", "issue": [ISSUE]}}
    ],
    "3.2.2 UserLogout": parameters(),
    "3.2.3 UserHibernate": parameters(),
    "3.2.4 Home-open": [],
    "3.3.1 Patient-open": PATIENT,
    "3.3.2 Patient-close": PATIENT,
    "3.4.1 Encounter-open": [*ENCOUNTER, *PATIENT],
    "3.4.2 Encounter-close": [*ENCOUNTER, *PATIENT],
    "3.5.1 ImagingStudy-open": [*STUDY, *PATIENT],
    "3.5.2 ImagingStudy-close": [*STUDY, *PATIENT],
    "3.6.1 DiagnosticReport-open": [*REPORT, *PATIENT, *STUDY],
    "3.6.2 DiagnosticReport-close": [*REPORT, *PATIENT],
    "3.6.3 DiagnosticReport-update": [REPORT_REFERENCE, {"key": "updates", "resource": UPDATES}],
    "3.6.4 DiagnosticReport-select": [
        REPORT_REFERENCE,
        {"key": "select", "reference": {"reference": "Observation/o1"}},
    ],
}


def of_the_catalogue(hub: Hub, name: str, context: list[dict[str, Any]]) -> None:
    program = hub.program()
    socket = program.listen("", name)
    body = event(name.swapcase(), program.topic, context)
    if name.endswith("-update"):
        body["event"]["context.versionId"] = "v1"
    assert 200 <= program.publish(body).status_code < 300
    assert socket.event()["event"]["context"] == context


for title, context in CATALOGUE.items():
    section, name = title.split()
    check = partial(of_the_catalogue, name=name, context=context)
    add(f"FHIRcast {section}", f"{name} is passed on", check)


@row("FHIRcast 2.7.1", "every event of the catalogue is listed as supported")
def _(hub: Hub) -> None:
    listed = {each.casefold() for each in hub.configuration().json()["eventsSupported"]}
    assert {title.split()[1].casefold() for title in CATALOGUE} <= listed


@row(
    "FHIRcast 2.3.1", "what the resources hold is the sender's matter: an open without what its profile asks for passes"
)
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "DiagnosticReport-open,ImagingStudy-open")
    for name, context in ("DiagnosticReport-open", STUDY), ("ImagingStudy-open", [{"key": "study", "resource": {}}]):
        sent = program.send(name, context)
        assert same(socket.event(), sent)


@row("FHIRcast 3.2.2", "UserLogout and UserHibernate unsubscribe nobody")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "UserLogout,UserHibernate,Patient-open")
    for name in "UserLogout", "userHibernate":
        sent = program.send(name, parameters())
        assert socket.event()["id"] == sent["id"]
    program.nothing_more(socket)


# 2.5.2 and 2.5.4, acknowledgements and refusals


def outcome(frame: dict[str, Any]) -> dict[str, Any]:
    """The codes of a SyncError that has the form the guide gives it (3.2.1 and its profile)."""
    assert frame["event"]["hub.event"].casefold() == "syncerror", frame
    assert isinstance(frame["id"], str) and isinstance(frame["timestamp"], str)
    (item,) = frame["event"]["context"]
    assert item["key"] == "operationoutcome" and item["resource"]["resourceType"] == "OperationOutcome"
    issue = item["resource"]["issue"][0]
    assert (issue["severity"], issue["code"]) == ("warning", "processing") and issue["diagnostics"].strip()
    codes = {coding["system"]: coding["code"] for coding in issue["details"]["coding"]}
    named = {key.removeprefix(SYSTEM): value for key, value in codes.items() if key.startswith(SYSTEM)}
    assert {"eventid", "eventname", "subscriber", "subscribername"} >= set(named) and len(named) >= 3
    return named


def answered(hub: Hub, status: Any, refused: bool, name: str = "Patient-open", id: str | None = None) -> None:
    program = hub.program()
    other, deaf = program.listen("OTHER", "SyncError,Patient-open"), program.listen("DEAF", "Patient-open")
    socket = program.listen("REFUSER", f"{name},SyncError,Patient-open")
    sent = program.send(name, resource(name, "1"))
    if name == "Patient-open":
        assert other.event()["id"] == deaf.event()["id"] == sent["id"]
    assert socket.event()["id"] == sent["id"]
    socket.send({"id": id or sent["id"], "status": status} if status is not None else {"id": id or sent["id"]})
    if refused:
        codes = outcome(other.event())
        assert (codes["eventid"], codes["eventname"].casefold()) == (sent["id"], name.casefold())
        assert "REFUSER" in (codes.get("subscriber"), codes.get("subscribername"))
    program.listen("", "Patient-open")  # the hub has read the answer before it answers this
    program.nothing_more(other, deaf, socket)


for status in (409, 404, 422, 500, 503, 302, "409"):
    told = f"an event answered with {status!r} is told as SyncError to the others that listed it, and only once"
    add("FHIRcast 2.5.2", told, partial(answered, status=status, refused=True))
for status in (200, 202, 204, "200"):
    add("FHIRcast 2.5.2", f"{status!r} is no refusal", partial(answered, status=status, refused=False))
add("Practice", "an acknowledgement without a status is no refusal", partial(answered, status=None, refused=False))
add("FHIRcast 2.5.2", "only an event that was sent is refused", partial(answered, status=409, refused=False, id="x"))
for name in "DiagnosticReport-select", "DiagnosticReport-update":
    check = partial(answered, status=409, refused=False, name=name)
    add("FHIRcast 3.2.1", f"a refused {name} makes no SyncError", check)


@row("FHIRcast 2.5.4", "an event accepted with 202 can be refused later")
def _(hub: Hub) -> None:
    program = hub.program()
    other, socket = program.listen("", "SyncError"), program.listen("S", "Patient-open")
    sent = program.send("Patient-open")
    socket.event()
    for status in 202, 409:
        socket.send({"id": sent["id"], "status": status})
    assert outcome(other.event())["eventid"] == sent["id"]


@row("FHIRcast 2.5.4", "a subscriber's own SyncError is passed on, and its refusal makes no other")
def _(hub: Hub) -> None:
    program = hub.program()
    other, socket = program.listen("", "SyncError,Patient-open"), program.listen("S", "SyncError,Patient-open")
    sent = program.send("SyncError", CATALOGUE["3.2.1 SyncError"])
    assert same(other.event(), sent) and same(socket.event(), sent)
    other.send({"id": sent["id"], "status": 409})
    program.listen("", "Patient-open")
    program.nothing_more(other, socket)


def closed(hub: Hub, code: int | None) -> None:
    program = hub.program()
    other = program.listen("", "SyncError,subscription-removed,Patient-open")
    socket = program.listen("S", "Patient-open")
    sent = program.send("Patient-open")
    assert other.event()["id"] == socket.event()["id"] == sent["id"]
    if code is None:
        socket.cut()
        frame = other.event()
        if frame["event"]["hub.event"] == "subscription-removed":  # Cast's own word for it
            frame = other.event()
        codes = outcome(frame)
        assert codes["eventid"] == sent["id"] and "S" in (codes.get("subscriber"), codes.get("subscribername"))
        return
    socket.leave(code)
    end = program.listen("", "Patient-open", hub__lease_seconds="1")
    while "closed" not in end.frame():
        pass  # by then a SyncError would have come
    program.nothing_more(other, but=("subscription-removed",))


add("FHIRcast 2.5.5", "a broken connection is told as SyncError", partial(closed, code=None), needs=(QUICK,))
for code in 1000, 1001:
    check = partial(closed, code=code)
    add("FHIRcast 2.5.5", f"a socket closed with {code} makes no SyncError", check, FHIRCAST, (QUICK,))


@row("Practice", "heartbeat, which left the guide, comes to those that list it and to nobody else", needs=(QUICK,))
def _(hub: Hub) -> None:
    program = hub.program()
    other, socket = program.listen("", "Patient-open"), program.listen("", "Heartbeat")
    beat = socket.event()["event"]
    assert beat["hub.event"].casefold() == "heartbeat" and beat["context"][0]["key"] == "period"
    program.nothing_more(other)
