"""The limits of a provider's jobs, each with its default."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from CastLib.errors import FieldError

GB = 1_000_000_000  # bytes
_SHARE = 0.75  # of the machine's memory, for all slots together
_UNKNOWN_MACHINE = 16 * GB


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Limits of jobs; times in seconds.

    ``slots`` jobs run at once, ``queue`` more wait. A job that runs longer than ``timeout`` is ended. ``memory`` and
    ``disk`` are how many bytes all processes of a job may hold in memory, and its folder on disk, before it is ended; a
    single file cannot become larger than ``disk`` anywhere. A ``memory`` of 0 is three quarters of the machine's,
    shared by the slots. ``output`` is how many bytes of what a script prints are kept, ``text`` how many characters of
    a line of progress or of an error are told. Lines of progress go out ``progress_interval`` apart at least. When the
    provider stops, jobs have ``grace`` to end by themselves. A hub that is away when a result goes out is tried again
    for ``hub_away``. ``python`` runs the jobs.
    """

    slots: int = 1
    queue: int = 16
    timeout: float = 1800.0
    memory: int = 0
    disk: int = 20 * GB
    grace: float = 2.0
    hub_away: float = 600.0
    output: int = 64 * 1024
    text: int = 1000
    progress_interval: float = 0.25
    python: str = sys.executable

    def __post_init__(self) -> None:
        least_of = {"slots": 1, "queue": 0, "output": 0, "text": 1, "progress_interval": 0, "grace": 0, "hub_away": 0}
        for field, least in {**least_of, "memory": 0, "disk": 1}.items():
            if not getattr(self, field) >= least:
                raise FieldError(field, f"must be {least} or more")
        if not self.timeout > 0:
            raise FieldError("timeout", "must be above 0")

    @property
    def max_memory_bytes(self) -> int:
        """How many bytes of memory a job may hold."""
        return self.memory or int(_SHARE * _memory_of_machine() / self.slots)


def in_gigabytes(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / GB:.3g} GB" if count >= GB // 100 else f"{count:,} bytes"


def _memory_of_machine() -> int:
    """The bytes of memory that are built in."""
    if sys.platform == "win32":
        import ctypes

        kilobytes = ctypes.c_ulonglong()
        known = ctypes.WinDLL("kernel32").GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return kilobytes.value * 1024 if known else _UNKNOWN_MACHINE
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return _UNKNOWN_MACHINE
