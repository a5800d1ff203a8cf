"""What the hub refuses by, each with what an answer needs to say so."""

from __future__ import annotations

from CastLib.errors import CastError


class Denied(CastError):
    """A request that is understood and refused, with its HTTP status; 503 and 507 when there is no room for it now."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class SignInRefused(CastError):
    """No token: ``status`` and ``code`` are those of RFC 6749, 5.2."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
