"""What can go wrong, each with one sentence for the person who meets it."""

from __future__ import annotations


class CastError(Exception):
    """Base of all errors of this product; ``str(error)`` is one sentence that a person can act on."""


class WrongUsage(CastError):
    """A command was told something that it cannot be told: a flag, a variable or a file of settings."""


class FieldError(CastError, ValueError):
    """A value from outside is wrong: ``field`` is its path in the message, ``reason`` what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class FileRefused(FieldError):
    """A file of a batch breaks the name policy; ``code`` is the wire's word for the rule (binary batches)."""

    def __init__(self, field: str, reason: str, code: str, file_name: str) -> None:
        super().__init__(field, reason)
        self.code = code
        self.file_name = file_name


class Refused(CastError):
    """A peer answered no. ``status`` is its HTTP (or acknowledgement) status, ``reason`` its words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"refused with {status}: {reason}")
        self.status = status
        self.reason = reason


class HubNotReachable(CastError):
    """No connection to the hub could be made, or it broke before an answer came."""


class TimedOut(CastError):
    """An answer did not come in the time that was given for it."""


class TransferError(CastError):
    """A batch could not be sent or fetched whole; nothing of it was kept."""
