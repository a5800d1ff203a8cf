"""Who gets an event (protocol: publish). The hub asks these two questions and no others."""

from __future__ import annotations

from CastLib.events import EVERY
from CastLib.message import Message, Target
from CastLib.subscription import Subscription


def receives(subscription: Subscription, message: Message, *, strict: bool = False) -> bool:
    """Tell whether a subscription gets an event, echo not counted.

    Its topic is equal or ``*``, its events hold the name or ``*``, and it is among the message's targets. ``strict`` is
    plain FHIRcast (``/fhircast``): there ``target.*`` mean nothing and ``*`` is no topic.
    """
    if strict:
        return subscription.topic == message.topic and message.key in subscription.events
    if subscription.topic != message.topic and not subscription.everyone:
        return False
    return subscription.wants(message.key) and is_target(subscription, message.target)


def is_target(subscription: Subscription, target: Target) -> bool:
    """Tell whether a subscription is among those a message is narrowed to; compared without case."""
    if _narrows(target.actor):
        wanted = target.actor.casefold()
        if not any(actor.casefold() == wanted for actor in subscription.actors):
            return False
    if _narrows(target.product) and target.product.casefold() != subscription.product.casefold():
        return False
    return not (_narrows(target.name) and target.name.casefold() != subscription.name.casefold())


def is_echo(subscription: Subscription, message: Message) -> bool:
    """Tell whether an event comes from this very subscriber and is not to be sent back to it.

    Only a Cast subscription is spared its own events, and only when the message names its sender; ``*`` is a name that
    OHIF uses for everybody, so it never matches. Plain FHIRcast always gets its own event (2.6.1).
    """
    name = message.sender.name
    return subscription.cast and name not in ("", EVERY) and name.casefold() == subscription.name.casefold()


def _narrows(value: str) -> bool:
    return value not in ("", EVERY)
