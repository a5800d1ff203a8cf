"""The wire as any program may speak it: HTTP and WebSocket, and nothing of this product's own code.

``Wire`` needs a hub's address only, so what is tested with it can be tested against any hub.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
import websocket

WAIT = 10.0  # seconds in which what must come comes
QUIET = 0.15  # seconds in which what must not come would have come


def new_topic() -> str:
    return "T-" + secrets.token_hex(4)


def event(name: str, topic: str, context: Any = None, **root: Any) -> dict[str, Any]:
    """A publish body; ``root`` fields with underscores for dots (``subscriber_name``)."""
    fields = {key.replace("_", "."): value for key, value in root.items()}
    body = {"timestamp": "2026-01-01T00:00:00.000Z", "id": secrets.token_hex(8), **fields}
    return {**body, "event": {"hub.topic": topic, "hub.event": name, "context": [] if context is None else context}}


def batch_body(envelope: Any, parts: list[bytes], boundary: str = "b", end: bool = True) -> bytes:
    """A multipart/related body, written by hand."""
    mark = f"--{boundary}\r\n".encode()
    first = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
    body = [mark + b"Content-Type: application/dicom+json\r\n\r\n", first, b"\r\n"]
    for part in parts:
        body += (mark + b"Content-Type: application/dicom\r\n\r\n", part, b"\r\n")
    return b"".join([*body, f"--{boundary}--\r\n".encode() if end else b""])


class Socket:
    """A subscriber's socket."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self._socket = websocket.create_connection(endpoint, timeout=WAIT, **options)
        self.first: dict[str, Any] = {}  # its first frame, where a test has read that beforehand

    def frame(self) -> dict[str, Any]:
        """The next JSON frame; ``{"closed": code}`` when the hub closes instead."""
        code, data = self._socket.recv_data()
        if code == websocket.ABNF.OPCODE_CLOSE:
            return {"closed": int.from_bytes(data[:2], "big")}
        value: dict[str, Any] = json.loads(data)
        return value

    def event(self) -> dict[str, Any]:
        """The next frame that carries an event."""
        while True:
            frame = self.frame()
            if "event" in frame or "closed" in frame:
                return frame

    def ping(self) -> bytes:
        """Answer the hub's next ping, and return what it says."""
        while True:
            code, data = self._socket.recv_data(control_frame=True)
            if code == websocket.ABNF.OPCODE_PING:
                return bytes(data)

    def nothing(self) -> None:
        """Fail when a frame comes."""
        self._socket.settimeout(QUIET)
        try:
            _, data = self._socket.recv_data()
        except websocket.WebSocketTimeoutException:
            return
        finally:
            self._socket.settimeout(WAIT)
        raise AssertionError(f"nothing should have come, but {data[:200]!r} did")

    def send(self, value: Any) -> None:
        self._socket.send(value if isinstance(value, str) else json.dumps(value))

    def answer(self, request: dict[str, Any], data: Any, name: str, request_id: str | None = None) -> None:
        """Answer a request's frame."""
        asked = request["event"]
        data_type = asked["hub.event"].removesuffix("-request")
        context = {"id": request_id or asked["context"]["id"], "dataType": data_type.upper(), "data": data}
        self.send(event(f"{data_type}-response", asked["hub.topic"], context, subscriber_name=name))

    def close(self) -> None:
        self._socket.close()

    def leave(self, code: int) -> None:
        """Send a close frame; 0 sends it without a code."""
        self._socket.send(code.to_bytes(2, "big") if code else b"", websocket.ABNF.OPCODE_CLOSE)

    def cut(self) -> None:
        """End the connection without a word."""
        self._socket.shutdown()


class Wire:
    """One signed-in program."""

    def __init__(
        self, url: str, topic: str | None = None, token: str | None = None, user: str = "", path: str = "/api/hub/"
    ) -> None:
        self.url = url
        self.hub = url + path
        self.topic = topic or new_topic()
        self.http = requests.Session()
        self.http.trust_env = False
        self.sockets: list[Socket] = []
        self.sign_in({"user_name": user or self.topic, "topic": self.topic}) if token is None else self.use(token)

    def at(self, path: str) -> str:
        """An address below the hub's."""
        return f"{self.hub.rstrip('/')}/{path}" if path else self.hub

    def use(self, token: str) -> None:
        self.http.headers["Authorization"] = f"Bearer {token}"

    def sign_in(self, fields: dict[str, str]) -> dict[str, Any]:
        code = self.http.post(f"{self.url}/oauth/authorize", json=fields).json()["code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": "c", "client_secret": "s"}
        answer: dict[str, Any] = self.http.post(f"{self.url}/oauth/token", data=form).json()
        self.use(answer["access_token"])
        return answer

    def form(self, name: str = "", events: str = "*", **more: str) -> dict[str, str]:
        fields = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": self.topic}
        fields |= {"hub.events": events}
        if name:
            fields["subscriber.name"] = name
        return fields | {key.replace("__", "."): value for key, value in more.items()}

    def subscribe(self, name: str = "", events: str = "*", **more: str) -> str:
        """The endpoint of a new subscription; fields with two underscores for dots."""
        answer = self.http.post(self.hub, data=self.form(name, events, **more))
        assert answer.status_code == 202, answer.text
        endpoint: str = answer.json()["hub.channel.endpoint"]
        return endpoint

    def bind(self, endpoint: str, **options: Any) -> Socket:
        """A socket whose confirmation has come."""
        socket = Socket(endpoint, **options)
        self.sockets.append(socket)
        confirmation = socket.frame()
        assert confirmation["hub.mode"] == "subscribe"
        return socket

    def listen(self, name: str = "", events: str = "*", **more: str) -> Socket:
        return self.bind(self.subscribe(name, events, **more))

    def publish(self, body: Any, expect: int | None = None, path: str = "") -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.http.post(self.at(path), data=data, headers={"Content-Type": "application/json"})
        assert expect in (None, answer.status_code), answer.text
        return answer

    def request(self, body: Any) -> requests.Response:
        return self.http.post(self.at("request"), json=body)

    def send_batch(self, body: Any, content_type: str = 'multipart/related; boundary="b"') -> requests.Response:
        return self.http.post(self.hub, data=body, headers={"Content-Type": content_type})

    def payload(self, id: str, **headers: str) -> requests.Response:
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.get(self.at(f"payloads/{id}"), headers=names)

    def status(self) -> dict[str, Any]:
        value: dict[str, Any] = self.http.get(f"{self.url}/api/hub/status").json()
        return value

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()
        self.http.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def provider(url: str) -> Wire:
    """A program signed in for topic ``*``, as existing providers do it."""
    wire = Wire(url, "*", token="")
    wire.sign_in({"user_name": "3dslicer-server", "topic": "*", "client_product_name": "P"})
    return wire


@contextmanager
def hub_in_thread(state: Path, **settings: Any) -> Iterator[str]:
    """A hub in this process with settings that no flag has (short times, small caps); yields its address."""
    from CastHubLib.http.server import HubServer
    from CastHubLib.hub_command import new_loop
    from CastHubLib.settings import HubSettings

    started, url = threading.Event(), ""
    loop = new_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        nonlocal url
        server = HubServer(HubSettings(port=0, state=state, **settings))
        await server.start()
        url = server.url
        started.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(WAIT)
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def until_status(wire: Wire, **wanted: int) -> None:
    """Wait until the hub's status counts what is wanted."""
    until = time.monotonic() + WAIT
    while any(wire.status()[name] != count for name, count in wanted.items()):
        assert time.monotonic() < until, f"{wire.status()} is not {wanted}"
        time.sleep(0.01)
