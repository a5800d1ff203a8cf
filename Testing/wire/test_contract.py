"""The documents that the hub serves say what it does: addresses, and messages in both directions."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from contract import FOLDER, ROOT, check, is_valid, maker, openapi, schemas, validator
from hub_process import HubProcess
from hub_wire import Socket, Wire, batch_body, event, hub_in_thread
from jsonschema import Draft202012Validator

MISSING = object()
#: What is put in the place of each value of a message, one at a time.
OTHERS: list[Any] = [MISSING, None, True, 0, -1, 1.5, "", " ", "x", [], [1], ["x"], [{}], {}, {"a": 1}, "*"]


# The documents themselves


def test_the_documents_are_what_the_code_makes() -> None:
    for path, content in maker().documents().items():
        assert (ROOT / path).read_bytes() == content, f"{path} is not current: run Testing/tools/make_documents.py"
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert there == {*maker().contract(), "javascript.md"}


def test_the_hub_serves_them_to_anybody(hub: HubProcess) -> None:
    kinds = {"json": "application/json"}
    kinds |= {
        end: f"text/{of}; charset=utf-8" for end, of in (("html", "html"), ("md", "plain"), ("mjs", "javascript"))
    }
    for name, content in {**maker().contract(), "javascript.md": (FOLDER / "javascript.md").read_bytes()}.items():
        answer = requests.get(f"{hub.url}/docs/{'' if name == 'index.html' else name}")
        assert answer.status_code == 200 and answer.content == content, name
        assert answer.headers["Content-Type"] == kinds[name.rpartition(".")[2]]
        again = requests.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304 and not again.content
    assert requests.get(f"{hub.url}/docs").url == f"{hub.url}/docs/"
    links = re.findall(r'href="([^"]+)"', requests.get(f"{hub.url}/docs/").text)
    for link in links + re.findall(r"\]\(([^)]+)\)", requests.get(f"{hub.url}/docs/javascript.md").text):
        assert requests.get(f"{hub.url}/docs/{link}").status_code == 200, link
    for wrong in (
        "nothing.json",
        "schemas/",
        "schemas/nothing.json",
        "..%2f..%2fsettings.py",
        "schemas/..%2fopenapi.json",
    ):
        assert requests.get(f"{hub.url}/docs/{wrong}").status_code == 404, wrong


@pytest.mark.parametrize("name", schemas())
def test_each_schema_is_a_schema_and_all_it_refers_to_is_there(name: str) -> None:
    of = schemas()[name]
    Draft202012Validator.check_schema(of)
    assert of["$id"] == name and of["title"]
    if name != "common.json":
        validator(name.removesuffix(".json")).is_valid({"id": "x", "event": {"context": [{}]}})


def test_every_address_of_the_hub_is_described_and_no_other(tmp_path: Path) -> None:
    import asyncio

    from CastHubLib.http.server import HubServer
    from CastHubLib.settings import HubSettings

    async def served() -> set[tuple[str, str]]:
        routes = HubServer(HubSettings(state=tmp_path))._runner.app.router.routes()
        found = {(route.method.lower(), route.resource.canonical) for route in routes if route.resource}
        return {(method, path.rstrip("/") or "/") for method, path in found}

    described = {(method, path) for path, operations in openapi()["paths"].items() for method in operations}
    found = {each for each in asyncio.run(served()) if each[0] != "head"}
    assert found - {("get", "/api/hub/admin")} == described  # a page that is none


# What the hub says


class Recorder(Wire):
    """A program whose socket checks each frame that the hub sends by its schema; ``kinds`` are those that came."""

    def __init__(self, url: str, **more: Any) -> None:
        self.kinds: set[str] = set()
        super().__init__(url, **more)

    def bind(self, endpoint: str, **options: Any) -> Socket:
        socket = super().bind(endpoint, **options)
        plain = socket.frame

        def frame() -> dict[str, Any]:
            value = plain()
            self.kinds.update(kind := kinds_of(value))
            for each in kind:
                check(each, value)
            return value

        socket.frame = frame  # type: ignore[method-assign]
        return socket


def kinds_of(frame: dict[str, Any]) -> list[str]:
    if "closed" in frame:
        return []
    if "hub.mode" in frame:
        return ["denial" if frame["hub.mode"] == "denied" else "confirmation"]
    name = frame["event"]["hub.event"]
    found = ["publish"]
    if name in ("subscription-removed", "status-update", "conference-start", "conference-lead", "conference-end"):
        found.append(name)
    if name == "SyncError":
        found.append("sync-error")
    if name.endswith("-request"):
        found.append("request-frame")
    if "files" in frame["event"]["context"]:
        found.append("fan-out-manifest")
    return found


def until(socket: Socket, name: str) -> dict[str, Any]:
    while True:
        frame = socket.frame()
        if frame.get("event", {}).get("hub.event") == name or frame.get("hub.mode") == name:
            return frame


def answered(answer: requests.Response, kind: str, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    check(kind, answer.json())
    return answer.json()


def test_what_the_hub_sends_is_as_described(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, grace_seconds=0.1, context="keep") as url, Recorder(url) as wire:
        answered(wire.http.post(wire.hub, data=wire.form("S0")), "subscribed", 202)
        plain, cast = wire.listen("PLAIN", "Patient-open,SyncError,dicom-send"), wire.listen("CAST")
        opened = event("Patient-open", wire.topic, [{"key": "patient", "resource": {"resourceType": "Patient"}}])
        check("publish-fhircast", opened)
        wire.publish(opened, 202)
        refusal = {"id": until(plain, "Patient-open")["id"], "status": 409}
        check("acknowledgement", refusal)
        plain.send(refusal)
        until(cast, "SyncError")
        answered(wire.http.get(f"{url}/api/hub/{wire.topic}"), "current-context")
        send_files(wire, cast)
        ask(wire, cast)
        wire.publish(event("status-update", wire.topic, {"message": "half", "level": "info"}), 202)
        until(cast, "status-update")
        groups(wire, cast)
        plain.cut()
        until(cast, "subscription-removed")
        endpoint = wire.subscribe("GONE")
        gone = wire.bind(endpoint)
        form = {"hub.mode": "unsubscribe", "hub.channel.endpoint": endpoint}
        check("unsubscribe", form)
        answered(wire.http.post(wire.hub, data=form), "subscribed", 202)
        until(gone, "denied")
        for path in ("/api/hub", "/fhircast"):
            answered(requests.get(f"{url}{path}/.well-known/fhircast-configuration"), "fhircast-configuration")
        for wrong in (b"{", b"[]", b"{}"):
            answered(wire.publish(wrong), "error", 400)
        entry = {"fileName": "a.exe.dcm", "byteLength": 1}
        told = answered(
            wire.send_batch(batch_body(event("dicom-send", wire.topic, {"files": [entry]}), [b"x"])), "error", 400
        )
        assert told["code"] == "double_extension"
        expected = {"denial", "publish", "status-update", "subscription-removed", "sync-error", "request-frame"}
        expected |= {"fan-out-manifest", "conference-start", "conference-lead", "conference-end"}
        assert expected <= wire.kinds


def send_files(wire: Wire, receiver: Socket) -> None:
    stored = {"fileName": "a.dcm", "byteLength": 3, "mimeType": "application/dicom"}
    elsewhere = {"url": "https://files.example/b.dcm", "fileName": "b"}
    body = event("dicom-send", wire.topic, {"files": [stored, elsewhere]}, subscriber_name="SENDER")
    check("manifest", body)
    assert wire.send_batch(batch_body(body, [b"abc"])).status_code == 200
    until(receiver, "dicom-send")


def ask(wire: Wire, responder: Socket) -> None:
    import threading

    body = event("status-request", wire.topic, {"timeoutSeconds": 5}, subscriber_name="ASKER")
    body["target.subscriber.name"] = "CAST"
    check("request", body)
    got: list[requests.Response] = []
    asking = threading.Thread(target=lambda: got.append(wire.request(body)))
    asking.start()
    question = until(responder, "status-request")
    context = {"id": question["event"]["context"]["id"], "dataType": "STATUS", "data": {"items": []}}
    response = event("status-response", wire.topic, context, subscriber_name="CAST")
    check("response", response)
    responder.send(response)
    asking.join()
    assert answered(got[0], "collated-answer")["ok"]


def groups(wire: Wire, member: Socket) -> None:
    url = f"{wire.url}/api/hub/conference"
    told = openapi()["components"]["schemas"]

    def done(method: str, path: str, **body: Any) -> None:
        answer = wire.http.request(method, url + path, json=body)
        assert answer.status_code == 200, answer.text
        if "conference" in answer.json():
            Draft202012Validator(told["conference"]).validate(answer.json()["conference"])

    done("POST", "", hostTopic=wire.topic, title="T", topics=["other"])
    until(member, "conference-start")
    done("PATCH", "/join", hostTopic=wire.topic, joinTopic="third")
    until(member, "conference-start")
    done("PATCH", "/lead", hostTopic=wire.topic, sceneLeaderTopic="third")
    until(member, "conference-lead")
    done("DELETE", "", hostTopic=wire.topic, leaveTopic="other")
    until(member, "conference-end")
    done("DELETE", "", hostTopic=wire.topic)
    until(member, "conference-end")


# What the hub takes


def variations(value: Any) -> Iterator[Any]:
    """Copies of a message in each of which one value is another one, or missing."""
    for path in paths(value):
        for other in OTHERS:
            changed = copy.deepcopy(value)
            place = changed
            for key in path[:-1]:
                place = place[key]
            if other is MISSING:
                del place[path[-1]]
            else:
                place[path[-1]] = other
            yield changed


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*before, key)
        yield from paths(inner, (*before, key))


def differences(kind: str, full: dict[str, Any], status: Callable[[Any], int]) -> list[str]:
    """Where schema and hub do not agree on a variation of a message."""
    assert is_valid(kind, full) and status(full) < 300, full
    found = []
    for value in variations(full):
        got, valid = status(value), is_valid(kind, value)
        assert got < 500
        if valid != (got < 300):
            found.append(f"{got} valid={valid} {json.dumps(value)}")
    return found


def test_what_the_schema_of_a_publish_refuses_the_hub_refuses_and_nothing_else(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        full = event("Patient-open", wire.topic, [{"key": "patient", "resource": {"id": "1"}}], target_actor="ID")
        full |= {"subscriber.name": "S", "subscriber.actor": ["ID"], "target.product.name": "P"}
        assert differences("publish", full, lambda value: wire.publish(value).status_code) == []


def test_the_same_of_a_subscribe(start_hub: Callable[..., HubProcess]) -> None:
    with Wire(start_hub().url) as wire:
        full = wire.form("S", "a,b", hub__lease_seconds="60", subscriber__actors="ID", subscriber__acknowledges="true")
        full |= {"subscriber.product.name": "P", "hub.channel.endpoint": ""}
        found = differences("subscribe", full, lambda value: wire.http.post(wire.hub, json=value).status_code)
        assert [each for each in found if '"hub.topic": "*"' not in each] == []  # for providers only


def test_the_same_of_a_subscribe_at_fhircast(start_hub: Callable[..., HubProcess]) -> None:
    with Wire(start_hub().url) as wire:
        full = wire.form("S", "a,b", hub__lease_seconds="60")
        found = differences(
            "subscribe-fhircast", full, lambda value: wire.http.post(f"{wire.url}/fhircast", json=value).status_code
        )
        assert found == []
        for events in ("*", "a, *", ["*"], ["a", " * "]):
            wrong = {**full, "hub.events": events}
            assert not is_valid("subscribe-fhircast", wrong)
            assert wire.http.post(f"{wire.url}/fhircast", json=wrong).status_code == 400


def test_the_same_of_a_request(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        context = {"timeoutSeconds": 0.01, "dataType": "STATUS"}
        full = event("status-request", wire.topic, context, subscriber_name="A", target_actor="ID")
        found = differences("request", full, lambda value: wire.request(value).status_code)
        assert [each for each in found if '"hub.topic": "*"' not in each] == []  # for providers only


def test_the_same_of_a_manifest(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:

        def status(value: Any) -> int:
            found = wire.send_batch(batch_body(value, [b"x"])).status_code
            return found

        entry = {"fileName": "a.dcm", "byteLength": 1, "mimeType": "m", "dicomMetadata": {}, "url": "", "label": "L"}
        full = event("dicom-send", wire.topic, {"files": [entry]}, subscriber_name="S")
        assert differences("manifest", full, status) == []


def test_the_same_of_a_group(start_hub: Callable[..., HubProcess]) -> None:
    url = f"{start_hub().url}/api/hub/conference"
    told = Draft202012Validator(openapi()["components"]["schemas"]["conference-to-start"])
    full = {"hostTopic": "H", "title": "T", "topics": ["A", "B"], "hostUserName": "U"}
    for value in variations(full):
        answer = requests.post(url, json=value)
        assert answer.status_code in ((200,) if told.is_valid(value) else (400,)), (value, answer.text)
