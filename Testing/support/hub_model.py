"""A hub in the plainest words there are: lists and loops, for tests that compare the real routing core with it.

It has no routes kept, no tails shared, no frames, no transports. What a socket was sent is a list of items: tuples that
name an event by its id, or by what it says when the hub itself has made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hub_model_state import Item, ModelSocket, ModelSubscriber
from manual_loop import ManualLoop

from CastHubLib.routing.subscriber import renewed
from CastHubLib.settings import HubSettings
from CastLib.matching import is_echo, receives
from CastLib.message import Message
from CastLib.subscription import Subscription

PINGED = 0.5  # of ping_seconds, after which a peer that has answered nothing is gone


class ModelHub:
    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        self.loop = ManualLoop()
        self.subscribers: list[ModelSubscriber] = []
        self.groups: dict[str, list[str]] = {}
        """Topics that take part, by the host's, which is the first."""
        self.events: dict[str, tuple[str, str, list[ModelSubscriber]]] = {}
        """Name, topic and receivers of each event that somebody has published, by its id."""
        self.refused: set[tuple[str, ModelSubscriber]] = set()
        self.unproven = self.undelivered = 0
        self.busy = False
        self._gone: list[tuple[ModelSubscriber, str]] = []
        self._said: list[tuple[Item, str, list[ModelSubscriber]]] = []
        """Events of which a SyncError may speak."""
        self.gathered: list[tuple[list[ModelSubscriber], Item]] = []

    # What happens

    def subscribe(self, subscription: Subscription, strict: bool) -> ModelSubscriber:
        new = ModelSubscriber(subscription, strict, subscription.acknowledges)
        self._grant(new)
        lost = next(filter(lambda each: self._is_lost(each, subscription), self._on(subscription.topic)), None)
        if lost is not None:
            self.flush()
            lost.ended = new.handed = True
            if lost.timer is not None:
                lost.timer.cancel()
            new.queue, new.waiting, new.routed = lost.queue, lost.waiting, list(lost.queue)
            new.acknowledges = new.acknowledges or lost.acknowledges
            new.forgotten = lost.forgotten
        self.subscribers.append(new)
        self._watch(new, self.settings.bind_seconds)
        return new

    def renew(self, who: ModelSubscriber, subscription: Subscription) -> None:
        who.subscription = renewed(who.subscription, subscription)
        who.acknowledges = who.acknowledges or subscription.acknowledges
        self._grant(who)
        if who.connected:
            self._watch(who)
            self._gather([who], ("confirmed", *subscription.event_list))
        else:
            self._watch(who, self.settings.grace_seconds if who.was_bound else self.settings.bind_seconds)

    def bind(self, who: ModelSubscriber) -> ModelSocket:
        socket = ModelSocket()
        self.flush()
        if who.ended:
            socket.sent.append(("denied",))
            return socket
        if who.socket is not None:
            self._lost(who)
            who.socket.code = 1000
        if who.subscription.cast or not who.was_bound:
            who.expires = self.loop.time() + who.lease
        who.socket, who.connected, who.was_bound, who.waiting = socket, True, True, 0
        socket.sent = [("confirmed", *who.subscription.event_list), *who.queue]
        socket.written = len(who.queue)
        socket.pinging = self.loop.call_later(self.settings.ping_seconds, self._ping, who, socket)
        self._watch(who)
        return socket

    def drop(self, who: ModelSubscriber, socket: ModelSocket, code: int) -> None:
        """The hub notices that a socket has ended."""
        socket.broken = True
        if who.socket is not socket:
            return
        who.code = code
        self.flush()
        who.socket = None
        if code in (1000, 0):
            self.end(who, "websocket-disconnect")
            return
        self._lost(who, socket)
        if who.subscription.cast:
            who.expires = self.loop.time() + who.lease
        self._watch(who, self.settings.grace_seconds)

    def acknowledge(self, who: ModelSubscriber, id: str, status: int | None) -> None:
        if who.ended:
            return
        if ("event", id) in who.queue:
            del who.queue[: who.queue.index(("event", id)) + 1]
            who.waiting = min(who.waiting, len(who.queue))
            who.acknowledges = True
        who.acknowledges = who.acknowledges or status is not None
        if status is None or status < 400 or id not in self.events:
            return
        name, topic, receivers = self.events[id]
        if who in receivers and (id, who) not in self.refused and not name.endswith("-update"):
            self.refused.add((id, who))
            self._say(("SyncError", who.subscription.name, id), topic, "syncerror", besides=who)

    def publish(self, message: Message) -> None:
        receivers = list(self._receivers(message))
        self.events[message.id] = message.event, message.topic, receivers
        if not message.event.endswith("-update"):
            self._said.append((("event", message.id), message.topic, receivers))
        self._gather(receivers, ("event", message.id))

    def unsubscribe(self, who: ModelSubscriber) -> None:
        self.end(who, "unsubscribe")

    def start_group(self, host: str, topics: list[str]) -> None:
        if host in self.groups:
            self.end_group(host)
        self.groups[host] = [host, *(topic for topic in dict.fromkeys(topics) if topic != host)]
        self._tell_group("conference-start", host, self.groups[host])

    def join_group(self, host: str, topic: str) -> None:
        if topic not in self.groups[host]:
            self.groups[host].append(topic)
        self._tell_group("conference-start", host, self.groups[host])

    def leave_group(self, host: str, topic: str) -> None:
        before = list(self.groups[host])
        if len(before) > 2:
            self.groups[host].remove(topic)
        else:
            del self.groups[host]
        self._tell_group("conference-end", host, before)

    def end_group(self, host: str) -> None:
        self._tell_group("conference-end", host, self.groups.pop(host))

    def flush(self) -> None:
        gathered, self.gathered = self.gathered, []
        self.busy = self.busy and not gathered
        shares: dict[ModelSubscriber, list[Item]] = {}
        for receivers, item in gathered:
            for who in receivers:
                shares.setdefault(who, []).append(item)
        for who, items in shares.items():  # one after another, as what goes to one socket is written at once
            for item in items:
                self._deliver(who, item)

    # What follows from it

    def end(self, who: ModelSubscriber, reason: str, code: int = 1000) -> None:
        if who.ended:
            return
        who.ended = True
        if who.timer is not None:
            who.timer.cancel()
        self.flush()
        socket = who.socket
        in_order = reason == "unsubscribe" or who.code in (1000, 0)
        if not in_order:
            if who.acknowledges:
                self.undelivered += who.waiting
                self.unproven += len(who.queue) - who.waiting
            elif who.connected and socket is not None:
                self.unproven += socket.written - socket.proven
            else:
                self.undelivered += len(who.queue)
        if socket is not None:
            self._deny(socket, code)
        who.socket, who.connected = None, False
        self._gone.append((who, reason))
        if len(self._gone) == 1:
            self.loop.call_soon(self._tell_of_the_gone)

    def _tell_of_the_gone(self) -> None:
        gone, self._gone = self._gone, []
        lost = [who for who, reason in gone if reason == "websocket-disconnect" and who.code not in (1000, 0, 1001)]
        back = [
            who for who, reason in gone if reason in ("websocket-disconnect", "lease-expired") and self._is_back(who)
        ]
        last = {who: self._last(who) for who in lost}
        for who, reason in gone:
            topic, name = who.subscription.topic, who.subscription.name
            if who not in back:
                self._say(("subscription-removed", name, reason), topic, "subscription-removed", sender=name)
                if who in lost and topic != "*":
                    self._say(("SyncError", name, last[who]), topic, "syncerror")

    def _grant(self, who: ModelSubscriber) -> None:
        s, asked = self.settings, who.subscription.lease_seconds
        cast = who.subscription.cast
        who.lease = (
            s.default_lease_seconds
            if cast or asked is None
            else max(s.min_lease_seconds, min(asked, s.max_lease_seconds))
        )
        who.expires = self.loop.time() + who.lease

    def _watch(self, who: ModelSubscriber, seconds: float = 1e9) -> None:
        if who.timer is not None:
            who.timer.cancel()
        until = self.loop.time() + seconds
        if until < who.expires:
            who.timer = self.loop.call_at(until, self._waited, who)
        else:
            who.timer = self.loop.call_at(who.expires, self._lease_ended, who)

    @staticmethod
    def _deny(socket: ModelSocket, code: int) -> None:
        socket.code = code
        if not socket.broken:
            socket.sent.append(("denied",))
        if socket.pinging is not None:
            socket.pinging.cancel()

    def _lease_ended(self, who: ModelSubscriber) -> None:
        if who.connected and who.subscription.cast:
            who.expires = self.loop.time() + who.lease
            self._watch(who)
        else:
            self.end(who, "lease-expired")

    def _waited(self, who: ModelSubscriber) -> None:
        self.end(who, "websocket-disconnect" if who.was_bound else "lease-expired")

    def _is_lost(self, who: ModelSubscriber, now: Subscription) -> bool:
        """A Cast client of this name has lost it, and asks for it anew."""
        before = who.subscription
        same = (before.name, before.product, before.actors) == (now.name, now.product, now.actors)
        more = now.wants("*") or before.events <= now.events
        return before.cast and now.cast and same and more and who.was_bound and not who.connected

    def _is_back(self, who: ModelSubscriber) -> bool:
        """A Cast client of this name is connected under another endpoint."""
        topic, name = who.subscription.topic, who.subscription.name
        others = (each for each in self._on(topic) if each is not who and each.connected)
        return who.subscription.cast and any(each.subscription.name == name for each in others)

    def _last(self, who: ModelSubscriber) -> str:
        """The id of the last event on its topic that it may have missed, "" for one that the hub itself has made."""
        for item, topic, receivers in reversed(self._said):
            if topic == who.subscription.topic and who in receivers:
                return item[1] if item[0] == "event" else ""
        return ""

    def _ping(self, who: ModelSubscriber, socket: ModelSocket) -> None:
        half = self.settings.ping_seconds * PINGED
        if socket.mute or socket.broken:
            socket.pinging = self.loop.call_later(half, self.drop, who, socket, 1006)
        else:
            socket.proven = socket.written
            socket.pinging = self.loop.call_later(half, self._heard, who, socket)

    def _heard(self, who: ModelSubscriber, socket: ModelSocket) -> None:
        half = self.settings.ping_seconds * PINGED
        socket.pinging = self.loop.call_later(half, self._ping, who, socket)

    def _lost(self, who: ModelSubscriber, socket: ModelSocket | None = None) -> None:
        socket = socket or who.socket
        assert socket is not None
        if not who.connected:
            return
        if socket.pinging is not None:
            socket.pinging.cancel()
        who.connected, who.waiting = False, 0
        if not who.acknowledges:
            if who.code not in (1000, 0):
                self.unproven += socket.written - socket.proven
            who.queue = []

    def _too_slow(self, who: ModelSubscriber) -> None:
        socket = who.socket
        if socket is not None:
            self._lost(who)
            self._deny(socket, 1013)
            who.socket = None
        self.loop.call_soon(self.end, who, "send-failure", 1013)

    def _gather(self, receivers: list[ModelSubscriber], item: Item) -> None:
        if not receivers:
            return
        for who in receivers:
            if item[0] != "confirmed" and (who.acknowledges or who.was_bound or who.handed):
                who.routed.append(item)
        self.gathered.append((receivers, item))
        if not self.busy:
            self.flush()

    def _deliver(self, who: ModelSubscriber, item: Item) -> None:
        socket = who.socket
        if socket is not None and who.connected:
            if socket.broken:
                self._lost(who)
            elif socket.stalled:
                self._too_slow(who)
            else:
                socket.sent.append(item)
                socket.written += item[0] != "confirmed"
        if item[0] == "confirmed" or not (who.acknowledges or who.was_bound or who.handed):
            return  # before its first socket the hub keeps nothing for who has not said that it acknowledges
        who.queue.append(item)
        if not who.connected:
            who.waiting += 1
            if len(who.queue) > self.settings.max_queued_events:
                self._too_slow(who)
        elif who.acknowledges:
            while len(who.queue) > self.settings.max_queued_events:
                who.queue.pop(0)
                who.forgotten = True
                self.unproven += 1

    # Who gets what

    def hearing(self, topic: str) -> list[str]:
        """The topic itself, those of its groups, and *."""
        groups = [group for group in self.groups.values() if topic in group]
        return list(dict.fromkeys([topic, *(other for group in groups for other in group), "*"]))

    def _receivers(self, message: Message) -> Iterator[ModelSubscriber]:
        for topic in self.hearing(message.topic):
            heard = message if topic == "*" else replace(message, topic=topic)
            for who in self._on(topic):
                if receives(who.subscription, heard, strict=who.strict) and not is_echo(who.subscription, message):
                    yield who

    def _on(self, topic: str) -> Iterator[ModelSubscriber]:
        return (who for who in self.subscribers if who.subscription.topic == topic and not who.ended)

    def _say(
        self, item: Item, topic: str, key: str, *, sender: str = "", besides: ModelSubscriber | None = None
    ) -> None:
        """Send an event of the hub's own; on topic * to everybody who wants it."""
        topics = self.hearing(topic)
        if topic == "*":
            topics = list(dict.fromkeys(["*", *(who.subscription.topic for who in self.subscribers if not who.ended)]))
        found = []
        for each in topics:
            for who in self._on(each):
                subscription = who.subscription
                wanted = key in subscription.events if who.strict else subscription.wants(key)
                echo = subscription.cast and sender not in ("", "*") and sender == subscription.name
                if wanted and not echo and who is not besides:
                    found.append(who)
        self._gather(found, item)

    def _tell_group(self, key: str, host: str, topics: list[str]) -> None:
        found = []
        for topic in (*topics, "*"):
            for who in self._on(topic):
                wanted = key in who.subscription.events if who.strict else who.subscription.wants(key)
                if wanted or (who.subscription.cast and topic != "*"):
                    found.append(who)
        self._said.append(((key, host), host, found))
        self._gather(found, (key, host))
