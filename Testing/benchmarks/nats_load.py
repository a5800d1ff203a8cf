r"""A second yardstick: the same fan-out through NATS' own WebSocket, for a ratio in one run with fanout_load.py.

    printf 'host: 127.0.0.1\nport: 4333\nwebsocket { host: "127.0.0.1", port: 4334, no_tls: true }\n' > nats.conf
    printf 'max_pending: 512MB\n' >> nats.conf
    GOMAXPROCS=1 taskset -c 0 nats-server -c nats.conf &          # Debian's package nats-server
    taskset -c 1 python nats_load.py 4334 4333 SUBSCRIBERS EVENTS IN_FLIGHT

NATS routes bytes it never reads and checks nobody; a hub also parses, checks and addresses each event.
`pip install picows uvloop`. Prints one line.
"""

import asyncio
import json
import os
import sys
import time
import uuid

import uvloop
from picows import WSListener, WSMsgType, ws_connect

ws_port, tcp_port, subscribers, events, in_flight = map(int, sys.argv[1:6])
body = json.dumps(
    {
        "timestamp": "2026-01-01T00:00:00Z",
        "id": uuid.uuid4().hex,
        "subscriber.name": "PUBLISHER",
        "event": {
            "hub.topic": "F" + "0" * 8,
            "hub.event": "ImagingStudy-open",
            "context": [{"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "x" * 700}}],
        },
    }
).encode()
delivery = len(b"MSG f 1 %d\r\n" % len(body)) + len(body) + 2  # bytes of one delivery; NATS joins several in a frame
received, finished = 0, None


class Receiver(WSListener):
    def on_ws_connected(self, transport):
        transport.send(WSMsgType.BINARY, b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB f 1\r\n')

    def on_ws_frame(self, transport, frame):
        global received
        if frame.payload_size < 600:  # INFO, PING
            if frame.get_payload_as_bytes().startswith(b"PING"):
                transport.send(WSMsgType.BINARY, b"PONG\r\n")
            return
        received += frame.payload_size
        if received >= subscribers * events * delivery and not finished.done():
            finished.set_result(None)


async def main():
    global finished
    finished = asyncio.get_running_loop().create_future()
    for _ in range(subscribers):
        await ws_connect(Receiver, f"ws://127.0.0.1:{ws_port}/")
    reader, writer = await asyncio.open_connection("127.0.0.1", tcp_port)
    await reader.readline()
    writer.write(b'CONNECT {"verbose":true}\r\n')
    await reader.readline()
    await asyncio.sleep(0.5)
    publish, outstanding, start = b"PUB f %d\r\n" % len(body) + body + b"\r\n", 0, time.perf_counter()
    for _ in range(events):
        writer.write(publish)
        outstanding += 1
        if outstanding >= in_flight:
            await reader.readline()  # +OK
            outstanding -= 1
    await asyncio.wait_for(finished, 60)
    rate = subscribers * events / (time.perf_counter() - start)
    print(f"{rate:.0f} deliveries/s through NATS, {subscribers} subscribers, {in_flight} in flight", flush=True)
    os._exit(0)


uvloop.install()
asyncio.run(main())
