"""Putting a request to subscribers and waiting for their answers."""

from __future__ import annotations

import asyncio
from asyncio import FIRST_COMPLETED
from typing import Any

from CastHubLib import log
from CastHubLib.delivery.outbox import Outbox, json_frame
from CastHubLib.errors import Denied
from CastHubLib.routing.requests import OpenRequest, OpenRequests, request_frame
from CastHubLib.routing.subscriber import Owner, Receivers, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.events import EVERY
from CastLib.message import Request, Response
from CastLib.subscription import Subscription


class Requests:
    """The waiting side of requests; who was asked and who answered is kept by ``OpenRequests``."""

    def __init__(self, settings: HubSettings, table: Table, outbox: Outbox) -> None:
        self._settings = settings
        self._table = table
        self._outbox = outbox
        self._open = OpenRequests(settings.max_answers_bytes)
        self._waiting: dict[OpenRequest, asyncio.Future[None]] = {}
        self._put_as: dict[str, str] = {}
        """The id of each open request, by that of a frame that puts it."""

    def __len__(self) -> int:
        return len(self._open)

    async def ask(self, request: Request, asker: Owner, gone: asyncio.Future[None]) -> tuple[dict[str, Any], int]:
        """Return the collated answer, when all have answered, the request's time is over or the asker is ``gone``.

        Beside it stands how many bytes of answers are in it. Raises Denied.
        """
        message = request.message
        self._check_room(asker)
        asked = self._table.ask(message, asker)
        if self._open.would_mix(message.id, asked):
            raise Denied(409, "id: a request with this id is still open; give each request an id of its own")
        opened = self._open.open(request, asker, asked)
        frames: list[str] = []
        log.debug("request", id=message.id, event=log.event(message.event), by=log.holder(asker), asked=len(asked))
        try:
            if not opened.complete:
                done = self._waiting[opened] = asyncio.get_running_loop().create_future()
                frames = self._put(request, asker, asked)
                if request.timeout_seconds:  # else nothing is waited for, not even what is on its way
                    await asyncio.wait((done, gone), timeout=request.timeout_seconds, return_when=FIRST_COMPLETED)
        finally:
            self._waiting.pop(opened, None)
            self._open.close(opened)
            for frame in frames:
                del self._put_as[frame]
        log.debug("collated", id=message.id, answers=len(opened.answers), of=len(asked))
        return opened.collated(), opened.size

    def _check_room(self, asker: Owner) -> None:
        if len(self._open) >= self._settings.max_requests:
            raise Denied(503, f"{len(self._open)} requests wait for answers, the hub takes no more; try again later")
        if self._open.of(asker) >= self._settings.max_user_requests:
            raise Denied(503, f"{self._open.of(asker)} requests of this user wait for answers: wait for those")

    def answer(self, subscriber: Subscriber, response: Response, size: int) -> bool:
        """Count a subscriber's answer of ``size`` bytes; False when nobody waits for it."""
        opened = self._open.answer(subscriber, response, size)
        id = response.request_id if response.request_id in self._open else "unknown"
        log.debug("answer", id=id, endpoint=log.endpoint(subscriber.id), counted=opened is not None)
        if opened is None:
            return False
        self._wake(opened)
        return True

    def declined(self, subscriber: Subscriber, frame_id: str) -> None:
        """Take it that a subscriber does not answer the request that was put to it in this frame."""
        opened = self._open.decline(subscriber, self._put_as.get(frame_id, ""))
        if opened is not None:
            self._wake(opened)

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

    def _put(self, request: Request, asker: Owner, asked: Receivers) -> list[str]:
        """Send the question, on all topics to each subscriber on its own one; return the ids of the frames."""
        message = request.message
        topic = message.topic or asker.topic
        own = self._subscription_of(asker, message.sender.name, topic)
        by_topic: dict[str, list[Subscriber]] = {}
        for subscriber in asked:
            by_topic.setdefault(subscriber.subscription.topic if topic == EVERY else topic, []).append(subscriber)
        frames: list[str] = []
        for each, receivers in by_topic.items():
            frame = request_frame(request, own, each)
            frames.append(str(frame["id"]))
            self._put_as[frames[-1]] = message.id
            log.debug("asked", id=message.id, frame=frames[-1], receivers=len(receivers))
            self._outbox.post(tuple(receivers), json_frame(frame))
        return frames

    def _subscription_of(self, asker: Owner, name: str, topic: str) -> Subscription | None:
        """Return the asker's own: on the topic it asks on, or on its own one (in a group, or as a provider)."""
        own = self._table.named(topic, name, asker) or self._table.named(asker.topic, name, asker)
        return own[0].subscription if own else None

    def _wake(self, opened: OpenRequest) -> None:
        done = self._waiting.get(opened)
        if opened.complete and done is not None and not done.done():
            done.set_result(None)
