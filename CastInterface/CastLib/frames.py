"""One frame of a subscription's socket, in either direction, as a value."""

from __future__ import annotations

from typing import Any

from CastLib.events import is_response
from CastLib.message import (
    Acknowledgement,
    Message,
    Response,
    parse_acknowledgement,
    parse_publish,
    parse_response,
)
from CastLib.subscription import Confirmation, Denial, parse_mode_frame

Frame = Confirmation | Denial | Acknowledgement | Response | Message


def parse_frame(frame: Any) -> Frame | None:
    """Return the value in a frame's JSON, None for anything neither side needs (FHIRcast checklist, item 13).

    ``hub.mode`` makes a confirmation or denial, ``event`` a message (``…-response`` an answer), an ``id`` without an
    event an acknowledgement. Raises FieldError when a frame of these kinds is malformed.
    """
    if not isinstance(frame, dict):
        return None
    if "hub.mode" in frame:
        return parse_mode_frame(frame)
    event = frame.get("event")
    if event is None:
        return parse_acknowledgement(frame)
    if isinstance(event, dict) and isinstance(event.get("hub.event"), str) and is_response(event["hub.event"]):
        return parse_response(frame)
    return parse_publish(frame)
