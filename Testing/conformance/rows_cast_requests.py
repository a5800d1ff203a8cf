"""Cast's requests, their collated answers, and who may take part (section names are those of the protocol)."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from conformance.kit import CAST, SIGN_IN, Hub, Program, add, event, row
from hub_wire import batch_body

SECTION = "Cast Request and response"


def question(program: Program, kind: str = "status", timeout: float = 5, **root: Any) -> dict[str, Any]:
    context = {"dataType": kind.upper(), "timeoutSeconds": timeout}
    return event(f"{kind}-request", program.topic, context, **{"subscriber_name": "ASKER", **root})


def asked(program: Program, body: dict[str, Any]) -> Future[dict[str, Any]]:
    """The collated answer that will come."""
    pool = ThreadPoolExecutor(1)

    def ask() -> dict[str, Any]:
        answer = program.request(body)
        assert answer.status_code == 200, answer.text[:200]
        value: dict[str, Any] = answer.json()
        return value

    future = pool.submit(ask)
    pool.shutdown(wait=False)
    return future


@row(SECTION, "who is asked gets the question, and the asker gets the answers in one piece", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    asker = program.listen("ASKER", subscriber__product__name="VTK-JS", subscriber__actors="WORKLIST_CLIENT")
    display = program.listen("DISPLAY", subscriber__product__name="3DSLICER-ID", subscriber__actors='["ID"]')
    plain = program.listen("PLAIN", "Patient-open")
    body = question(program, target_actor="ID")
    answer = asked(program, body)
    frame = display.event()
    assert frame["id"] != body["id"] and frame["timestamp"]
    assert frame["event"]["hub.event"] == "status-request"
    assert frame["event"]["context"]["id"] == body["id"] and frame["event"]["context"]["dataType"] == "STATUS"
    assert (frame["subscriber.name"], frame["target.actor"]) == ("ASKER", "ID")
    assert frame["subscriber.product.name"] == "VTK-JS" and frame["subscriber.actor"] == "WORKLIST_CLIENT"
    display.answer(frame, {"source": "status"}, "DISPLAY")
    collated = answer.result()
    [response] = collated.pop("responses")
    assert response.pop("id")
    names = {"subscriber": "DISPLAY", "actor": "ID", "productName": "3DSLICER-ID"}
    assert response == {**names, "data": {"source": "status"}}
    assert collated == {
        "ok": True,
        "id": body["id"],
        "subscriber.name": "ASKER",
        "dataType": "STATUS",
        "subscriber.actor": "",
        "target.actor": "ID",
        "expected": ["DISPLAY"],
        "missing": [],
        "timedOut": False,
    }
    program.nothing_more(asker, plain)


@row(SECTION, "when nobody is there the answer is empty and comes at once", CAST)
def _(hub: Hub) -> None:
    answer = asked(program := hub.program(), question(program, timeout=60)).result(10)
    assert answer["responses"] == [] and answer["expected"] == [] and answer["timedOut"] is False


@row(SECTION, "when the time is over the answer says so and holds what came; what comes later counts nowhere", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    quick, silent = program.listen("QUICK"), program.listen("SILENT")
    answer = asked(program, question(program, timeout=0.3))
    quick.answer(quick.event(), 1, "QUICK")
    frame = silent.event()
    collated = answer.result()
    assert collated["ok"] is False and collated["timedOut"] is True
    assert collated["missing"] == ["SILENT"] and sorted(collated["expected"]) == ["QUICK", "SILENT"]
    assert [each["subscriber"] for each in collated["responses"]] == ["QUICK"]
    silent.answer(frame, "too late", "SILENT")
    assert program.request(question(program, timeout=0.1)).json()["responses"] == []


@row(SECTION, "an answer counts once, only for its own request, and only from a subscriber that was asked", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    one, two = program.listen("ONE", subscriber__actors="ID"), program.listen("TWO", subscriber__actors="ID")
    stranger = program.listen("STRANGER")
    answer = asked(program, question(program, target_actor="ID"))
    frame = one.event()
    stranger.answer(frame, "not asked", "ONE")
    one.answer(frame, "another's", "ONE", request_id="another")
    one.answer(frame, "first", "ONE")
    one.answer(frame, "second", "ONE")
    one.answer(frame, "as another", "TWO")
    two.answer(two.event(), "two", "TWO")
    collated = answer.result()
    assert {each["subscriber"]: each["data"] for each in collated["responses"]} == {"ONE": "first", "TWO": "two"}


@row(SECTION, "a responder that dies is waited for no longer, and is missing", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    one, two = program.listen("ONE"), program.listen("TWO")
    answer = asked(program, question(program, timeout=60))
    one.answer(one.event(), 1, "ONE")
    two.event()
    two.cut()
    collated = answer.result(10)
    assert collated["ok"] is False and collated["missing"] == ["TWO"] and len(collated["responses"]) == 1


@row(SECTION, "two requests at once do not mix", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    one = program.listen("ONE")
    bodies = [question(program), question(program, "sceneview")]
    answers = [asked(program, body) for body in bodies]
    for frame in reversed([one.event(), one.event()]):
        one.answer(frame, frame["event"]["context"]["id"], "ONE")
    for body, answer in zip(bodies, answers, strict=True):
        assert answer.result()["responses"][0]["data"] == body["id"]


@row(SECTION, "a request's id cannot be asked a second time while it is open", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    one = program.listen("ONE")
    body = question(program)
    answer = asked(program, body)
    frame = one.event()
    assert program.request(body).status_code == 409
    one.answer(frame, 1, "ONE")
    assert answer.result()["ok"] is True


@row(SECTION, "askers of different topics may give their requests the same id at once", CAST)
def _(hub: Hub) -> None:
    programs = hub.program(), hub.program()
    displays = [program.listen("DISPLAY") for program in programs]
    bodies = [question(program) | {"id": programs[0].topic} for program in programs]
    answers = [asked(program, body) for program, body in zip(programs, bodies, strict=True)]
    frames = [display.event() for display in displays]
    for program, display, frame in zip(programs, displays, frames, strict=True):
        display.answer(frame, program.topic, "DISPLAY")
    for program, answer in zip(programs, answers, strict=True):
        assert [each["data"] for each in answer.result()["responses"]] == [program.topic]


@row(SECTION, "a FHIRcast subscriber is asked only what it has listed", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    listed, other = program.listen("LISTED", "status-request,Patient-open"), program.listen("OTHER", "Patient-open")
    answer = asked(program, question(program))
    listed.answer(listed.event(), 1, "LISTED")
    assert answer.result()["expected"] == ["LISTED"]
    program.nothing_more(listed, other)


@row(SECTION, "without a topic all topics are asked that the asker may see", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    display = program.listen("DISPLAY", subscriber__product__name=program.topic)
    for asker in (program, hub.provider()):
        body = question(program, target_product_name=program.topic)
        del body["event"]["hub.topic"]
        answer = asked(asker, body)
        display.answer(display.event(), 1, "DISPLAY")
        assert answer.result()["expected"] == ["DISPLAY"]


@row(SECTION, "a question to all topics reaches each subscriber on its own, told who asks", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    first, second, asker = hub.program(), hub.program(), hub.provider()
    product = first.topic
    sockets = {each.topic: each.listen("S", subscriber__product__name=product) for each in (first, second)}
    asker.listen("ASKER", "nothing", subscriber__product__name="SEGMENTER")
    answer = asked(asker, question(asker, target_product_name=product) | {"id": product})
    for topic, socket in sockets.items():
        frame = socket.event()
        assert frame["event"]["hub.topic"] == topic and frame["subscriber.product.name"] == "SEGMENTER"
        socket.answer(frame, topic, "S")
    assert {each["data"] for each in answer.result()["responses"]} == set(sockets)


@row(SECTION, "a responder whose socket comes back may still answer", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint, other = program.subscribe("ONE"), program.listen("OTHER")
    one = program.bind(endpoint)
    answer = asked(program, question(program, timeout=60))
    frame = one.event()
    one.cut()
    program.bind(endpoint).answer(frame, 1, "ONE")
    other.answer(other.event(), 2, "OTHER")
    collated = answer.result()
    assert collated["missing"] == [] and len(collated["responses"]) == 2


def large_answer(program: Program, frame: dict[str, Any], name: str, content: bytes, **more: Any) -> int:
    """Answer with a file, as a batch, and return the status."""
    context = {"id": frame["event"]["context"]["id"], "dataType": "SCENEVIEW", **more}
    context["files"] = [{"fileName": "view.png", "byteLength": len(content)}]
    envelope = event("sceneview-response", program.topic, context, subscriber_name=name)
    return program.send_batch(batch_body(envelope, [content])).status_code


@row(SECTION, "a large answer may come as a batch; the asker reads its files", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    display = program.listen("DISPLAY")
    answer = asked(program, question(program, "sceneview"))
    frame = display.event()
    assert large_answer(program, frame, "DISPLAY", b"12345", data={"source": "sceneview"}) == 200
    [response] = answer.result()["responses"]
    [file] = response["files"]
    assert response["subscriber"] == "DISPLAY" and response["data"] == {"source": "sceneview"}
    assert file["fileName"] == "view.png" and file["chunkByteLengths"] == [5]
    assert program.payload(file["payloadIds"][0]).content == b"12345"
    assert large_answer(program, frame, "DISPLAY", b"12345") == 409, "nobody waits any more"


@row(SECTION, "a large answer comes from who was asked, and is read by the asker alone", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program(user="asker")
    responder, third = (hub.program(program.topic, user) for user in ("responder", "third"))
    display, bystander = responder.listen("DISPLAY", subscriber__actors="ID"), third.listen("THIRD")
    answer = asked(program, question(program, "sceneview", target_actor="ID"))
    frame = display.event()
    assert large_answer(third, frame, "DISPLAY", b"forged") == 409, "it was not asked"
    assert large_answer(responder, frame, "ANOTHER", b"forged") == 409, "nor was one of this name"
    assert large_answer(responder, frame, "DISPLAY", b"picture") == 200
    [response] = answer.result()["responses"]
    [id] = response["files"][0]["payloadIds"]
    for user, status in (("asker", 200), ("third", 404), ("stranger", 404)):
        assert hub.program(program.topic, user).payload(id).status_code == status, user
    program.nothing_more(bystander)


@row(SECTION, "an answer of many megabytes fits on the socket", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    display = program.listen("DISPLAY")
    answer = asked(program, question(program, "pngfullsize", timeout=30))
    picture = "A" * 8_000_000
    display.answer(display.event(), {"context": [picture]}, "DISPLAY")
    assert json.dumps(answer.result()["responses"][0]["data"]).count("A") == len(picture)


@row(SECTION, "time-outs stand in the event's context, else the body's, else the root", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    program.listen("SILENT")
    for context, body in (
        ({}, {"timeoutSeconds": 0.1}),
        ({}, {"context": {"timeoutSeconds": 0.1}, "timeoutSeconds": 60}),
    ):
        asked_body = {**question(program), **body}
        asked_body["event"] = {**asked_body["event"], "context": context}
        assert asked(program, asked_body).result(10)["timedOut"] is True


@row(SECTION, "topic * is not for everybody, and a token is needed", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    body = question(program)
    body["event"]["hub.topic"] = "*"
    assert program.request(body).status_code == 403
    program.use("")
    assert program.request(question(program)).status_code == 401


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"id": None}, "id"),
    "no subscriber.name": ({"subscriber.name": None}, "subscriber.name"),
    "an event that asks nothing": ({"event": {"hub.event": "status"}}, "event.hub.event"),
    "no hub.event": ({"event": {"hub.topic": "t"}}, "event.hub.event"),
    "a time-out that is no number": (
        {"event": {"hub.event": "status-request", "context": {"timeoutSeconds": "soon"}}},
        "event.context.timeoutSeconds",
    ),
    "a negative time-out": ({"timeoutSeconds": -1}, "timeoutSeconds"),
}


def malformed(hub: Hub, change: dict[str, Any], field: str) -> None:
    program = hub.program()
    body = event("status-request", program.topic, {}, subscriber_name="ASKER") | change
    answer = program.request({key: value for key, value in body.items() if value is not None})
    assert answer.status_code == 400 and field in answer.text


for title, (change, field) in BAD.items():
    add(SECTION, f"{title} is refused and named", partial(malformed, change=change, field=field), CAST)
