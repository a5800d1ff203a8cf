"""The routing core: a table of subscriptions and the one question asked of it, who gets this message.

It opens nothing, waits for nothing and reads no clock. The rules themselves are ``CastLib.matching``; here they are
asked once for each kind of message (topic, event, sender, target) and the answer is kept until a subscription that
could change it comes or goes. The cost of routing does not depend on the number of other topics.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from CastHubLib.routing.subscriber import Owner, Receivers, Subscriber
from CastLib.events import EVERY
from CastLib.matching import is_echo, receives
from CastLib.message import Message
from CastLib.subscription import Subscription

_ROUTES_KEPT = 512  # per topic: names of senders and targets are the clients' choice, so this must end somewhere


@dataclass(slots=True)
class _Topic:
    members: dict[str, Subscriber] = field(default_factory=dict)
    names: dict[tuple[str, Owner], dict[str, Subscriber]] = field(default_factory=dict)
    routes: dict[Hashable, Receivers] = field(default_factory=dict)
    heard_by: tuple[str, ...] = ()
    """Other topics whose subscribers hear this one too (groups); it hears them as well."""

    def enter(self, subscriber: Subscriber) -> None:
        """Note a subscriber and its name."""
        self.members[subscriber.id] = subscriber
        named = self.names.setdefault((subscriber.subscription.name, subscriber.owner), {})
        named[subscriber.id] = subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber and its name."""
        del self.members[subscriber.id]
        key = (subscriber.subscription.name, subscriber.owner)
        del self.names[key][subscriber.id]
        if not self.names[key]:
            del self.names[key]


