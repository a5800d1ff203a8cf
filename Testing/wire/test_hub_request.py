"""Protocol: request and response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hub_process import HubProcess
from hub_wire import Wire, batch_body, event, provider


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def question(wire: Wire, kind: str = "status", timeout: float = 5, **root: Any) -> dict[str, Any]:
    context = {"dataType": kind.upper(), "timeoutSeconds": timeout}
    return event(f"{kind}-request", wire.topic, context, **{"subscriber_name": "ASKER", **root})


def asked(wire: Wire, pool: ThreadPoolExecutor, body: dict[str, Any]) -> Future[dict[str, Any]]:
    def ask() -> dict[str, Any]:
        answer = wire.request(body)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    return pool.submit(ask)


def test_collated_answer(wire: Wire, pool: ThreadPoolExecutor) -> None:
    asker = wire.listen("ASKER", subscriber__product__name="VTK-JS", subscriber__actors="WORKLIST_CLIENT")
    display = wire.listen("DISPLAY", subscriber__product__name="3DSLICER-ID", subscriber__actors='["ID"]')
    plain = wire.listen("PLAIN", "Patient-open")
    body = question(wire, target_actor="ID")
    answer = asked(wire, pool, body)
    frame = display.event()
    assert frame["id"] != body["id"] and frame["timestamp"]
    assert frame["event"]["context"]["id"] == body["id"] and frame["event"]["context"]["dataType"] == "STATUS"
    assert frame["subscriber.name"] == "ASKER" and frame["subscriber.product.name"] == "VTK-JS"
    assert frame["subscriber.actor"] == "WORKLIST_CLIENT" and frame["target.actor"] == "ID"
    display.answer(frame, {"source": "status"}, "DISPLAY")
    collated = answer.result()
    [response] = collated.pop("responses")
    assert response.pop("id")
    assert response == {
        "subscriber": "DISPLAY",
        "actor": "ID",
        "productName": "3DSLICER-ID",
        "data": {"source": "status"},
    }
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
    asker.nothing()
    plain.nothing()


def test_nobody_there(wire: Wire) -> None:
    answer = wire.request(question(wire)).json()
    assert answer["responses"] == [] and answer["expected"] == [] and answer["timedOut"] is False


def test_timed_out_keeps_what_came(wire: Wire, pool: ThreadPoolExecutor) -> None:
    quick, silent = wire.listen("QUICK"), wire.listen("SILENT")
    answer = asked(wire, pool, question(wire, timeout=0.3))
    quick.answer(quick.event(), 1, "QUICK")
    frame = silent.event()
    collated = answer.result()
    assert collated["ok"] is False and collated["timedOut"] is True
    assert collated["missing"] == ["SILENT"] and sorted(collated["expected"]) == ["QUICK", "SILENT"]
    assert [each["subscriber"] for each in collated["responses"]] == ["QUICK"]
    silent.answer(frame, "too late", "SILENT")
    assert wire.request(question(wire, timeout=0.1)).json()["responses"] == []


def test_an_answer_counts_once_and_only_from_the_asked(wire: Wire, pool: ThreadPoolExecutor) -> None:
    one, two = wire.listen("ONE", subscriber__actors="ID"), wire.listen("TWO", subscriber__actors="ID")
    stranger = wire.listen("STRANGER")
    answer = asked(wire, pool, question(wire, target_actor="ID"))
    frame = one.event()
    stranger.answer(frame, "not asked", "ONE")
    one.answer(frame, "another's", "ONE", request_id="another")
    one.answer(frame, "first", "ONE")
    one.answer(frame, "second", "ONE")
    one.answer(frame, "as another", "TWO")
    two.answer(two.event(), "two", "TWO")
    collated = answer.result()
    assert {each["subscriber"]: each["data"] for each in collated["responses"]} == {"ONE": "first", "TWO": "two"}


def test_a_responder_that_dies_is_not_waited_for(wire: Wire, pool: ThreadPoolExecutor) -> None:
    one, two = wire.listen("ONE"), wire.listen("TWO")
    answer = asked(wire, pool, question(wire, timeout=60))
    one.answer(one.event(), 1, "ONE")
    two.event()
    two.cut()
    collated = answer.result(10)
    assert collated["ok"] is False and collated["missing"] == ["TWO"] and len(collated["responses"]) == 1


def test_two_requests_at_once_do_not_mix(wire: Wire, pool: ThreadPoolExecutor) -> None:
    one = wire.listen("ONE")
    bodies = [question(wire), question(wire, "sceneview")]
    answers = [asked(wire, pool, body) for body in bodies]
    frames = [one.event(), one.event()]
    for frame in reversed(frames):
        one.answer(frame, frame["event"]["context"]["id"], "ONE")
    for body, answer in zip(bodies, answers, strict=True):
        assert answer.result()["responses"][0]["data"] == body["id"]


def test_an_open_id_cannot_be_asked_twice(wire: Wire, pool: ThreadPoolExecutor) -> None:
    one = wire.listen("ONE")
    body = question(wire)
    answer = asked(wire, pool, body)
    frame = one.event()
    assert wire.request(body).status_code == 409
    one.answer(frame, 1, "ONE")
    assert answer.result()["ok"] is True


def test_without_topic_all_topics_the_asker_may_see(hub: HubProcess, wire: Wire, pool: ThreadPoolExecutor) -> None:
    display = wire.listen("DISPLAY", subscriber__product__name=wire.topic)
    with provider(hub.url) as everyone:
        for asker in (wire, everyone):
            body = question(wire, target_product_name=wire.topic)
            del body["event"]["hub.topic"]
            answer = asked(asker, pool, body)
            display.answer(display.event(), 1, "DISPLAY")
            assert answer.result()["expected"] == ["DISPLAY"]


def test_a_large_answer_as_a_batch(wire: Wire, pool: ThreadPoolExecutor) -> None:
    display = wire.listen("DISPLAY")
    answer = asked(wire, pool, question(wire, "sceneview"))
    frame = display.event()
    context = {"id": frame["event"]["context"]["id"], "dataType": "SCENEVIEW"}
    context["files"] = [{"fileName": "view.png", "byteLength": 5}]
    envelope = event("sceneview-response", wire.topic, context, subscriber_name="DISPLAY")
    assert wire.send_batch(batch_body(envelope, [b"12345"])).status_code == 200
    [response] = answer.result()["responses"]
    [file] = response["files"]
    assert file["fileName"] == "view.png" and file["chunkByteLengths"] == [5]
    assert wire.payload(file["payloadIds"][0]).content == b"12345"
    assert wire.send_batch(batch_body(envelope, [b"12345"])).status_code == 409, "nobody waits any more"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": None}, "id"),
    ({"subscriber.name": None}, "subscriber.name"),
    ({"event": {"hub.event": "status"}}, "event.hub.event"),
    ({"event": {"hub.topic": "t"}}, "event.hub.event"),
    ({"event": {"hub.event": "status-request", "context": {"timeoutSeconds": "soon"}}}, "event.context.timeoutSeconds"),
    ({"timeoutSeconds": -1}, "timeoutSeconds"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_bad_requests(wire: Wire, change: dict[str, Any], field: str) -> None:
    body = event("status-request", wire.topic, {}, subscriber_name="ASKER") | change
    answer = wire.request({key: value for key, value in body.items() if value is not None})
    assert answer.status_code == 400 and answer.json()["field"] == field


def test_rights(wire: Wire) -> None:
    body = question(wire)
    body["event"]["hub.topic"] = "*"
    assert wire.request(body).status_code == 403
    wire.use("")
    assert wire.request(question(wire)).status_code == 401


def test_a_response_of_many_megabytes_on_the_socket(wire: Wire, pool: ThreadPoolExecutor) -> None:
    display = wire.listen("DISPLAY")
    answer = asked(wire, pool, question(wire, "pngfullsize", timeout=30))
    picture = "A" * 8_000_000
    display.answer(display.event(), {"context": [picture]}, "DISPLAY")
    assert json.dumps(answer.result()["responses"][0]["data"]).count("A") == len(picture)
