"""Which web pages may speak to the hub (protocol: pages elsewhere).

Programs send no Origin and pass. A page on loopback passes, another only when it was allowed by name: otherwise any
page in the user's browser could sign in to the mock and take every image. On loopback the Host header must name
loopback too, or ``public_url``'s host, so that no page can reach the hub under a name of its own (DNS rebinding). What
a proxy forwards does not count here: a page could write those headers itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from CastHubLib.settings import HubSettings
from CastHubLib.web_addresses import Origin, host_name, origin, origin_of
from CastLib.events import EVERY

_METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = "Authorization, Content-Type, Range, If-None-Match"
_RESPONSE_HEADERS = "Content-Length, Content-Range, Accept-Ranges, ETag, WWW-Authenticate"
_PREFLIGHT_SECONDS = "600"


def is_loopback_name(host: str) -> bool:
    """Return whether a host name or address (without port) is this machine's own loopback."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def opened_by(settings: HubSettings) -> str:
    """Return the setting by which others than this machine reach the hub, in words; ``""`` when they do not."""
    if not is_loopback_name(settings.host):
        return f"--host {settings.host}"
    if settings.public_url and not is_loopback_name(urlsplit(settings.public_url).hostname or ""):
        return f"public_url {settings.public_url}"
    return "a trusted proxy, which brings others in," if settings.trusted_proxies else ""


class Origins:
    """The two checks, made from a request's headers alone."""

    def __init__(self, settings: HubSettings) -> None:
        own = origin_of(settings.public_url)
        self._own_name = own.host if own else ""
        named = [origin(text.rstrip("/")) for text in settings.allowed_origins if text != EVERY]
        self._allowed = frozenset(each for each in (own, *named) if each is not None)
        self._any = EVERY in settings.allowed_origins
        self._loopback_only = is_loopback_name(settings.host)
        self._good_hosts: set[str] = set()
        self._good_origins: set[str] = set()

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Return why a request is refused, ``""`` when it is not."""
        host = headers.get("Host", "")
        if self._loopback_only and host not in self._good_hosts:
            name = host_name(host)
            if not (is_loopback_name(name) or (name and name == self._own_name)):
                return f"Host: {host[:80]!r} is not a name of this machine's loopback, where this hub listens"
            _remember(self._good_hosts, host)
        origin = headers.get("Origin")
        if origin is not None and not self.allows(origin):
            return f"Origin: {origin[:80]!r} may not use this hub; start it with --allow-origin to let it"
        return ""

    def allows(self, text: str) -> bool:
        """Return whether pages of this origin, as a browser writes it, may use the hub."""
        if text in self._good_origins:
            return True
        if not (self._any or self._is_good(origin(text))):
            return False
        _remember(self._good_origins, text)
        return True

    def allows_page(self, address: str) -> bool:
        """Return whether the page at this address may use the hub; what browsers may read otherwise is no address."""
        page = origin_of(address)
        return page is not None and (self._any or self._is_good(page))

    def _is_good(self, page: Origin | None) -> bool:
        return page is not None and (page in self._allowed or is_loopback_name(page.host))

    def headers(self, request: Mapping[str, str]) -> dict[str, str]:
        """Return the CORS headers of an answer; none without an Origin."""
        origin = request.get("Origin")
        if origin is None:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _RESPONSE_HEADERS,
            "Vary": "Origin",
        }

    def preflight_headers(self, request: Mapping[str, str]) -> dict[str, str]:
        """Return what an OPTIONS answer adds: the methods and headers that a page may use."""
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": request.get("Access-Control-Request-Headers", _REQUEST_HEADERS),
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
        if request.get("Access-Control-Request-Private-Network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"
        return headers


def _remember(known: set[str], value: str) -> None:
    """Keep an answer, but not without end: the values are chosen by whoever asks."""
    if len(known) >= 64:
        known.clear()
    known.add(value)
