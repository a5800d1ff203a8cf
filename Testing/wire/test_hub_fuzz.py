"""Malformed requests and frames by the hundred: none is a mistake of the hub's, and the hub goes on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from hub_process import HubProcess
from hub_wire import Wire, batch_body, event

SEED = 20
VALUES = [None, True, 0, -1, 1.5, 10**30, "", "*", "x" * 300, "\x00", [], [[]], {}, {"a": 1}, [None], "status-request"]


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, drop, double or cut some bytes."""
    text = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del text[at : at + chance.randint(1, 9)]
            case 2:
                text[at:at] = text[at : at + chance.randint(1, 20)]
            case _:
                text = text[: max(at, 1)]
    return bytes(text)


def mutated_value(value: object, chance: random.Random) -> object:
    """Put something else in the place of one value somewhere inside."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        return {**value, key: mutated_value(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        return [*value[:at], mutated_value(value[at], chance), *value[at + 1 :]]
    return chance.choice(VALUES)


@pytest.fixture(scope="module")
def count(long: bool) -> int:
    return 12_000 if long else 250


@pytest.fixture
def own_hub(start_hub: Callable[..., HubProcess]) -> HubProcess:
    return start_hub()


def test_requests_and_frames(own_hub: HubProcess, count: int) -> None:
    chance = random.Random(SEED)
    with Wire(own_hub.url) as wire:
        listener = wire.listen("S")
        publish = event("ImagingStudy-open", wire.topic, {"files": [{"fileName": "a.dcm", "payloadIds": ["x"]}]})
        asked_of_nobody = {
            "subscriber_name": "A",
            "target_actor": "NOBODY",
        }  # or a mutated time-out would be waited for
        question = event("status-request", wire.topic, {"timeoutSeconds": 0.001}, **asked_of_nobody)
        files = [{"fileName": "a.dcm", "byteLength": 3}, {"fileName": "b.dcm", "byteLength": 5}]
        envelope = event("dicom-send", wire.topic, {"files": files})
        answer = event("status-response", wire.topic, {"id": "1", "dataType": "STATUS", "data": {}})
        kinds = {"Content-Type": "application/json"}
        for _ in range(count):
            batch = mutated_bytes(batch_body(envelope, [b"abc", b"defgh"]), chance)
            odd_batch = batch_body(mutated_value(envelope, chance), [b"abc", b"defgh"])
            form = {key: str(mutated_value(value, chance)) for key, value in wire.form("F").items()}
            for reply in (
                wire.publish(mutated_bytes(json.dumps(publish).encode(), chance)),
                wire.publish(mutated_value(publish, chance)),
                wire.request(mutated_value(question, chance)),
                wire.http.post(
                    f"{wire.hub}request", mutated_bytes(json.dumps(question).encode(), chance), headers=kinds
                ),
                wire.send_batch(batch),
                wire.send_batch(odd_batch),
                wire.http.post(wire.hub, data=form),
                wire.http.post(
                    f"{wire.url}/oauth/token", json=mutated_value({"grant_type": "authorization_code"}, chance)
                ),
                wire.http.post(
                    f"{wire.url}/oauth/authorize", json=mutated_value({"user_name": "u", "topic": "t"}, chance)
                ),
            ):
                assert reply.status_code < 500, reply.text
            listener.send(json.dumps(mutated_value(answer, chance)))
            listener.send(mutated_bytes(json.dumps(answer).encode(), chance).decode("utf-8", "replace"))
        last = event("Patient-open", wire.topic)
        wire.publish(last, 202)
        while listener.event()["id"] != last["id"]:
            pass
    assert "mistake" not in own_hub.log.read_text()
