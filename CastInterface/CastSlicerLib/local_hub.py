"""Is there a hub? Asked of an address, on any thread, by the address that needs no sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from CastLib.actors import SLICER_PRODUCT

if TYPE_CHECKING:
    from CastLib.client import Pump

LOCAL_HUB = "http://127.0.0.1:2018"
PATIENCE = 3.0  # seconds for each of connecting and answering


def hub_status(address: str, pump: Pump) -> dict[str, Any]:
    """What the hub at an address tells of itself: ``product``, ``version``, ``subscriptions`` and so on.

    Raises:
        FieldError: this is no address.
        CastError: nothing answers there, or it is no hub.
        ImportError: the client's packages are not installed.
    """
    from CastLib.client import Session, SessionSettings  # Slicer does not bring all that the client needs

    settings = SessionSettings(hub=address, product=SLICER_PRODUCT, connect_timeout=PATIENCE, call_timeout=PATIENCE)
    session = Session(settings, pump)
    try:
        return session.status()
    finally:
        session.close()