class Table:
    """All subscriptions, by id and by topic. Those on topic ``*`` hear every topic."""

    def __init__(self) -> None:
        self._by_id: dict[str, Subscriber] = {}
        self._topics: dict[str, _Topic] = {EVERY: _Topic()}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Subscriber]:
        return iter(self._by_id.values())

    @property
    def topic_count(self) -> int:
        """How many topics somebody is subscribed to (``*`` counts as one)."""
        return sum(1 for topic in self._topics.values() if topic.members)

    def get(self, id: str) -> Subscriber | None:
        """Return the subscriber with this id, None when there is none."""
        return self._by_id.get(id)

    def add(self, subscriber: Subscriber) -> None:
        """Enter a new subscription."""
        self._by_id[subscriber.id] = subscriber
        topic = self._topics.setdefault(subscriber.subscription.topic, _Topic())
        topic.enter(subscriber)
        self._forget_routes(subscriber.subscription)

    def replace_events(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """Give a subscription new events; its topic stays (FHIRcast 2.4.1)."""
        topic, renamed = self._topics[subscription.topic], subscription.name != subscriber.subscription.name
        if renamed:
            topic.leave(subscriber)
        subscriber.subscription = subscription
        if renamed:
            topic.enter(subscriber)
        self._forget_routes(subscription)

    def remove(self, id: str) -> Subscriber | None:
        """Take a subscription out; None when it is not there (any more)."""
        subscriber = self._by_id.pop(id, None)
        if subscriber is None:
            return None
        name = subscriber.subscription.topic
        topic = self._topics[name]
        topic.leave(subscriber)
        self._forget_routes(subscriber.subscription)
        self._drop_if_empty(name, topic)
        return subscriber

    def let_hear(self, topic: str, others: tuple[str, ...]) -> None:
        """Let subscribers of these topics hear what is published on this one; the caller does so both ways."""
        changed = self._topics.setdefault(topic, _Topic())
        changed.heard_by = others
        changed.routes.clear()
        self._drop_if_empty(topic, changed)

    def members(self, topic: str) -> Collection[Subscriber]:
        """Return the subscribers of this very topic."""
        found = self._topics.get(topic)
        return found.members.values() if found else ()

    def topics(self) -> Iterator[str]:
        """Yield the topics to which somebody is subscribed, without ``*``."""
        return (name for name, topic in self._topics.items() if topic.members and name != EVERY)

    def audience(self, topics: Iterable[str], message: Message) -> Receivers:
        """Return who hears the hub's own word to these topics: every Cast subscription, whatever it has listed.

        Others, and those on topic ``*``, hear it when they have listed it.
        """
        found = []
        for name in (*topics, EVERY):
            on_topic = replace(message, topic=name)
            for each in self.members(name):
                asked_for = receives(each.subscription, on_topic, strict=each.strict)
                if asked_for or (each.subscription.cast and name != EVERY):
                    found.append(each)
        return tuple(found)

    def named(self, topic: str, name: str, owner: Owner) -> list[Subscriber]:
        """Return an owner's subscriptions of this name on a topic (unsubscribing without an endpoint)."""
        found = self._topics.get(topic)
        return list(found.names.get((name, owner), {}).values()) if found else []

    def owned(self, topic: str, owner: Owner) -> list[Subscriber]:
        """Return an owner's subscriptions on a topic."""
        return [each for each in self.members(topic) if each.owner == owner]

    def route(self, message: Message) -> Receivers:
        """Return who gets an event. On topic ``*`` that is everyone who wants it, whatever their topic."""
        if message.topic == EVERY:
            return tuple(self._everywhere(message))
        topic = self._topics.get(message.topic)
        routes = (topic or self._topics[EVERY]).routes
        name, kind = message.sender.name, (message.key, message.target, type(message.context))
        found = routes.get((name, kind))
        if found is None:
            if len(routes) >= _ROUTES_KEPT:
                routes.clear()
            wanted = routes.get(kind)
            if wanted is None:  # whoever sends it: names are many, and each has an echo only
                wanted = routes[kind] = tuple(self._matching(message, topic))
            found = tuple(each for each in wanted if not is_echo(each.subscription, message))
            found = routes[name, kind] = wanted if len(found) == len(wanted) else found
        return found

    def ask(self, message: Message, asker: Owner) -> Receivers:
        """Return who is asked by a request: the connected ones among those who get it, never the asker.

        A request without a topic asks all topics that the asker may see. Other topics of a group hear no requests.
        """
        message = replace(message, topic=message.topic or asker.topic)
        asked = self.route(message)
        if message.topic in self._topics and self._topics[message.topic].heard_by:
            asked = tuple(s for s in asked if s.subscription.topic in (message.topic, EVERY))
        return tuple(s for s in asked if s.connected and not _is_asker(s, message, asker))

    def _matching(self, message: Message, topic: _Topic | None) -> Iterator[Subscriber]:
        others = topic.heard_by if topic else ()
        for name in (message.topic, *others, EVERY):
            on_topic = replace(message, topic=name) if name in others else message
            for subscriber in self.members(name):
                if receives(subscriber.subscription, on_topic, strict=subscriber.strict):
                    yield subscriber

    def _everywhere(self, message: Message) -> Iterator[Subscriber]:
        for name, topic in self._topics.items():
            on_topic = replace(message, topic=name)
            for subscriber in topic.members.values():
                subscription, strict = subscriber.subscription, subscriber.strict
                if receives(subscription, on_topic, strict=strict) and not is_echo(subscription, on_topic):
                    yield subscriber

    def _forget_routes(self, changed: Subscription) -> None:
        topic = self._topics[changed.topic]
        topic.routes.clear()
        for other in self._topics if changed.everyone else topic.heard_by:
            self._topics[other].routes.clear()

    def _drop_if_empty(self, name: str, topic: _Topic) -> None:
        if not topic.members and not topic.heard_by and name != EVERY:
            del self._topics[name]


def _is_asker(subscriber: Subscriber, message: Message, asker: Owner) -> bool:
    """OHIF calls itself ``*``: that name is the asker's only under the asker's own token."""
    name = message.sender.name
    same = subscriber.subscription.name.casefold() == name.casefold()
    return same and (name != EVERY or subscriber.owner == asker)
