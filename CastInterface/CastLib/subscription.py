"""Subscriptions and the frames that speak of them (FHIRcast 2.4, protocol: subscribe)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from CastLib.actors import parse_actors
from CastLib.errors import FieldError
from CastLib.events import EVERY, event_key
from CastLib.fields import (
    kind_of,
    need_text,
    optional_flag,
    optional_number,
    optional_text,
    parse_json,
    refuse_unseen,
    trimmed,
)

_BIND = "/bind/"
_MAX_TIMEZONE = 64  # characters; the longest IANA name has 32


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one subscriber wants. ``events`` are keys for comparing, ``event_list`` the names as spelled.

    ``cast`` is the dialect, which belongs to a subscription: Cast when it names a product, actors, or ``*``; else plain
    FHIRcast. ``lease_seconds`` is what it asked (None: nothing).

    ``acknowledges`` is its word that it will acknowledge each event with a status. A hub that hears so beforehand keeps
    what it sends from the first event on; one that had to wait for the first acknowledgement could not send again what
    was lost before. Hubs that do not know the field (``subscriber.acknowledges``) pass it over.
    """

    topic: str
    events: frozenset[str]
    event_list: tuple[str, ...]
    name: str = ""
    product: str = ""
    version: str = ""
    actors: tuple[str, ...] = ()
    cast: bool = False
    lease_seconds: int | None = None
    acknowledges: bool = False
    timezone: str = ""
    """The client's, as it tells in ``subscriber.client_info`` (an IANA name, or what else it calls it)."""

    @property
    def everyone(self) -> bool:
        """Tell whether it receives every user's topic (providers)."""
        return self.topic == EVERY

    def wants(self, key: str) -> bool:
        """Tell whether an event, given by its key, is among its events."""
        return key in self.events or EVERY in self.events


@dataclass(frozen=True, slots=True)
class SubscribeForm:
    """A parsed ``hub.mode=subscribe``; ``endpoint_id`` names the subscription whose events it replaces."""

    subscription: Subscription
    endpoint_id: str = ""


@dataclass(frozen=True, slots=True)
class UnsubscribeForm:
    """A parsed ``hub.mode=unsubscribe``: by endpoint, or by topic and name (three habits, protocol: subscribe)."""

    endpoint_id: str = ""
    topic: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The hub's first frame on a socket: what was granted (FHIRcast 2.4.1)."""

    topic: str
    events: str
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class Denial:
    """The hub's last frame on a socket: the subscription is over (FHIRcast 2.4.3)."""

    topic: str
    events: str
    reason: str


def parse_events(value: Any, field: str = "hub.events") -> tuple[str, ...]:
    """Return event names of a comma list (or a JSON list), stripped, without repeats, as spelled."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        raise FieldError(field, f"must be a comma list of events, not {kind_of(value)}")
    found: dict[str, str] = {}
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise FieldError(f"{field}[{index}]", f"must be text, not {kind_of(name)}")
        if trimmed(name):
            found.setdefault(event_key(name), trimmed(name))
    return tuple(found.values())


def make_subscription(
    topic: str,
    events: Iterable[str],
    *,
    name: str = "",
    product: str = "",
    version: str = "",
    actors: tuple[str, ...] = (),
    lease_seconds: int | None = None,
    acknowledges: bool = False,
    timezone: str = "",
) -> Subscription:
    """Return a subscription; the dialect follows from its fields."""
    event_list = tuple(events)
    keys = frozenset(event_key(event) for event in event_list)
    cast = bool(product or version or actors or topic == EVERY or EVERY in keys)
    return Subscription(
        topic, keys, event_list, name, product, version, actors, cast, lease_seconds, acknowledges, timezone
    )


def parse_subscribe(fields: Mapping[str, Any]) -> SubscribeForm:
    """Return the subscription that a ``hub.mode=subscribe`` form asks for (FHIRcast 2.4.1).

    Raises FieldError. ``hub.channel.type`` must be ``websocket`` when given; ``hub.topic`` and ``hub.events`` are
    wanted; fields nobody knows, ``hub.callback`` and ``hub.secret`` among them, are ignored.
    """
    channel = optional_text(fields, "hub.channel.type")
    if channel and channel.strip().lower() != "websocket":
        raise FieldError("hub.channel.type", f"must be websocket, not {channel[:40]!r}")
    topic = need_text(fields, "hub.topic")
    events = parse_events(fields.get("hub.events", ""))
    if not events:
        raise FieldError("hub.events", "is missing: name at least one event, or *")
    lease = optional_number(fields, "hub.lease_seconds")
    if lease is not None and lease < 0:
        raise FieldError("hub.lease_seconds", "must not be negative")
    subscription = make_subscription(
        topic,
        events,
        name=optional_text(fields, "subscriber.name"),
        product=optional_text(fields, "subscriber.product.name"),
        version=optional_text(fields, "subscriber.product.version"),
        actors=parse_actors(fields.get("subscriber.actors")),
        lease_seconds=None if lease is None else int(min(lease, 2**31)),
        acknowledges=optional_flag(fields, "subscriber.acknowledges"),
        timezone=_timezone(fields.get("subscriber.client_info")),
    )
    _check_seen(subscription)
    return SubscribeForm(subscription, endpoint_id(optional_text(fields, "hub.channel.endpoint")))


def _check_seen(subscription: Subscription) -> None:
    """Raise FieldError for a name that does not show what it is: others read it, or look for it by what they read."""
    for field, texts in {
        "hub.topic": (subscription.topic,),
        "hub.events": subscription.event_list,
        "subscriber.name": (subscription.name,),
        "subscriber.product.name": (subscription.product,),
        "subscriber.product.version": (subscription.version,),
        "subscriber.actors": subscription.actors,
    }.items():
        for text in texts:
            refuse_unseen(text, field)


def _timezone(client_info: Any) -> str:
    """Return the time zone in a client's description of itself, which serves people only: a bad one is none."""
    try:
        info = parse_json(client_info, "subscriber.client_info") if isinstance(client_info, str) else client_info
    except FieldError:
        return ""
    zone = info.get("timezone") if isinstance(info, dict) else ""
    return zone.strip()[:_MAX_TIMEZONE] if isinstance(zone, str) else ""


