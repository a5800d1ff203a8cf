"""The client: sign in, subscribe, receive, publish, ask, answer, send and fetch batches.

Needs ``requests`` and ``websocket-client``. A tour: ``session`` is what applications use, ``receiver`` the thread that
keeps it connected, ``pump`` the one door to the host's main thread.
"""

from CastLib.client.download import TransferCancelled
from CastLib.client.failures import HubUnusable
from CastLib.client.pump import Pump
from CastLib.client.session import Session
from CastLib.client.settings import SessionSettings
from CastLib.client.state import State

__all__ = ["HubUnusable", "Pump", "Session", "SessionSettings", "State", "TransferCancelled"]
