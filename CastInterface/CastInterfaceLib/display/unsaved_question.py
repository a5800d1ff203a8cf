"""What becomes of work that is not saved when its study is to go. Main thread only.

Who works at a screen is asked; a display without anybody in front of it keeps it or discards it, as its operator says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from CastInterfaceLib.study.left_out import name_some
from CastInterfaceLib.study.sources import NotShown
from CastLib.message import Message

#: What may be done with it: kept in the scene, hidden; removed; asked, while the study stays.
KEEP, DISCARD, ASK = "keep", "discard", "ask"

#: What the user may answer beside `KEEP` and `DISCARD`: the study stays, and what was asked for is not done.
STAY = "stay"


class UnsavedQuestion:
    """The rule, and the event that waits for the user's answer.

    Args:
        rule: `KEEP`, `DISCARD` or `ASK`.

    Attributes:
        names: of what is not saved, while an answer is waited for.
    """

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._waiting: Message | None = None
        self.names: tuple[str, ...] = ()

    def check(self, unsaved: Callable[[], list[Any]], message: Message) -> bool:
        """Whether what is not saved shall be discarded for an event that makes the study go.

        Args:
            unsaved: finds the nodes; only who asks the user looks for them.
            message: the event, which is followed after the user's answer.

        Raises:
            NotShown: the user has to be asked first (409, FHIRcast's answer of an application that cannot follow).
        """
        nodes = unsaved() if self._rule == ASK else []
        if not nodes:
            return self._rule == DISCARD
        self._waiting = message
        self.names = tuple(sorted(node.GetName() or "" for node in nodes))
        are = "is" if len(nodes) == 1 else "are"
        raise NotShown(
            409,
            "unsaved-work",
            f"The study stays open here, for {name_some(self.names)} {are} not saved. Whoever works there is asked "
            "whether to keep or to discard it, and goes on then.",
        )

    def take(self) -> Message | None:
        """The event that waits, which does so no more."""
        message, self._waiting, self.names = self._waiting, None, ()
        return message
