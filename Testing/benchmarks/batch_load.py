"""Load a Cast hub with one binary batch from outside and print its figures as JSON.

Usage: batch_load.py BASE_URL [--files 200] [--size 524288] [--rounds 3] [--receivers 16] [--pid HUB]

As ``hub_load.py`` does it, but from plain blocking sockets, so that the load is not the limit: the body is made before
the clock starts and goes out as one buffer, and each file is read, on a connection that stays open, into a buffer that
was there and touched before. What came is compared after the clock has stopped.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import websocket

WAIT = 120.0  # seconds for any one answer
Clock = Callable[[], float]


class Load:
    """One user at one hub."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        self.address = urllib.parse.urlsplit(self.base).netloc
        self.topic = f"B-{uuid.uuid4().hex[:8]}"
        answer = self._form("/oauth/authorize", {"user_name": self.topic, "topic": self.topic})
        grant = {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "client_id": "c",
            "client_secret": "s",
        }
        self.headers = {"Authorization": f"Bearer {self._form('/oauth/token', grant)['access_token']}"}

    def _form(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> dict[str, Any]:
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(
            urllib.request.Request(self.base + path, data, headers or {}), timeout=WAIT
        ) as answer:
            return json.load(answer)

    def subscribe(self) -> websocket.WebSocket:
        fields = {
            "hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": self.topic, "hub.events": "*",
            "subscriber.name": f"BIN-{self.topic}", "subscriber.product.name": "LOAD", "subscriber.actors": '["ID"]',
        }  # fmt: skip
        endpoint = self._form("/api/hub/", fields, self.headers)["hub.channel.endpoint"]
        return websocket.create_connection(endpoint, timeout=WAIT)

    def batch(self, files: list[bytes]) -> tuple[str, bytes]:
        """Content type and body of a batch of these files."""
        boundary = "cast" + uuid.uuid4().hex
        entries = [{"fileName": f"s{i:04d}.dcm", "byteLength": len(data)} for i, data in enumerate(files)]
        event = {
            "timestamp": "2026-01-01T00:00:00Z", "id": uuid.uuid4().hex, "subscriber.name": "LOAD-PUB",
            "event": {"hub.topic": self.topic, "hub.event": "dicom-send", "context": {"files": entries}},
        }  # fmt: skip
        head = f"--{boundary}\r\nContent-Type: application/dicom+json\r\n\r\n{json.dumps(event)}\r\n".encode()
        mark = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join(
            [head, *(piece for data in files for piece in (mark, data, b"\r\n")), f"--{boundary}--\r\n".encode()]
        )
        return f'multipart/related; boundary={boundary}; type="application/dicom"', body

    def connect(self) -> socket.socket:
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=WAIT)

    def fetch(self, connection: socket.socket, path: str, room: memoryview) -> int:
        """Bytes of the answer to a GET, which are read into ``room``."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.address}", *(f"{k}: {v}" for k, v in self.headers.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        come = b""
        while b"\r\n\r\n" not in come:
            come += _some(connection.recv(64 * 1024))
        head, _, begun = come.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
        if length is None or not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"{path}: {head[:80]!r}")
        filled, end = len(begun), int(length[1])
        room[:filled] = begun
        while filled < end:
            filled += _some(connection.recv_into(room[filled:end]))
        return end

    def round(self, files: list[bytes], receivers: int, clocks: tuple[Clock, ...]) -> list[tuple[float, float]]:
        """By each clock, the seconds to send a batch, and until every file of it has been fetched."""
        kind, body = self.batch(files)
        channel = self.subscribe()
        sender = http.client.HTTPConnection(self.address, timeout=WAIT)
        sender.connect()
        fetched = [bytearray(len(data)) for data in files]
        began = [clock() for clock in clocks]
        sender.request("POST", "/api/hub/", body, {**self.headers, "Content-Type": kind})
        answer = sender.getresponse()
        text = answer.read()
        sent = [clock() for clock in clocks]
        if answer.status >= 300:
            raise SystemExit(f"{answer.status} {text[:200]!r}")
        while (event := json.loads(channel.recv()).get("event") or {}).get("hub.event") != "dicom-send":
            pass
        jobs = list(enumerate(event["context"]["files"]))

        def receive() -> None:
            with self.connect() as connection:
                while jobs:
                    try:
                        index, entry = jobs.pop()
                    except IndexError:
                        break
                    room = memoryview(fetched[index])
                    for id in entry.get("payloadIds") or [entry["payloadId"]]:
                        room = room[self.fetch(connection, f"/api/hub/payloads/{id}", room) :]

        with ThreadPoolExecutor(receivers) as pool:
            for done in [pool.submit(receive) for _ in range(receivers)]:
                done.result()
        ended = [clock() for clock in clocks]
        channel.close()
        sender.close()
        if fetched != files:
            raise SystemExit("a file did not come back as it was sent")
        return [(middle - start, end - start) for start, middle, end in zip(began, sent, ended, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--size", type=int, default=512 * 1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--receivers", type=int, default=16)
    parser.add_argument("--pid", type=int, help="the hub's process")
    args = parser.parse_args()
    load = Load(args.base)
    files = [os.urandom(args.size) for _ in range(args.files)]  # all different: nothing to gain by leaving some out
    clocks: tuple[Clock, ...] = (time.perf_counter,)
    if args.pid:
        clocks += (lambda: processor_seconds(args.pid),)
    rounds = [load.round(files, args.receivers, clocks) for _ in range(args.rounds)]
    megabytes = args.files * args.size / 1e6
    figures: dict[str, int] = {"MB": round(megabytes)}
    for word, times in zip(("", "_cpu"), zip(*rounds, strict=True), strict=False):
        figures[f"up{word}_MBps"] = rate(megabytes, [sent for sent, _ in times])
        figures[f"down{word}_MBps"] = rate(megabytes, [whole - sent for sent, whole in times])
        figures[f"end_to_end{word}_MBps"] = rate(megabytes, [whole for _, whole in times])
    print(json.dumps(figures))


def _some(come: Any) -> Any:
    if not come:
        raise SystemExit("the hub has closed a connection")
    return come


def rate(megabytes: float, seconds: list[float]) -> int:
    return round(megabytes / max(statistics.median(seconds), 1e-3))


def processor_seconds(pid: int) -> float:
    """Of all its threads, as far as they still run."""
    spent = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            spent += int(file.read().split()[0])
    return spent / 1e9


if __name__ == "__main__":
    main()
