"""The wire below HTTP and WebSocket clients: bytes on a connection, for what no client would send."""

from __future__ import annotations

import json
import socket
import struct
from urllib.parse import urlsplit

from hub_wire import WAIT, Wire

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def connected(url: str) -> socket.socket:
    """A connection to a hub, on which nothing has been sent."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), WAIT)


def head(wire: Wire, kind: str, length: int, path: str = "/api/hub", more: str = "") -> bytes:
    """The head of a POST; ``more`` are whole lines of it."""
    token, host = wire.http.headers["Authorization"], wire.url.removeprefix("http://")
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Authorization: {token}", f"Content-Type: {kind}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", f"{more}\r\n"]).encode()


def posted(
    wire: Wire, path: str, body: bytes, kind: str = "application/json", length: int | None = None
) -> socket.socket:
    """A connection on which a POST has been sent, or its beginning."""
    line = connected(wire.url)
    line.sendall(head(wire, kind, length or len(body), path) + body)
    return line


def frame(
    payload: bytes, opcode: int = 1, *, fin: bool = True, masked: bool = True, length: int | None = None
) -> bytes:
    """A frame; ``length`` is what it says that its payload has."""
    size = len(payload) if length is None else length
    first, mask = bytes([opcode | 0x80 * fin]), 0x80 * masked
    if size < 126:
        start = bytes([size | mask])
    else:
        start = (
            bytes([126 | mask]) + struct.pack("!H", size)
            if size < 65_536
            else bytes([127 | mask]) + struct.pack("!Q", size)
        )
    if not masked:
        return first + start + payload
    key = b"\x01\x02\x03\x04"
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return first + start + key + hidden.to_bytes(len(payload), "big")


def bound(wire: Wire, name: str = "S", more: str = "") -> socket.socket:
    """The upgraded connection of a new subscription, after its confirmation."""
    endpoint = urlsplit(wire.subscribe(name))
    line = connected(wire.url)
    line.sendall(f"GET {endpoint.path} HTTP/1.1\r\nHost: {endpoint.netloc}\r\n{UPGRADE}{more}\r\n".encode())
    answer = read_until(line, b"subscribe")
    assert answer.startswith(b"HTTP/1.1 101") and b"permessage-deflate" not in answer
    return line


def read_until(line: socket.socket, text: bytes) -> bytes:
    """What comes, up to the piece with a text that must be in it."""
    got = b""
    while text not in got:
        piece = line.recv(65_536)
        assert piece, got
        got += piece
    return got


def ended(line: socket.socket) -> bytes:
    """What still comes until the hub ends the connection, which it must do."""
    got = b""
    try:
        while piece := line.recv(65_536):
            got += piece
    except ConnectionError:
        pass
    line.close()
    return got


def is_served(line: socket.socket, wire: Wire) -> bool:
    """Tell whether a bound connection still gets what is published."""
    body = {"timestamp": "2026-01-01T00:00:00Z", "id": "still-served"}
    wire.publish({**body, "event": {"hub.topic": wire.topic, "hub.event": "a-b", "context": []}}, 202)
    got = b""
    while b"still-served" not in got:
        piece = line.recv(65_536)
        if not piece:
            return False
        got += piece
    return True


def acknowledgement(size: int) -> bytes:
    """A message of about so many bytes that the hub reads and that means nothing."""
    return json.dumps({"id": "x", "status": 200, "note": "y" * size}).encode()
