"""A yardstick, not a design: the least an aiohttp hub can do on the wire that hub_load.py speaks.

No checks, no rights, no leases, everything in memory. Run `python sketch_hub.py PORT [--uvloop]` beside the real hub
and load both with hub_load.py in the same run: a real hub that costs much more than this has a reason to find.
"""

import asyncio
import json
import sys
import uuid

from aiohttp import web

topics, pending, payloads, endpoints = {}, {}, {}, {}


def frame(body):
    """One unmasked WebSocket text frame (RFC 6455, 5.2), built once for all subscribers."""
    n = len(body)
    head = (
        bytes([0x81, n])
        if n < 126
        else b"\x81\x7e" + n.to_bytes(2, "big")
        if n < 65536
        else b"\x81\x7f" + n.to_bytes(8, "big")
    )
    return head + body


def fan_out(message):
    data, sender = frame(json.dumps(message).encode()), message.get("subscriber.name")
    for name, transport in list(topics.get(message["event"]["hub.topic"], ())):
        if name != sender:
            transport.write(data)


async def hub(request):
    if request.content_type == "multipart/related":
        manifest, index = None, 0
        async for part in await request.multipart():
            if manifest is None:
                manifest = json.loads(await part.read())
            else:
                key = uuid.uuid4().hex
                payloads[key] = await part.read()
                manifest["event"]["context"]["files"][index]["payloadIds"] = [key]
                index += 1
        fan_out(manifest)
    elif request.content_type == "application/json":
        fan_out(await request.json())
    else:
        form, key = await request.post(), uuid.uuid4().hex
        endpoints[key] = form["hub.topic"], form["subscriber.name"]
        return web.json_response({"hub.channel.endpoint": f"ws://{request.host}/bind/{key}"}, status=202)
    return web.json_response({"status": "received"})


async def bind(request):
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    topic, name = endpoints[request.match_info["key"]]
    entry = name, request.transport
    topics.setdefault(topic, []).append(entry)
    async for message in ws:
        context = json.loads(message.data)["event"]["context"]
        if waiting := pending.get(context.get("id")):
            answers, done, expected = waiting
            answers.append({"data": context.get("data")})
            if len(answers) == expected:
                done.set_result(None)
    topics[topic].remove(entry)
    return ws


async def ask(request):
    message = await request.json()
    key, topic = message["id"], message["event"]["hub.topic"]
    message["event"]["context"]["id"] = key
    expected = sum(name != message["subscriber.name"] for name, _ in topics[topic])
    answers, done, _ = pending[key] = [], asyncio.get_running_loop().create_future(), expected
    fan_out(message)
    await asyncio.wait_for(done, 2)
    del pending[key]
    return web.json_response({"responses": answers})


async def sign_in(request):
    return web.json_response({"code": "-", "access_token": "-"})


async def payload(request):
    return web.Response(body=payloads[request.match_info["key"]])


app = web.Application(client_max_size=2**33)
app.add_routes(
    [
        web.post("/oauth/authorize", sign_in),
        web.post("/oauth/token", sign_in),
        web.post("/api/hub/", hub),
        web.post("/api/hub/request", ask),
        web.get("/bind/{key}", bind),
        web.get("/api/hub/payloads/{key}", payload),
    ]
)
if "--uvloop" in sys.argv:
    import uvloop

    uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
