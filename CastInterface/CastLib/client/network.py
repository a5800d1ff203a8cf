"""How to reach the hub: certificates to trust and the proxy between, the same for calls and for the socket."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from CastLib.client.address import HubAddress
from CastLib.errors import FieldError

#: Where a file or folder of certificate authorities is named, first come, first taken.
CA_VARIABLES = ("CAST_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy as ``HTTPS_PROXY`` or ``HTTP_PROXY`` names it."""

    url: str
    host: str
    port: int
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Network:
    """The file or folder of authorities to trust, and the proxy to go through, None when there is none."""

    ca_bundle: str
    proxy: Proxy | None

    @classmethod
    def for_hub(cls, address: HubAddress, ca_bundle: str | None = None) -> Network:
        """Return how to reach this hub, read from the environment once; raises FieldError naming the variable."""
        return cls(find_ca_bundle(ca_bundle) if address.secure else "", find_proxy(address))


def find_ca_bundle(named: str | None) -> str:
    """Return the file or folder of authorities: the one named, else of CA_VARIABLES, else that of requests."""
    candidates = [("ca_bundle", named)] + [(key, os.environ.get(key)) for key in CA_VARIABLES]
    for where, path in candidates:
        if not path:
            continue
        if not os.path.exists(path):
            raise FieldError(where, f"there is no file {path}")
        if os.path.isfile(path):
            try:
                ssl.create_default_context(cafile=path)
            except (ssl.SSLError, OSError):
                raise FieldError(where, f"{path} holds no certificate (PEM is wanted)") from None
        return path
    return DEFAULT_CA_BUNDLE_PATH


def find_proxy(address: HubAddress) -> Proxy | None:
    """Return the proxy for this hub by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (or the system's settings).

    A hub on this machine without TLS is never asked for through one: a proxy elsewhere could not reach it. Raises
    FieldError for a proxy that is not HTTP.
    """
    if address.loopback and not address.secure:
        return None
    url = address.url("/")
    named = select_proxy(url, get_environ_proxies(url))
    if not named:
        return None
    variable = "HTTPS_PROXY" if address.secure else "HTTP_PROXY"
    if "://" not in named:
        named = "http://" + named
    try:
        parts = urlsplit(named)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise FieldError(variable, "is no address") from None
    if parts.scheme != "http" or not host:
        raise FieldError(variable, f"must be http://host:port, not {parts.scheme}://")
    return Proxy(named, host, port or 80, unquote(parts.username or ""), unquote(parts.password or ""))
