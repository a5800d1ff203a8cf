"""The hub's log: every message can be followed in it, and nothing that is private ever stands in it."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from hub_process import HubProcess
from hub_wire import WAIT, Socket, Wire, batch_body, event

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) \S+: \S.*")


class Plants:
    """Words that must never be in the log: made here, or given out by the hub."""

    def __init__(self) -> None:
        self.words: set[str] = set()

    def __call__(self, kind: str) -> str:
        word = f"Zz{len(self.words)}{kind}zZ"
        self.words.add(word)
        return word

    def keep(self, *secrets: str) -> None:
        self.words.update(secrets)

    def found_in(self, text: str) -> list[str]:
        return sorted(word for word in self.words if word in text or word[:12] in text)


def lines_about(hub: HubProcess, id: str) -> list[str]:
    """The words that begin the log's lines about a message."""
    lines = [line.split(": ", 1)[1] for line in hub.log.read_text().splitlines() if id in line]
    return [line.split(" ")[0] for line in lines]


def until(socket: Socket, name: str) -> dict[str, Any]:
    while True:
        frame = socket.event()
        if frame["event"]["hub.event"] == name:
            return frame


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_private_is_in_the_log(
    start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("CAST_HUB_LOG_FORM", form)
    monkeypatch.setenv("CAST_HUB_GRACE_SECONDS", "0.2")
    hub, plant = start_hub("--log-level", "debug"), Plants()
    asker = Wire(hub.url, topic=plant("topic"), user=plant("user"))
    sign_in(hub, plant)
    listener = subscribe(asker, plant)
    publish(asker, listener, plant)
    send_files(asker, listener, plant)
    ask(asker, listener, plant)
    be_refused(hub, asker, plant)
    speak_no_http(hub, plant)
    group(asker, plant)
    asker.http.post(
        asker.hub, data={"hub.mode": "unsubscribe", "hub.topic": asker.topic, "subscriber.name": plant("n")}
    )
    listener.cut()
    with Wire(hub.url, asker.topic) as other:
        until(other.listen(), "subscription-removed")
    asker.close()
    hub.stop()
    plant.keep(str(asker.http.headers["Authorization"]).removeprefix("Bearer "))
    log = hub.log.read_text()
    assert plant.found_in(log) == []
    for line in log.splitlines():
        if form == "json":
            told = json.loads(line)
            assert {"time", "level", "what"} <= set(told)
        else:
            assert LINE.fullmatch(line), line
    words = {"code given", "signed in", "subscribed", "bound", "published", "batch", "payload", "request", "answer"}
    words |= {"collated", "acknowledged", "refused", "announced", "denied", "dropped", "ended"}
    assert [word for word in words if word not in log] == []
    assert "mistake" not in log


def sign_in(hub: HubProcess, plant: Plants) -> None:
    fields = {"user_name": plant("user"), "topic": plant("topic"), "client_product_name": plant("product")}
    answer = requests.post(f"{hub.url}/oauth/authorize", json={**fields, "nonce": plant("nonce")}).json()
    form = {"grant_type": "authorization_code", "code": answer["code"], "client_id": plant("id")}
    form["client_secret"] = plant("secret")
    tokens = requests.post(f"{hub.url}/oauth/token", data=form).json()
    plant.keep(answer["code"], tokens["access_token"], tokens["id_token"])
    requests.post(f"{hub.url}/oauth/authorize", json={"id_token": tokens["id_token"]})
    requests.post(f"{hub.url}/oauth/authorize", json={"id_token": plant("token")})
    basic = base64.b64encode(f"{plant('client')}:{plant('secret')}".encode()).decode()
    plant.keep(basic)
    header = {"Authorization": f"Basic {basic}"}
    requests.post(f"{hub.url}/oauth/token", data={"grant_type": "client_credentials"}, headers=header)
    for wrong in ({"grant_type": plant("grant")}, {"grant_type": "authorization_code", "code": plant("code")}, {}):
        assert requests.post(f"{hub.url}/oauth/token", data=wrong).status_code == 400
    requests.post(f"{hub.url}/oauth/authorize", data={"redirect_uri": f"https://{plant('host')}.example/"})
    requests.get(f"{hub.url}/realms/{plant('realm')}/.well-known/openid-configuration?q={plant('query')}")


def subscribe(wire: Wire, plant: Plants) -> Socket:
    names = ("subscriber.name", "subscriber.product.name", "subscriber.product.version", "subscriber.actors")
    more = {name: plant(name) for name in names}
    more |= {"subscriber.client_info": plant("info"), "hub.callback": plant("callback"), "hub.secret": plant("secret")}
    endpoint = wire.subscribe(**{name.replace(".", "__"): value for name, value in more.items()})
    wire.subscribe(hub__channel__endpoint=endpoint, subscriber__name=more["subscriber.name"])
    plant.keep(endpoint.rpartition("/")[2])
    return wire.bind(endpoint)


def publish(wire: Wire, listener: Socket, plant: Plants) -> None:
    patient = {"key": "patient", "resource": {"name": plant("name"), "birthDate": plant("birth")}, plant("key"): 1}
    body = event("Patient-open", wire.topic, [patient], subscriber_name=plant("sender"))
    body |= {"subscriber.product.name": plant("product"), "actor": plant("actor"), "timestamp": plant("time")}
    wire.publish({**body, plant("root"): plant("value")}, 200)
    assert listener.event()["id"] == body["id"]
    listener.send({"id": body["id"], "status": 409, "reason": plant("reason")})
    listener.send({"id": plant("unknown"), "status": 200})
    listener.send(plant("frame"))
    listener.send({"event": {"hub.event": plant("event"), "context": plant("context")}})
    listener.send({"hub.mode": plant("mode"), "hub.topic": [plant("topic")]})
    wire.publish(event(f"{plant('event')} {plant('event')}", wire.topic), 202)
    wire.publish(event("a-b", wire.topic, target_subscriber_name=plant("target"), target_actor=plant("to")))


def send_files(wire: Wire, listener: Socket, plant: Plants) -> None:
    def batch(name: str) -> requests.Response:
        entry = {"fileName": name, "byteLength": 3, "label": plant("label"), "mimeType": plant("mime")}
        entry["dicomMetadata"] = {"00100010": {"Value": [plant("patient")]}}
        return wire.send_batch(batch_body(event("dicom-send", wire.topic, {"files": [entry]}), [b"abc"]))

    assert batch(plant("file") + ".dcm").status_code == 200
    (id,) = until(listener, "dicom-send")["event"]["context"]["files"][0]["payloadIds"]
    plant.keep(id)
    assert wire.payload(id).content == b"abc"
    assert wire.payload(plant("payload")).status_code == 404
    assert batch(plant("file") + ".exe").status_code == 400
    wire.send_batch(batch_body(event("dicom-send", wire.topic), [b"abc"], boundary=plant("b")))


def ask(wire: Wire, listener: Socket, plant: Plants) -> None:
    name = plant("asker")
    body = event("status-request", wire.topic, {"timeoutSeconds": 0.2, "x": plant("x")}, subscriber_name=name)
    wire.request(body)
    question = until(listener, "status-request")
    listener.answer(question, plant("late"), plant("responder"))
    listener.answer(question, plant("other"), plant("responder"), plant("request"))


def be_refused(hub: HubProcess, wire: Wire, plant: Plants) -> None:
    for headers in ({"Origin": f"https://{plant('o')}.example"}, {"Host": plant("host")}):
        assert requests.get(f"{hub.url}/api/hub/status", headers=headers).status_code == 403
    bearer = {"Authorization": f"Bearer {plant('token')}", "User-Agent": plant("agent"), "Cookie": plant("cookie")}
    for path in (f"/api/hub/{plant('topic')}", f"/{plant('path')}", f"/api/hub/payloads/{plant('p')}"):
        assert requests.get(hub.url + path, headers=bearer).status_code in (401, 404)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = base64.b64encode(bytes(16)).decode()
    assert requests.get(f"{hub.url}/bind/{plant('bind')}", headers=upgrade).status_code == 403
    twice = f"{plant('field')}=1&" * 2
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert wire.http.post(wire.hub, data=twice, headers=form).status_code == 400
    assert wire.http.post(wire.hub, data=b"x", headers={"Content-Type": f"text/{plant('type')}"}).status_code == 415
    wire.publish(event("a-b", plant("other")), 400, path=plant("path"))
    wire.publish({"id": 5, "event": {"hub.topic": plant("topic"), "hub.event": [plant("event")]}}, 400)


def speak_no_http(hub: HubProcess, plant: Plants) -> None:
    port = int(hub.url.rsplit(":", 1)[1])
    for text in (f"{plant('noise')}\r\n\r\n", f"GET / HTTP/1.1\r\nAuth orization: {plant('header')}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), WAIT) as raw:
            raw.sendall(text.encode())
            raw.recv(4096)


def group(wire: Wire, plant: Plants) -> None:
    body = {"hostTopic": wire.topic, "title": plant("title"), "topics": [plant("topic")], "hostUserName": plant("host")}
    url = f"{wire.url}/api/hub/conference"
    requests.post(url, json=body)
    requests.patch(f"{url}/join", json={"hostTopic": plant("unknown"), "joinTopic": plant("topic")})
    assert requests.delete(url, json={"hostTopic": wire.topic}).json()["removed"] == 1


def test_what_clients_do_wrong_is_no_fault_of_the_hub(start_hub: Callable[..., HubProcess]) -> None:
    hub = start_hub("--log-level", "debug")
    port = int(hub.url.rsplit(":", 1)[1])
    with Wire(hub.url) as wire:
        token = wire.http.headers["Authorization"]
        for text in ("no HTTP\r\n\r\n", f"GET / HTTP/1.1\r\nCookie: {'x' * 9000}\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), WAIT) as raw:
                raw.sendall(text.encode())
                assert b" 400 " in raw.recv(4096)
        head = f"POST /api/hub HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token!s}\r\n"
        for kind in ("application/json", "multipart/related; boundary=b"):
            with socket.create_connection(("127.0.0.1", port), WAIT) as raw:
                raw.sendall(f"{head}Content-Type: {kind}\r\nContent-Length: 900\r\n\r\n".encode() + b"{")
        while hub.log.read_text().count("cut reason=gone") < 2:
            wire.status()
    log = hub.log.read_text()
    assert len(re.findall(r"INFO cast.hub: denied status=400 address=unknown error=\w+", log)) == 2
    assert "ERROR" not in log


def test_an_event_can_be_followed(start_hub: Callable[..., HubProcess]) -> None:
    hub = start_hub("--log-level", "debug")
    with Wire(hub.url) as wire:
        listeners = [wire.listen(f"S{number}") for number in range(20)]
        body = event("Patient-open", wire.topic)
        wire.publish(body, 202)
        for listener in listeners:
            assert listener.event()["id"] == body["id"]
        assert lines_about(hub, body["id"]) == ["published"]  # one line an event, not a delivery
        listeners[0].send({"id": body["id"], "status": 202})
        while "acknowledged" not in lines_about(hub, body["id"]):
            wire.status()
        listeners[1].send({"id": body["id"], "status": 409})
        until(listeners[0], "SyncError")
        wire.status()  # the turn in which it was written, and then logged, is over
        assert sorted(lines_about(hub, body["id"])) == ["acknowledged", "acknowledged", "published", "refused"]


def test_a_batch_can_be_followed_from_its_arrival_to_its_end(
    start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAST_HUB_PAYLOAD_SECONDS", "1")
    monkeypatch.setenv("CAST_HUB_SWEEP_SECONDS", "0.1")
    hub = start_hub("--log-level", "debug")
    with Wire(hub.url) as wire:
        listener = wire.listen("S")
        body = event("dicom-send", wire.topic, {"files": [{"fileName": "a.dcm", "byteLength": 3}]})
        assert wire.send_batch(batch_body(body, [b"abc"])).status_code == 200
        (id,) = listener.event()["event"]["context"]["files"][0]["payloadIds"]
        wire.payload(id)
        while "gone" not in hub.log.read_text():
            wire.status()
        assert lines_about(hub, body["id"]) == ["batch", "published", "payload", "payloads"]


def test_a_request_can_be_followed(start_hub: Callable[..., HubProcess]) -> None:
    hub = start_hub("--log-level", "debug")
    with Wire(hub.url) as wire:
        body = event("status-request", wire.topic, {"timeoutSeconds": 0.05}, subscriber_name="A")
        asked = wire.listen("S")
        assert wire.request(body).json()["timedOut"]
        assert lines_about(hub, body["id"]) == ["request", "asked", "collated"]
        assert lines_about(hub, asked.event()["id"]) == ["asked"]  # the frame has an id of its own


def test_events_that_waited_are_named_when_they_come_again(start_hub: Callable[..., HubProcess]) -> None:
    hub = start_hub("--log-level", "debug")
    with Wire(hub.url) as wire:
        endpoint = wire.subscribe("S", "*")
        listener = wire.bind(endpoint)
        listener.cut()
        while wire.status()["connected"]:
            pass
        bodies = [event("a-b", wire.topic) for _ in range(3)]
        for body in bodies:
            wire.publish(body, 202)
        again = wire.bind(endpoint)
        assert [again.event()["id"] for _ in bodies] == [body["id"] for body in bodies]
        wire.status()  # the turn in which they were written, and then logged, is over
        assert [lines_about(hub, body["id"]) for body in bodies] == [
            ["published", "bound"],
            ["published"],
            ["published", "bound"],
        ]
        ends = [re.findall(r"endpoint=(\S+)", line) for line in hub.log.read_text().splitlines() if "bound" in line]
        assert ends[0] == ends[1]  # one endpoint keeps one name


def test_a_refusal_names_the_message_and_who_sent_it(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:
        body = event("a-b", "*")
        wire.publish(body, 403)
        (line,) = [line for line in hub.log.read_text().splitlines() if body["id"] in line]
        assert "denied status=403 method=POST" in line and re.search(r" by=[0-9a-f]{8} ", line)


def test_less_is_logged_at_a_higher_level(start_hub: Callable[..., HubProcess]) -> None:
    for level, told in (("info", True), ("warning", False)):
        hub = start_hub("--log-level", level)
        with Wire(hub.url) as wire:
            wire.listen("S")
            wire.publish(event("a-b", wire.topic), 202)
        hub.stop()
        log = hub.log.read_text()
        assert ("bound" in log) == told and "published" not in log
