"""FHIRcast 2.4.2, 2.9 and 4.2.2, the current context; 2.7, what a hub says of itself; pages of other origins."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from conformance.kit import CONTEXT, NO_CONTEXT, SIGN_IN, STRICT, Hub, Program, add, event, resource, row

BOOLEANS = ("supportsGetCurrentContext", "supportsNonCurrentContextUpdates")


@row("FHIRcast 2.7.1", "the well-known document lies below hub.url, is JSON and needs no token")
def _(hub: Hub) -> None:
    answer = hub.configuration()
    assert answer.status_code == 200 and answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert isinstance(answer.json(), dict)


@row("FHIRcast 2.7.1", "it lists the supported events, says websocketSupport and the version")
def _(hub: Hub) -> None:
    found = hub.configuration().json()
    assert found["eventsSupported"] and all(isinstance(name, str) for name in found["eventsSupported"])
    assert found["websocketSupport"] is True and found["fhircastVersion"] == "3.0.0"


@row("FHIRcast 2.7.1", "its capabilities are true or false, and getCurrentSupport agrees with them")
def _(hub: Hub) -> None:
    found = hub.configuration().json()
    assert all(isinstance(found["capabilities"][name], bool) for name in BOOLEANS)
    assert found.get("getCurrentSupport") in (None, found["capabilities"]["supportsGetCurrentContext"])


@row("FHIRcast 2.7.1", "what it says of the current context is what it does")
def _(hub: Hub) -> None:
    program = hub.program()
    assert program.http.get(program.at(program.topic)).status_code == (200 if hub.keeps_context() else 404)


@row("FHIRcast 2.7.1", "where only FHIRcast is spoken nothing else is listed", STRICT)
def _(hub: Hub) -> None:
    named = [name for name in hub.configuration().json()["eventsSupported"] if "." not in name and "-" in name]
    assert {name.rsplit("-", 1)[1] for name in named} <= {"open", "close", "update", "select"}


def current(program: Program) -> dict[str, Any]:
    answer = program.http.get(program.at(program.topic))
    assert answer.status_code == 200 and answer.headers["Content-Type"].split(";")[0] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def is_open(program: Program, name: str = "", id: str = "") -> bool:
    """Whether this is the current context; without a name: whether there is none."""
    found = current(program)
    if not name:
        return (found["context.type"], found["context"]) == ("", [])
    first = found["context"][0]["resource"]
    return (found["context.type"], first["id"]) == (name.split("-")[0], id)


def opened(program: Program, name: str, id: str) -> dict[str, Any]:
    return program.send(name, resource(name, id))


@row("FHIRcast 2.9", "a hub without a current context answers 404", needs=(NO_CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    opened(program, "Patient-open", "1")
    assert program.http.get(program.at(program.topic)).status_code == 404


@row("FHIRcast 2.4.2", "a hub without a current context sends nothing unasked", needs=(NO_CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    opened(program, "Patient-open", "1")
    program.nothing_more(program.listen("", "Patient-open"))


@row("FHIRcast 2.9", "nothing open is an empty type and an empty context", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    found = current(hub.program())
    assert found == {"context.type": "", "context.versionId": "", "context": []}


CONTEXTS = [
    ("Patient", "patient"),
    ("Encounter", "encounter"),
    ("ImagingStudy", "study"),
    ("DiagnosticReport", "report"),
]


def answered(hub: Hub, type: str, key: str) -> None:
    program = hub.program()
    items = [{"key": key, "resource": {"resourceType": type, "id": "1"}}, {"key": "extension", "data": {"a": 1}}]
    program.send(f"{type}-open".upper(), items)
    found = current(program)
    assert found["context.type"] == type, "spelled as the resource's type"
    assert isinstance(found["context.versionId"], str) and found["context.versionId"]
    assert [item for item in found["context"] if item["key"] != "content"] == items


for type, key in CONTEXTS:
    check = partial(answered, type=type, key=key)
    add("FHIRcast 2.9", f"what {type}-open has opened is answered, with a version", check, needs=(CONTEXT,))


@row("FHIRcast 2.9", "each change of the context has a version of its own", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    versions = []
    for id in "1", "2", "1":
        opened(program, "Patient-open", id)
        versions.append(current(program)["context.versionId"])
    assert len(set(versions)) == 3 and current(program)["context.versionId"] == versions[-1]


@row("FHIRcast 2.9", "after the current context is closed there is none, whatever else is open", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    opened(program, "Patient-open", "1")
    opened(program, "ImagingStudy-open", "1")
    opened(program, "ImagingStudy-close", "1")
    assert is_open(program)


@row("FHIRcast 2.9", "the current context needs a good token, as subscribing does", needs=(CONTEXT, SIGN_IN))
def _(hub: Hub) -> None:
    program = hub.program()
    program.use("nonsense")
    assert program.http.get(program.at(program.topic)).status_code in (401, 403)


@row("FHIRcast 2.9", "a topic with characters that an address must quote has its context too", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program("a/b c?d&e=f#g%25é" + hub.program().topic)
    opened(program, "Patient-open", "1")
    answer = program.http.get(program.at(quote(program.topic, safe="")))
    assert answer.status_code == 200 and answer.json()["context.type"] == "Patient"
    other = hub.program()
    assert is_open(other), "and another topic has none"


@row("FHIRcast 2.9", "an update, a selection or a SyncError changes nothing", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    opened(program, "DiagnosticReport-open", "1")
    before = current(program)
    report = [{"key": "report", "reference": {"reference": "DiagnosticReport/1"}}]
    program.send("DiagnosticReport-select", report)
    program.send("SyncError", [])
    assert current(program) == before


@row("FHIRcast 4.2.2", "the last open is the current context, and opening again switches to it", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    for id in "1", "2", "1":
        opened(program, "Patient-open", id)
        assert is_open(program, "Patient", id)
    opened(program, "Patient-close", "2")
    assert is_open(program, "Patient", "1"), "closing another leaves the current one"


@row("FHIRcast 3.2.4", "Home-open leaves nothing current and closes nothing", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    sent = opened(program, "Patient-open", "1")
    program.send("home-open", [])
    assert is_open(program)
    assert program.listen("", "Patient-open").event()["id"] == sent["id"]


@row(
    "FHIRcast 2.4.2",
    "a new subscriber hears at once what is open: the original id, timestamp and context",
    needs=(CONTEXT,),
)
def _(hub: Hub) -> None:
    program = hub.program()
    sent = program.send("ImagingStudy-open", resource("ImagingStudy-open", "1", value=1.5))
    told = program.listen("", "imagingstudy-open").event()
    version = told["event"].pop("context.versionId")
    assert told == sent and version == current(program)["context.versionId"]


@row("FHIRcast 2.4.2", "only of events that it has listed, and of each kind the last", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    for name, id in [("Encounter-open", "1"), ("Patient-open", "1"), ("Patient-open", "2"), ("ImagingStudy-open", "1")]:
        last = opened(program, name, id)
    socket = program.listen("", "Patient-open,ImagingStudy-open,Patient-close")
    first, second = socket.event(), socket.event()
    assert first["event"]["context"][0]["resource"] == {"resourceType": "Patient", "id": "2"}
    assert second["id"] == last["id"], "in the order in which they were opened"
    program.nothing_more(socket, name="Patient-close")


@row("FHIRcast 2.4.2", "what was closed is not told, what is still open is", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    first = opened(program, "Patient-open", "1")
    opened(program, "Patient-open", "2")
    opened(program, "Patient-close", "2")
    socket = program.listen("", "Patient-open,Patient-close")
    assert socket.event()["id"] == first["id"]
    opened(program, "Patient-close", "1")
    socket.event()
    program.nothing_more(program.listen("", "Patient-open,Patient-close"), name="Patient-close")


@row("FHIRcast 2.4.2", "what is open stays while somebody is subscribed and goes with the last one", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    first, second = program.subscribe("", "Patient-open"), program.subscribe("", "Patient-open")
    opened(program, "Patient-open", "1")
    program.unsubscribe(first)
    assert is_open(program, "Patient", "1")
    program.unsubscribe(second)
    assert is_open(program)


@row("FHIRcast 2.4.2", "a subscriber that binds again is not told again", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    sent = opened(program, "Patient-open", "1")
    endpoint = program.subscribe("", "Patient-open")
    assert program.bind(endpoint).event()["id"] == sent["id"]
    program.nothing_more(program.bind(endpoint))


@row("Practice", "pages of this machine are let in: CORS on every address", needs=())
def _(hub: Hub) -> None:
    program = hub.program()
    page = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    page["Access-Control-Request-Headers"] = "authorization,content-type"
    for path in "", program.topic, ".well-known/fhircast-configuration":
        answer = program.http.options(program.at(path), headers=page)
        assert 200 <= answer.status_code < 300
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", page["Origin"])
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"].casefold()
    body = event("Patient-open", program.topic)
    answer = program.http.post(program.hub, json=body, headers={"Origin": page["Origin"]})
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", page["Origin"])


@row("FHIRcast 2.10", "an update of a report is refused when none is open", needs=(CONTEXT,))
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "DiagnosticReport-update,DiagnosticReport-open,Patient-open")
    update = event("DiagnosticReport-update", program.topic, resource("DiagnosticReport-update", "1"))
    assert 400 <= program.publish(update).status_code < 500
    opened = program.send("DiagnosticReport-open", resource("DiagnosticReport-open", "1"))
    assert program.publish(update).status_code < 300
    assert [socket.event()["id"] for _ in range(2)] == [opened["id"], update["id"]]
    program.send("DiagnosticReport-close", resource("DiagnosticReport-close", "1"))
    assert 400 <= program.publish(update).status_code < 500
