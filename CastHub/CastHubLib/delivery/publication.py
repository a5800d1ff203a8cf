"""A publish as the hub takes it: checked for all that its body alone shows, and made small when it is long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from CastHubLib.aside import MAX_AT_ONCE, let_go, long_json
from CastHubLib.delivery.outbox import json_frame, text_frame
from CastHubLib.errors import Denied
from CastLib.errors import FieldError
from CastLib.events import CONFERENCE_END, CONFERENCE_LEAD, CONFERENCE_START, SUBSCRIPTION_REMOVED, is_binary_family
from CastLib.fields import refuse_unseen, trimmed
from CastLib.manifest import parse_received_manifest, refuse_inline_bytes, replace_files
from CastLib.message import Message, parse_publish

#: What only the hub says. A SyncError is a subscriber's word too: it follows its 202 (FHIRcast 2.5.2, 3.2.1).
HUBS_OWN = frozenset({SUBSCRIPTION_REMOVED, CONFERENCE_START, CONFERENCE_LEAD, CONFERENCE_END})
_ITEMS_KEPT = 100  # of a long event's context, for the current context


class Publication(NamedTuple):
    """An event on its way: ``frame`` is what its receivers get, ``payload_ids`` the payloads that it names."""

    message: Message
    frame: bytes
    payload_ids: tuple[str, ...]


def read_publish(
    value: dict[str, Any], body: bytes, meant_topic: Callable[[str], str], *, strict: bool, max_files: int
) -> Publication:
    """Return the publication in a body; its frame holds the very bytes, so numbers and spelling stay as they were sent.

    Raises FieldError, and Denied(403) for an event that only the hub may send. ``strict``: FHIRcast to the letter.
    """
    message, frame = parse_publish(value), text_frame(body)
    topic = meant_topic(message.topic)
    if topic != message.topic:
        value["event"]["hub.topic"] = topic
        message, frame = parse_publish(value), json_frame(value)
    check_publish(message, strict=strict)
    ids: tuple[str, ...] = ()
    if is_binary_family(message.key):
        refuse_inline_bytes(message.context, max_files)
        ids = _payload_ids(message)
    return _short(Publication(message, frame, ids), len(body))


def stored_publish(wire: dict[str, Any], files: Sequence[dict[str, Any]], size: int) -> Publication:
    """Return the publication of a batch whose envelope is ``wire``, with ``files`` as its list."""
    event = wire["event"]
    stored = {**wire, "event": {**event, "context": replace_files(event["context"], files)}}
    message = parse_publish(stored)
    frame = text_frame(long_json(stored)) if size > MAX_AT_ONCE else json_frame(stored)
    return _short(Publication(message, frame, _payload_ids(message)), size)


def check_publish(message: Message, *, strict: bool = False) -> None:
    """Raise FieldError, or Denied(403), for an event that nobody may publish so, whoever he is."""
    if message.key in HUBS_OWN:
        raise Denied(403, f"event.hub.event: {message.event} is the hub's own word, which nobody else may say")
    if message.wire["event"].get("context") is None:
        raise FieldError("event.context", "is missing: an event has one, if only an empty list (FHIRcast 2.6.2)")
    if not message.timestamp and (strict or not message.sender.name):
        raise FieldError("timestamp", "is missing: FHIRcast wants to know when it happened (2.6.2)")
    check_names(message)


def check_names(message: Message) -> None:
    """Raise FieldError for a name that does not show what it is: others read it, or look for it by what they read."""
    sender, target = message.sender, message.target
    for field, text in (
        ("event.hub.topic", message.topic),
        ("event.hub.event", trimmed(message.event)),
        ("subscriber.name", sender.name),
        ("subscriber.product.name", sender.product),
        ("subscriber.product.version", sender.version),
        ("target.actor", target.actor),
        ("target.product.name", target.product),
        ("target.subscriber.name", target.name),
    ):
        if text:
            refuse_unseen(text, field)
    for actor in sender.actors:
        refuse_unseen(actor, "subscriber.actor")


def _payload_ids(message: Message) -> tuple[str, ...]:
    entries = parse_received_manifest(message.context)
    for index, entry in enumerate(entries):
        if entry.file_name:
            refuse_unseen(entry.file_name, f"event.context.files[{index}].fileName")
    return tuple(id for entry in entries for id in entry.payload_ids)


def _short(publication: Publication, size: int) -> Publication:
    """Keep of a long event's JSON no more than routing and the current context look at: the frame has it all."""
    if size <= MAX_AT_ONCE:
        return publication
    message = publication.message
    context: list[Any] | dict[str, Any]
    if isinstance(message.context, dict):
        context = {key: _reference(value) for key, value in islice(message.context.items(), _ITEMS_KEPT)}
    else:
        context = [
            {"key": item.get("key"), "resource": _reference(item.get("resource"))}
            for item in islice(message.context, _ITEMS_KEPT)
        ]
    version = {key: text for key, text in message.wire["event"].items() if key.startswith("context.v")}
    short = replace(message, wire={"event": version}, context=context)
    let_go(message.wire)
    return publication._replace(message=short)


def _reference(resource: Any) -> dict[str, Any]:
    """Return what distinguishes one resource from another."""
    if not isinstance(resource, dict):
        return {}
    return {key: resource[key] for key in ("resourceType", "id") if isinstance(resource.get(key), str)}
