"""Batches that came for a study before it was opened, or that are wanted again when it is opened anew."""

from __future__ import annotations

from collections import deque

from CastInterfaceLib.study.identity import Claim
from CastInterfaceLib.study.open_study import OpenStudy
from CastInterfaceLib.study.sources import claims_of_batch
from CastLib.message import Message

# Batches that are kept, the newest.
MAX_HELD = 8


class HeldBatches:
    """The newest batches. Main thread only."""

    def __init__(self) -> None:
        self._held: deque[Message] = deque()

    def of(self, study: OpenStudy) -> list[Message]:
        """The batches that say themselves that they are of a study, oldest first."""
        return [held for held in self._held if study.is_told_by(claims_of_batch(held))]

    def add(self, message: Message) -> str:
        """Keep one more; the sentence that tells which one is not kept any more for it, "" when all are."""
        self._held.append(message)
        if len(self._held) <= MAX_HELD:
            return ""
        claims = claims_of_batch(self._held.popleft())
        named = next((one.name for one in claims if one != Claim()), "a study")
        return f"Files of {named} are not kept any more: only the last {MAX_HELD} batches are."
