"""FHIRcast's current context, kept in memory when the setting ``context`` is ``keep`` (FHIRcast 2.4.2, 2.9, 4.2.2).

Cast leaves the context with the applications, which are asked for it; so this is off by default and the rest of the hub
does not know it. What is kept: on each topic the opens that nobody has closed, in the order in which they came. The
last event that opened something makes the current context; closing that one leaves none, whatever else is open.
"""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from CastHubLib.delivery.outbox import frame_text, text_frame
from CastHubLib.delivery.publication import Publication
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.errors import Denied
from CastHubLib.extras.json_text import member, with_member
from CastHubLib.payloads.store import PayloadStore
from CastHubLib.routing.subscriber import Owner, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.events import is_binary_family
from CastLib.fields import parse_json
from CastLib.matching import is_target
from CastLib.message import Message, Target, parse_publish

_OPEN, _CLOSE, _HOME, _REPORT = "-open", "-close", "home", "diagnosticreport"
_UPDATE = _REPORT + "-update"
_VERSION = "context.versionId"
_OVERHEAD = 1024  # bytes that a kept open costs besides its frame, roughly

#: The catalogue's resources by their events' first word, with the context keys that hold them (FHIRcast 3.3 to 3.6).
_ANCHORS = {
    "patient": ("Patient", ("patient",)),
    "encounter": ("Encounter", ("encounter",)),
    "imagingstudy": ("ImagingStudy", ("study", "imagingstudy")),
    "diagnosticreport": ("DiagnosticReport", ("report", "diagnosticreport")),
}

_Key = tuple[str, str, str]  # topic, first word of the event, id of the anchor ("" when it has none)


@dataclass(frozen=True, slots=True)
class _Opened:
    """One open that nobody has closed. ``type`` is ``""`` for Home-open, which opens nothing."""

    type: str
    version: str
    message_id: str
    event: str
    event_key: str
    sender: Owner
    target: Target
    frame: bytes
    payload_ids: tuple[str, ...]
    at: float

    @property
    def cost(self) -> int:
        return len(self.frame) + _OVERHEAD


