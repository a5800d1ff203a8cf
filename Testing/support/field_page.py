"""What a client that exists already does on the wire, field by field: the JavaScript one in a page, or the Python."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlsplit

import requests
from hub_wire import Socket, event

PAGE = "http://localhost:8150"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Page:
    """A JavaScript client in a browser's page; ``python`` changes what the Python client does otherwise."""

    def __init__(self, url: str, product: str, topic: str = "", *, python: bool = False) -> None:
        self.url, self.product, self.topic, self.python = url, product, topic, python
        self.name = f"{product}-{secrets.token_hex(3).upper()}"
        self.http = requests.Session()
        self.http.trust_env = False
        if not python:
            self.http.headers["Origin"] = PAGE
        self.token = self.id_token = self.endpoint = ""
        self.socket: Socket | None = None
        self.confirmation: dict[str, Any] = {}

    def sign_in(self, user: str = "") -> dict[str, Any]:
        """An id_token of last time stands in for the user's name; the topic goes along when there is one."""
        form = {"id_token": self.id_token} if self.id_token else {"user_name": user} if user else {}
        form |= {"client_product_name": self.product} | ({"topic": self.topic} if self.topic else {})
        authorized = self.http.post(f"{self.url}/oauth/authorize", data=form, headers=FORM)
        assert authorized.status_code == 200 and authorized.json()["code"]
        form = {"grant_type": "authorization_code", "code": authorized.json()["code"]}
        form |= {"client_id": "client_id_3d_Slicer", "client_secret": "client_secret_3d_Slicer"}
        given = self.http.post(f"{self.url}/oauth/token", data=form | {"client_product_name": self.product})
        assert given.status_code == 200
        answer: dict[str, Any] = given.json()
        self.token, self.id_token, self.topic = answer["access_token"], answer["id_token"], answer["topic"]
        return answer

    def form(self, mode: str, events: str, actors: list[str], lease: int = 999) -> dict[str, str]:
        form = {"hub.mode": mode, "hub.channel.type": "websocket", "hub.events": events, "hub.topic": self.topic}
        form |= {"hub.lease": str(lease), "subscriber.name": self.name, "subscriber.product.name": self.product}
        form |= {"subscriber.product.version": "1.0", "subscriber.actors": json.dumps(actors)}
        form["subscriber.client_info"] = json.dumps({"productName": self.product, "timezone": "Europe/Paris"})
        if not self.python:
            form["hub.callback"] = f"{PAGE}/castCallback"
        elif mode == "unsubscribe":
            form["hub.channel.endpoint"] = self.endpoint
        return form

    def post(self, data: Any, path: str = "/api/hub", **headers: str) -> requests.Response:
        """To the hub's address without a slash at its end."""
        headers["Authorization"] = f"Bearer {self.token}"
        return self.http.post(self.url + path, data=data, headers=headers)

    def subscribe(self, events: str = "*", actors: list[str] | None = None, lease: int = 999) -> int:
        """On 202 alone: the endpoint's origin becomes the hub's, and the socket's first frame is the endpoint."""
        answer = self.post(self.form("subscribe", events, actors or ["ID"], lease), **FORM)
        if answer.status_code == 202:
            given = urlsplit(answer.json()["hub.channel.endpoint"])
            self.endpoint = f"ws://{urlsplit(self.url).netloc}{given.path}"
            self.socket = Socket(self.endpoint, **({} if self.python else {"origin": PAGE}))
            self.socket.send({"hub.channel.endpoint": self.endpoint})
            self.confirmation = self.socket.frame()
        return answer.status_code

    def message(self, name: str, context: Any, **root: Any) -> dict[str, Any]:
        body = event(name, self.topic, context, subscriber_name=self.name, subscriber_product_name=self.product, **root)
        return body | {"id": ("PYCAST-" if self.python else f"{self.product}-") + secrets.token_hex(8)}

    def publish(self, body: Any) -> int:
        return self.post(json.dumps(body), **{"Content-Type": "application/json"}).status_code

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """The JavaScript client leaves its product out of a request."""
        body = {key: value for key, value in body.items() if key != "subscriber.product.name"}
        answer = self.post(json.dumps(body), "/api/hub/request", **{"Content-Type": "application/json"})
        assert answer.status_code == 200 and "application/json" in answer.headers["Content-Type"]
        value: dict[str, Any] = answer.json()
        return value

    def answer(self, frame: dict[str, Any], data: Any) -> None:
        """The role stands in ``actor``; the Python client writes null for what it does not know."""
        asked = frame["event"]["context"]
        context = {"id": asked["id"], "dataType": asked["dataType"], "data": data}
        body = self.message(f"{asked['dataType'].lower()}-response", context, actor="ID")
        self.told().send(body | ({"subscriber.product.name": None} if self.python else {}))

    def told(self) -> Socket:
        assert self.socket is not None
        return self.socket

    def next(self) -> dict[str, Any]:
        """What a client looks at: no frame with hub.mode, none without an event, no heartbeat."""
        return self.told().event()
