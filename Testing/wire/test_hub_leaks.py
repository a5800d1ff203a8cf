"""Subscriptions that come and go in every way leave nothing behind: no memory, no descriptor, no entry, no task."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from drill import reset
from hub_process import HubProcess
from hub_wire import Wire, event

from CastHubLib.delivery.connection import Connection
from CastHubLib.http.server import HubServer
from CastHubLib.routing.subscriber import Subscriber
from CastHubLib.settings import HubSettings

GRACE, BIND = 0.5, 2.0
AT_ONCE = 25
MIB = 1024 * 1024


async def come_and_go(url: str, wire: Wire, cycles: int) -> None:
    """Subscribe ``cycles`` times, each on a topic of its own, and end by turns in each way that there is."""
    numbers = iter(range(cycles))
    headers = {"Authorization": str(wire.http.headers["Authorization"])}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as http:

        async def one(number: int) -> None:
            topic = f"{wire.topic}-{number}"
            form = wire.form("S", "Patient-open", subscriber__acknowledges="true" if number % 2 else "false")
            async with http.post(wire.hub, data={**form, "hub.topic": topic}) as answer:
                assert answer.status == 202, await answer.text()
                endpoint = (await answer.json())["hub.channel.endpoint"]
            way = number // 2 % 5
            web_socket = await http.ws_connect(endpoint) if way else None
            async with http.post(wire.hub, json=event("Patient-open", topic)) as answer:
                assert answer.status == 202
            if web_socket is None:
                return
            if way == 1:
                reset(web_socket)
            elif way == 2:
                await web_socket.close()
            elif way == 3:
                fields = {"hub.mode": "unsubscribe", "hub.channel.endpoint": endpoint}
                async with http.post(wire.hub, data=fields) as answer:
                    assert answer.status == 202
                async for _ in web_socket:
                    pass
            elif way == 4:
                reset(web_socket)
                with suppress(aiohttp.WSServerHandshakeError):  # on a busy machine the grace time may be over
                    reset(await http.ws_connect(endpoint))

        async def worker() -> None:
            for number in numbers:
                await one(number)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def until(predicate: Callable[[], bool]) -> None:
    for _ in range(1000):
        if await asyncio.get_running_loop().run_in_executor(None, predicate):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("something stays")


def test_a_hub_returns_to_where_it_was(start_hub: Callable[..., HubProcess], tmp_path: Path, long: bool) -> None:
    (tmp_path / "hub.toml").write_text(f"grace_seconds = {GRACE}\nbind_seconds = {BIND}\nlog_level = 'warning'\n")
    hub = start_hub("--settings", str(tmp_path / "hub.toml"))
    process, turns = psutil.Process(hub.pid), itertools.count()

    def measured(wire: Wire, cycles: int) -> tuple[int, int]:
        wire.topic = f"turn-{next(turns)}"

        async def main() -> None:
            await come_and_go(hub.url, wire, cycles)
            await until(lambda: wire.status()["subscriptions"] == 0)

        asyncio.run(main())
        status = wire.status()
        assert status["topics"] == status["connected"] == status["waiting"] == status["unacknowledged"] == 0
        wire.http.close()
        descriptors = process.num_handles() if sys.platform == "win32" else process.num_fds()
        return process.memory_info().rss, descriptors

    with Wire(hub.url) as wire:
        first = measured(wire, 5000 if long else 300)  # so much is remembered for a while: 4,096 events
        then = measured(wire, 15_000 if long else 300)
    assert then[0] - first[0] < 4 * MIB
    assert then[1] <= first[1] + 2, "the connection that asks, and one that is just closing"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_object_and_no_task_stays(tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        settings = HubSettings(port=0, state=tmp_path, grace_seconds=GRACE, bind_seconds=BIND)
        server = HubServer(settings)
        await server.start()
        wire = await loop.run_in_executor(None, Wire, server.url)
        tasks = len(asyncio.all_tasks())
        await come_and_go(server.url, wire, 60)
        await until(lambda: not len(server.hub.table))
        await until(lambda: len(asyncio.all_tasks(loop)) <= tasks + 1)
        hub = server.hub
        assert not hub.sockets._open
        assert hub.table.topic_count == 0
        hub.publisher._published.clear()  # what an acknowledgement may still speak of
        gc.collect()
        kept = (each for each in gc.get_objects() if isinstance(each, Subscriber))
        assert not [each for each in kept if each.subscription.topic.startswith(wire.topic)]
        wire.close()
        await server.stop()

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_ends_is_freed_without_the_collector(tmp_path: Path) -> None:
    async def main() -> None:
        server = HubServer(HubSettings(port=0, state=tmp_path, grace_seconds=GRACE, bind_seconds=BIND))
        await server.start()
        wire = await asyncio.get_running_loop().run_in_executor(None, Wire, server.url)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        await come_and_go(server.url, wire, 60)
        await until(lambda: not len(server.hub.table))
        server.hub.publisher._published.clear()
        gc.collect()
        gc.set_debug(0)
        kinds = (Connection, web.Request, web.WebSocketResponse, Subscriber)
        rings = [each for each in gc.garbage if isinstance(each, kinds)]
        gc.garbage.clear()
        wire.close()
        await server.stop()
        assert not rings

    try:
        asyncio.run(main())
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