class CurrentContext:
    """What is open on each topic. Every published event and every ended subscription is reported to it.

    ``clock`` gives seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        settings: HubSettings,
        table: Table,
        publisher: Publisher,
        payloads: PayloadStore,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._table = table
        self._publisher = publisher
        self._payloads = payloads
        self._topics: dict[str, OrderedDict[_Key, _Opened]] = {}
        self._oldest_first: OrderedDict[_Key, _Opened] = OrderedDict()
        self._current: dict[str, _Key] = {}
        self._size = 0

    def check(self, message: Message) -> None:
        """Raise Denied(409) for an update of a report that is not open (FHIRcast 2.10, 3.6.3)."""
        if message.key == _UPDATE and not any(key[1] == _REPORT for key in self._opened(message.topic)):
            raise Denied(
                409, f"event.hub.event: no DiagnosticReport is open on this topic, so {message.event} has none"
            )

    def published(self, publication: Publication, sender: Owner) -> None:
        """Take note of an event: an open is kept, a close ends what it names, anything else is none of ours."""
        message = publication.message
        if message.key.endswith(_OPEN):
            self._open(publication, sender, message.key[: -len(_OPEN)])
        elif message.key.endswith(_CLOSE):
            self._close(message, message.key[: -len(_CLOSE)])

    def confirmed(self, subscriber: Subscriber, events: frozenset[str]) -> None:
        """Send a subscriber the last open of each kind that it would have got, as if it had just come (FHIRcast 2.4.2).

        ``events`` are the keys of the events it has newly listed. A Cast client asks by itself.
        """
        if subscriber.subscription.cast:
            return
        last: dict[str, _Opened] = {}
        for opened in self._opened(subscriber.subscription.topic).values():
            if subscriber.strict or is_target(subscriber.subscription, opened.target):
                last.pop(opened.event_key, None)
                last[opened.event_key] = opened
        for opened in last.values():
            if opened.event_key in events:
                if is_binary_family(opened.event_key):
                    self._payloads.share(opened.payload_ids, opened.sender, {subscriber.owner})
                topic = subscriber.subscription.topic
                self._publisher.send_again(opened.message_id, opened.event, topic, subscriber, opened.frame)

    def answer(self, topic: str) -> bytes:
        """Return the JSON that answers ``GET {hub.url}/{topic}``; nothing open is no error (FHIRcast 2.9)."""
        key = self._current.get(topic)
        opened = self._opened(topic).get(key) if key is not None else None
        if opened is None or not opened.type:
            return _answer("", "", "[]")
        text = frame_text(opened.frame).decode()
        event = member(text, 0, "event")
        span = member(text, event[0], "context") if event else None
        context = text[span[0] : span[1]] if span else "[]"
        if not context.startswith("["):  # Cast's object form, or null
            message = parse_publish(parse_json(text))
            context = json.dumps(list(message.items()), ensure_ascii=False)
        return _answer(opened.type, opened.version, context)

    def subscription_ended(self, topic: str) -> None:
        """Forget a topic's context when its last subscriber has gone."""
        if not self._table.members(topic):
            for key in list(self._topics.get(topic, ())):
                self._forget(key)

    def expire(self) -> None:
        """Forget what was opened too long ago."""
        before = self._clock() - self._settings.context_seconds
        while self._oldest_first:
            key, opened = next(iter(self._oldest_first.items()))
            if opened.at > before:
                return
            self._forget(key)

    def _opened(self, topic: str) -> OrderedDict[_Key, _Opened]:
        self.expire()
        return self._topics.get(topic, OrderedDict())

    def _open(self, publication: Publication, sender: Owner, word: str) -> None:
        message, frame, ids = publication
        anchor = _anchor(message, word)
        if word == _HOME:
            type = ""
        elif word in _ANCHORS:
            type = _ANCHORS[word][0]
        elif str(anchor.get("resourceType")).casefold() == word:
            type = str(anchor["resourceType"])
        else:
            return  # no event of FHIRcast's form (2.3.4.1)
        self._forget((message.topic, _HOME, ""))
        key = (message.topic, word, _id(anchor))
        if len(frame) > self._settings.max_context_open_bytes:
            self._forget(key)
            self._current.pop(message.topic, None)
            return
        text = frame_text(frame).decode()
        version = message.wire["event"].get(_VERSION)
        if not isinstance(version, str) or not version:
            event = member(text, 0, "event")
            version = str(uuid.uuid4())
            text = with_member(text, event[0] if event else 0, _VERSION, version)
        again = text_frame(text.encode())
        id, at = message.id, self._clock()
        opened = _Opened(type, version, id, message.event, message.key, sender, message.target, again, ids, at)
        self._forget(key)
        if opened.cost > self._settings.max_context_bytes:
            self._current.pop(message.topic, None)
            return
        topic = self._topics.setdefault(message.topic, OrderedDict())
        topic[key] = self._oldest_first[key] = opened
        self._current[message.topic] = key
        self._size += opened.cost
        while len(topic) > self._settings.max_context_topic_opens:
            self._forget(next(iter(topic)))
        while self._size > self._settings.max_context_bytes:
            self._forget(next(iter(self._oldest_first)))

    def _close(self, message: Message, word: str) -> None:
        """A close carries the id of its open; one without closes the last of its kind, which may itself have none."""
        topic = self._topics.get(message.topic, OrderedDict())
        id = _id(_anchor(message, word))
        of_kind = [key for key in topic if key[1] == word]
        named = [key for key in of_kind if not id or key[2] in (id, "")]
        exactly = [key for key in named if key[2] == id]
        for key in (exactly or named)[-1:]:
            self._forget(key)

    def _forget(self, key: _Key) -> None:
        opened = self._oldest_first.pop(key, None)
        if opened is None:
            return
        self._size -= opened.cost
        topic = key[0]
        del self._topics[topic][key]
        if not self._topics[topic]:
            del self._topics[topic]
        if self._current.get(topic) == key:
            del self._current[topic]


def _anchor(message: Message, word: str) -> dict[str, Any]:
    """Return the resource that an open or close is about, ``{}`` when there is none."""
    keys = _ANCHORS[word][1] if word in _ANCHORS else (word,)
    for item in message.items():
        resource = item.get("resource")
        if str(item.get("key")).lower() in keys and isinstance(resource, dict):
            return resource
    return {}


def _id(anchor: dict[str, Any]) -> str:
    id = anchor.get("id")
    return id if isinstance(id, str) else ""


def _answer(type: str, version: str, context: str) -> bytes:
    return f'{{"context.type":{json.dumps(type)},"{_VERSION}":{json.dumps(version)},"context":{context}}}'.encode()
