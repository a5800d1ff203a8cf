"""The routing core, its sockets' life and its clock against a naive model (``hub_model``), in any order of things.

Every socket must have been sent exactly what the model says, in that order; and over all its sockets each subscriber
gets every event that was for it, once, in order, but for what is counted.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from time import perf_counter
from typing import Any

from hub_model import Item, ModelHub, ModelSocket, ModelSubscriber
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from manual_loop import ManualLoop

from CastHubLib.delivery.acknowledgements import Acknowledgements
from CastHubLib.delivery.group_events import Conferences
from CastHubLib.delivery.keepalive import KeepAlive
from CastHubLib.delivery.outbox import Outbox
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.requests import Requests
from CastHubLib.delivery.subscriptions import Subscriptions
from CastHubLib.routing.subscriber import UNSUBSCRIBE, Owner, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.message import Acknowledgement, Sender, Target, make_message, parse_publish
from CastLib.subscription import make_subscription

OWNER = Owner("user", "*")
SETTINGS = HubSettings(
    bind_seconds=23.3,
    grace_seconds=11.1,
    default_lease_seconds=61,
    min_lease_seconds=20,
    ping_seconds=7.37,
    max_queued_events=5,
    max_backlog_bytes=1024,
    answer_seconds=86_400,
)
TOPICS = ["t", "u", "v"]
EVENTS = ["Patient-open", "study-update"]


class FakeSocket(asyncio.WriteTransport):
    """A socket and its peer, which answers pings while it can."""

    def __init__(self, loop: ManualLoop) -> None:
        super().__init__()
        self.transport = self
        self._loop = loop
        self.keepalive: KeepAlive | None = None
        self.code: int | None = None
        self.broken = self.mute = self.stalled = False
        self.items: list[Item] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.broken:
            raise RuntimeError("uvloop does so for a transport that is closed")
        data = bytes(data)
        while data:
            length, start = data[1], 2
            if length == 126:
                length, start = int.from_bytes(data[2:4], "big"), 4
            payload, kind, data = data[start : start + length], data[0], data[start + length :]
            if kind == 0x81:
                self.items.append(item(json.loads(payload)))
            elif not self.mute and self.keepalive is not None:
                self.keepalive.heard = True
                self._loop.call_soon(self.keepalive.pong, payload)

    def get_write_buffer_size(self) -> int:
        return SETTINGS.max_backlog_bytes + 1 if self.stalled else 0

    def is_closing(self) -> bool:
        return self.broken

    def abort(self) -> None:
        self.broken = True

    def close(self, code: int | None = None) -> None:
        self.code = code


def item(frame: dict[str, Any]) -> Item:
    """Return a frame as the model names it."""
    if frame.get("hub.mode") == "subscribe":
        return ("confirmed", *frame["hub.events"].split(","))
    if frame.get("hub.mode") == "denied":
        return ("denied",)
    name, context = frame["event"]["hub.event"], frame["event"]["context"]
    if name == "subscription-removed":
        return (name, context["subscriber"], context["reason"])
    if name == "SyncError":
        codes = {
            c["system"].rsplit("/", 1)[1]: c["code"] for c in context[0]["resource"]["issue"][0]["details"]["coding"]
        }
        return (name, codes["subscriber"], codes["eventid"] if codes["eventid"].isdigit() else "")
    if name.startswith("conference"):
        return (name, context["hostTopic"])
    return ("event", frame["id"])


class Core(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = ModelHub(SETTINGS)
        self.loop = ManualLoop()
        loop: Any = self.loop
        self.table = Table()
        self.outbox = Outbox(loop, SETTINGS, self.table)
        self.publisher = Publisher(loop, self.table, self.outbox)
        self.subscriptions = Subscriptions(
            loop,
            SETTINGS,
            self.table,
            self.outbox,
            self.publisher,
            Requests(SETTINGS, self.table, self.outbox),
        )
        self.acknowledgements = Acknowledgements(loop, SETTINGS, self.table, self.publisher, self.subscriptions)
        self.conferences = Conferences(SETTINGS, self.table, self.publisher)
        self.pairs: list[tuple[Subscriber, ModelSubscriber]] = []
        self.sockets: dict[ModelSubscriber, list[tuple[FakeSocket, ModelSocket]]] = {}
        self.ids = itertools.count()

    def pick(self, number: int) -> tuple[Subscriber, ModelSubscriber]:
        return self.pairs[number % len(self.pairs)]

    def socket(self, who: ModelSubscriber, number: int = 0) -> tuple[FakeSocket, ModelSocket] | None:
        """One of a subscriber's sockets that the client still has; the last when ``number`` is 0."""
        live = [pair for pair in self.sockets[who] if not pair[1].broken]
        return live[-1 - number % len(live)] if live else None

    def settle(self, seconds: float = 0.0) -> None:
        self.loop.pass_time(seconds)
        self.model.loop.pass_time(seconds)

    @initialize()
    def three(self) -> None:
        for name in ("a", "b"):
            self.subscribe("t", ["*"], name, product="P", acknowledges=name == "a", strict=False, lease=None)
            self.bind(-1)
        self.subscribe("u", ["Patient-open"], "c", product="", acknowledges=False, strict=False, lease=25)
        self.bind(-1)

    @precondition(lambda self: len(self.pairs) < 8)
    @rule(
        topic=st.sampled_from([*TOPICS, "*"]),
        events=st.lists(st.sampled_from([*EVENTS, "*", "SyncError", "subscription-removed"]), min_size=1, max_size=3),
        name=st.sampled_from(["a", "b", "c"]),
        product=st.sampled_from(["", "P"]),
        acknowledges=st.booleans(),
        strict=st.booleans(),
        lease=st.sampled_from([None, 1, 25]),
    )
    def subscribe(
        self,
        topic: str,
        events: list[str],
        name: str,
        product: str,
        acknowledges: bool,
        strict: bool,
        lease: int | None,
    ) -> None:
        strict = strict and topic != "*" and "*" not in events and not product
        subscription = make_subscription(
            topic, dict.fromkeys(events), name=name, product=product, acknowledges=acknowledges, lease_seconds=lease
        )
        real = self.subscriptions.subscribe(subscription, OWNER, strict=strict)
        self.pairs.append((real, self.model.subscribe(subscription, strict)))
        self.sockets[self.pairs[-1][1]] = []
        self.settle()

    @rule(number=st.integers(0, 4), events=st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True))
    def renew(self, number: int, events: list[str]) -> None:
        real, model = self.pick(number)
        if not model.ended:
            before = model.subscription
            subscription = make_subscription(
                before.topic, events, name=before.name, product=before.product, lease_seconds=before.lease_seconds
            )
            self.subscriptions.renew(real, subscription)
            self.model.renew(model, subscription)
            self.settle()

    @rule(number=st.integers(0, 4))
    def bind(self, number: int) -> None:
        real, model = self.pick(number)
        fake = FakeSocket(self.loop)
        fake.keepalive = self.subscriptions.bind(real, fake)
        self.sockets[model].append((fake, self.model.bind(model)))
        self.settle()

    @rule(number=st.integers(0, 4), which=st.integers(0, 2), code=st.sampled_from([1006, 1006, 1006, 1001, 1000, 0]))
    def drop(self, number: int, which: int, code: int) -> None:
        real, model = self.pick(number)
        found = self.socket(model, which)
        if found is not None:
            fake, socket = found
            fake.broken = True
            self.subscriptions.dropped(real, fake, code)
            self.model.drop(model, socket, code)
            self.settle()

    @rule(number=st.integers(0, 4), how=st.sampled_from(["broken", "mute", "stalled"]))
    def harm(self, number: int, how: str) -> None:
        """A connection breaks and the hub does not see it yet, its peer falls silent, or takes nothing any more."""
        found = self.socket(self.pick(number)[1])
        if found is not None:
            for each in found:
                setattr(each, how, True)
                each.mute = True

    @rule(
        topic=st.sampled_from(TOPICS),
        event=st.sampled_from(EVENTS),
        sender=st.sampled_from(["", "", "a", "b", "*"]),
        product=st.sampled_from(["", "", "P", "Q"]),
        name=st.sampled_from(["", "", "a"]),
    )
    def publish(self, topic: str, event: str, sender: str, product: str, name: str) -> None:
        wire = make_message(
            event, topic, [], sender=Sender(sender), target=Target("", product, name), id=str(next(self.ids))
        )
        message = parse_publish(wire)
        self.publisher.publish(message)
        self.model.publish(message)
        self.settle()

    @rule(topic=st.sampled_from(TOPICS))
    def publish_plainly(self, topic: str) -> None:
        """Often the same kind of event, so that routes which the core has kept are used."""
        self.publish(topic, EVENTS[0], "", "", "")

    @rule()
    def busy(self) -> None:
        """From now on the outbox gathers, until something makes it write."""
        self.outbox._not_before = perf_counter() + 1e6
        self.model.busy = True

    @rule(number=st.integers(0, 4), back=st.integers(0, 3), status=st.sampled_from([None, 200, 202, 202, 409, 500]))
    def acknowledge(self, number: int, back: int, status: int | None) -> None:
        real, model = self.pick(number)
        found = self.socket(model)
        if found is None or found[1].mute:
            return
        ids = [each[1] for each in found[1].sent if each[0] == "event"]
        if ids and not model.ended:
            id = ids[-1 - back % len(ids)]
            self.acknowledgements.received(real, Acknowledgement(id, status))
            self.model.acknowledge(model, id, status)
            self.settle()

    @rule(number=st.integers(0, 4))
    def unsubscribe(self, number: int) -> None:
        real, model = self.pick(number)
        self.subscriptions.end(real, UNSUBSCRIBE, "unsubscribed")
        self.model.unsubscribe(model)
        self.settle()

    @rule(host=st.sampled_from(TOPICS), topics=st.lists(st.sampled_from(TOPICS), max_size=2))
    def start_group(self, host: str, topics: list[str]) -> None:
        self.conferences.start(host, "", topics, "")
        self.model.start_group(host, topics)
        self.settle()

    @precondition(lambda self: self.model.groups)
    @rule(which=st.integers(0, 2), topic=st.sampled_from(TOPICS))
    def join_group(self, which: int, topic: str) -> None:
        host = list(self.model.groups)[which % len(self.model.groups)]
        group = self.conferences.get(host)
        if group is not None and topic != host:
            self.conferences.join(group, topic, "")
            self.model.join_group(host, topic)
            self.settle()

    @precondition(lambda self: self.model.groups)
    @rule(which=st.integers(0, 2), topic=st.sampled_from(TOPICS))
    def leave_group(self, which: int, topic: str) -> None:
        host = list(self.model.groups)[which % len(self.model.groups)]
        group = self.conferences.get(host)
        if group is not None and topic != host and topic in self.model.groups[host]:
            self.conferences.leave(group, topic)
            self.model.leave_group(host, topic)
            self.settle()

    @precondition(lambda self: self.model.groups)
    @rule(which=st.integers(0, 2))
    def end_group(self, which: int) -> None:
        host = list(self.model.groups)[which % len(self.model.groups)]
        group = self.conferences.get(host)
        assert group is not None
        self.conferences.end(group)
        self.model.end_group(host)
        self.settle()

    @rule(seconds=st.sampled_from([0.9, 4.1, 12.7, 40.3, 130.9]))
    def wait(self, seconds: float) -> None:
        self.settle(seconds)

    @invariant()
    def every_socket_was_sent_what_the_model_says(self) -> None:
        for pairs in self.sockets.values():
            for fake, socket in pairs:
                assert fake.items == socket.sent
                assert fake.code == socket.code

    @invariant()
    def the_same_are_there(self) -> None:
        alive = [(real.id, model.connected) for real, model in self.pairs if not model.ended]
        assert sorted(alive) == sorted((each.id, each.connected) for each in self.table)
        assert self.subscriptions.unproven + self.outbox.forgotten == self.model.unproven
        assert self.subscriptions.undelivered == self.model.undelivered

    @invariant()
    def everybody_gets_everything_once_in_order(self) -> None:
        """What was written or waits is all that was for it: the promise, apart from how the model keeps it."""
        if self.model.gathered:
            return
        for _, model in self.pairs:
            if model.ended or model.forgotten:
                continue
            sent = [
                each
                for _, socket in self.sockets[model]
                for each in socket.sent
                if each[0] not in ("confirmed", "denied")
            ]
            waiting = model.queue[len(model.queue) - model.waiting :] if not model.connected else []
            if model.acknowledges:
                assert list(dict.fromkeys(sent + model.queue)) == list(dict.fromkeys(model.routed))
            else:
                assert sent + waiting == model.routed


def test_the_core_agrees_with_the_model(long: bool) -> None:
    run_state_machine_as_test(
        Core,
        settings=settings(
            max_examples=3000 if long else 250,
            stateful_step_count=60 if long else 40,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
