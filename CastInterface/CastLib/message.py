"""Messages on the wire as values (protocol: publish; request and response; acknowledgements: FHIRcast 2.5.2).

A value never reshapes what came: ``wire`` is the JSON untouched, the other attributes are what the rules look at.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from CastLib.actors import parse_actors
from CastLib.errors import FieldError
from CastLib.events import data_type_of_event, event_key, is_request, is_response, request_event, response_event
from CastLib.fields import kind_of, need_object, need_text, optional_number, optional_text
from CastLib.manifest import FileEntry, parse_received_manifest

REQUEST_TIMEOUT = 2.0  # seconds an asker waits when it names no time
MAX_REQUEST_TIMEOUT = 300.0


def new_id() -> str:
    """Return a new message id (a UUID in text)."""
    return str(uuid.uuid4())


def now() -> str:
    """Return the present time as the wire writes it: ISO 8601, UTC, milliseconds, ``Z``."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a message, as it says itself; ``""`` and ``()`` where it does not."""

    name: str = ""
    product: str = ""
    version: str = ""
    actors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """To whom a message is narrowed; ``""`` and ``*`` narrow nothing."""

    actor: str = ""
    product: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One event. ``event`` is spelled as sent, ``key`` its form for comparing; ``context`` is a list or an object."""

    wire: dict[str, Any]
    id: str
    timestamp: str
    topic: str
    event: str
    key: str
    context: list[Any] | dict[str, Any]
    sender: Sender
    target: Target
    _files: tuple[FileEntry, ...] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The files that the event carries, as the hub sent their manifest; ``()`` when it carries none.

        The manifest is read when it is first asked for, and once. Raises FieldError when it is broken.
        """
        if self._files is None:
            object.__setattr__(self, "_files", parse_received_manifest(self.context))
        return self._files or ()

    def context_dict(self) -> dict[str, Any]:
        """Return an object context, ``{}`` when the context is a list."""
        return self.context if isinstance(self.context, dict) else {}

    def items(self) -> Iterator[dict[str, Any]]:
        """Yield the context's ``{key, …}`` items; an object context yields its members in that form."""
        if isinstance(self.context, list):
            yield from (item for item in self.context if isinstance(item, dict))
            return
        for key, value in self.context.items():
            yield {"key": key, **({"resource": value} if isinstance(value, dict) else {key: value})}


@dataclass(frozen=True, slots=True)
class Request:
    """A question to other subscribers: its message, the data type asked for and the seconds to wait."""

    message: Message
    data_type: str
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to a request: ``request_id`` is the request's id, ``data`` any JSON value."""

    wire: dict[str, Any]
    request_id: str
    data_type: str
    data: Any
    sender: Sender


#: The status by which a receiver says of a request that it does not answer such: it is not waited for.
ANSWERS_NOT = 501


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A receiver's word on an event (FHIRcast 2.5.2). ``status`` None: it sent none, which counts as received."""

    id: str
    status: int | None

    @property
    def refused(self) -> bool:
        """Tell whether the receiver refused or failed: any status that is no 2xx (FHIRcast 2.5.2)."""
        return self.status is not None and not 200 <= self.status < 300


def parse_publish(body: Any) -> Message:
    """Return the message in a publish body or an event frame.

    Raises FieldError naming the field. Wants ``id``, ``event.hub.topic`` and ``event.hub.event``; ``context`` may be a
    list (FHIRcast) or an object (Cast) and defaults to an empty list; what it does not know it keeps.
    """
    return _parse_event(need_object(body, "body"), need_topic=True)


def parse_message(body: Any) -> Message:
    """Return any message, whatever it is for: an event, a request (its topic may be ``""``) or an answer.

    Raises FieldError naming the field.
    """
    return _parse_event(need_object(body, "body"), need_topic=False)


def parse_request(body: Any) -> Request:
    """Return the question in a request body (protocol: request and response).

    Raises FieldError. Wants ``id``, ``subscriber.name`` and ``event.hub.event`` = ``<datatype>-request``; without
    ``event.hub.topic`` the topic is ``""``: all topics the asker may see. The time-out is the first of event context,
    body context and root, two seconds by default, 300 at most.
    """
    wire = need_object(body, "body")
    message = _parse_event(wire, need_topic=False)
    if not message.sender.name:
        raise FieldError("subscriber.name", "is missing: an asker is named")
    if not data_type_of_event(message.key) or not is_request(message.key):
        raise FieldError("event.hub.event", f"must be a data type with -request, not {message.event[:80]!r}")
    data_type = optional_text(message.context_dict(), "dataType", "event.context.") or data_type_of_event(message.key)
    return Request(message, data_type, _timeout(wire, message))


def _timeout(wire: dict[str, Any], message: Message) -> float:
    body_context = wire.get("context")
    places = (
        (message.context_dict(), "event.context."),
        (body_context if isinstance(body_context, dict) else {}, "context."),
        (wire, ""),
    )
    for values, path in places:
        seconds = optional_number(values, "timeoutSeconds", path)
        if seconds is not None:
            if seconds < 0:
                raise FieldError(path + "timeoutSeconds", "must not be negative")
            return min(seconds, MAX_REQUEST_TIMEOUT)
    return REQUEST_TIMEOUT


