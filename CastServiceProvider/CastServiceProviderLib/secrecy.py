"""The provider's secret is the provider's alone: not in its environment, nor in memory that others may read.

A script runs as the same user. On Linux such a process reads the environment that its parent was started with, and its
memory, from /proc; neither shows the secret after these calls. In a provider that Slicer runs the secret is in Slicer's
memory, which is left open to debuggers: scripts that are not trusted run under ``cast provide``.
"""

from __future__ import annotations

import ctypes
import os
import sys

from CastServiceProviderLib.processes import SECRETS

ANY_SECRET = "any"  # hubs with mock sign-in want a secret and take any
_PR_SET_DUMPABLE = 4


def take_secret() -> str:
    """Return the secret in the environment and remove it there, also from the memory that /proc/PID/environ shows."""
    (name,) = SECRETS
    value = os.environ.get(name, "")
    if value and sys.platform != "win32":
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_void_p
        address = libc.getenv(os.fsencode(name))
        if address:
            ctypes.memset(address, 0, len(os.fsencode(value)))
    os.environ.pop(name, None)
    return value


def hide_memory() -> None:
    """Let no other process of this user read this one's memory; Linux alone has such a switch (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
