"""Deliveries a second with a receiver that is not the limit (picows, compiled).

Usage: fanout_load.py BASE_URL SUBSCRIBERS EVENTS IN_FLIGHT; `pip install picows uvloop aiohttp`.
Pin the hub to one core and this to another (taskset -c 0 / -c 1). Prints one line.
"""

import asyncio
import os
import sys
import time
import uuid

import aiohttp
import uvloop
from picows import WSListener, WSMsgType, ws_connect

base, subscribers, events, in_flight = sys.argv[1].rstrip("/"), *map(int, sys.argv[2:5])
got, finished = 0, None


class Receiver(WSListener):
    def on_ws_frame(self, transport, frame):
        global got
        if frame.msg_type == WSMsgType.TEXT and frame.payload_size > 300:  # confirmations and heartbeats are shorter
            got += 1
            if got == subscribers * events:
                finished.set_result(None)


def event(topic):
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "id": uuid.uuid4().hex,
        "subscriber.name": "PUBLISHER",
        "event": {
            "hub.topic": topic,
            "hub.event": "ImagingStudy-open",
            "context": [{"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "x" * 700}}],
        },
    }


async def main():
    global finished
    finished, topic = asyncio.get_running_loop().create_future(), "F" + uuid.uuid4().hex[:8]
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{base}/oauth/authorize", json={"user_name": topic, "topic": topic}) as r:
            code = (await r.json()).get("code")
        async with http.post(f"{base}/oauth/token", data={"grant_type": "authorization_code", "code": code}) as r:
            headers = {"Authorization": "Bearer " + (await r.json())["access_token"]}
        connections = []
        for i in range(subscribers):
            form = {
                "hub.channel.type": "websocket",
                "hub.mode": "subscribe",
                "hub.topic": topic,
                "hub.events": "*",
                "subscriber.name": f"S{i}",
            }
            async with http.post(f"{base}/api/hub/", data=form, headers=headers) as r:
                connections.append(await ws_connect(Receiver, (await r.json())["hub.channel.endpoint"]))
        await asyncio.sleep(0.3)
        gate = asyncio.Semaphore(in_flight)

        async def publish():
            async with gate, http.post(f"{base}/api/hub/", json=event(topic), headers=headers) as r:
                await r.read()

        start = time.perf_counter()
        await asyncio.gather(*(publish() for _ in range(events)))
        await asyncio.wait_for(finished, 60)
        rate = subscribers * events / (time.perf_counter() - start)
        print(f"{rate:.0f} deliveries/s, {subscribers} subscribers, {in_flight} in flight", flush=True)
        os._exit(0)


uvloop.install()
asyncio.run(main())
