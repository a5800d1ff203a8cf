"""What a display asks of, and tells, whoever sends images out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from CastLib.message import Message


class SentImages:
    """Nothing was sent: what a display without a sender is made with. A sender overrides both. Main thread only."""

    def volume_of(self, message: Message) -> Any:
        """The volume node that was sent out and whose result a message brings; None when there is none."""
        return None

    def on_result(self, message: Message, names: Sequence[str], problem: str) -> None:
        """Something of a message came into the scene (its ``names``), or something did not (why, else "")."""
