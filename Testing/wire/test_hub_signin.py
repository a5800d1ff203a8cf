"""Protocol: sign-in; pages elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
import requests
import websocket
from hub_process import HubProcess
from hub_wire import Socket, Wire, batch_body, event

FOREIGN = "https://evil.example"
PAGE = "http://localhost:3000"


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.url) as wire:
        yield wire


def test_an_unnamed_caller_gets_a_name_and_keeps_it_over_a_restart(
    start_hub: Callable[..., HubProcess], tmp_path: Any
) -> None:
    first = start_hub(folder=tmp_path / "same")
    with Wire(first.url, token="") as wire:
        answer = wire.sign_in({})
        assert answer["topic"].startswith("USER-")
    first.stop()
    second = start_hub(folder=tmp_path / "same")
    with Wire(second.url, token="") as wire:
        assert wire.sign_in({"id_token": answer["id_token"]})["topic"] == answer["topic"]
        wire.use(answer["access_token"])
        wire.publish(event("Patient-open", answer["topic"]), 202)
        assert wire.sign_in({})["topic"] != answer["topic"]


def test_keycloaks_paths(hub: HubProcess) -> None:
    realm = hub.url + "/realms/hospital"
    found = requests.get(realm + "/.well-known/openid-configuration").json()
    assert found["issuer"] == realm
    code = requests.post(found["authorization_endpoint"], data={"user_name": "alice"}).json()["code"]
    form = {"grant_type": "authorization_code", "code": code, "client_id": "c"}
    answer = requests.post(found["token_endpoint"], data=form).json()
    key = jwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(answer["access_token"]).key
    claims = jwt.decode(answer["access_token"], key, ["RS256"], audience="cast-hub", issuer=realm)
    assert claims["sub"] == "alice" and claims["topic"] == "alice"
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert requests.get(found["userinfo_endpoint"], headers=headers).json()["sub"] == "alice"
    assert requests.get(found["userinfo_endpoint"]).status_code == 401
    assert requests.post(found["end_session_endpoint"]).status_code == 204
    form = {"grant_type": "client_credentials"}
    own = requests.post(found["token_endpoint"], data=form, auth=("segmenter", "secret"))
    assert own.json()["topic"] == "*"


def test_a_browser_is_sent_back_with_the_code(hub: HubProcess) -> None:
    address = hub.url + "/realms/r/protocol/openid-connect/auth"
    query = {"response_type": "code", "redirect_uri": f"{PAGE}/back?x=1", "state": "s", "user_name": "alice"}
    answer = requests.get(address, params=query, allow_redirects=False)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(f"{PAGE}/back?x=1&code=")
    assert answer.headers["Location"].endswith("&state=s")
    query["redirect_uri"] = f"{PAGE}/\r\nSet-Cookie: x=1"
    assert requests.get(address, params=query, allow_redirects=False).status_code == 400
    query["redirect_uri"] = FOREIGN
    assert requests.get(address, params=query, allow_redirects=False).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("authorize", {"user_name": 5}, 400),
        ("authorize", [], 400),
        ("authorize", {"user_name": "alice", "topic": "*"}, 403),
        ("token", {}, 400),
        ("token", {"grant_type": "password"}, 400),
        ("token", {"grant_type": "authorization_code"}, 400),
        ("token", {"grant_type": "client_credentials", "client_id": "c"}, 401),
    ],
)
def test_bad_sign_in(hub: HubProcess, path: str, body: Any, status: int) -> None:
    answer = requests.post(f"{hub.url}/oauth/{path}", json=body)
    assert answer.status_code == status and (answer.json().get("message") or answer.json()["error_description"])


def test_a_huge_form_is_refused(hub: HubProcess) -> None:
    assert requests.post(hub.url + "/oauth/authorize", data={"user_name": "x" * 100_000}).status_code == 413


def test_single_user_mode(start_hub: Callable[..., HubProcess]) -> None:
    with Wire(start_hub("--auth", "single-user").url, token="") as wire:
        assert wire.sign_in({"user_name": "alice"})["topic"] == "SINGLE-USER"
        endpoint = wire.subscribe("S", hub__topic="*")
        socket = Socket(endpoint)
        assert socket.frame()["hub.topic"] == "SINGLE-USER", "* is granted and means the one topic"
        wire.publish(event("Patient-open", "SINGLE-USER"), 202)
        assert socket.event()["event"]["hub.topic"] == "SINGLE-USER"
        wire.publish(event("Patient-open", "*"), 202)
        assert socket.event()["event"]["hub.topic"] == "SINGLE-USER"
        batch = event("dicom-send", "*", {"files": [{"fileName": "a.dcm", "byteLength": 1}]})
        assert wire.send_batch(batch_body(batch, [b"a"])).status_code == 200
        assert socket.event()["event"]["hub.topic"] == "SINGLE-USER"
        form = {"hub.mode": "unsubscribe", "hub.topic": "*", "subscriber.name": "S"}
        assert wire.http.post(wire.hub, data=form).status_code == 202, "as clients do that name no endpoint"
        assert socket.frame()["hub.mode"] == "denied"
        socket.close()


def test_pages_on_loopback_may_all(wire: Wire) -> None:
    wire.http.headers["Origin"] = PAGE
    answer = wire.publish(event("Patient-open", wire.topic), 202)
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE and "Origin" in answer.headers["Vary"]
    assert wire.publish(b"{", 400).headers["Access-Control-Allow-Origin"] == PAGE, "errors too"
    for path in ("/api/hub", "/api/hub/", "/api/hub/t", "/api/hub/request", "/api/hub/payloads/x", "/oauth/token"):
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-medplum"}
        answer = wire.http.options(wire.url + path, headers=asked)
        assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert {"GET", "POST", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-medplum"
    Socket(wire.subscribe("S"), origin=PAGE).close()


def test_pages_elsewhere_may_nothing(wire: Wire) -> None:
    endpoint = wire.subscribe("S")
    for origin in (FOREIGN, "null"):
        wire.http.headers["Origin"] = origin
        for answer in (
            wire.publish(event("Patient-open", wire.topic)),
            wire.http.post(wire.url + "/oauth/authorize", data={"user_name": "x"}),
            wire.http.options(wire.hub),
        ):
            assert answer.status_code == 403 and "Access-Control-Allow-Origin" not in answer.headers
            assert "--allow-origin" in answer.json()["message"]
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            Socket(endpoint, origin=origin)
        assert refused.value.status_code == 403


def test_an_origin_allowed_by_name(start_hub: Callable[..., HubProcess]) -> None:
    with Wire(start_hub("--allow-origin", FOREIGN).url) as wire:
        wire.http.headers["Origin"] = FOREIGN
        assert wire.publish(event("Patient-open", wire.topic), 202).headers["Access-Control-Allow-Origin"] == FOREIGN
        wire.http.headers["Origin"] = "https://another.example"
        wire.publish(event("Patient-open", wire.topic), 403)


def test_a_host_name_that_only_leads_to_loopback_is_refused(wire: Wire) -> None:
    wire.http.headers["Host"] = "rebound.example"
    assert "Host" in wire.publish(event("Patient-open", wire.topic), 403).json()["message"]
