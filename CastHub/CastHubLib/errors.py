"""What the hub refuses by, each with what an answer needs to say so."""

from __future__ import annotations

from CastLib.errors import CastError


class Denied(CastError):
    """A request that is understood and refused, with its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class StoreFull(CastError):
    """A batch does not fit any more; the sentence says what to do."""


class GroupsFull(CastError):
    """There are as many groups as the hub keeps."""


class SignInRefused(CastError):
    """No token: ``status`` and ``code`` are those of RFC 6749, 5.2."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
