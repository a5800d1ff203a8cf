"""For how long one call can hold the hub: the longest turn of its loop under the worst inputs that it takes.

Usage: hub_turns.py [--only WORD] [--subscribers 5000]

Each input has a fresh hub on a core of its own (Linux), and somebody who publishes small events all the while. A line
tells the longest turn by the clock, as the hub's status has it; the most processor time of the loop's thread between
two looks at it (five milliseconds, or the turn), which other work on the machine does not lengthen, and how often the
yardstick fits into that: a fixed piece of Python work in the same run; and the longest collection of garbage within.
Exits with 1 when the processor time is over 50 ms. What clients do here, no honest one does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from hub_limits import User, start

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from hub_process import HubProcess  # noqa: E402
from hub_wire import batch_body  # noqa: E402
from raw_wire import UPGRADE, frame  # noqa: E402

BAR = 0.055  # seconds of the processor: a turn, and what else there was between two looks
AS_HUB = "--as-hub"
AT_ONCE = 256 * 1024  # bytes of JSON that the hub reads on its loop
LONG = 15_000_000  # bytes, under what a body may have
FORM_BYTES = 60_000
BATCH = 'multipart/related; boundary="b"'
FORM, FORM_DATA = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"


def yardstick() -> float:
    """Seconds that a fixed piece of work takes here: the best of ten."""
    times = []
    text = json.dumps([{"id": str(number), "values": [number, None, "x"]} for number in range(5000)])
    for _ in range(10):
        began = time.thread_time()
        json.dumps(json.loads(text))
        times.append(time.thread_time() - began)
    return min(times)


class Load:
    """One program at a fresh hub."""

    def __init__(self, session: aiohttp.ClientSession, url: str, subscribers: int) -> None:
        self.user, self.session, self.url, self.subscribers = User(session, url), session, url, subscribers
        self.kept: list[aiohttp.ClientWebSocketResponse] = []

    async def post(self, body: bytes, kind: str = "application/json", path: str = "/api/hub") -> None:
        headers = {**self.user.headers, "Content-Type": kind}
        with suppress(aiohttp.ClientError):  # it may refuse and close before all is sent
            async with self.session.post(self.url + path, data=body, headers=headers) as answer:
                await answer.read()

    def publish_body(self, context: bytes) -> bytes:
        envelope = {"timestamp": "2026-01-01T00:00:00Z", "id": "x", "event": {"hub.topic": self.user.topic}}
        envelope["event"] |= {"hub.event": "a-b", "context": "?"}  # type: ignore[attr-defined]
        return json.dumps(envelope).encode().replace(b'"?"', context)

    async def publish(self, context: bytes) -> None:
        await self.post(self.publish_body(context))

    async def many(self, count: int) -> list[aiohttp.ClientWebSocketResponse]:
        """So many sockets, fifty at a time; they are not read."""
        found = []
        for begin in range(0, count, 50):
            numbers = range(begin, min(begin + 50, count))
            found += await asyncio.gather(*(self.user.connect(f"S{number}") for number in numbers))
        return found

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def flood(self, data: bytes) -> None:
        """Send bytes on a subscriber's socket, and read what comes."""
        endpoint = urlsplit(await self.user.subscribe("FLOOD"))
        reader, writer = await self.raw()
        writer.write(f"GET {endpoint.path} HTTP/1.1\r\nHost: {endpoint.netloc}\r\n{UPGRADE}\r\n".encode())
        await self._both(reader, writer, data)

    async def pipeline(self, data: bytes) -> None:
        """Send bytes on a connection, and read what comes."""
        await self._both(*await self.raw(), data)

    @staticmethod
    async def _both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
        async def swallow() -> None:
            while await reader.read(1 << 20):
                pass

        swallowing = asyncio.ensure_future(swallow())
        with suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(1)
        swallowing.cancel()
        writer.close()

    def request(self, line: str, body: bytes = b"") -> bytes:
        head = f"{line} HTTP/1.1\r\nHost: {urlsplit(self.url).netloc}\r\nContent-Type: application/json\r\n"
        head += f"Authorization: {self.user.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


