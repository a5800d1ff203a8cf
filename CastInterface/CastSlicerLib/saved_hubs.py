"""The hubs a user connected to, and what was typed last: the user's settings, not the scene's."""

from __future__ import annotations

from CastSlicerLib.user_settings import read_setting, read_texts, write_setting

_HUBS = "CastInterface/Hubs"
_LAST = "CastInterface/Last"

MOST = 20


class SavedHubs:
    """Addresses, newest first, in Slicer's user settings."""

    def addresses(self) -> list[str]:
        """The hubs kept."""
        value = read_setting(_HUBS)
        return [address for address in value if isinstance(address, str)] if isinstance(value, list) else []

    def keep(self, address: str) -> None:
        """Put an address first."""
        write_setting(_HUBS, [address, *(other for other in self.addresses() if other != address)][:MOST])

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
