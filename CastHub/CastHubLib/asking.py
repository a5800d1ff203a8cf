"""Putting a request to subscribers and waiting for their answers."""

from __future__ import annotations

import asyncio
from typing import Any

from CastHubLib import log
from CastHubLib.answers import Denied
from CastHubLib.collation import OpenRequest, OpenRequests, request_frame
from CastHubLib.core import Owner, Subscriber, Table
from CastHubLib.outbox import Outbox, json_frame
from CastLib.message import Request, Response
from CastLib.subscription import Subscription


class Asking:
    """The waiting side of requests; who was asked and who answered is kept by ``OpenRequests``."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox
        self._open = OpenRequests()
        self._waiting: dict[OpenRequest, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def ask(self, request: Request, asker: Owner) -> dict[str, Any]:
        """Return the collated answer, when all have answered or the request's time is over."""
        message = request.message
        if message.id in self._open:
            raise Denied(409, "id: a request with this id is still open; give each request an id of its own")
        topic = message.topic or asker.topic
        asked = self._table.ask(message, asker)
        opened = self._open.open(request, asker, asked)
        log.debug("request", id=message.id, event=log.event(message.event), by=log.holder(asker), asked=len(asked))
        try:
            if not opened.complete:
                done = self._waiting[opened] = asyncio.get_running_loop().create_future()
                frame = request_frame(request, self._subscription_of(asker, message.sender.name, topic), topic)
                self._outbox.post(asked, json_frame(frame))
                await asyncio.wait((done,), timeout=request.timeout_seconds)
        finally:
            self._waiting.pop(opened, None)
            self._open.close(opened)
        log.debug("collated", id=message.id, answers=len(opened.answers), of=len(asked))
        return opened.collated()

    def answer(self, subscriber: Subscriber, response: Response) -> bool:
        """Count a subscriber's answer; False when nobody waits for it."""
        opened = self._open.answer(subscriber, response)
        id = response.request_id if response.request_id in self._open else "unknown"
        log.debug("answer", id=id, endpoint=log.endpoint(subscriber.id), counted=opened is not None)
        if opened is None:
            return False
        self._wake(opened)
        return True

    def answering(self, owner: Owner, response: Response) -> tuple[Subscriber, Owner] | None:
        """Return who answers with a batch, and the asker that may read it; None when nobody waits for it."""
        return self._open.answering(owner, response)

    def subscriber_gone(self, subscriber: Subscriber) -> None:
        """Wait no longer for a subscriber whose subscription has ended."""
        for opened in self._open.subscriber_gone(subscriber):
            self._wake(opened)

    def close(self) -> None:
        """Wait no longer for anybody: every asker gets what has come."""
        for done in self._waiting.values():
            if not done.done():
                done.set_result(None)

    def _subscription_of(self, asker: Owner, name: str, topic: str) -> Subscription | None:
        """Return the asker's own: on the topic it asks on, or on its own one (in a group, or as a provider)."""
        own = self._table.named(topic, name, asker) or self._table.named(asker.topic, name, asker)
        return own[0].subscription if own else None

    def _wake(self, opened: OpenRequest) -> None:
        done = self._waiting.get(opened)
        if opened.complete and done is not None and not done.done():
            done.set_result(None)
