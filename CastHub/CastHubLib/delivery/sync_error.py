"""FHIRcast's SyncError: the hub's word to the others that somebody does not follow (FHIRcast 2.5.2, 2.5.4, 3.2.1)."""

from __future__ import annotations

from CastLib.events import SUBSCRIPTION_REMOVED, SYNC_ERROR, event_key
from CastLib.message import Message, make_message, new_id, parse_publish
from CastLib.subscription import Subscription

_SYSTEM = "https://fhircast.hl7.org/events/syncerror/"
_NOTHING_LOST = tuple(map(event_key, (SYNC_ERROR, SUBSCRIPTION_REMOVED, "heartbeat")))


def matters(event: str) -> bool:
    """Tell whether the others need to hear that somebody did not follow this event."""
    key = event_key(event)
    return not key.endswith(("-update", "-select")) and key not in _NOTHING_LOST


def sync_error(subscription: Subscription, topic: str, what: str, *, id: str = "", event: str = "") -> Message:
    """Return the SyncError about a subscriber; ``id`` and ``event`` name the event it did not follow.

    The guide's profile wants an event in any case; where there is none, the SyncError names itself. Page and profile
    call the subscriber's coding system differently: both are there.
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
