"""Origins and addresses as browsers read them (WHATWG's URL standard, RFC 6454), or not at all.

What one reader takes for a host and another for a path is how a page of elsewhere passes for one of this machine:
browsers read a backslash as a slash, take host and port from behind an at sign, and know many ways to write a number.
So there is one way to write an origin here, and everything else is none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PORTS = {"http": 80, "https": 443}
_AUTHORITY = r"(https?)://(\[[0-9a-f:.]+\]|[0-9a-z_.-]+)(?::([0-9]{1,5}))?"
_ORIGIN = re.compile(_AUTHORITY, re.IGNORECASE)
_ADDRESS = re.compile(_AUTHORITY + r"(?:[/?][^\\#\s]*)?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z_.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)


class Origin(NamedTuple):
    """Scheme, host and port, the default one too: two origins are the same when all three are."""

    scheme: str
    host: str
    port: int


def origin(text: str) -> Origin | None:
    """Return the origin that an Origin header or a setting names, None when it names none."""
    return _found(_ORIGIN.fullmatch(text))


def origin_of(address: str) -> Origin | None:
    """Return the origin of a page's whole address, None for what is no plain address: it has no fragment."""
    return _found(_ADDRESS.fullmatch(address)) if address.isprintable() else None


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port; ``""`` when that is no host."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else ""


def _found(match: re.Match[str] | None) -> Origin | None:
    if match is None:
        return None
    scheme = match[1].lower()
    return Origin(scheme, match[2].lower(), int(match[3]) if match[3] else _PORTS[scheme])
