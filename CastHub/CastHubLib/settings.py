"""Every limit of the hub in one place, with its default."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from CastLib.multipart import ENVELOPE_MOST

MIB = 1024 * 1024
GIB = 1024 * MIB

MOCK = "mock"
SINGLE_USER = "single-user"
AUTH_MODES = (MOCK, SINGLE_USER)


def default_state_folder() -> Path:
    """Return the user's folder for what outlives a run (the mock's signing key, the count of unnamed users)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "cast-hub"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "cast-hub"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cast-hub"


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What a hub may be told. Sizes are bytes, times seconds."""

    host: str = "127.0.0.1"
    port: int = 2018
    """0 takes a free port."""
    auth: str = MOCK
    """``mock``: anyone signs in as anyone; ``single-user``: the same, and everybody's topic is SINGLE-USER."""
    insecure_mock: bool = False
    """Lets a hub without real sign-in listen beyond loopback."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may speak to the hub besides loopback ones; ``*`` is any."""
    state: Path = field(default_factory=default_state_folder)

    token_seconds: int = 24 * 3600
    code_seconds: int = 600
    """Life of a sign-in code."""
    codes_most: int = 10_000
    """Sign-in codes waiting to be exchanged; the oldest is forgotten for the next."""

    lease_default: int = 7200
    lease_least: int = 60
    lease_most: int = 86_400
    bind_seconds: float = 60.0
    """A subscription whose socket does not come within this time ends."""
    grace_seconds: float = 30.0
    """A subscription whose socket was lost waits for it this long, within its lease; 0 ends it at once."""
    tail_most: int = 10_000
    """Events kept for one subscriber: waiting for its socket (more end the subscription) or not acknowledged."""
    tail_bytes_most: int = 16 * MIB
    answer_seconds: float = 10.0
    """In which a subscriber that acknowledges is to do so (FHIRcast 2.5.5)."""
    unanswered_most: int = 3
    """Events in a row without an acknowledgement, after which such a subscriber is taken out."""
    subscriptions_most: int = 20_000

    body_most: int = 16 * MIB
    """A JSON body."""
    form_most: int = 64 * 1024
    """A subscribe or sign-in form."""
    envelope_most: int = ENVELOPE_MOST
    """A batch's first part: the event with its manifest."""
    socket_message_most: int = 16 * MIB
    """A message on a subscriber's socket."""

    ping_seconds: float = 25.0
    """Between WebSocket pings; a peer that does not answer within half of it is gone."""
    heartbeat_seconds: float = 10.0
    """Between heartbeat events, for those that list them."""
    join_seconds: float = 0.002
    """Under load, frames for one socket are gathered for at most this time and written at once."""
    backlog_most: int = 64 * MIB
    """Bytes waiting for one slow subscriber; past it the subscription ends (``send-failure``)."""

    payload_seconds: int = 1800
    payloads_most: int = 2 * GIB
    sender_payloads_most: int = 2 * GIB
    """Payloads of one sender."""
    payload_memory_most: int = 128 * MIB
    """Payloads kept in memory; what exceeds it lies in an unnamed temporary file."""
    sweep_seconds: float = 10.0
    """Between looks for payloads whose time is over."""
    upload_idle_seconds: float = 30.0
    """A sender that sends nothing of its batch for this long is cut off."""

    shutdown_seconds: float = 5.0
    """Time for sockets to take what is waiting for them when the hub ends."""
