"""Every limit of the hub in one place, with its default, its bounds and what it is for.

Where the values come from (file, environment, flags) is ``settings_sources``.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from CastHubLib.web_addresses import origin as web_origin
from CastLib.command_line import LOG_LEVELS
from CastLib.errors import WrongUsage
from CastLib.events import EVERY
from CastLib.manifest import MAX_FILES
from CastLib.multipart import MAX_ENVELOPE

MIB = 1024 * 1024
GIB = 1024 * MIB

MOCK = "mock"
SINGLE_USER = "single-user"
AUTH_MODES = (MOCK, SINGLE_USER)

OFF = "off"
KEEP = "keep"
CONTEXT_MODES = (OFF, KEEP)

JSON_LINES = "json"

BYTES, SECONDS = "bytes", "seconds"

_URL = re.compile(r"https?://(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:[0-9]+)?(/[0-9a-z._~-]+)*/?", re.IGNORECASE)


def default_state_folder() -> Path:
    """Return the user's folder for what outlives a run (the mock's signing key, the count of unnamed users)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "cast-hub"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "cast-hub"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cast-hub"


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting beside its name, type and default. Numbers have bounds, both included."""

    meaning: str
    unit: str = ""
    least: float = 0
    most: float = 2**53
    choices: tuple[str, ...] = ()
    is_path: bool = False
    """A text that is a path when it is not empty."""
    check: Callable[[Any], None] | None = None
    """Raises ValueError for a value that has the right type and is wrong all the same."""


def _check_origins(origins: tuple[str, ...]) -> None:
    for origin in origins:
        if origin != EVERY and web_origin(origin.removesuffix("/")) is None:
            raise ValueError(f"{origin} is no origin: write it as https://viewer.example, or * for any")


def _check_networks(networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ValueError(f"{network} is no address or network: write it as 10.0.0.0/8 or ::1") from None


def _check_url(url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _URL.fullmatch(url):
        raise ValueError(f"{url} is no address: write it as https://hub.example, with a path if there is one")


def _setting(default: Any, meaning: str, **more: Any) -> Any:
    return field(default=default, metadata={"about": About(meaning, **more)})


def _bytes(default: int, meaning: str, least: int = 1024) -> Any:
    return _setting(default, meaning, unit=BYTES, least=least)


def _seconds(default: float, meaning: str, least: float = 0.1, most: float = 10 * 365 * 86_400) -> Any:
    return _setting(default, meaning, unit=SECONDS, least=least, most=most)


@dataclass(frozen=True, slots=True)
class HubSettings:
    """All settings of a hub. Sizes are bytes, times seconds."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(2018, "0 takes a free one.", most=65_535)
    auth: str = _setting(
        MOCK,
        "`mock`: anyone signs in as anyone; `single-user`: the same, and everybody's topic is SINGLE-USER.",
        choices=AUTH_MODES,
    )
    insecure_mock: bool = _setting(False, "Lets a hub without real sign-in listen beyond loopback.")
    allowed_origins: tuple[str, ...] = _setting(
        (),
        "Origins of web pages that may speak to the hub besides loopback ones; `*` is any.",
        check=_check_origins,
    )
    public_url: str = _setting(
        "",
        "The hub's address as its clients see it, when that is not what their requests say (behind a proxy):"
        " endpoints and sign-in addresses begin with it, and its host passes the check of the Host header.",
        check=_check_url,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-Proto`, `-Host` and `-Prefix` count.",
        check=_check_networks,
    )
    state: Path = field(
        default_factory=default_state_folder,
        metadata={"about": About("Folder for what outlives a run: the mock's signing key.")},
    )
    log_level: str = _setting(
        "info", "`info` logs connections, batches and refusals, `debug` also every message.", choices=LOG_LEVELS
    )
    log_form: str = _setting(
        "text", "A line of the log: `text` (`word key=value`) or `json` (an object).", choices=("text", JSON_LINES)
    )

    context: str = _setting(
        OFF,
        "`keep`: FHIRcast subscribers are sent what is open already; `off`: the applications are asked for it.",
        choices=CONTEXT_MODES,
    )
    context_seconds: float = _seconds(8 * 3600, "An open that nobody closes is kept this long.", 0)
    max_context_topic_opens: int = _setting(
        100, "Opens kept for one topic; the oldest is forgotten for the next.", least=1
    )
    max_context_open_bytes: int = _bytes(256 * 1024, "Bytes of one open that is kept; a longer one is only passed on.")
    max_context_bytes: int = _bytes(64 * MIB, "Opens kept in all; the oldest is forgotten for the next.")

    token_seconds: int = _seconds(24 * 3600, "Life of a token.", least=1)
    code_seconds: int = _seconds(600, "Life of a sign-in code.", least=1)
    max_codes: int = _setting(
        10_000, "Sign-in codes waiting to be exchanged; the oldest is forgotten for the next.", least=1
    )

    default_lease_seconds: int = _seconds(
        7200, "Lease of a subscription that asks for none, and of every Cast one.", least=1
    )
    min_lease_seconds: int = _seconds(60, "Shortest lease granted.", least=1)
    max_lease_seconds: int = _seconds(86_400, "Longest lease granted.", least=1)
    bind_seconds: float = _seconds(60.0, "A subscription whose socket does not come within this time ends.")
    grace_seconds: float = _seconds(
        30.0, "A subscription whose socket was lost waits for it this long, within its lease; 0 ends it at once.", 0
    )
    max_queued_events: int = _setting(
        10_000,
        "Events kept for one subscriber: waiting for its socket (more end the subscription) or not acknowledged.",
    )
    max_queued_bytes: int = _bytes(16 * MIB, "Their bytes.")
    answer_seconds: float = _seconds(
        10.0, "In which a subscriber that acknowledges is to do so (FHIRcast 2.5.5).", most=86_400
    )
    max_unanswered: int = _setting(
        3, "Events in a row without an acknowledgement, after which such a subscriber is taken out.", least=1
    )
    max_subscriptions: int = _setting(20_000, "Subscriptions at once; one more is answered 503.", least=1)
    max_user_subscriptions: int = _setting(10_000, "Subscriptions of one user: of equal name and topic.", least=1)
    max_user_unbound: int = _setting(1000, "Subscriptions of one user whose sockets have never come.", least=1)

    max_body_bytes: int = _bytes(16 * MIB, "A JSON body.")
    max_incoming_bytes: int = _bytes(
        256 * MIB,
        "Bodies, envelopes and messages on sockets that are being received or read, together; past it the longest is"
        " given up (503, a socket is cut).",
    )
    body_seconds: float = _seconds(
        300.0, "In which a JSON body, a form or a message on a socket must have come whole.", most=86_400
    )
    header_seconds: float = _seconds(
        30.0,
        "In which a request's headers must have come whole; a new connection's first from its beginning.",
        most=86_400,
    )
    max_connections: int = _setting(25_000, "Connections at once, sockets among them; one more is closed.", least=1)
    max_form_bytes: int = _bytes(64 * 1024, "A subscribe or sign-in form.")
    max_envelope_bytes: int = _bytes(MAX_ENVELOPE, "A batch's first part: the event with its manifest.")
    max_files: int = _setting(MAX_FILES, "Files of one event or batch.", least=1)
    max_socket_message_bytes: int = _bytes(16 * MIB, "A message on a subscriber's socket.")

    max_requests: int = _setting(2000, "Requests that wait for answers; one more is answered 503.", least=1)
    max_user_requests: int = _setting(500, "Those of one user.", least=1)
    max_answers_bytes: int = _bytes(
        256 * MIB, "Answers kept for askers that wait for others; an answer beyond it counts as missing."
    )

    ping_seconds: float = _seconds(
        25.0, "Between WebSocket pings; a peer that does not answer within half of it is gone.", most=86_400
    )
    heartbeat_seconds: float = _seconds(10.0, "Between heartbeat events, for those that list them.")
    join_seconds: float = _seconds(
        0.002, "Under load, frames for one socket are gathered for at most this time and written at once.", 0, 1
    )
    max_backlog_bytes: int = _bytes(
        64 * MIB, "Waiting for one slow subscriber; past it the subscription ends (`send-failure`)."
    )
    max_waiting_bytes: int = _bytes(
        512 * MIB,
        "Waiting for all subscribers together, kept or in sockets; past it those end for whom most waits.",
    )

    payload_seconds: int = _seconds(1800, "Life of a batch's files.", least=1)
    max_payloads_bytes: int = _bytes(2 * GIB, "All batches together; one more is answered 507.", 0)
    max_sender_payloads_bytes: int = _bytes(GIB, "Batches of one sender.", 0)
    max_payloads: int = _setting(
        200_000, "Payloads (files, or chunks of 4 MiB of them); a batch of more is answered 507.", least=1
    )
    max_sender_payloads: int = _setting(100_000, "Payloads of one sender.", least=1)
    max_uploads: int = _setting(64, "Batches that are being sent at the same time; one more is answered 503.", least=1)
    max_user_uploads: int = _setting(32, "Those of one user.", least=1)
    max_payload_memory_bytes: int = _bytes(
        128 * MIB, "Batches kept in memory; what exceeds it lies in an unnamed temporary file.", 0
    )
    sweep_seconds: float = _seconds(10.0, "Between checks for batches whose time is over.", most=86_400)
    idle_seconds: float = _seconds(
        300.0, "A connection on which no request comes for this long is closed; sockets have their pings."
    )
    upload_idle_seconds: float = _seconds(
        30.0, "A sender that sends nothing more of a body for this long is cut off (408).", most=86_400
    )
    upload_seconds: float = _seconds(1800.0, "In which a batch must have come whole (408).", most=86_400)

    max_groups: int = _setting(1000, "Group topics (conferences) at a time.", least=1)
    max_group_topics: int = _setting(100, "Topics that may take part in one group, its host's among them.", least=2)
    max_group_title: int = _setting(200, "Characters of a group's title.", least=1)
    group_deserted_seconds: float = _seconds(
        300.0, "A group ends when nobody has been subscribed to any of its topics for this long.", 0
    )

    samples: str = _setting(
        "", "Folder of the worklist's sample studies, a folder each (groups.md); none when empty.", is_path=True
    )

    shutdown_seconds: float = _seconds(5.0, "For sockets to take what is waiting for them when the hub ends.", 0, 3600)


SETTINGS = {each.name: each for each in fields(HubSettings)}


def about(each: Field[Any]) -> About:
    """Return what is known of one of the settings' fields."""
    known: About = each.metadata["about"]
    return known


def check(settings: HubSettings) -> None:
    """Raise WrongUsage for a value that is wrong, and for values that are each good but not together."""
    for name, each in SETTINGS.items():
        known = about(each)
        if known.check is not None:
            try:
                known.check(getattr(settings, name))
            except ValueError as error:
                raise WrongUsage(f"{name}: {error}") from None
    least, default, most = settings.min_lease_seconds, settings.default_lease_seconds, settings.max_lease_seconds
    if not least <= default <= most:
        raise WrongUsage(
            f"min_lease_seconds ({least}), default_lease_seconds ({default}) and max_lease_seconds ({most}) must not "
            "exceed one another"
        )
