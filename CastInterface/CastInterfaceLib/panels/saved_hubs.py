"""The hubs a user connected to, and what was typed last: the user's settings, not the scene's."""

from __future__ import annotations

import json

import qt

_HUBS = "CastInterface/Hubs"
_LAST = "CastInterface/Last"

MOST = 20


class SavedHubs:
    """Addresses, newest first, in Slicer's user settings."""

    def addresses(self) -> list[str]:
        """The hubs kept."""
        value = _read(_HUBS)
        return [address for address in value if isinstance(address, str)] if isinstance(value, list) else []

    def keep(self, address: str) -> None:
        """Put an address first."""
        _write(_HUBS, [address, *(other for other in self.addresses() if other != address)][:MOST])

    def forget(self, address: str) -> None:
        """Keep an address no longer."""
        _write(_HUBS, [other for other in self.addresses() if other != address])

    def last(self) -> tuple[str, str, str]:
        """Hub, user and topic of the last connection."""
        value = _read(_LAST)
        texts = [value.get(key) for key in ("hub", "user", "topic")] if isinstance(value, dict) else ["", "", ""]
        hub, user, topic = (text if isinstance(text, str) else "" for text in texts)
        return hub, user, topic

    def keep_last(self, hub: str, user: str, topic: str) -> None:
        """Remember what was connected with."""
        _write(_LAST, {"hub": hub, "user": user, "topic": topic})


def _read(key: str) -> object:
    try:
        return json.loads(qt.QSettings().value(key, "null"))
    except (TypeError, ValueError):  # written by something else
        return None


def _write(key: str, value: object) -> None:
    qt.QSettings().setValue(key, json.dumps(value))
