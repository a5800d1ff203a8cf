"""A provider signs in at hubs that know no client credentials, and shows why a hub refuses (CastLib.client.sign_in)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from CastLib.client.address import HubAddress
from CastLib.client.http import Http
from CastLib.client.network import Network
from CastLib.client.settings import SessionSettings
from CastLib.client.sign_in import SignIn
from CastLib.errors import Refused
from CastLib.message import Sender, make_request, make_response, parse_message

Answer = Callable[[str, dict[str, str]], tuple[int, Any]]


class OtherHub:
    """Answers sign-in as another hub does; keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        asked: list[tuple[str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                asked.append((self.path, form))
                status, value = answer(self.path, form)
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.asked = asked
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def sign_in(self) -> SignIn:
        address = HubAddress(self.url)
        http = Http(address, Network.for_hub(address, None), 5.0, 5.0)
        settings = SessionSettings(hub=self.url, product="SEG", provider=True, client_secret="s")
        return SignIn(http, settings)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def other() -> Iterator[Callable[[Answer], OtherHub]]:
    made: list[OtherHub] = []

    def make(answer: Answer) -> OtherHub:
        made.append(OtherHub(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


def older(path: str, form: dict[str, str]) -> tuple[int, Any]:
    """As the older Python hub: only the provider's own name gets topic ``*``."""
    if path == "/oauth/authorize":
        named = form.get("user_name") == "3dslicer-server" and form.get("topic") == "*"
        return 200, {"user_name": form.get("user_name"), "code": "c1" if named else "c0", "expires_in": 60}
    if form.get("grant_type") != "authorization_code":
        return 400, {"detail": {"error": "unsupported_grant_type"}}
    if not form.get("client_id") or not form.get("client_secret"):
        return 401, {"detail": "invalid client"}
    return 200, {"access_token": "t", "id_token": "i", "topic": "*" if form.get("code") == "c1" else "ann"}


def test_a_provider_signs_in_at_a_hub_without_client_credentials(other: Callable[[Answer], OtherHub]) -> None:
    hub = other(older)
    sign_in = hub.sign_in()
    assert sign_in.token() == "t" and sign_in.topic == "*"
    assert [path for path, _ in hub.asked] == ["/oauth/token", "/oauth/authorize", "/oauth/token"]
    assert hub.asked[1][1] == {"user_name": "3dslicer-server", "topic": "*", "client_product_name": "SEG"}
    last = {"grant_type": "authorization_code", "code": "c1", "client_id": "SEG", "client_secret": "s"}
    assert hub.asked[2][1] == {**last, "client_product_name": "SEG"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"detail": {"error": "no providers here"}}, "no providers here"),
        ({"error": {"message": "no providers here", "code": 7}}, "no providers here"),
        ({"detail": [{"loc": ["body"], "msg": "no providers here"}]}, "no providers here"),
        ({"error": "x", "error_description": "no providers here"}, "no providers here"),
        ("no providers here", "no providers here"),
    ],
)
def test_its_own_words_are_shown(other: Callable[[Answer], OtherHub], said: Any, words: str) -> None:
    hub = other(lambda path, form: (400, {"error": "unsupported"} if "grant_type" in form else said))
    with pytest.raises(Refused) as refused:
        hub.sign_in().token()
    assert str(refused.value) == f"refused with 400: {words} (client credentials: unsupported)"


def test_a_wrong_secret_is_not_tried_in_other_ways(other: Callable[[Answer], OtherHub]) -> None:
    hub = other(lambda path, form: (401, {"error": "invalid_client"}))
    with pytest.raises(Refused, match="401: invalid_client"):
        hub.sign_in().token()
    assert len(hub.asked) == 1


def test_where_there_is_no_other_way_the_first_refusal_is_told(other: Callable[[Answer], OtherHub]) -> None:
    hub = other(lambda path, form: (400, {"error": "bad scope"}) if path == "/oauth/token" else (404, {}))
    with pytest.raises(Refused, match="400: bad scope"):
        hub.sign_in().token()


def test_every_answer_carries_the_actor_where_older_hubs_look() -> None:
    asked = parse_message(make_request("STATUS", "ann", sender=Sender("A"), timeout=1) | {"id": "1"})
    asked.wire["event"]["context"]["id"] = "r1"
    answer = make_response(asked, {}, sender=Sender("P-1", "SEG", "1", ("EC",)))
    assert answer["actor"] == answer["subscriber.actor"] == "EC"
    assert make_response(asked, {}, sender=Sender("P-1", actors=("EC", "ID")))["actor"] == ["EC", "ID"]
    assert "actor" not in make_response(asked, {}, sender=Sender("P-1"))
