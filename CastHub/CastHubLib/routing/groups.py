"""Group topics as values: who takes part, who leads, and which topics hear which (protocol: group topics).

No I/O and no clock. The wire calls a group a conference. Its host owns it, one participant leads its scene; what is
published on one participant's topic is heard on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from CastHubLib.errors import Denied
from CastLib.errors import FieldError
from CastLib.events import EVERY


@dataclass(slots=True, eq=False)
class Group:
    """One group: its host's topic, the leader's, and the attendees' in the order in which they came."""

    host: str
    title: str
    topics: list[str]
    host_user: str = ""
    leader: str = ""
    alone_since: float | None = None
    """The caller's time at which nobody was seen subscribed to any of its topics; None while somebody is."""

    @property
    def participants(self) -> tuple[str, ...]:
        """The topics that take part, the host's first."""
        return (self.host, *self.topics)

    def record(self) -> dict[str, Any]:
        """Return the group as the wire shows it."""
        return {
            "hostTopic": self.host,
            "sceneLeaderTopic": self.leader,
            "title": self.title,
            "topics": list(self.topics),
        }


class Groups:
    """All groups; a host has one at most, an attendee may be in several.

    ``on_changed(topic, others)`` is called with the other topics that hear a topic, whenever those have changed.
    """

    def __init__(self, max_groups: int, max_topics: int, on_changed: Callable[[str, tuple[str, ...]], None]) -> None:
        self._max_groups = max_groups
        self._max_topics = max_topics
        self._on_changed = on_changed
        self._by_host: dict[str, Group] = {}
        self._of_topic: dict[str, list[Group]] = {}

    def __len__(self) -> int:
        return len(self._by_host)

    def __iter__(self) -> Iterator[Group]:
        return iter(list(self._by_host.values()))

    def get(self, host: str) -> Group | None:
        """Return the group of this host, None when it has none."""
        return self._by_host.get(host)

    def check(self, host: str, topics: Sequence[str]) -> None:
        """Raise FieldError for what could not be a group's host and attendees."""
        for field_name, topic in (("hostTopic", host), *(("topics", topic) for topic in topics)):
            _check_topic(topic, field_name)
        if len({host, *topics}) > self._max_topics:
            raise FieldError("topics", f"are too many: a group takes {self._max_topics}, its host's among them")

    def start(self, host: str, title: str, topics: Sequence[str], host_user: str = "") -> Group:
        """Make a group, led by its host; the host must have none. Raises FieldError, and Denied(503) when full."""
        self.check(host, topics)
        if len(self._by_host) >= self._max_groups:
            raise Denied(503, f"the hub keeps {self._max_groups} groups and takes no more; try again later")
        attendees = [topic for topic in dict.fromkeys(topics) if topic != host]
        group = self._by_host[host] = Group(host, title, attendees, host_user, host)
        for topic in group.participants:
            self._of_topic.setdefault(topic, []).append(group)
        self._report_who_hears(group.participants)
        return group

    def join(self, group: Group, topic: str) -> None:
        """Let a topic take part; joining again changes nothing. Raises FieldError."""
        _check_topic(topic, "joinTopic")
        if topic == group.host:
            raise FieldError("joinTopic", "is the host's own topic, which takes part already")
        if topic in group.topics:
            return
        if len(group.participants) >= self._max_topics:
            raise FieldError("joinTopic", f"does not fit: a group takes {self._max_topics} topics")
        group.topics.append(topic)
        self._of_topic.setdefault(topic, []).append(group)
        self._report_who_hears(group.participants)

    @staticmethod
    def lead(group: Group, topic: str) -> None:
        """Let a participant lead; the host stays. Raises FieldError."""
        if topic not in group.participants:
            raise FieldError("sceneLeaderTopic", "must be the topic of a participant")
        group.leader = topic

    def leave(self, group: Group, topic: str) -> bool:
        """Take a participant out; True when nobody but one is left, so that the group has ended.

        A host that leaves hands over to the leader, or to who came first; a leader that leaves, to the host.
        """
        before = group.participants
        rest = [each for each in before if each != topic]
        host = group.host if topic != group.host else self._successor(group, rest)
        if len(rest) < 2 or not host:
            self.end(group)
            return True
        del self._by_host[group.host]
        if host != group.host:
            group.host_user = ""
        if topic == group.leader:
            group.leader = host
        group.host, group.topics = host, [each for each in rest if each != host]
        self._by_host[host] = group
        self._take_out(group, topic)
        self._report_who_hears(before)
        return False

    def _successor(self, group: Group, rest: Sequence[str]) -> str:
        """Return who is to host a group that its host leaves: one that hosts no other; ``""`` when all do."""
        wanted = sorted(rest, key=lambda topic: topic != group.leader)  # the leader, then as they came
        return next((topic for topic in wanted if topic not in self._by_host), "")

    def end(self, group: Group) -> None:
        """End a group: its topics no longer hear each other."""
        del self._by_host[group.host]
        for topic in group.participants:
            self._take_out(group, topic)
        self._report_who_hears(group.participants)

    def deserted(self, now: float, seconds: float, is_there: Callable[[str], bool]) -> list[Group]:
        """Return the groups whose topics nobody has been subscribed to for so long, by checks like this one."""
        found = []
        for group in self._by_host.values():
            if any(map(is_there, group.participants)):
                group.alone_since = None
            elif group.alone_since is None:
                group.alone_since = now
            elif now - group.alone_since >= seconds:
                found.append(group)
        return found

    def _take_out(self, group: Group, topic: str) -> None:
        remaining = [each for each in self._of_topic[topic] if each is not group]
        if remaining:
            self._of_topic[topic] = remaining
        else:
            del self._of_topic[topic]

    def _report_who_hears(self, topics: Sequence[str]) -> None:
        for topic in topics:
            others = dict.fromkeys(
                other for group in self._of_topic.get(topic, ()) for other in group.participants if other != topic
            )
            self._on_changed(topic, tuple(others))


def _check_topic(topic: str, field_name: str) -> None:
    if topic == EVERY:
        raise FieldError(field_name, "must be one user's topic: * cannot take part")
