"""Group topics over HTTP; the wire calls a group a conference (protocol: group topics)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from CastHubLib import log
from CastHubLib.errors import Denied
from CastHubLib.http.hub import Hub
from CastHubLib.responses import json_response, page_headers
from CastHubLib.routing.groups import Group
from CastLib.errors import FieldError
from CastLib.fields import kind_of, optional_text, refuse_unseen
from CastLib.forms import parse_fields

_PATH = "/api/hub/conference"
_PAGE = Path(__file__).with_name("conference.html")
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"

#: Fields of a body and what older clients call them.
_ALIASES = {
    "hostTopic": ("user",),
    "hostUserName": ("host_user_name",),
    "joinTopic": ("topic",),
    "joinUserName": ("join_user_name",),
    "sceneLeaderTopic": ("leadTopic",),
    "leaderUserName": ("leader_user_name",),
}


class ConferenceRoutes:
    """The handlers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._conferences = hub.conferences

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [
            route(path + slash, handler)
            for route, path, handler in (
                (web.get, _PATH, self.every),
                (web.get, f"{_PATH}-topics", self.topics),
                (web.get, f"{_PATH}-client", self.page),
                (web.post, _PATH, self.start),
                (web.patch, f"{_PATH}/join", self.join),
                (web.patch, f"{_PATH}/lead", self.lead),
                (web.delete, _PATH, self.leave_or_end),
            )
            for slash in ("", "/")
        ]

    async def every(self, request: web.Request) -> web.Response:
        """Give every group, with the names of the subscribers that take part."""
        self._hub.owner_beyond_loopback(request)
        conferences = self._conferences
        return json_response(
            [{**each.record(), "participants": conferences.participants(each)} for each in conferences]
        )

    async def topics(self, request: web.Request) -> web.Response:
        """Give the topics that could take part: those to which somebody is subscribed."""
        self._hub.owner_beyond_loopback(request)
        found = []
        for topic in sorted(self._hub.table.topics()):
            zones = (each.subscription.timezone for each in self._hub.table.members(topic))
            found.append({"topic": topic, "timezone": next(filter(None, zones), "")})
        return json_response(found)

    async def page(self, request: web.Request) -> web.Response:
        """Give a page on which people start, join, lead, leave and end groups."""
        headers = page_headers(_PAGE_POLICY)
        return web.Response(body=_PAGE.read_bytes(), content_type="text/html", charset="utf-8", headers=headers)

    async def start(self, request: web.Request) -> web.Response:
        """Make a group; the one that this host had ends."""
        fields = await self._fields(request)
        host, title = _need(fields, "hostTopic"), _need(fields, "title")
        most = self._hub.settings.max_group_title
        if len(title) > most:
            raise FieldError("title", f"has {len(title)} characters, it may have {most}")
        group = self._conferences.start(host, title, _topics(fields), _field(fields, "hostUserName"))
        log.info("conference", step="start", topics=len(group.participants))
        return json_response({"status": "created", "conference": group.record()})

    async def join(self, request: web.Request) -> web.Response:
        """Let a topic take part."""
        fields = await self._fields(request)
        group, topic = self._group(fields), _need(fields, "joinTopic")
        self._conferences.join(group, topic, _field(fields, "joinUserName"))
        log.info("conference", step="join", topics=len(group.participants))
        return json_response({"status": "joined", "conference": group.record()})

    async def lead(self, request: web.Request) -> web.Response:
        """Let a participant lead."""
        fields = await self._fields(request)
        group, topic = self._group(fields), _need(fields, "sceneLeaderTopic")
        self._conferences.lead(group, topic, _field(fields, "leaderUserName"))
        log.info("conference", step="lead", topics=len(group.participants))
        return json_response({"status": "updated", "conference": group.record()})

    async def leave_or_end(self, request: web.Request) -> web.Response:
        """Take ``leaveTopic`` out, or end the group without one; a group or topic that is not there is no error."""
        fields = await self._fields(request)
        host, topic = _need(fields, "hostTopic"), _field(fields, "leaveTopic")
        group = self._conferences.get(host)
        removed = updated = 0
        if group is not None and not topic:
            self._conferences.end(group)
            removed = 1
        elif group is not None and topic in group.participants:
            removed = int(self._conferences.leave(group, topic))
            updated = 1 - removed
        log.info("conference", step="leave", removed=removed, updated=updated)
        return json_response({"removed": removed, "updated": updated})

    def _group(self, fields: Mapping[str, Any]) -> Group:
        host = _need(fields, "hostTopic")
        group = self._conferences.get(host)
        if group is None:
            raise Denied(404, "hostTopic: no conference has this host")
        return group

    async def _fields(self, request: web.Request) -> dict[str, Any]:
        """Return a body's fields; those of a DELETE may stand in the query, as some clients send no body with it."""
        self._hub.owner_beyond_loopback(request)
        body = await self._hub.read(request, self._hub.settings.max_form_bytes)
        kind = request.headers.get("Content-Type", "")
        return parse_fields(body, kind) if body else parse_fields(request.rel_url.raw_query_string.encode(), "")


def _field(fields: Mapping[str, Any], name: str) -> str:
    for known in (name, *_ALIASES.get(name, ())):
        text = optional_text(fields, known).strip()
        if text:
            return refuse_unseen(text, known)
    return ""


def _need(fields: Mapping[str, Any], name: str) -> str:
    text = _field(fields, name)
    if not text:
        raise FieldError(name, "is missing")
    return text


def _topics(fields: Mapping[str, Any]) -> list[str]:
    """Return the attendees' topics: a list, or a comma list in a form; a repeated one counts once."""
    topics = fields.get("topics")
    if topics is None:
        return []
    if isinstance(topics, str):
        topics = topics.split(",")
    if not isinstance(topics, list):
        raise FieldError("topics", f"must be a list of topics, not {kind_of(topics)}")
    for index, topic in enumerate(topics):
        if not isinstance(topic, str):
            raise FieldError(f"topics[{index}]", f"must be text, not {kind_of(topic)}")
    return [refuse_unseen(topic.strip(), "topics") for topic in topics if topic.strip()]
