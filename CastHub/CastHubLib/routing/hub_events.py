"""The events that the hub itself publishes: a subscription has ended, or somebody does not follow."""

from __future__ import annotations

from typing import Any

from CastLib.events import SUBSCRIPTION_REMOVED, SYNC_ERROR, event_key
from CastLib.message import Message, Sender, make_message, new_id, parse_publish
from CastLib.subscription import Subscription

HEARTBEAT = "heartbeat"
_SYSTEM = "https://fhircast.hl7.org/events/syncerror/"
_NOTHING_LOST = tuple(map(event_key, (SYNC_ERROR, SUBSCRIPTION_REMOVED, HEARTBEAT)))


def subscription_removed(subscription: Subscription, reason: str) -> Message:
    """Return the event that a subscription has ended; clients read who it was from the root."""
    sender = Sender(subscription.name, subscription.product, subscription.version, subscription.actors)
    context: dict[str, Any] = {"reason": reason, "subscriber": subscription.name}
    return parse_publish(make_message(SUBSCRIPTION_REMOVED, subscription.topic, context, sender=sender))


def must_be_followed(event: str) -> bool:
    """Return whether the others need to hear that somebody did not follow this event."""
    key = event_key(event)
    return not key.endswith(("-update", "-select")) and key not in _NOTHING_LOST


def sync_error(subscription: Subscription, topic: str, what: str, *, id: str = "", event: str = "") -> Message:
    """Return the SyncError about a subscriber (FHIRcast 2.5.2, 2.5.4, 3.2.1).

    ``id`` and ``event`` name the event it did not follow. The guide's profile wants an event in any case; where there
    is none, the SyncError names itself. Page and profile call the subscriber's coding system differently: both are
    there.
    """
    who = subscription.name or subscription.product or "a subscriber"
    own = new_id()
    codes = {"eventid": id or own, "eventname": event or SYNC_ERROR, "subscriber": who, "subscribername": who}
    coding = [{"system": _SYSTEM + system, "code": code} for system, code in codes.items()]
    issue = {
        "severity": "warning",
        "code": "processing",
        "diagnostics": f"{who} {what}",
        "details": {"coding": coding},
    }
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return parse_publish(make_message(SYNC_ERROR, topic, [{"key": "operationoutcome", "resource": outcome}], id=own))
