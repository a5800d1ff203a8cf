"""The hub's address as its clients see it: from the request, from a proxy that is trusted, or as a setting says.

Anybody may write ``X-Forwarded-*``; they count only when the connection comes from one of ``trusted_proxies``. Of a
header with several values the last counts: it is the one that this proxy wrote, what stands before came from others.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from CastHubLib.errors import Denied
from CastHubLib.settings import HubSettings

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/[0-9A-Za-z._~-]+)*/?")
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the hub is: ``https://host:port/prefix``, without a slash at its end."""

    scheme: str
    host: str
    prefix: str = ""

    @property
    def http(self) -> str:
        """The address that a program calls."""
        return f"{self.scheme}://{self.host}{self.prefix}"

    @property
    def web_socket(self) -> str:
        """The same for sockets: ``wss`` where HTTP is encrypted."""
        return f"{'wss' if self.scheme == 'https' else 'ws'}://{self.host}{self.prefix}"


class PublicAddress:
    """Answers by which address a request has reached the hub."""

    def __init__(self, settings: HubSettings) -> None:
        self._trusted = [ipaddress.ip_network(proxy, strict=False) for proxy in settings.trusted_proxies]
        self._set: Address | None = None
        if settings.public_url:
            parts = urlsplit(settings.public_url)
            self._set = Address(parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"))

    def of(self, request: web.Request) -> Address:
        """Return the address that this client sees; raises Denied(400) for a Host that no client may send."""
        if self._set is not None:
            return self._set
        scheme, host, prefix = request.scheme, request.headers.get("Host", ""), ""
        if self._is_trusted(request):
            scheme = _SCHEMES.get(_forwarded(request, "Proto").lower(), scheme)
            forwarded = _forwarded(request, "Host")
            host = forwarded if _HOST.fullmatch(forwarded) else host
            given = _forwarded(request, "Prefix")
            prefix = given.rstrip("/") if _PREFIX.fullmatch(given) else ""
        if not host:
            host = _own_name(request)
        if not _HOST.fullmatch(host):
            raise Denied(400, f"Host: {host[:80]!r} is no host")
        return Address(scheme, host, prefix)

    def _is_trusted(self, request: web.Request) -> bool:
        if not self._trusted:
            return False
        peer = request.transport.get_extra_info("peername") if request.transport else None
        try:
            address = ipaddress.ip_address(str(peer[0]).partition("%")[0]) if peer else None
        except ValueError:
            return False
        if address is None:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._trusted)


def _forwarded(request: web.Request, name: str) -> str:
    values = request.headers.getall(f"X-Forwarded-{name}", [""])
    return values[-1].rpartition(",")[2].strip()


def _own_name(request: web.Request) -> str:
    """HTTP/1.0 needs no Host: then it is the address at which the connection has come in."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    if not name:
        return ""
    host = str(name[0]).partition("%")[0]
    return f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"
