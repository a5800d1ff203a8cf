"""The hub's address as its user wrote it, and the addresses made from it."""

from __future__ import annotations

from urllib.parse import urlsplit

from CastLib.errors import FieldError, WrongUsage

_API = "/api/hub"


class WrongAddress(FieldError, WrongUsage):
    """What is given as the hub's address is none; its field is ``hub``."""

    def __init__(self, reason: str) -> None:
        super().__init__("hub", reason)
        self.args = (f"The hub's address {reason}.",)


class HubAddress:
    """A hub's base address, such as ``http://127.0.0.1:2018`` or ``https://hospital.org/cast``.

    Accepted too: no scheme (``127.0.0.1:2018``), a trailing slash, and the address of the hub's API (``…/api/hub``),
    which existing clients are configured with. ``localhost`` without TLS becomes 127.0.0.1, as in existing clients
    (Windows first tries its IPv6 address, in vain); with TLS it stays, since certificates name it. Raises WrongAddress.
    """

    def __init__(self, text: str) -> None:
        address = text.strip()
        if "://" not in address:
            address = "http://" + address
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise WrongAddress(f"cannot be read: {error}") from None
        if parts.scheme not in ("http", "https"):
            raise WrongAddress(f"must begin with http:// or https://, not {parts.scheme}://")
        if not host or any(character.isspace() for character in address):
            raise WrongAddress("names no host: write it as http://host:port")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise WrongAddress("must hold no user, password, query or fragment")
        self.secure = parts.scheme == "https"
        if host == "localhost" and not self.secure:
            host = "127.0.0.1"
        self.host = host
        authority = f"[{host}]" if ":" in host else host
        if port is not None:
            authority += f":{port}"
        self._prefix = parts.path.rstrip("/").removesuffix(_API).rstrip("/")
        self._authority = authority
        self.base = f"{parts.scheme}://{authority}{self._prefix}"

    def __str__(self) -> str:
        return self.base

    @property
    def loopback(self) -> bool:
        """Tell whether the hub is on this machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def url(self, path: str = "") -> str:
        """Return the address of ``path`` (``/oauth/token``) at this hub."""
        return self.base + path

    def api(self, path: str = "") -> str:
        """Return the address of ``path`` under ``/api/hub``."""
        return f"{self.base}{_API}{path}"

    def socket(self, endpoint: str) -> str:
        """Return a subscription's endpoint with the hub's own origin, as existing clients do.

        A hub behind a proxy may not know the name under which it is reached.
        """
        try:
            parts = urlsplit(endpoint)
        except ValueError:
            raise FieldError("hub.channel.endpoint", "is no address") from None
        if parts.scheme not in ("ws", "wss") or not parts.path:
            raise FieldError("hub.channel.endpoint", "is no WebSocket address")
        path = parts.path if parts.path.startswith(f"{self._prefix}/") else self._prefix + parts.path
        query = f"?{parts.query}" if parts.query else ""
        return f"{'wss' if self.secure else 'ws'}://{self._authority}{path}{query}"
