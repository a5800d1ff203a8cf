"""Subscribers that lose their sockets all the time, for drills with a real hub (``wire/test_hub_drill``)."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

CONFIRMED = 10.0  # seconds in which a socket is confirmed
MAX_DARK = 0.2  # seconds for which a subscriber leaves a dead connection open before it binds again
STRAIGHT, UNREAD, DARK = "straight", "unread", "dark"


@dataclass
class Life:
    """One socket of a subscriber: what came on it, and the pings that were answered."""

    got: list[str] = field(default_factory=list)
    ponged: set[int] = field(default_factory=lambda: {0})


class Subscriber:
    """Binds again and again at one endpoint, and never closes a socket in order.

    With no ``events_a_life`` it is a healthy one, which keeps its socket and closes it in order at the end.

    ``straight``: reset while it reads. ``unread``: it stops reading, then resets, with what the hub writes under way.
    ``dark``: it neither reads nor answers any more, leaves that connection open and binds by another.
    """

    def __init__(self, name: str, topic: str, endpoint: str, *, acknowledges: bool, events_a_life: float) -> None:
        self.name = name
        self.topic = topic
        self.endpoint = endpoint
        self.acknowledges = acknowledges
        self.lives: list[Life] = []
        self.steady = asyncio.Event()
        """Set when its present socket is one that it will keep."""
        self._events_a_life = events_a_life
        self._random = random.Random(name)
        self._dark: list[aiohttp.ClientWebSocketResponse] = []

    @property
    def got(self) -> list[str]:
        """What it has made of all that came: repeats dropped by id."""
        return list(dict.fromkeys(id for life in self.lives for id in life.got))

    async def run(self, http: aiohttp.ClientSession, calm: asyncio.Event, last: str) -> None:
        """Take events until the one with the id ``last``; when it is ``calm``, by a socket that is kept."""
        while not await self._live(http, calm, last):
            pass
        for each in self._dark:
            reset(each)

    async def _live(self, http: aiohttp.ClientSession, calm: asyncio.Event, last: str) -> bool:
        web_socket = await http.ws_connect(self.endpoint, autoping=False, autoclose=False)
        life = Life()
        self.lives.append(life)
        confirmation = await web_socket.receive_json(timeout=CONFIRMED)
        assert confirmation["hub.mode"] == "subscribe", "the confirmation comes before everything else"
        left = int(self._random.expovariate(1 / self._events_a_life)) if self._events_a_life else 0
        if calm.is_set() or not self._events_a_life:
            self.steady.set()
            left = 1_000_000_000
        while left >= 0:
            if calm.is_set():
                self.steady.set()
                left = 1_000_000_000
            try:
                frame = await web_socket.receive(timeout=0.05)
            except asyncio.TimeoutError:
                continue
            if frame.type is aiohttp.WSMsgType.PING:
                await self._pong(web_socket, life, frame.data)
            elif frame.type is aiohttp.WSMsgType.TEXT:
                id = json.loads(frame.data)["id"]
                life.got.append(id)
                if self.acknowledges:
                    await self._send(web_socket, json.dumps({"id": id, "status": 200}))
                if id == last:
                    if self._events_a_life:
                        reset(web_socket)
                    else:
                        await web_socket.close()
                    return True
                left -= 1
            else:
                break
        await self._lose(web_socket)
        return False

    async def _pong(self, web_socket: aiohttp.ClientWebSocketResponse, life: Life, payload: bytes) -> None:
        life.ponged.add(int(payload))
        try:
            await web_socket.pong(payload)
        except ConnectionError:
            pass

    async def _send(self, web_socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
        try:
            await web_socket.send_str(text)
        except ConnectionError:
            pass

    async def _lose(self, web_socket: aiohttp.ClientWebSocketResponse) -> None:
        way = self._random.choice((STRAIGHT, UNREAD, DARK))
        if way != STRAIGHT:
            pause(web_socket)
            await asyncio.sleep(self._random.uniform(0.0, MAX_DARK))
        if way == DARK:
            self._dark.append(web_socket)
        else:
            reset(web_socket)


def _transport(web_socket: aiohttp.ClientWebSocketResponse) -> asyncio.Transport | None:
    connection = web_socket._response.connection
    return connection.transport if connection is not None else None


def reset(web_socket: aiohttp.ClientWebSocketResponse) -> None:
    """Break a connection by RST: what lies in buffers on either side is lost."""
    transport = _transport(web_socket)
    if transport is not None and not transport.is_closing():
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


def pause(web_socket: aiohttp.ClientWebSocketResponse) -> None:
    """Take nothing more from a connection."""
    transport = _transport(web_socket)
    if transport is not None and transport.is_reading():
        transport.pause_reading()


def unproven_by_subscription(log: Path) -> list[list[int]]:
    """Return what the hub has counted as unproven at each loss of a socket, for each subscription in its order.

    The log has names of its own for endpoints.
    """
    text = log.read_text()
    found: dict[str, list[int]] = {endpoint: [] for endpoint in re.findall(r" subscribed endpoint=(\S+)", text)}
    for endpoint, count in re.findall(r" lost endpoint=(\S+) unproven=(\d+)", text):
        found[endpoint].append(int(count))
    return list(found.values())
