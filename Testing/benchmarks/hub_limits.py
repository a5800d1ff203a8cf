"""What a hub costs at its edges: a large batch, many idle subscribers, many topics, a subscriber that does not read.

Usage: hub_limits.py [--gigabytes 1] [--idle 5000] [--topics 10000] [--rounds 5]

Starts this tree's hub on a core of its own (Linux), measures, prints a line a bar, and exits with 1 when one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from hub_process import PACKAGE_FOLDERS, HubProcess  # noqa: E402

sys.path[1:1] = map(str, PACKAGE_FOLDERS)

from CastLib.manifest import parse_manifest  # noqa: E402
from CastLib.message import Sender, make_message  # noqa: E402
from CastLib.multipart import lay_out_batch  # noqa: E402

PIECE = 1024 * 1024
EVENTS = 300  # of one round of timing
FORM = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.events": "*", "subscriber.product.name": "LOAD"}
#: figure -> (bar, unit); each must stay under its bar
BARS = {
    "peak memory for a large batch": (150.0, "MB"),
    "an idle subscriber": (25.0, "KB"),
    "routing with many topics, beside 10": (1.10, "x"),
    "others' median beside a stalled subscriber": (1.20, "x"),
}


def memory(pid: int, field: str) -> int:
    """Bytes, by a field of /proc/PID/status."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


class User:
    """One signed-in user of a hub."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self.topic = f"L-{uuid.uuid4().hex[:8]}"
        self.headers: dict[str, str] = {}

    async def sign_in(self) -> User:
        async with self.session.post(f"{self.url}/oauth/authorize", json={"user_name": self.topic}) as answer:
            code = (await answer.json())["code"]
        grant = {"grant_type": "authorization_code", "code": code}
        async with self.session.post(f"{self.url}/oauth/token", data=grant) as answer:
            self.headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        return self

    async def subscribe(self, name: str, topic: str = "") -> str:
        form = {**FORM, "hub.topic": topic or self.topic, "subscriber.name": name}
        async with self.session.post(f"{self.url}/api/hub/", data=form, headers=self.headers) as answer:
            return str((await answer.json())["hub.channel.endpoint"])

    async def connect(self, name: str) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(await self.subscribe(name), max_msg_size=0)

    def event(self, size: int = 700) -> dict[str, Any]:
        resource = {"resourceType": "ImagingStudy", "id": "x" * size}
        event = {"hub.topic": self.topic, "hub.event": "ImagingStudy-open"}
        return {
            "timestamp": "2026-01-01T00:00:00Z", "id": uuid.uuid4().hex, "subscriber.name": "LOAD-PUB",
            "event": {**event, "context": [{"key": "study", "resource": resource}]},
        }  # fmt: skip

    async def publish(self, event: dict[str, Any]) -> None:
        async with self.session.post(f"{self.url}/api/hub/", json=event, headers=self.headers) as answer:
            await answer.read()
            if answer.status >= 300:
                raise SystemExit(f"publish: {answer.status}")

    async def median(self, sockets: list[aiohttp.ClientWebSocketResponse], *, size: int = 700) -> float:
        """Seconds from publishing an event to its arrival at the last socket, one event at a time."""
        times = []
        for _ in range(EVENTS):
            event = self.event(size)
            began = time.perf_counter()
            arriving = asyncio.gather(*(_arrived(socket, event["id"]) for socket in sockets))
            await self.publish(event)
            await asyncio.wait_for(arriving, 30)
            times.append(time.perf_counter() - began)
        return statistics.median(times)


async def _arrived(socket: aiohttp.ClientWebSocketResponse, id: str) -> None:
    while json.loads((await socket.receive()).data).get("id") != id:
        pass


def large_batch(url: str, headers: dict[str, str], topic: str, size: int, files: int) -> None:
    """Send a batch of ``size`` bytes in all; the bytes are made as they go out."""
    each = size // files
    context = {"files": [{"fileName": f"s{index}.dcm", "byteLength": each} for index in range(files)]}
    wire = make_message("dicom-send", topic, context, sender=Sender("LOAD"))
    layout = lay_out_batch(json.dumps(wire).encode(), parse_manifest(context))
    piece = os.urandom(PIECE)

    def body() -> Any:
        yield layout.head
        for part_head in layout.part_heads:
            yield part_head
            for start in range(0, each, PIECE):
                yield piece[: each - start]
        yield layout.tail

    layout_headers = {"Content-Type": layout.content_type, "Content-Length": str(layout.content_length)}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=300)
    connection.request("POST", "/api/hub/", body(), headers | layout_headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"batch: {answer.status} {answer.read()[:200]!r}")
    connection.close()


async def stalled(user: User) -> socket.socket:
    """Subscribe with a socket that is never read, and whose buffers are small."""
    endpoint = await user.subscribe("STALLED")
    host, _, path = endpoint.removeprefix("ws://").partition("/")
    name, _, port = host.partition(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((name, int(port)))
    raw.sendall(
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return raw


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    figures = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        hub = start(folder / "batch")
        user = await User(session, hub.url).sign_in()
        size = int(args.gigabytes * 1e9)
        await asyncio.to_thread(large_batch, hub.url, user.headers, user.topic, size, 50)
        figures["peak memory for a large batch"] = memory(hub.pid, "VmHWM") / 1e6
        hub.stop()

        hub = start(folder / "idle")
        user = await User(session, hub.url).sign_in()
        sockets = [await user.connect(f"WARM-{index}") for index in range(50)]
        before = memory(hub.pid, "VmRSS")
        sockets += [await user.connect(f"IDLE-{index}") for index in range(args.idle)]
        await asyncio.sleep(2)
        figures["an idle subscriber"] = (memory(hub.pid, "VmRSS") - before) / 1e3 / args.idle
        await asyncio.gather(*(each.close() for each in sockets))
        hub.stop()

        hub = start(folder / "topics", "--log-level", "error")
        user = await User(session, hub.url).sign_in()
        listeners = [await user.connect(f"SUB-{index}") for index in range(10)]
        few, many = [], []
        others = [await user.subscribe(f"OTHER-{index}", f"topic-{index}") for index in range(9)]
        crowded = start(folder / "crowd", "--log-level", "error")
        other = await User(session, crowded.url).sign_in()
        for index in range(args.topics - 1):
            others.append(await other.subscribe(f"OTHER-{index}", f"topic-{index}"))
        crowd = [await other.connect(f"SUB-{index}") for index in range(10)]
        for _ in range(args.rounds):
            few.append(await user.median(listeners))
            many.append(await other.median(crowd))
        figures["routing with many topics, beside 10"] = statistics.median(
            b / a for a, b in zip(few, many, strict=True)
        )
        crowded.stop()

        alone, beside = [], []
        for _ in range(args.rounds):
            alone.append(await user.median(listeners, size=4000))
            raw = await stalled(user)
            beside.append(await user.median(listeners, size=4000))
            raw.close()
            await asyncio.sleep(0.5)
        ratios = [b / a for a, b in zip(alone, beside, strict=True)]
        figures["others' median beside a stalled subscriber"] = statistics.median(ratios)
        hub.stop()
    return figures


def start(folder: Path, *arguments: str, **more: Any) -> HubProcess:
    hub = HubProcess(folder, *arguments, **more)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(hub.pid, {0})
        os.sched_setaffinity(0, {1})
    return hub


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(args, Path(folder)))
    missed = 0
    for name, value in figures.items():
        bar, unit = BARS[name]
        missed += value >= bar
        print(f"{name:45}{value:9.2f} {unit:3} bar {bar:g} {unit}  {'reached' if value < bar else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
