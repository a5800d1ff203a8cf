"""Bytes that are hardly HTTP, and frames that are hardly WebSocket, on raw connections."""

from __future__ import annotations

import json
import random
import select
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest
from fuzzing import ENVIRONMENT, Target, mutated_bytes, mutated_value
from hub_process import HubProcess
from hub_wire import batch_body, event
from raw_wire import frame

SEED = 30
WAIT = 30.0
PATIENCE = 0.03  # for an answer; what is not whole gets none


@pytest.fixture
def target(start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch) -> Target:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Target(start_hub())


def exchange(line: socket.socket, data: bytes) -> bytes:
    """Send bytes and, when an answer has begun or none comes, that there are no more; return what comes back.

    Fails when the hub keeps the line open then.
    """
    got = b""
    with suppress(ConnectionError, BrokenPipeError):  # it may reset a line on which it has not read all
        line.sendall(data)
        select.select([line], [], [], PATIENCE)
        with suppress(OSError):  # closed by the hub
            line.shutdown(socket.SHUT_WR)
        while piece := line.recv(65_536):
            got += piece
    return got


def requests_of(target: Target) -> list[bytes]:
    topic, token = target.wire.topic, str(target.wire.http.headers["Authorization"])
    host = f"Host: 127.0.0.1:{target.port}\r\n"
    head = f"{host}Authorization: {token}\r\n"
    body = json.dumps(event("Patient-open", topic)).encode()
    batch = batch_body(event("dicom-send", topic, {"files": [{"fileName": "a.dcm", "byteLength": 3}]}), [b"abc"])
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "

    def post(path: str, content: bytes, kind: str, length: str) -> bytes:
        return f"POST {path} HTTP/1.1\r\n{head}Content-Type: {kind}\r\n{length}\r\n\r\n".encode() + content

    return [
        post("/api/hub/", body, "application/json", f"Content-Length: {len(body)}"),
        post("/api/hub/", chunked, "application/json", "Transfer-Encoding: chunked"),
        post("/api/hub/", batch, 'multipart/related; boundary="b"', f"Content-Length: {len(batch)}"),
        post(
            "/oauth/token", b"grant_type=client_credentials", "application/x-www-form-urlencoded", "Content-Length: 29"
        ),
        f"GET /api/hub/payloads/x?a=%20 HTTP/1.1\r\n{head}Range: bytes=0-5\r\nIf-Range: x\r\n\r\n".encode(),
        f"GET /bind/x HTTP/1.1\r\n{host}{upgrade}AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode(),
        f"OPTIONS /api/hub HTTP/1.1\r\n{host}Origin: http://localhost\r\n\r\n".encode(),
        f"GET /realms/%2e%2e/.well-known/openid-configuration HTTP/1.1\r\n{host}X-Forwarded-Host: a\r\n\r\n".encode(),
        f'HEAD /docs/openapi.json HTTP/1.0\r\n{host}If-None-Match: "x"\r\n\r\nGET / HTTP/1.1\r\n{host}\r\n'.encode(),
    ]


def test_requests(target: Target, long: bool) -> None:
    chance, right = random.Random(SEED), requests_of(target)
    with target:
        for number in range(12_000 if long else 300):
            if number == 100:
                target.warmed_up()
            data = mutated_bytes(chance.choice(right), chance)
            with socket.create_connection(("127.0.0.1", target.port), WAIT) as line:
                answer = exchange(line, data)
            status = answer[9:12] if answer.startswith(b"HTTP/1.") else b"0"
            target.answered(int(status) if status.isdigit() else 0, lambda data=data: repr(data))


def any_frame(right: list[bytes], chance: random.Random) -> bytes:
    payload = chance.choice(right)
    if chance.random() < 0.5:
        payload = json.dumps(mutated_value(json.loads(payload), chance)).encode()
    if chance.random() < 0.5:
        payload = mutated_bytes(payload, chance)
    match chance.randrange(10):
        case 0:
            return frame(payload, chance.randrange(16))
        case 1:
            return frame(payload, masked=False)
        case 2:
            return frame(payload[:50], fin=False) + frame(payload[50:], 0)
        case 3:
            return frame(payload[:120], chance.choice((8, 9, 10)))
        case 4:
            return frame(payload, length=chance.choice((0, 125, 126, 65_536, 2**31, 2**63)))
        case 5:
            return mutated_bytes(frame(payload), chance)
        case _:
            return frame(payload)


def test_frames(target: Target, long: bool) -> None:
    chance, topic = random.Random(SEED + 1), target.wire.topic
    context = {"id": "r", "dataType": "STATUS", "data": {"items": []}}
    right = [json.dumps(event("status-response", topic, context, subscriber_name="F")).encode()]
    right += [b'{"id": "x", "status": 200}', b'{"id": "x", "status": "409"}', b'{"hub.mode": "denied"}']
    right += [json.dumps(event("Patient-open", topic, [{"key": "patient", "resource": {}}])).encode()]
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    with target:
        for number in range(12_000 if long else 300):
            if number == 100:
                target.warmed_up()
            if number % 5 == 0:
                endpoint = target.wire.subscribe("F", "a,b")
                path = endpoint[endpoint.index("/bind/") :]
                data = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{upgrade}".encode()
                line = socket.create_connection(("127.0.0.1", target.port), WAIT)
                line.sendall(data)
                assert line.recv(12) == b"HTTP/1.1 101"
            with suppress(ConnectionError):  # after a frame that is none the hub closes
                line.sendall(any_frame(right, chance))
            target.answered(0, str)
            if number % 5 == 4:
                exchange(line, frame(b"\x03\xe8", 8))
                line.close()