def parse_response(body: Any) -> Response:
    """Return the answer in a ``<datatype>-response`` frame or batch envelope; raises FieldError.

    The responder's role stands in ``subscriber.actor`` or in ``actor``, at the root or in the context.
    """
    wire = need_object(body, "body")
    event = need_object(wire.get("event"), "event")
    name = need_text(event, "hub.event", "event.")
    if not is_response(name):
        raise FieldError("event.hub.event", f"must end in -response, not {name[:80]!r}")
    context = need_object(event.get("context"), "event.context")
    sender = _parse_sender(wire)
    if not sender.actors:
        field = "subscriber.actor" if "subscriber.actor" in context else "actor"
        actors = parse_actors(context.get(field), f"event.context.{field}")
        sender = Sender(sender.name, sender.product, sender.version, actors)
    return Response(
        wire=wire,
        request_id=need_text(context, "id", "event.context."),
        data_type=optional_text(context, "dataType", "event.context.") or data_type_of_event(name),
        data=context.get("data"),
        sender=sender,
    )


def parse_acknowledgement(body: Any) -> Acknowledgement | None:
    """Return the acknowledgement in a frame, None when it is none.

    A number may come as text (``"200"``, as in the guide's example), and a frame with an id and no status counts as
    received; an unreadable status counts as none.
    """
    if not isinstance(body, dict) or "event" in body or not isinstance(body.get("id"), str):
        return None
    status = body.get("status")
    if isinstance(status, str) and status.strip().isascii() and status.strip().isdigit():
        status = int(status.strip()[:4])
    if isinstance(status, bool) or not isinstance(status, int):
        status = None
    return Acknowledgement(body["id"], status)


def _parse_event(wire: dict[str, Any], *, need_topic: bool) -> Message:
    event = need_object(wire.get("event"), "event") if "event" in wire else _no_event()
    name = need_text(event, "hub.event", "event.")
    if not event_key(name):
        raise FieldError("event.hub.event", "is empty")
    topic = need_text(event, "hub.topic", "event.") if need_topic else optional_text(event, "hub.topic", "event.")
    context = event.get("context")
    if context is None:
        context = []
    if not isinstance(context, (list, dict)):
        raise FieldError("event.context", f"must be a list or an object, not {kind_of(context)}")
    if isinstance(context, list):
        for index, item in enumerate(context):
            if not isinstance(item, dict):
                raise FieldError(f"event.context[{index}]", f"must be an object, not {kind_of(item)}")
    return Message(
        wire=wire,
        id=need_text(wire, "id"),
        timestamp=optional_text(wire, "timestamp"),
        topic=topic,
        event=name,
        key=event_key(name),
        context=context,
        sender=_parse_sender(wire),
        target=Target(
            actor=optional_text(wire, "target.actor"),
            product=optional_text(wire, "target.product.name"),
            name=optional_text(wire, "target.subscriber.name"),
        ),
    )


def _no_event() -> dict[str, Any]:
    raise FieldError("event", "is missing")


def _parse_sender(wire: Mapping[str, Any]) -> Sender:
    field = "actor" if wire.get("subscriber.actor") in (None, "", []) else "subscriber.actor"
    return Sender(
        name=optional_text(wire, "subscriber.name"),
        product=optional_text(wire, "subscriber.product.name"),
        version=optional_text(wire, "subscriber.product.version"),
        actors=parse_actors(wire.get(field), field),
    )


def make_message(
    event: str,
    topic: str,
    context: list[Any] | dict[str, Any],
    *,
    sender: Sender | None = None,
    target: Target | None = None,
    id: str | None = None,
    timestamp: str | None = None,
) -> dict[str, Any]:
    """Return the wire form of an event; absent sender and target fields are left out."""
    wire: dict[str, Any] = {"timestamp": timestamp or now(), "id": id or new_id()}
    wire.update(sender_fields(sender or Sender()))
    wire.update(target_fields(target or Target()))
    wire["event"] = {"hub.topic": topic, "hub.event": event, "context": context}
    return wire


def make_request(
    data_type: str,
    topic: str,
    context: Mapping[str, Any] | None = None,
    *,
    sender: Sender,
    target: Target | None = None,
    timeout: float = REQUEST_TIMEOUT,
) -> dict[str, Any]:
    """Return the body of ``POST /api/hub/request``."""
    asked = {**(context or {}), "dataType": data_type, "timeoutSeconds": timeout}
    wire = make_message(request_event(data_type), topic, asked, sender=sender, target=target)
    if not topic:
        del wire["event"]["hub.topic"]
    return wire


def make_response(request: Message, data: Any, *, sender: Sender) -> dict[str, Any]:
    """Return the answer frame to a request as it came from the hub; ``data`` is any JSON value."""
    asked = request.context_dict()
    data_type = optional_text(asked, "dataType", "event.context.") or data_type_of_event(request.key)
    context = {"id": need_text(asked, "id", "event.context."), "dataType": data_type, "data": data}
    wire = make_message(response_event(data_type), request.topic, context, sender=sender)
    if "subscriber.actor" in wire:
        wire["actor"] = wire["subscriber.actor"]  # where older hubs look for it
    return wire


def make_acknowledgement(id: str, status: int) -> dict[str, Any]:
    """Return the acknowledgement frame for the event with this id."""
    return {"id": id, "status": status}


def sender_fields(sender: Sender) -> dict[str, Any]:
    """Return the root fields that name a sender: one actor as text, several as a list."""
    fields: dict[str, Any] = {}
    if sender.name:
        fields["subscriber.name"] = sender.name
    if sender.product:
        fields["subscriber.product.name"] = sender.product
    if sender.actors:
        fields["subscriber.actor"] = sender.actors[0] if len(sender.actors) == 1 else list(sender.actors)
    return fields


def target_fields(target: Target) -> dict[str, Any]:
    """Return the root fields that narrow a message."""
    fields = {
        "target.actor": target.actor,
        "target.product.name": target.product,
        "target.subscriber.name": target.name,
    }
    return {key: value for key, value in fields.items() if value}
