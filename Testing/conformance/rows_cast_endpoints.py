"""Cast's addresses: what each is for, from which pages, and what the existing hub leaves open (protocol: endpoints)."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import websocket
from conformance.kit import CAST, SIGN_IN, Hub, row
from hub_wire import Socket

SECTION = "Cast Endpoints"
PAGES = "Cast Pages elsewhere"
PAGE, FOREIGN = "http://localhost:3000", "https://elsewhere.example"


@row(SECTION, "an address that is none of the hub's answers 404, with JSON", CAST)
def _(hub: Hub) -> None:
    for method, path in (("GET", "/nowhere"), ("GET", f"{hub.path.rstrip('/')}/two/parts"), ("POST", "/api/nowhere")):
        answer = requests.request(method, hub.url + path)
        assert answer.status_code == 404 and answer.json(), path


@row(SECTION, "nobody clears subscriptions or groups without a token", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    listener = program.listen("S")
    for method, path in (("DELETE", hub.path), ("DELETE", hub.path.rstrip("/") + "/"), ("POST", "/api/admin/reset")):
        assert requests.request(method, hub.url + path).status_code in (401, 403, 404, 405), path
    program.nothing_more(listener)


@row(SECTION, "payloads, requests and a topic's context want a token", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    program.use("")
    assert program.payload("unknown").status_code == 401
    assert program.request({}).status_code == 401
    assert program.http.get(program.at(program.topic)).status_code == 401


@row(SECTION, "the sample list has its shape, and what it lists can be had, whole and in ranges", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    answer = requests.get(program.at("samples"))
    assert answer.status_code == 200
    listed = answer.json()
    assert {"organization", "organizationLabel", "studies"} <= set(listed)
    for study in listed["studies"]:
        assert {"id", "name", "description", "organization", "files"} <= set(study) and study["files"]
        file = study["files"][0]
        assert file["fileName"] and file["url"]
        if file["url"].startswith(hub.url):
            assert requests.get(file["url"], headers={"Range": "bytes=0-0"}).status_code == 206
    assert requests.get(program.at("samples/files/no-such-study/a.dcm")).status_code == 404


@row(SECTION, "it says that it is well, without a token and without a name", CAST)
def _(hub: Hub) -> None:
    program = hub.program()
    program.subscribe("SOMEBODY-BY-NAME")
    answer = requests.get(program.at("status"))
    assert answer.status_code == 200 and answer.json()["status"] == "ok" and answer.json()["version"]
    assert program.topic not in answer.text and "SOMEBODY-BY-NAME" not in answer.text


@row("Cast Sign-in", "Keycloak's paths sign in too, and publish the key of the tokens", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    realm = f"{hub.url}/realms/any"
    found = requests.get(f"{realm}/.well-known/openid-configuration").json()
    assert found["issuer"] == realm
    code = requests.post(found["authorization_endpoint"], data={"user_name": "alice", "topic": "room"}).json()["code"]
    form = {"grant_type": "authorization_code", "code": code, "client_id": "c"}
    token = requests.post(found["token_endpoint"], data=form).json()
    assert token["topic"] == "room" and token["token_type"].lower() == "bearer"
    assert requests.get(found["jwks_uri"]).json()["keys"]
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert requests.get(found["userinfo_endpoint"], headers=headers).status_code == 200
    program = hub.program("room")
    program.use(token["access_token"])
    program.send("Patient-open")


def preflight(hub: Hub, path: str, method: str, origin: str) -> requests.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return requests.options(hub.url + path, headers=asked | {"Access-Control-Request-Headers": "authorization"})


ADDRESSES = [
    ("POST", ""),
    ("POST", "/"),
    ("POST", "/topic"),
    ("POST", "/request"),
    ("GET", "/payloads/x"),
    ("PATCH", "/conference/join"),
    ("DELETE", "/conference"),
    ("GET", "/samples"),
]


@row(PAGES, "a page on this machine may ask at every address, and is told so", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    for method, path in ADDRESSES:
        answer = preflight(hub, hub.path.rstrip("/") + path, method, PAGE)
        assert answer.status_code in (200, 204), path
        assert answer.headers["Access-Control-Allow-Origin"] in (PAGE, "*")
        assert method in answer.headers["Access-Control-Allow-Methods"]
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    Socket(hub.program().subscribe("S"), origin=PAGE).close()


@row(PAGES, "another page may neither sign in, nor publish, nor open a socket", CAST, (SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("S")
    headers = {"Origin": FOREIGN}
    tries: list[tuple[str, Any]] = [("/oauth/authorize", {"user_name": "x"}), (hub.path, program.form("S"))]
    for path, form in tries:
        answer = program.http.post(hub.url + path, data=form, headers=headers)
        assert answer.status_code == 403 and "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in preflight(hub, hub.path, "POST", FOREIGN).headers
    with pytest.raises(websocket.WebSocketBadStatusException):
        Socket(endpoint, origin=FOREIGN)