def filled(piece: bytes, size: int, begin: bytes = b"[", end: bytes = b"]") -> bytes:
    """A list of as many equal pieces as fit."""
    return begin + b",".join([piece] * (size // (len(piece) + 1))) + end


def members(count: int) -> bytes:
    return b"[{" + b",".join(b'"%d":0' % number for number in range(count)) + b"}]"


def batch(topic: str, count: int, metadata: bytes) -> bytes:
    entry = b'{"fileName":"%d.dcm","byteLength":1,"dicomMetadata":' + metadata + b"}"
    files = b",".join(entry % number for number in range(count))
    event = b'{"hub.topic":"%b","hub.event":"dicom-send","context":{"files":[%b]}}' % (topic.encode(), files)
    return batch_body(b'{"timestamp":"2026-01-01T00:00:00Z","id":"x","event":%b}' % event, [b"x"] * count)


def form_data(count: int) -> bytes:
    part = b"--b\r\nContent-Disposition: form-data; name=%b\r\n\r\nx\r\n"
    return b"".join(part % (b"a" * (FORM_BYTES // count)) for _ in range(count)) + b"--b--\r\n"


async def nothing(load: Load) -> None:
    await asyncio.sleep(2)


async def end_together(load: Load) -> None:
    sockets = await load.many(load.subscribers)
    for each in sockets:
        transport = each._response.connection.transport  # type: ignore[union-attr]
        transport.abort()  # type: ignore[union-attr]
    await asyncio.sleep(4)


async def fan_out(load: Load, size: int, count: int) -> None:
    sockets = await load.many(count)
    for _ in range(3):
        await load.publish(b'["%b"]' % (b"x" * size))
        await asyncio.sleep(0.5)
    assert not any(each.closed for each in sockets)


async def pipelined_events(load: Load) -> None:
    load.kept = await load.many(500)
    await load.pipeline(load.request("POST /api/hub", load.publish_body(b"[]")) * 400)


INPUTS: dict[str, Callable[[Load], Awaitable[None]]] = {
    "small events alone": nothing,
    "an object of 240,000 members": lambda load: load.publish(members(240_000)),
    "256 KB: an object of members": lambda load: load.publish(members(26_000)),
    "256 KB: empty lists": lambda load: load.publish(filled(b"[]", AT_ONCE - 300)),
    "256 KB: lists in lists": lambda load: load.publish(filled(b"[" * 90 + b"]" * 90, AT_ONCE - 300)),
    "256 KB: small objects": lambda load: load.publish(filled(b'{"a":1}', AT_ONCE - 300)),
    "256 KB: escapes": lambda load: load.publish(b'["' + rb"\u00e4" * 43_000 + b'"]'),
    "256 KB: pairs of escapes": lambda load: load.publish(filled(rb'"\ud83d\ude00"', AT_ONCE - 300)),
    "256 KB: escaped quotes": lambda load: load.publish(b'["' + rb"\"[" * 86_000 + b'"]'),
    "256 KB: long numbers": lambda load: load.publish(filled(b"1" * 300, AT_ONCE - 300)),
    "256 KB: floats": lambda load: load.publish(filled(b"1.7976931348623157e308", AT_ONCE - 300)),
    "15 MB: small objects": lambda load: load.publish(filled(b'{"a":1,"b":[]}', LONG)),
    "15 MB: numbers": lambda load: load.publish(filled(filled(b"1", 100_000), LONG)),
    "15 MB: long numbers": lambda load: load.publish(filled(b"1" * 300, LONG)),
    "15 MB: numbers without end": lambda load: load.publish(filled(b"1" * 4000, LONG)),
    "15 MB: escapes": lambda load: load.publish(b'["' + rb"\u00e4" * 2_500_000 + b'"]'),
    "15 MB: one text": lambda load: load.publish(b'["' + b"x" * LONG + b'"]'),
    "15 MB: not UTF-8 at its end": lambda load: load.publish(b'["' + "ä".encode() * (LONG // 2) + b'\xff"]'),
    "form of 200 fields": lambda load: load.post(
        b"&".join(b"%%%02x%d=%b" % (64 + number % 50, number, b"%41" * 90) for number in range(200)), FORM
    ),
    "form of ampersands": lambda load: load.post(b"&" * FORM_BYTES, FORM),
    "multipart form of 200 fields": lambda load: load.post(form_data(200), FORM_DATA),
    "multipart form, one long head": lambda load: load.post(form_data(1), FORM_DATA),
    "batch of 20,000 files": lambda load: load.post(batch(load.user.topic, 20_000, b"null"), BATCH),
    "batch of 16 MB of metadata": lambda load: load.post(
        batch(load.user.topic, 2000, b'{"00100010":{"vr":"PN","Value":["x"]}%b}' % (b',"a":[{}]' * 0)), BATCH
    ),
    "batch of many parts in one piece": lambda load: load.post(batch(load.user.topic, 3000, b"{}"), BATCH),
    "many subscriptions end together": end_together,
    "fan-out of 1 KB to many": lambda load: fan_out(load, 1000, load.subscribers),
    "fan-out of 20 KB to many": lambda load: fan_out(load, 20_000, load.subscribers),
    "fan-out of 1 MB to 500": lambda load: fan_out(load, 1_000_000, 500),
    "pings without end": lambda load: load.flood(frame(b"", 9) * 200_000),
    "pongs without end": lambda load: load.flood(frame(b"7", 10) * 200_000),
    "acknowledgements without end": lambda load: load.flood(frame(b'{"id":"x"}') * 60_000),
    "frames of no byte": lambda load: load.flood(frame(b"{", fin=False) + frame(b"", 0, fin=False) * 200_000),
    "messages of no byte": lambda load: load.flood(frame(b"") * 200_000),
    "message of 256 KB": lambda load: load.flood(frame(filled(b"[]", AT_ONCE - 300)) * 3),
    "message of 15 MB": lambda load: load.flood(frame(filled(b'{"a":1}', LONG))),
    "pipelined looks at the status": lambda load: load.pipeline(load.request("GET /api/hub/status") * 2000),
    "pipelined refusals": lambda load: load.pipeline(load.request("GET /no/such/place") * 4000),
    "pipelined events to 500": pipelined_events,
    "headers without end": lambda load: load.pipeline(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 250_000),
    "one header without end": lambda load: load.pipeline(b"GET / HTTP/1.1\r\na: " + b"x" * 1_000_000),
    "chunks of one byte": lambda load: load.pipeline(
        load.request("POST /api/hub").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        + b"1\r\n \r\n" * 200_000
    ),
}


def as_hub() -> None:
    """Be a hub that also writes down the most processor time between two looks, and of a collection."""
    from CastHubLib import __main__, turns

    most = {"processor": 0.0, "collection": 0.0}
    last = begun = 0.0
    woken = turns.Turns._woken

    def looked(self: turns.Turns) -> None:
        nonlocal last
        now = time.thread_time()
        if last and now - last > most["processor"]:
            most["processor"] = now - last
            Path(os.environ["TURNS_FILE"]).write_text(json.dumps(most))
        last = time.thread_time()
        woken(self)

    def collected(phase: str, _: object) -> None:
        nonlocal begun
        now = time.thread_time()
        if phase == "stop" and last:
            most["collection"] = max(most["collection"], now - begun)
        begun = now

    turns.Turns._woken = looked  # type: ignore[method-assign]
    gc.callbacks.append(collected)
    sys.exit(__main__.main())


async def measure(load: Load, work: Callable[[Load], Awaitable[None]]) -> dict[str, float]:
    """Seconds: of the longest turn by the clock, and what the hub has written down."""
    await load.user.sign_in()
    ended = asyncio.Event()

    async def others() -> None:
        other = await User(load.session, load.url).sign_in()
        while not ended.is_set():
            await other.publish(other.event())
            await asyncio.sleep(0.002)

    beside = asyncio.ensure_future(others())
    await work(load)
    await asyncio.sleep(0.3)
    ended.set()
    await beside
    written = Path(os.environ["TURNS_FILE"])
    async with load.session.get(f"{load.url}/api/hub/status") as answer:
        return {"clock": (await answer.json())["longest_turn_seconds"], **json.loads(written.read_text())}


async def run(hub: HubProcess, subscribers: int, work: Callable[[Load], Awaitable[None]]) -> dict[str, float]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        return await measure(Load(session, hub.url, subscribers), work)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="inputs whose titles hold this word")
    parser.add_argument("--subscribers", type=int, default=5000)
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    unit = yardstick()
    print(f"{'yardstick':36}{unit * 1000:8.1f} ms")
    print(f"{'input':36}{'clock':>9}{'processor':>12}{'yardsticks':>12}{'collection':>12}   (ms)")
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CAST_HUB_CONTEXT": "keep", "CAST_HUB_GRACE_SECONDS": "1", "CAST_HUB_LOG_LEVEL": "warning"}
        os.environ |= {"CAST_HUB_MAX_USER_UNBOUND": "20000", "CAST_HUB_PING_SECONDS": "1000"}
        for number, (title, work) in enumerate(INPUTS.items()):
            if args.only not in title:
                continue
            os.environ["TURNS_FILE"] = str(Path(folder) / f"{number}.json")
            hub = start(Path(folder) / str(number), program=(str(Path(__file__).resolve()), AS_HUB))
            try:
                most = asyncio.run(run(hub, args.subscribers, work))
            finally:
                hub.stop(seconds=60)
            over = most["processor"] > BAR
            missed += over
            clock, processor, collection = (most[name] * 1000 for name in ("clock", "processor", "collection"))
            row = f"{title:36}{clock:9.0f}{processor:12.1f}{processor / unit / 1000:12.1f}{collection:12.1f}"
            print(f"{row}   {'OVER' if over else ''}".rstrip(), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [AS_HUB]:
        del sys.argv[1]
        as_hub()
    sys.exit(main())
