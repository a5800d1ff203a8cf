"""Load a Cast hub from outside and print its figures as JSON.

Usage: hub_load.py BASE_URL [--subs 1,10,100] [--events 200] [--files 200] [--pid HUB] [--token T]
BASE_URL is the hub's origin (http://localhost:2018). Speaks only the public Cast wire protocol, so it runs
against any Cast hub: the reference's and this project's, side by side in one run.
"""

import argparse
import asyncio
import json
import os
import time
import uuid

import aiohttp


def pct(xs, p):
    xs = sorted(xs)
    return xs[min(len(xs) - 1, int(len(xs) * p))] if xs else None


class Load:
    def __init__(self, base, token):
        self.base, self.token = base.rstrip("/"), token
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def login(self, http, topic):
        """The mock auth endpoints give a code, then a token; a hub that wants none still answers."""
        async with http.post(f"{self.base}/oauth/authorize", json={"user_name": topic, "topic": topic}) as r:
            code = (await r.json()).get("code")
        async with http.post(
            f"{self.base}/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "client_id": "client_id",
                "client_secret": "client_secret",
            },
        ) as r:
            self.headers = {"Authorization": f"Bearer {(await r.json())['access_token']}"}

    async def subscribe(self, http, topic, name, actors="ID", events="*"):
        form = {
            "hub.channel.type": "websocket",
            "hub.mode": "subscribe",
            "hub.topic": topic,
            "hub.events": events,
            "hub.lease_seconds": "7200",
            "subscriber.name": name,
            "subscriber.product.name": "LOAD",
            "subscriber.product.version": "1",
            "subscriber.actors": json.dumps([actors]),
        }
        async with http.post(f"{self.base}/api/hub/", data=form, headers=self.headers) as r:
            if r.status != 202:
                raise SystemExit(f"subscribe: {r.status} {await r.text()}")
            url = (await r.json(content_type=None))["hub.channel.endpoint"]
        return await http.ws_connect(url, max_msg_size=0, compress=0)

    def event(self, topic, name="LOAD-PUB", kind="ImagingStudy-open", size=700):
        return {
            "timestamp": "2026-01-01T00:00:00Z",
            "id": uuid.uuid4().hex,
            "subscriber.name": name,
            "event": {
                "hub.topic": topic,
                "hub.event": kind,
                "context": [{"key": "study", "resource": {"resourceType": "ImagingStudy", "id": "x" * size}}],
            },
        }

    async def post(self, http, body):
        async with http.post(f"{self.base}/api/hub/", json=body, headers=self.headers) as r:
            await r.read()
            return r.status

    async def fanout(self, http, subs, events):
        topic = f"T-{uuid.uuid4().hex[:8]}"
        await self.login(http, topic)
        sockets = [await self.subscribe(http, topic, f"SUB-{topic}-{i}") for i in range(subs)]
        got, done, last = {}, {}, {}

        async def reader(ws):
            async for m in ws:
                if m.type is not aiohttp.WSMsgType.TEXT:
                    break
                key = json.loads(m.data).get("id")
                if key in got:
                    got[key] += 1
                    if got[key] == subs:
                        last[key] = time.perf_counter()
                        done[key].set_result(None)

        tasks = [asyncio.create_task(reader(ws)) for ws in sockets]
        await asyncio.sleep(0.3)
        lat = []
        for _ in range(events):  # one at a time: latency to the last subscriber
            e = self.event(topic)
            got[e["id"]] = 0
            done[e["id"]] = asyncio.get_running_loop().create_future()
            t = time.perf_counter()
            await self.post(http, e)
            await asyncio.wait_for(done[e["id"]], 30)
            lat.append(last[e["id"]] - t)
        t = time.perf_counter()
        es = [self.event(topic) for _ in range(events)]  # 16 in flight: throughput
        for e in es:
            got[e["id"]] = 0
            done[e["id"]] = asyncio.get_running_loop().create_future()
        sem = asyncio.Semaphore(16)

        async def one(e):
            async with sem:
                await self.post(http, e)

        await asyncio.gather(*(one(e) for e in es))
        await asyncio.wait_for(asyncio.gather(*done.values()), 120)
        dt = time.perf_counter() - t
        for ws in sockets:
            await ws.close()
        for k in tasks:
            k.cancel()
        return {
            "subs": subs,
            "lat_p50_ms": round(pct(lat, 0.5) * 1e3, 2),
            "lat_p99_ms": round(pct(lat, 0.99) * 1e3, 2),
            "deliveries_per_s": round(events * subs / dt),
        }

    async def request(self, http, responders, rounds):
        topic = f"R-{uuid.uuid4().hex[:8]}"
        await self.login(http, topic)
        me = await self.subscribe(http, topic, f"REQ-{topic}", actors="WORKLIST_CLIENT")
        sockets = [await self.subscribe(http, topic, f"RES-{topic}-{i}") for i in range(responders)]

        async def answer(ws, name):
            async for m in ws:
                if m.type is not aiohttp.WSMsgType.TEXT:
                    break
                d = json.loads(m.data)
                ev = d.get("event") or {}
                if ev.get("hub.event") == "status-request":
                    await ws.send_str(
                        json.dumps(
                            {
                                "id": uuid.uuid4().hex,
                                "timestamp": "2026-01-01T00:00:00Z",
                                "subscriber.name": name,
                                "subscriber.actor": "ID",
                                "event": {
                                    "hub.topic": topic,
                                    "hub.event": "status-response",
                                    "context": {
                                        "id": ev["context"]["id"],
                                        "dataType": "STATUS",
                                        "data": {"source": "status", "product": "LOAD", "items": []},
                                    },
                                },
                            }
                        )
                    )

        tasks = [asyncio.create_task(answer(ws, f"RES-{topic}-{i}")) for i, ws in enumerate(sockets)]
        tasks.append(asyncio.create_task(answer(me, f"REQ-{topic}")))
        await asyncio.sleep(0.3)
        lat, complete = [], 0
        for _ in range(rounds):
            body = {
                "id": uuid.uuid4().hex,
                "timestamp": "2026-01-01T00:00:00Z",
                "subscriber.name": f"REQ-{topic}",
                "target.actor": "ID",
                "event": {"hub.topic": topic, "hub.event": "status-request", "context": {"dataType": "STATUS"}},
            }
            t = time.perf_counter()
            async with http.post(f"{self.base}/api/hub/request", json=body, headers=self.headers) as r:
                d = await r.json(content_type=None)
            lat.append(time.perf_counter() - t)
            complete += len(d.get("responses", [])) == responders
        for ws in [me, *sockets]:
            await ws.close()
        for k in tasks:
            k.cancel()
        return {
            "responders": responders,
            "p50_ms": round(pct(lat, 0.5) * 1e3, 2),
            "p99_ms": round(pct(lat, 0.99) * 1e3, 2),
            "complete": f"{complete}/{rounds}",
        }

    async def binary(self, http, files, size):
        topic = f"B-{uuid.uuid4().hex[:8]}"
        await self.login(http, topic)
        ws = await self.subscribe(http, topic, f"BIN-{topic}")
        blobs = [os.urandom(size) for _ in range(files)]
        b = "cast" + uuid.uuid4().hex  # all different: nothing to gain by deduplication
        e = self.event(topic, kind="dicom-send")
        e["event"]["context"] = {
            "files": [
                {"fileName": f"s{i:04d}.dcm", "byteLength": size, "mimeType": "application/dicom"} for i in range(files)
            ]
        }
        parts = [f"--{b}\r\nContent-Type: application/dicom+json\r\n\r\n".encode() + json.dumps(e).encode() + b"\r\n"]
        for blob in blobs:
            parts += [f"--{b}\r\nContent-Type: application/dicom\r\n\r\n".encode(), blob, b"\r\n"]
        body = b"".join(parts) + f"--{b}--\r\n".encode()
        t0 = time.perf_counter()
        async with http.post(
            f"{self.base}/api/hub/",
            data=body,
            headers={**self.headers, "Content-Type": f'multipart/related; boundary={b}; type="application/dicom"'},
        ) as r:
            status, text = r.status, await r.text()
        t1 = time.perf_counter()
        if status >= 300:
            return {"error": f"{status} {text[:200]}"}
        while True:
            m = await asyncio.wait_for(ws.receive(), 60)
            d = json.loads(m.data)
            if (d.get("event") or {}).get("hub.event") == "dicom-send":
                break
        sem = asyncio.Semaphore(16)

        async def get(f, blob):
            chunks = []
            for pid in f.get("payloadIds") or [f["payloadId"]]:
                async with sem, http.get(f"{self.base}/api/hub/payloads/{pid}", headers=self.headers) as r:
                    chunks.append(await r.read())
            return b"".join(chunks) == blob

        ok = await asyncio.gather(*map(get, d["event"]["context"]["files"], blobs))
        t2 = time.perf_counter()
        await ws.close()
        mb = files * size / 1e6
        return {
            "files": files,
            "MB": round(mb),
            "intact": f"{sum(ok)}/{files}",
            "up_MBps": round(mb / (t1 - t0)),
            "down_MBps": round(mb / (t2 - t1)),
            "end_to_end_MBps": round(mb / (t2 - t0)),
        }


async def main():
    p = argparse.ArgumentParser()
    p.add_argument("base")
    p.add_argument("--subs", default="1,10,100")
    p.add_argument("--events", type=int, default=200)
    p.add_argument("--files", type=int, default=200)
    p.add_argument("--size", type=int, default=512 * 1024)
    p.add_argument("--token", default="")
    p.add_argument("--pid", type=int, help="the hub's process, for its peak memory")
    a = p.parse_args()
    load = Load(a.base, a.token)
    out = {"base": a.base}
    conn = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=conn, timeout=aiohttp.ClientTimeout(total=180)) as http:
        out["fanout"] = [await load.fanout(http, int(n), a.events) for n in a.subs.split(",")]
        out["request"] = [await load.request(http, n, 100) for n in (1, 10)]
        out["binary"] = await load.binary(http, a.files, a.size)
    if a.pid:
        out["peak_MB"] = next(
            int(line.split()[1]) // 1024 for line in open(f"/proc/{a.pid}/status") if line.startswith("VmHWM")
        )
    print(json.dumps(out, indent=1))


asyncio.run(main())
