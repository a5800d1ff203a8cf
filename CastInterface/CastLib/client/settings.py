"""What a session needs to know, each with its default."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from CastLib.errors import FieldError
from CastLib.events import EVERY
from CastLib.version import __version__

MAX_PARALLEL = 25  # protocol, binary batches: receivers GET up to 25 payloads at once


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Settings of one session; times are in seconds.

    ``topic`` defaults to the one the hub's sign-in answers, ``name`` to ``<PRODUCT>-<6 hex>``, new for each settings.
    ``provider`` signs in by client credentials and receives every user's topic (``*``). Raises FieldError.
    """

    hub: str = "http://127.0.0.1:2018"
    user: str = ""
    topic: str = ""
    name: str = ""
    product: str = "CAST-CLI"
    version: str = __version__
    actors: tuple[str, ...] = ("ID",)
    events: tuple[str, ...] = (EVERY,)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    provider: bool = False
    #: File or folder of the authorities to trust; else CAST_CA_BUNDLE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE,
    #: SSL_CERT_FILE; else those that come with requests.
    ca_bundle: str | None = None
    #: Ask everybody for STATUS after each connect, so that all know of each other.
    announce: bool = True
    #: Waits before connecting again are random between 0 and a bound that doubles from the first to the most.
    reconnect_first: float = 0.5
    max_reconnect_seconds: float = 10.0
    connect_timeout: float = 10.0
    #: How long a call may stay without an answer, and a transfer without a byte.
    call_timeout: float = 30.0
    #: A socket that was silent this long is pinged; when no answer comes in ``ping_timeout`` it is given up. Together
    #: well below the 30 s for which our hub lets a subscription wait for its socket: it may have seen the loss at once.
    ping_interval: float = 15.0
    ping_timeout: float = 5.0
    #: How long closing may wait for the hub and for threads.
    close_timeout: float = 3.0
    #: Payloads fetched at once, 1 to 25.
    parallel: int = 8
    #: Times a broken download of one payload is taken up again.
    download_retries: int = 3
    #: Ids of received events remembered to drop repeats, and of sent ones to drop echoes. Our hub sends up to 10,000
    #: unacknowledged events again after a connection was lost (its ``max_queued_events``): all must be known again.
    remembered_ids: int = 16_384
    #: Largest answer sent on the socket, in bytes.
    largest_frame: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        for key in ("product", "hub"):
            if not getattr(self, key):
                raise FieldError(key, "is empty")
        if not 1 <= self.parallel <= MAX_PARALLEL:
            raise FieldError("parallel", f"must be 1 to {MAX_PARALLEL}, not {self.parallel}")
        if not 0 < self.reconnect_first <= self.max_reconnect_seconds:
            raise FieldError("reconnect_first", "must be positive and at most max_reconnect_seconds")
        for key in ("connect_timeout", "call_timeout", "ping_interval", "ping_timeout", "close_timeout"):
            if not getattr(self, key) > 0:
                raise FieldError(key, "must be positive")
        object.__setattr__(self, "actors", tuple(self.actors))
        object.__setattr__(self, "events", tuple(self.events))
        if not self.name:
            object.__setattr__(self, "name", f"{self.product}-{secrets.token_hex(3)}")
