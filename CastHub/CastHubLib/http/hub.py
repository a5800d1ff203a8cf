"""The hub's parts in one place, and the questions every address asks first."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from CastHubLib import log
from CastHubLib.access.origins import Origins, opened_by
from CastHubLib.access.public_address import PublicAddress
from CastHubLib.access.sign_in import SignIn
from CastHubLib.aside import Aside
from CastHubLib.delivery.acknowledgements import Acknowledgements
from CastHubLib.delivery.group_events import Conferences
from CastHubLib.delivery.keepalive import Heartbeat
from CastHubLib.delivery.outbox import Outbox
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.delivery.requests import Requests
from CastHubLib.delivery.sockets import Sockets
from CastHubLib.delivery.subscriptions import Subscriptions
from CastHubLib.errors import Denied
from CastHubLib.extras.current_context import CurrentContext
from CastHubLib.incoming import Incoming
from CastHubLib.payloads.request_bodies import BodyDeadline, send_continue
from CastHubLib.payloads.store import PayloadStore
from CastHubLib.payloads.upload import Uploads
from CastHubLib.routing.subscriber import Owner
from CastHubLib.routing.table import Table
from CastHubLib.settings import KEEP, SINGLE_USER, HubSettings
from CastHubLib.turns import Turns
from CastLib.events import EVERY
from CastLib.message import now

_BEARER = "bearer "


class Hub:
    """One running hub. Made inside its event loop."""

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        self.started_at = now()
        self._started = time.monotonic()
        self.table = Table()
        loop = asyncio.get_running_loop()
        self.incoming = Incoming(settings.max_incoming_bytes)
        self.aside = Aside(self.incoming)
        self.turns = Turns(loop)
        self.payloads = PayloadStore(settings)
        self.uploads = Uploads(settings, self.payloads, self.aside, self.incoming)
        self.outbox = Outbox(loop, settings, self.table)
        self.publisher = Publisher(loop, self.table, self.outbox)
        self.requests = Requests(settings, self.table, self.outbox)
        self.context: CurrentContext | None = None
        if settings.context == KEEP:
            self.context = CurrentContext(loop.time, settings, self.table, self.publisher, self.payloads)
        self.subscriptions = Subscriptions(
            loop, settings, self.table, self.outbox, self.publisher, self.requests, self.context
        )
        self.acknowledgements = Acknowledgements(loop, settings, self.table, self.publisher, self.subscriptions)
        self.sockets = Sockets(settings, self.aside, self.subscriptions, self.requests, self.acknowledgements)
        self.conferences = Conferences(settings, self.table, self.publisher)
        self.heartbeat = Heartbeat(loop, self.table, self.outbox, settings.heartbeat_seconds)
        self.sign_in = SignIn(settings)
        self.origins = Origins(settings)
        self.address = PublicAddress(settings)
        self.ending = False
        """It closes its sockets: whatever is published now would reach nobody."""
        self.sweep()

    @property
    def uptime_seconds(self) -> float:
        """Seconds since the hub was made."""
        return time.monotonic() - self._started

    def owner(self, request: web.Request) -> Owner:
        """Return whom the request's bearer token speaks for; raises Denied(401) without a good one."""
        owner = self.sign_in.owner(_token(request))
        if owner is None:
            raise Denied(401, "Authorization: this token is not valid here or has expired; sign in again")
        request[log.HOLDER] = owner
        return owner

    def token_seconds(self, request: web.Request) -> float:
        """Return how long the request's bearer token is still good; raises Denied(401) without one."""
        return self.sign_in.seconds_left(_token(request))

    def owner_beyond_loopback(self, request: web.Request) -> Owner | None:
        """Return None where no token is asked for: a hub without real sign-in that only this machine can reach.

        Existing clients send none to group topics. Elsewhere raises Denied(401) without a good one.
        """
        return self.owner(request) if opened_by(self.settings) else None

    def meant_topic(self, topic: str, owner: Owner) -> str:
        """Return the topic that is meant: in single-user mode ``*`` is the one that there is."""
        return owner.topic if topic == EVERY and self.settings.auth == SINGLE_USER else topic

    def check_topic(self, topic: str, owner: Owner, field: str) -> None:
        """Raise Denied(403) for a topic that the owner may not use: ``*`` is for the provider flow alone.

        Any named topic is free to a mock token, for anyone may sign in as anyone.
        """
        if topic == EVERY and not owner.everyone:
            raise Denied(403, f"{field}: * is for providers that signed in for topic *; name a topic")

    def check_open(self) -> None:
        """Raise Denied(503) when the hub is about to end."""
        if self.ending:
            raise Denied(503, "the hub is ending: try again when it is back")

    async def read(self, request: web.Request, most: int) -> bytes:
        """Return a request's body.

        Raises Denied: 413 past ``most`` bytes, 408 when its sender stalls or takes too long, 503 when it is the longest
        of more than is taken at once.
        """
        length = request.content_length
        if length is not None and length > most:
            raise _too_long(length, most)
        whole = request.content.is_eof()  # as most have come: no need to watch over it
        body = await request.read() if whole else await self._read_slowly(request, most)
        if len(body) > most:
            raise _too_long(len(body), most)
        return body

    async def _read_slowly(self, request: web.Request, most: int) -> bytes:
        settings, content, body = self.settings, request.content, bytearray()
        await send_continue(request)
        with BodyDeadline(content, self.incoming, settings.upload_idle_seconds, settings.body_seconds) as arrival:
            while not content.at_eof():
                piece = await content.readany()
                body += piece
                arrival.came(len(piece))
                if len(body) > most:
                    raise _too_long(len(body), most)
        return bytes(body)

    def sweep(self) -> None:
        """Drop payloads, kept opens and deserted groups whose time is over, now and every ``sweep_seconds``."""
        loop = asyncio.get_running_loop()
        self.payloads.expire(loop.time())
        self.conferences.end_deserted(loop.time())
        if self.context is not None:
            self.context.expire()
        self._sweeping = loop.call_later(self.settings.sweep_seconds, self.sweep)

    async def close(self) -> None:
        """Answer open requests with what has come, and close the sockets after what waits for them."""
        self.ending = True
        self._sweeping.cancel()
        self.turns.close()
        self.acknowledgements.close()
        self.heartbeat.close()
        self.requests.close()
        await self.sockets.close()
        self.aside.close()


def _too_long(length: int, most: int) -> Denied:
    return Denied(413, f"the body has {length} bytes, this address takes {most}")


def _token(request: web.Request) -> str:
    """Return the request's bearer token (RFC 6750, 2.1); raises Denied(401) without one."""
    header = request.headers.get("Authorization", "")
    if header[: len(_BEARER)].lower() != _BEARER:
        raise Denied(401, "Authorization: a bearer token is needed; sign in at /oauth/authorize and /oauth/token")
    return header[len(_BEARER) :].strip()
