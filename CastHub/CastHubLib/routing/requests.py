"""Requests as values: who was asked, who has answered, and the one answer made of theirs (protocol: request).

No I/O and no clock: the server waits, this remembers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from CastHubLib.routing.subscriber import Owner, Receivers, Subscriber
from CastLib.message import Request, Response, Sender, make_message, sender_fields
from CastLib.subscription import Subscription


@dataclass(slots=True, eq=False)
class OpenRequest:
    """A request that is waiting for answers."""

    request: Request
    asker: Owner
    asked: dict[str, Subscriber]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    awaited: set[str] = field(default_factory=set)
    """Ids of those asked that have not answered and whose subscription has not ended since."""
    size: int = 0
    """Bytes of the answers that have come."""
    declined: set[str] = field(default_factory=set)
    """Ids of those asked that have said that they do not answer such requests."""

    @property
    def complete(self) -> bool:
        """Return whether nobody is left to wait for."""
        return not self.awaited

    def collated(self) -> dict[str, Any]:
        """Return the answer to the asker, from what has come until now."""
        message = self.request.message
        expected = {id: s.subscription.name for id, s in self.asked.items() if id not in self.declined}
        missing = [name for id, name in expected.items() if id not in self.answers]
        return {
            "ok": not missing,
            "id": message.id,
            "subscriber.name": message.sender.name,
            "dataType": self.request.data_type,
            "subscriber.actor": sender_fields(message.sender).get("subscriber.actor", ""),
            "target.actor": message.target.actor,
            "responses": list(self.answers.values()),
            "expected": list(expected.values()),
            "missing": missing,
            "timedOut": not self.complete,
        }


class OpenRequests:
    """The requests waiting for answers, by id.

    Ids are the askers' own, so two askers may choose the same; only nobody may be asked twice under one, for the
    answers would mix. Answers of more than ``max_bytes`` in all are not kept: their senders are missing.
    """

    def __init__(self, max_bytes: int = 2**53) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._open: dict[str, list[OpenRequest]] = {}
        self._of_subscriber: dict[str, dict[OpenRequest, None]] = {}
        self._of_asker: Counter[Owner] = Counter()

    def __len__(self) -> int:
        return self._of_asker.total()

    def of(self, asker: Owner) -> int:
        """Return how many requests of one asker are open."""
        return self._of_asker[asker]

    def __contains__(self, id: str) -> bool:
        return id in self._open

    def would_mix(self, id: str, asked: Receivers) -> bool:
        """Return whether one of these is asked by an open request of this id already."""
        return any(subscriber.id in opened.asked for opened in self._open.get(id, ()) for subscriber in asked)

    def open(self, request: Request, asker: Owner, asked: Receivers) -> OpenRequest:
        """Enter a request; it must not mix with one that is open."""
        by_id = {subscriber.id: subscriber for subscriber in asked}
        opened = OpenRequest(request, asker, by_id, awaited=set(by_id))
        self._open.setdefault(request.message.id, []).append(opened)
        self._of_asker[asker] += 1
        for id in by_id:
            self._of_subscriber.setdefault(id, {})[opened] = None
        return opened

    def close(self, opened: OpenRequest) -> None:
        """Forget a request: what is answered from now on comes too late."""
        id = opened.request.message.id
        self._open[id].remove(opened)
        if not self._open[id]:
            del self._open[id]
        self._size -= opened.size
        self._of_asker[opened.asker] -= 1
        if not self._of_asker[opened.asker]:
            del self._of_asker[opened.asker]
        for asked in opened.asked:
            of_subscriber = self._of_subscriber[asked]
            del of_subscriber[opened]
            if not of_subscriber:
                del self._of_subscriber[asked]

    def answer(self, subscriber: Subscriber, response: Response, size: int = 0) -> OpenRequest | None:
        """Count an answer of ``size`` bytes.

        None when it was not asked for: unknown or closed request, someone else, a second time.
        """
        opened = self.awaiting(subscriber, response.request_id)
        if opened is not None:
            opened.awaited.discard(subscriber.id)
            if self._size + size <= self._max_bytes:
                opened.answers[subscriber.id] = _answer(subscriber.subscription, response)
                opened.size += size
                self._size += size
        return opened

    def awaiting(self, subscriber: Subscriber, request_id: str) -> OpenRequest | None:
        """Return the request with this id when it still waits for this subscriber's answer."""
        for opened in self._open.get(request_id, ()):
            if subscriber.id in opened.asked:
                return None if subscriber.id in opened.answers or subscriber.id in opened.declined else opened
        return None

    def decline(self, subscriber: Subscriber, request_id: str) -> OpenRequest | None:
        """Wait no longer for one who was asked and does not answer such requests; return the request, if it is one."""
        opened = self.awaiting(subscriber, request_id)
        if opened is not None:
            opened.awaited.discard(subscriber.id)
            opened.declined.add(subscriber.id)
        return opened

    def answering(self, owner: Owner, response: Response) -> tuple[Subscriber, Owner] | None:
        """Return the asked subscriber that an answer over HTTP comes from (its owner's, of its name), and the asker."""
        for opened in self._open.get(response.request_id, ()):
            for subscriber in opened.asked.values():
                same = subscriber.owner == owner and subscriber.subscription.name == response.sender.name
                if same and self.awaiting(subscriber, response.request_id):
                    return subscriber, opened.asker
        return None

    def subscriber_gone(self, subscriber: Subscriber) -> list[OpenRequest]:
        """Stop waiting for a subscriber that has ended; return the requests it was asked by."""
        concerned = list(self._of_subscriber.get(subscriber.id, ()))
        for opened in concerned:
            opened.awaited.discard(subscriber.id)
        return concerned


def _answer(subscription: Subscription, response: Response) -> dict[str, Any]:
    actors = response.sender.actors or subscription.actors
    answer = {
        "id": response.wire.get("id", response.request_id),
        "subscriber": subscription.name or response.sender.name,
        "actor": sender_fields(Sender(actors=actors)).get("subscriber.actor", ""),
        "productName": response.sender.product or subscription.product,
        "data": response.data,
    }
    files = response.wire["event"]["context"].get("files")
    if files is not None:
        answer["files"] = files
    return answer


def request_frame(request: Request, asker: Subscription | None, topic: str) -> dict[str, Any]:
    """Return the frame that puts a request to those who are asked on ``topic``.

    It has an id and a time of its own; its context is the asker's with the request's ``id`` and ``dataType``. The
    JavaScript client leaves its product and actor out: they are filled from the asker's subscription.
    """
    message = request.message
    sender = message.sender
    if asker is not None:
        sender = Sender(sender.name, sender.product or asker.product, actors=sender.actors or asker.actors)
    context = {**message.context_dict(), "id": message.id, "dataType": request.data_type}
    return make_message(message.event, topic, context, sender=sender, target=message.target)
