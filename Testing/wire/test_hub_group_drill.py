"""Groups come, change and go while events pass and sockets break: each hears what a naive model says, in order."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hub_wire import WAIT, Socket, Wire, event, hub_in_thread

TOPICS = [f"topic-{n}" for n in range(6)]


@dataclass
class Listener:
    """A subscription, its socket (None while it is lost), and the ids that it is to hear."""

    topic: str
    name: str
    endpoint: str
    socket: Socket | None
    heard: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)

    def read(self, last: str) -> None:
        """Take what has come up to an event with this id; what the hub tells of groups and others is no matter here."""
        assert self.socket is not None
        while not self.heard or self.heard[-1] != last:
            frame = self.socket.event()
            if frame["event"]["hub.event"].startswith("event"):
                self.heard.append(frame["id"])


class Drill:
    """Does one thing after the other to a hub and, as simply as can be, to a model of it."""

    def __init__(self, wire: Wire, seed: int) -> None:
        self.wire = wire
        self.random = random.Random(seed)
        self.groups: dict[str, list[str]] = {}  # the participants by the host, which is the first
        self.listeners: list[Listener] = []
        for number, topic in enumerate([*TOPICS, *TOPICS[:3]]):
            self.subscribe(topic, f"S{number}", plain=number >= len(TOPICS))

    def subscribe(self, topic: str, name: str, plain: bool) -> None:
        more = {} if plain else {"subscriber__product__name": "P"}
        endpoint = self.wire.subscribe(name, "event-a,event-b", hub__topic=topic, **more)
        self.listeners.append(Listener(topic, name, endpoint, self.wire.bind(endpoint)))

    def call(self, method: str, path: str = "", **fields: Any) -> Any:
        answer = self.wire.http.request(method, f"{self.wire.at('conference')}{path}", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def topic(self) -> str:
        return self.random.choice(TOPICS)

    def start(self) -> None:
        host, others = self.topic(), self.random.sample(TOPICS, self.random.randint(0, 3))
        self.call("POST", hostTopic=host, title="t", topics=others)
        self.groups[host] = [host, *(each for each in others if each != host)]

    def join(self) -> None:
        host, topic = self.topic(), self.topic()
        if host in self.groups and topic != host:
            self.call("PATCH", "/join", hostTopic=host, joinTopic=topic)
            if topic not in self.groups[host]:
                self.groups[host].append(topic)

    def leave(self) -> None:
        """A leave, after which the hub is asked who hosts the group: handing over is looked at elsewhere."""
        host, topic = self.topic(), self.topic()
        group = self.groups.get(host, [])
        gone = self.call("DELETE", hostTopic=host, leaveTopic=topic)
        assert gone["removed"] + gone["updated"] == (topic in group)
        if topic not in group:
            return
        del self.groups[host]
        listed = self.wire.http.get(self.wire.at("conference")).json()
        found = [each for each in listed if each["hostTopic"] not in self.groups]
        assert len(found) == gone["updated"]
        for each in found:
            self.groups[each["hostTopic"]] = [each["hostTopic"], *each["topics"]]
            assert sorted(self.groups[each["hostTopic"]]) == sorted(one for one in group if one != topic)

    def end(self) -> None:
        host = self.topic()
        assert self.call("DELETE", hostTopic=host)["removed"] == (host in self.groups)
        self.groups.pop(host, None)

    def publish(self) -> None:
        self.send(self.topic(), self.random.choice(["event-a", "event-b", "nobody-listed"]))

    def send(self, topic: str, name: str = "event-a") -> str:
        body = event(name, topic)
        self.wire.publish(body, 202)
        hear = {topic}.union(*(group for group in self.groups.values() if topic in group))
        for listener in self.listeners:
            if listener.topic in hear and name.startswith("event"):
                listener.wanted.append(body["id"])
        return str(body["id"])

    def lose(self) -> None:
        """Break a socket once all that was sent has been read, and wait until the hub has seen it."""
        listener = self.random.choice(self.listeners)
        if listener.socket is None:
            return
        listener.read(self.send(listener.topic))
        listener.socket.cut()
        listener.socket = None
        connected = sum(each.socket is not None for each in self.listeners)
        deadline = time.monotonic() + WAIT
        while self.wire.status()["connected"] != connected:
            assert time.monotonic() < deadline

    def bind(self) -> None:
        listener = self.random.choice(self.listeners)
        if listener.socket is None:
            listener.socket = self.wire.bind(listener.endpoint)

    def run(self, count: int) -> None:
        acts = [self.start, self.join, self.join, self.leave, self.end, self.lose, self.bind, *[self.publish] * 8]
        for _ in range(count):
            self.random.choice(acts)()
        for listener in self.listeners:
            if listener.socket is None:
                listener.socket = self.wire.bind(listener.endpoint)
        for topic in TOPICS:
            self.send(topic)
        for listener in self.listeners:
            listener.read(listener.wanted[-1])
            assert listener.heard == listener.wanted, (listener.topic, listener.name)


@pytest.mark.parametrize("seed", [1, 2])
def test_who_heard_what_in_groups_that_come_and_go(tmp_path: Path, seed: int, long: bool) -> None:
    with hub_in_thread(tmp_path, grace_seconds=600) as url, Wire(url, TOPICS[0]) as wire:
        Drill(wire, seed).run(10_000 if long else 600)
