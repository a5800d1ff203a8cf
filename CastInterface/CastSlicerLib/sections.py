"""A panel made of sections that can be folded, and the clock that keeps those up to date that can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import ctk
import qt

from CastSlicerLib.slots import Slots

REFRESH_MS = 250


class Section(Protocol):
    """What stands under one collapsible button."""

    def refresh(self) -> None:
        """Show how it is now."""

    def close(self) -> None:
        """Let go of what it listens to."""


class SectionsPanel:
    """Refreshes sections while the panel is seen: from `enter` to `exit`, and at once when one is unfolded.

    Args:
        slots: connects them.
        sections: each with its ``ctkCollapsibleButton``.
    """

    def __init__(self, slots: Slots, sections: Sequence[tuple[ctk.ctkCollapsibleButton, Section]]) -> None:
        self._sections = tuple(sections)
        for button, _section in self._sections:
            slots.connect(button, "contentsCollapsed(bool)", lambda collapsed: self.refresh())
        self._clock = qt.QTimer()
        self._clock.setInterval(REFRESH_MS)
        slots.connect(self._clock, "timeout()", self.refresh)

    def enter(self) -> None:
        """The panel is seen: keep it up to date."""
        self._clock.start()
        self.refresh()

    def exit(self) -> None:
        """The panel is not seen any more."""
        self._clock.stop()

    def refresh(self) -> None:
        """Bring everything up to date that can be seen."""
        for button, section in self._sections:
            if not button.collapsed:
                section.refresh()

    def close(self) -> None:
        """End it."""
        self._clock.stop()
        for _button, section in self._sections:
            section.close()
