"""Protocol: endpoints. Each address: who may call it, from which pages, and what a wrong method or path is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import websocket
from hub_process import HubProcess
from hub_wire import Wire, batch_body, event

PAGE = "http://localhost:3000"

#: Method, path, and the status of a call without token or body from this machine.
ADDRESSES = [
    ("POST", "/api/hub", 401),
    ("POST", "/api/hub/", 401),
    ("POST", "/api/hub/some-topic", 401),
    ("GET", "/api/hub/some-topic", 401),
    ("POST", "/api/hub/request", 401),
    ("POST", "/api/hub/request/", 401),
    ("GET", "/api/hub/payloads/unknown", 401),
    ("HEAD", "/api/hub/payloads/unknown", 401),
    ("GET", "/bind/unknown", 403),
    ("GET", "/api/hub/conference", 200),
    ("GET", "/api/hub/conference/", 200),
    ("POST", "/api/hub/conference", 400),
    ("PATCH", "/api/hub/conference/join", 400),
    ("PATCH", "/api/hub/conference/lead", 400),
    ("DELETE", "/api/hub/conference", 400),
    ("GET", "/api/hub/conference-topics", 200),
    ("GET", "/api/hub/conference-client", 200),
    ("GET", "/api/hub/samples", 200),
    ("GET", "/api/hub/samples/files/a/b.dcm", 404),
    ("GET", "/api/hub/admin", 404),
    ("GET", "/api/hub/admin/", 404),
    ("GET", "/api/hub/admin/metrics", 200),
    ("GET", "/", 200),
    ("GET", "/api/hub/admin/snapshot", 404),
    ("GET", "/api/hub/admin/about", 404),
    ("POST", "/api/hub/admin/clear-audit-log", 404),
    ("POST", "/api/admin/reset", 404),
    ("GET", "/ws/admin", 404),
    ("GET", "/api/hub/status", 200),
    ("GET", "/api/hub/.well-known/fhircast-configuration", 200),
    ("POST", "/oauth/authorize", 200),
    ("POST", "/oauth/token", 400),
    ("GET", "/realms/r/.well-known/openid-configuration", 200),
    ("POST", "/realms/r/protocol/openid-connect/auth", 200),
    ("POST", "/realms/r/protocol/openid-connect/token", 400),
    ("GET", "/realms/r/protocol/openid-connect/certs", 200),
    ("GET", "/realms/r/protocol/openid-connect/userinfo", 401),
    ("POST", "/realms/r/protocol/openid-connect/logout", 204),
    ("POST", "/fhircast", 401),
    ("POST", "/fhircast/", 401),
    ("POST", "/fhircast/some-topic", 401),
    ("GET", "/fhircast/some-topic", 401),
    ("GET", "/fhircast/.well-known/fhircast-configuration", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/api/hub/two/parts", 404),
    ("DELETE", "/api/hub", 405),
    ("DELETE", "/api/hub/", 405),
    ("PATCH", "/api/hub/conference", 405),
    ("PUT", "/api/hub/some-topic", 405),
    ("GET", "/oauth/token", 405),
]
each_address = pytest.mark.parametrize(("method", "path", "status"), ADDRESSES)


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


@each_address
def test_what_a_call_without_a_token_is_told(hub: HubProcess, method: str, path: str, status: int) -> None:
    answer = requests.request(method, hub.url + path, headers={"Origin": PAGE})
    assert answer.status_code == status, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE and "Origin" in answer.headers["Vary"]
    if status >= 400 and method != "HEAD":
        if answer.headers["Content-Type"].startswith("text/plain"):
            assert path.startswith("/fhircast") and method == "POST" and answer.text, "FHIRcast 2.4.4 wants it so there"
        else:
            assert answer.json()["message"]
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if status == 405:
        assert answer.headers["Allow"] and answer.json()["message"].startswith(f"{method}: this address takes ")


@each_address
def test_a_page_may_ask_first_and_a_foreign_one_may_nothing(
    hub: HubProcess, method: str, path: str, status: int
) -> None:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type"}
    answer = requests.options(hub.url + path, headers={"Origin": PAGE, **asked})
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert answer.headers["Access-Control-Allow-Headers"] == asked["Access-Control-Request-Headers"]
    for foreign in ("https://evil.example", "null", "file://", "http://localhost.evil.example"):
        answer = requests.request(method, hub.url + path, headers={"Origin": foreign})
        assert answer.status_code == 403 and "Access-Control-Allow-Origin" not in answer.headers
        assert requests.options(hub.url + path, headers={"Origin": foreign, **asked}).status_code == 403


def test_what_the_library_refuses_by_itself_is_refused_in_the_hubs_form(wire: Wire) -> None:
    address = wire.subscribe("S").replace("ws:", "http:")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    for status, path, headers in (
        (400, address, {}),
        (400, address, {**upgrade, "Sec-WebSocket-Version": "13"}),
        (400, address, {**upgrade, "Sec-WebSocket-Version": "8"}),
        (417, wire.url, {"Expect": "the moon"}),
    ):
        answer = wire.http.get(path, headers=headers)
        assert answer.status_code == status and answer.headers["Content-Type"] == "application/json"
        message = answer.json()["message"]
        assert "\n" not in message and ("this address takes WebSockets only" in message) == (status == 400)


def test_nothing_clears_the_hub(wire: Wire) -> None:
    listener = wire.listen("S")
    for method, path in (("DELETE", "/api/hub"), ("DELETE", "/api/hub/"), ("POST", "/api/admin/reset")):
        assert wire.http.request(method, wire.url + path).status_code in (404, 405)
    wire.publish(event("Patient-open", wire.topic), 202)
    assert listener.event()["event"]["hub.event"] == "Patient-open"


def test_there_is_no_admin_socket(hub: HubProcess) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(hub.url.replace("http", "ws") + "/ws/admin")
    assert refused.value.status_code == 404


PATHS = ["request", "samples", "conference", "conference-topics", "admin", "status", "payloads", "a b/ä?*#", "."]


@pytest.mark.parametrize("topic", PATHS)
def test_a_topic_may_be_called_as_it_likes(wire: Wire, topic: str) -> None:
    wire.topic = topic
    listener = wire.listen("S")
    wire.publish(event("Patient-open", topic), 202)
    assert listener.event()["event"]["hub.topic"] == topic
    if topic not in (".", "request", "conference"):  # addresses of their own, which take no events
        address = quote(topic, safe="")
        wire.publish(event("Encounter-open", topic), 202, path=address)
        assert listener.event()["event"]["hub.event"] == "Encounter-open"
        files = {"files": [{"fileName": "a.dcm", "byteLength": 1}]}
        headers = {"Content-Type": 'multipart/related; boundary="b"'}
        batch = batch_body(event("dicom-send", topic, files), [b"x"])
        assert wire.http.post(wire.at(address), data=batch, headers=headers).status_code == 200
        assert listener.event()["event"]["hub.event"] == "dicom-send"


@pytest.mark.parametrize("kind", ["form", "form data", "json", "json as text"])
def test_everything_by_form_or_json_and_with_a_slash_at_the_end(hub: HubProcess, kind: str) -> None:
    """Sign in, subscribe and unsubscribe."""

    def post(path: str, fields: dict[str, str], **headers: str) -> requests.Response:
        body: dict[str, Any] = {"data": fields}
        if kind == "form data":  # as a browser's FormData
            body = {"files": {key: (None, value) for key, value in fields.items()}}
        elif kind != "form":
            body = {"json": fields} if kind == "json" else {"data": json.dumps(fields)}
        return requests.post(hub.url + path, headers=headers, **body)

    code = post("/oauth/authorize", {"user_name": "alice", "topic": f"room {kind}"}).json()["code"]
    answer = post("/oauth/token", {"grant_type": "authorization_code", "code": code}).json()
    assert answer["topic"] == f"room {kind}"
    bearer = f"bearer {answer['access_token']}"
    form = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": f"room {kind}", "hub.events": "*"}
    made = post("/api/hub/", form, Authorization=bearer)
    assert made.status_code == 202, made.text
    gone = post("/api/hub/", form | {"hub.mode": "unsubscribe"} | made.json(), Authorization=bearer)
    assert gone.status_code == 202 and gone.json() == made.json()


def test_single_user_mode_knows_one_topic(start_hub: Callable[..., HubProcess]) -> None:
    hub = start_hub("--auth", "single-user")
    with Wire(hub.url, token="") as worklist, Wire(hub.url, token="") as provider, Wire(hub.url, token="") as other:
        flows: list[tuple[Wire, dict[str, str]]] = [
            (worklist, {"user_name": "alice", "topic": "alice"}),
            (provider, {"user_name": "3dslicer-server", "topic": "*", "client_product_name": "P"}),
            (other, {}),
        ]
        for wire, fields in flows:
            answer = wire.sign_in(fields)
            assert answer["topic"] == "SINGLE-USER"
            wire.topic = answer["topic"]
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
        assert requests.post(hub.url + "/oauth/token", data=form).json()["topic"] == "SINGLE-USER"
        listeners = [worklist.listen("W"), provider.listen("P", hub__topic="*"), other.listen("O")]
        other.publish(event("Patient-open", "SINGLE-USER"), 202)
        assert {each.event()["event"]["hub.topic"] for each in listeners} == {"SINGLE-USER"}
        body: dict[str, Any] = event("status-request", "*", {"timeoutSeconds": 0.05}, subscriber_name="W")
        assert sorted(worklist.request(body).json()["expected"]) == ["O", "P"]
