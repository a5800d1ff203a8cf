"""The client: sign in, subscribe, receive, publish, ask, answer, send and fetch batches.

Needs ``requests`` and ``websocket-client``, but the pump alone needs neither: each name is imported when it is asked
for. A tour: ``session`` is what applications use, ``receiver`` the thread that keeps it connected, ``pump`` the one
door to the host's main thread.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from CastLib.client.download import TransferCancelled
    from CastLib.client.errors import HubUnusable
    from CastLib.client.pump import Pump
    from CastLib.client.session import Session
    from CastLib.client.settings import SessionSettings
    from CastLib.client.state import State

__all__ = ["HubUnusable", "Pump", "Session", "SessionSettings", "State", "TransferCancelled"]

_PLACES = {
    "HubUnusable": "errors",
    "Pump": "pump",
    "Session": "session",
    "SessionSettings": "settings",
    "State": "state",
    "TransferCancelled": "download",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
