"""Groups at work: each change is applied to routing and announced to whom it concerns (protocol: group topics)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from CastHubLib.delivery.publisher import Publisher
from CastHubLib.routing.groups import Group, Groups
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.events import CONFERENCE_END, CONFERENCE_LEAD, CONFERENCE_START
from CastLib.message import make_message, parse_publish


class Conferences:
    """The hub's groups, which the wire calls conferences."""

    def __init__(self, settings: HubSettings, table: Table, publisher: Publisher) -> None:
        self._settings = settings
        self._table = table
        self._publisher = publisher
        self._groups = Groups(settings.max_groups, settings.max_group_topics, table.let_hear)

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups)

    def get(self, host: str) -> Group | None:
        """Return the group of this host, None when it has none."""
        return self._groups.get(host)

    def start(self, host: str, title: str, topics: Sequence[str], host_user: str) -> Group:
        """Make a group in place of the one that its host may have. Raises FieldError, and Denied(503) when full."""
        earlier = self._groups.get(host)
        self._groups.check(host, topics)
        if earlier is not None:
            self.end(earlier)
        group = self._groups.start(host, title, topics, host_user)
        self._announce(CONFERENCE_START, group, group.participants, self._state(group))
        return group

    def join(self, group: Group, topic: str, user: str) -> None:
        """Let a topic take part. Raises FieldError."""
        self._groups.join(group, topic)
        joined = {"joinedTopic": topic, "joinedUserName": user or self._user(topic) or topic}
        self._announce(CONFERENCE_START, group, group.participants, {**self._state(group), **joined})

    def lead(self, group: Group, topic: str, user: str = "") -> None:
        """Let a participant lead. Raises FieldError."""
        self._groups.lead(group, topic)
        label = user or self._user(topic) or topic
        leader = {"leaderUserName": label, "leaderLabel": label}
        self._announce(CONFERENCE_LEAD, group, group.participants, {**self._state(group), **leader})

    def leave(self, group: Group, topic: str) -> bool:
        """Take a participant out; True when the group has ended with that. Who stays hears who leads from now on."""
        participants, host, leader = group.participants, group.host, group.leader
        ended = self._groups.leave(group, topic)
        context = {"title": group.title, "hostTopic": host, "reason": "empty" if ended else "attendee-left"}
        self._announce(CONFERENCE_END, group, participants, context if ended else {**context, "leaveTopic": topic})
        if not ended and (group.host, group.leader) != (host, leader):
            self.lead(group, group.leader)
        return ended

    def end(self, group: Group, reason: str = "host-ended") -> None:
        """End a group for all."""
        self._groups.end(group)
        context = {"title": group.title, "hostTopic": group.host, "reason": reason}
        self._announce(CONFERENCE_END, group, group.participants, context)

    def end_deserted(self, now: float) -> None:
        """End the groups to whose topics nobody has been subscribed for ``group_deserted_seconds``."""
        seconds = self._settings.group_deserted_seconds
        for group in self._groups.deserted(now, seconds, lambda topic: bool(self._table.members(topic))):
            self.end(group, "empty")

    def participants(self, group: Group) -> list[str]:
        """Return the names of the subscribers that take part."""
        members = (each for topic in group.participants for each in self._table.members(topic))
        return list(dict.fromkeys(each.subscription.name for each in members if each.subscription.name))

    def _state(self, group: Group) -> dict[str, Any]:
        return {
            "title": group.title,
            "hostTopic": group.host,
            "sceneLeaderTopic": group.leader,
            "hostUserName": group.host_user or self._user(group.host),
            "participants": self.participants(group),
        }

    def _user(self, topic: str) -> str:
        """Return the user whose topic this is, as far as somebody has signed in and subscribed to it."""
        return next((each.owner.subject for each in self._table.members(topic)), "")

    def _announce(self, event: str, group: Group, topics: Iterable[str], context: dict[str, Any]) -> None:
        message = parse_publish(make_message(event, group.host, context))
        self._publisher.publish(message, receivers=self._table.audience(topics, message))
