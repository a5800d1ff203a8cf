"""The user's settings, as JSON in Slicer's: what does not belong to the scene. Among them the hubs connected to."""

from __future__ import annotations

import json

import qt

_HUBS = "CastInterface/Hubs"
_LAST = "CastInterface/Last"
MAX_HUBS = 20


def read_setting(key: str) -> object:
    """The value kept under a key; None when there is none, or something else has written it."""
    try:
        return json.loads(qt.QSettings().value(key, "null"))
    except (TypeError, ValueError):
        return None


def read_texts(key: str, *names: str) -> tuple[str, ...]:
    """The texts that an object kept under a key has by these names; "" for each that is none."""
    value = read_setting(key)
    found = [value.get(name) for name in names] if isinstance(value, dict) else [""] * len(names)
    return tuple(text if isinstance(text, str) else "" for text in found)


def write_setting(key: str, value: object) -> None:
    """Keep a value under a key."""
    qt.QSettings().setValue(key, json.dumps(value))


class SavedHubs:
    """Addresses, newest first, in Slicer's user settings."""

    def addresses(self) -> list[str]:
        """The hubs kept."""
        value = read_setting(_HUBS)
        return [address for address in value if isinstance(address, str)] if isinstance(value, list) else []

    def keep(self, address: str) -> None:
        """Put an address first."""
        write_setting(_HUBS, [address, *(other for other in self.addresses() if other != address)][:MAX_HUBS])

    def forget(self, address: str) -> None:
        """Keep an address no longer."""
        write_setting(_HUBS, [other for other in self.addresses() if other != address])

    def last(self) -> tuple[str, str, str]:
        """Hub, user and topic of the last connection."""
        hub, user, topic = read_texts(_LAST, "hub", "user", "topic")
        return hub, user, topic

    def keep_last(self, hub: str, user: str, topic: str) -> None:
        """Remember what was connected with."""
        write_setting(_LAST, {"hub": hub, "user": user, "topic": topic})