def parse_unsubscribe(fields: Mapping[str, Any], *, by_topic: bool = False) -> UnsubscribeForm:
    """Return what a ``hub.mode=unsubscribe`` form names (FHIRcast 2.4.4): an endpoint, or a topic and a name.

    ``by_topic``: a topic alone will do, the name is ``""`` then. Raises FieldError when it names none of them.
    """
    endpoint = optional_text(fields, "hub.channel.endpoint") or optional_text(fields, "endpoint")
    if endpoint:
        found = endpoint_id(endpoint)
        if not found:
            raise FieldError("hub.channel.endpoint", "is no endpoint of this hub: it holds no /bind/<id>")
        return UnsubscribeForm(endpoint_id=found)
    name = optional_text(fields, "subscriber.name")
    if not name and not by_topic:
        raise FieldError("hub.channel.endpoint", "is missing, and so is subscriber.name: one of them is needed")
    return UnsubscribeForm(topic=need_text(fields, "hub.topic"), name=name)


def endpoint_id(url: str) -> str:
    """Return the id after ``/bind/`` in an endpoint, whatever its origin; ``""`` when there is none.

    The guide's own example ends in an encoded line feed, which some clients copy: it is stripped.
    """
    _, found, rest = url.partition(_BIND)
    if not found:
        return ""
    for ending in ("?", "#", "/", "%0A", "%0a"):
        rest = rest.split(ending, 1)[0]
    return rest.strip()


def make_subscribe_form(subscription: Subscription, endpoint: str = "") -> dict[str, str]:
    """Return the form that asks a hub for this subscription, or, with ``endpoint``, that replaces its events."""
    form = {
        "hub.channel.type": "websocket",
        "hub.mode": "subscribe",
        "hub.topic": subscription.topic,
        "hub.events": ",".join(subscription.event_list),
    }
    if subscription.lease_seconds is not None:
        form["hub.lease_seconds"] = str(subscription.lease_seconds)
    if endpoint:
        form["hub.channel.endpoint"] = endpoint
    optional = {
        "subscriber.name": subscription.name,
        "subscriber.product.name": subscription.product,
        "subscriber.product.version": subscription.version,
        "subscriber.actors": json.dumps(list(subscription.actors)) if subscription.actors else "",
        "subscriber.acknowledges": "true" if subscription.acknowledges else "",
    }
    form.update((key, value) for key, value in optional.items() if value)
    return form


def make_unsubscribe_form(subscription: Subscription, endpoint: str) -> dict[str, str]:
    """Return the form that ends the subscription at this endpoint."""
    return {
        "hub.channel.type": "websocket",
        "hub.mode": "unsubscribe",
        "hub.topic": subscription.topic,
        "hub.events": ",".join(subscription.event_list),
        "hub.channel.endpoint": endpoint,
    }


def make_confirmation(subscription: Subscription, lease_seconds: int) -> dict[str, Any]:
    """Return the first frame on a socket (FHIRcast 2.4.1)."""
    return {
        "hub.mode": "subscribe",
        "hub.topic": subscription.topic,
        "hub.events": ",".join(subscription.event_list),
        "hub.lease_seconds": lease_seconds,
    }


def make_denial(subscription: Subscription, reason: str) -> dict[str, Any]:
    """Return the last frame on a socket (FHIRcast 2.4.3)."""
    return {
        "hub.mode": "denied",
        "hub.topic": subscription.topic,
        "hub.events": ",".join(subscription.event_list),
        "hub.reason": reason,
    }


def parse_mode_frame(frame: Mapping[str, Any]) -> Confirmation | Denial | None:
    """Return the confirmation or denial in a frame that carries ``hub.mode``, None when it is neither."""
    mode = optional_text(frame, "hub.mode").lower()
    topic, events = optional_text(frame, "hub.topic"), optional_text(frame, "hub.events")
    if mode == "denied":
        return Denial(topic, events, optional_text(frame, "hub.reason"))
    if mode == "subscribe":
        return Confirmation(topic, events, int(optional_number(frame, "hub.lease_seconds") or 0))
    return None
