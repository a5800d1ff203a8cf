"""A drill: events to many subscribers whose sockets break all the time, never closed in order (docs/delivery.md).

Who acknowledges loses nothing, gets nothing twice after dropping repeats by id, and each topic's order is kept. Who
does not acknowledge loses at each break exactly what the hub counts or less, and the count is what can be known.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from drill import Subscriber, unproven_by_subscription
from hub_process import HubProcess
from hub_wire import Wire, event
from relay import Relay

from CastLib.client import Pump, Session, SessionSettings

TOPICS, SUBSCRIBERS, PUBLISHERS, SESSIONS = 5, 50, 4, 4
PAUSE = 0.02  # seconds at most that a publisher waits between events, so that breaks fall among them
LIMIT = 60.0


class Drill:
    """One hub, its publishers and one healthy subscriber a topic, by which the others are judged."""

    def __init__(self, hub: HubProcess, events: int) -> None:
        self.hub = hub
        self.events = events
        self.calm = asyncio.Event()
        self.wires = [Wire(hub.url, f"topic-{number}") for number in range(TOPICS)]
        self.witnesses = {
            wire.topic: self.subscriber(wire, "W", breaks=False, acknowledges=True, word=True) for wire in self.wires
        }

    def subscriber(self, wire: Wire, name: str, *, breaks: bool = True, **more: Any) -> Subscriber:
        word = {"subscriber__acknowledges": "true"} if more.pop("word", False) else {}
        endpoint = wire.subscribe(name, "Patient-open", **word)
        acknowledges = more.get("acknowledges", False)
        events_a_life = random.Random(name).choice((3, 12, 60)) if breaks else 0
        return Subscriber(name, wire.topic, endpoint, acknowledges=acknowledges, events_a_life=events_a_life)

    async def run(self, subscribers: list[Subscriber], during: list[asyncio.Task[Any]]) -> None:
        everyone = [*self.witnesses.values(), *subscribers]
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http:
            running = [asyncio.ensure_future(each.run(http, self.calm, f"last {each.topic}")) for each in everyone]
            driving = asyncio.ensure_future(self._drive(http, everyone, during))
            done, _ = await asyncio.wait([driving, *running], return_when=asyncio.FIRST_EXCEPTION)
            for each in done:
                each.result()

    async def _drive(
        self, http: aiohttp.ClientSession, everyone: list[Subscriber], during: list[asyncio.Task[Any]]
    ) -> None:
        await self._until_bound(everyone)
        await asyncio.gather(*(self._publish(http, number) for number in range(PUBLISHERS)))
        self.calm.set()
        await asyncio.gather(*during)
        await asyncio.gather(*(each.steady.wait() for each in everyone))
        for wire in self.wires:
            await self._post(http, wire, {**event("Patient-open", wire.topic), "id": f"last {wire.topic}"})

    async def _until_bound(self, everyone: list[Subscriber]) -> None:
        while not all(each.lives for each in everyone):
            await asyncio.sleep(0.01)

    async def _publish(self, http: aiohttp.ClientSession, publisher: int) -> None:
        choose = random.Random(publisher)
        for number in range(self.events // PUBLISHERS):
            wire = choose.choice(self.wires)
            body = {**event("Patient-open", wire.topic), "id": f"{publisher} {number}"}
            await self._post(http, wire, body)
            await asyncio.sleep(choose.uniform(0.0, PAUSE))

    async def _post(self, http: aiohttp.ClientSession, wire: Wire, body: dict[str, Any]) -> None:
        async with http.post(wire.hub, json=body, headers=dict(wire.http.headers)) as answer:
            assert answer.status == 202, await answer.text()

    def order(self, topic: str) -> list[str]:
        """The ids of a topic's events as its healthy subscriber got them; each publisher's are in their order."""
        got = self.witnesses[topic].got
        for publisher in range(PUBLISHERS):
            own = [int(id.split()[1]) for id in got if id.startswith(f"{publisher} ")]
            assert own == sorted(own)
        return got

    def close(self) -> None:
        assert sum(len(self.order(wire.topic)) - 1 for wire in self.wires) == self.events // PUBLISHERS * PUBLISHERS
        for wire in self.wires:
            wire.close()


@pytest.fixture
def hub(start_hub: Callable[..., HubProcess], tmp_path: Path) -> Iterator[HubProcess]:
    settings = tmp_path / "hub.toml"
    settings.write_text("ping_seconds = 1\n")
    yield start_hub("--settings", str(settings))


@pytest.fixture
def events(long: bool) -> int:
    return 10_000 if long else 500


Sessions = tuple[list[tuple[Session, list[str]]], list[asyncio.Task[None]], list[Relay]]


@asynccontextmanager
async def sessions(drill: Drill) -> AsyncIterator[Sessions]:
    """Our own client behind relays that break and freeze; what each got, the tasks that end when it is calm, relays."""
    pump, port = Pump(), int(drill.hub.url.rsplit(":", 1)[1])
    with ExitStack() as stack:
        made, tasks, relays = [], [], []
        for number in range(SESSIONS):
            relay = stack.enter_context(Relay(port))
            relays.append(relay)
            topic = drill.wires[number % TOPICS].topic
            settings = SessionSettings(
                hub=f"http://127.0.0.1:{relay.port}",
                user=topic,
                topic=topic,
                announce=False,
                reconnect_first=0.01,
                max_reconnect_seconds=0.1,
                call_timeout=2.0,
                ping_interval=0.3,
                ping_timeout=0.3,
            )
            session, got = Session(settings, pump), []
            stack.callback(session.close)
            session.on_event(lambda message, got=got: got.append(message.id) if message.key == "patient-open" else None)
            session.start()
            while session.state.kind != "online":
                await asyncio.sleep(0.01)
            made.append((session, got))
            tasks.append(asyncio.ensure_future(torment(relay, drill.calm, number)))
        pumping = asyncio.ensure_future(keep_pumping(pump))
        yield made, tasks, relays
        pumping.cancel()


async def torment(relay: Relay, calm: asyncio.Event, seed: int) -> None:
    choose = random.Random(seed)
    while not calm.is_set():
        await asyncio.sleep(choose.uniform(0.0, 0.2))
        relay.frozen = choose.random() < 0.3
        if relay.frozen:
            await asyncio.sleep(choose.uniform(0.0, 0.8))
        if choose.random() < 0.8:
            await asyncio.get_running_loop().run_in_executor(None, relay.cut)
        relay.frozen = False


async def keep_pumping(pump: Pump) -> None:
    while True:
        pump.run_once(0)
        await asyncio.sleep(0.002)


def test_who_acknowledges_loses_nothing(hub: HubProcess, events: int) -> None:
    async def main() -> None:
        drill = Drill(hub, events)
        subscribers = [
            drill.subscriber(wire, f"A{number}", acknowledges=True, word=True)
            for number in range(SUBSCRIBERS)
            for wire in [drill.wires[number % TOPICS]]
        ]
        async with sessions(drill) as (ours, tormented, relays):
            await drill.run(subscribers, tormented)
            for session, got in ours:
                order = drill.order(session.topic)
                while order[-1] not in got:
                    await asyncio.sleep(0.01)
                assert got == order
            assert all(relay.connections > 4 for relay in relays), "they were broken again and again"
        for each in subscribers:
            order = drill.order(each.topic)
            assert each.got == order
            for life in each.lives:
                assert life.got == order[order.index(life.got[0]) :][: len(life.got)] if life.got else True
        broken = sum(len(each.lives) - 1 for each in subscribers)
        assert broken > SUBSCRIBERS
        assert Wire.status(drill.wires[0])["unproven"] == 0
        drill.close()

    asyncio.run(asyncio.wait_for(main(), LIMIT * (5 if events > 500 else 1)))


def test_who_never_acknowledges_loses_no_more_than_is_counted(hub: HubProcess, events: int) -> None:
    async def main() -> None:
        drill = Drill(hub, events)
        subscribers = [
            drill.subscriber(wire, f"N{number}")
            for number in range(SUBSCRIBERS)
            for wire in [drill.wires[number % TOPICS]]
        ]
        await drill.run(subscribers, [])
        counted, lost = unproven_by_subscription(hub.log)[len(drill.witnesses) :], 0
        assert len(counted) == len(subscribers)
        for each, counts in zip(subscribers, counted, strict=True):
            order = drill.order(each.topic)
            check_losses(each, order, counts)
            lost += len(order) - len(each.got)
        assert sum(len(each.lives) - 1 for each in subscribers) > SUBSCRIBERS
        assert 0 < lost <= drill.wires[0].status()["unproven"]
        assert drill.wires[0].status()["undelivered"] == 0
        drill.close()

    asyncio.run(asyncio.wait_for(main(), LIMIT * (5 if events > 500 else 1)))


def check_losses(subscriber: Subscriber, order: list[str], counted: list[int]) -> None:
    """Compare what a subscriber missed with what the hub has counted, from break to break.

    The first event on a socket is the first that was published after the hub saw the last one lost. So all from that to
    the next socket's first event was written to this socket. Lives in which nothing came are taken with the one before.
    """
    lives = subscriber.lives
    assert len(counted) >= len(lives) - 1
    starts = [order.index(life.got[0]) if life.got else None for life in lives]
    starts[0] = 0
    begin = 0
    for end in range(1, len(lives)):
        start, following = starts[begin], starts[end]
        if following is None:
            continue
        assert start is not None
        written = following - start
        came = [id for life in lives[begin:end] for id in life.got]
        count = sum(counted[begin:end])
        assert came == order[start : start + len(came)], "in order, each once, no gap but at a break"
        assert written - len(came) <= count, "what is lost is counted"
        known = [max(life.ponged) for life in lives[begin:end]]
        assert 0 <= written - count <= sum(known), "and nothing is counted that a pong has told"
        if end - begin == 1:
            assert written - count in lives[begin].ponged
        begin = end
    assert [id for life in lives[begin:] for id in life.got] == order[starts[begin] :]
