"""A panel made of sections that can be folded: those that can be seen are brought up to date when something changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import ctk
import qt
import slicer

from CastSlicerLib.pump_timer import PumpTimer
from CastSlicerLib.slots import Slots

REFRESH_MS = 250  # what changes in a burst is shown at once, this long after its first

#: Seconds after which a section looks again by itself at something that tells nobody how it changes …
PROGRESS = 0.25  # … how far a job is: its thread counts bytes, and to tell of each would take the main thread's time
COUNTDOWN = 0.5  # … the seconds until it connects again
VOLUMES = 1.0  # … volumes: the scene tells that one was added, before it has an image, and nothing of a new name


class Section(Protocol):
    """What stands under one collapsible button."""

    def refresh(self) -> None:
        """Show how it is now."""

    def due(self) -> float | None:
        """Seconds after which to refresh it though nothing was heard; None when all that it shows is heard of."""

    def close(self) -> None:
        """Let go of what it listens to."""


class SectionsPanel:
    """Refreshes sections while the panel is seen: from `enter` to `exit`, and at once when one is unfolded.

    Args:
        slots: connects them.
        timer: tells when something has changed.
        sections: each with its ``ctkCollapsibleButton``.
    """

    def __init__(
        self, slots: Slots, timer: PumpTimer, sections: Sequence[tuple[ctk.ctkCollapsibleButton, Section]]
    ) -> None:
        self._sections = tuple(sections)
        self._seen = False
        for button, _section in self._sections:
            slots.connect(button, "contentsCollapsed(bool)", lambda collapsed: self.refresh())
        slots.connect(slicer.app, "paletteChanged(QPalette)", lambda palette: self._changed())
        self._clock = qt.QTimer()
        self._clock.setSingleShot(True)
        slots.connect(self._clock, "timeout()", self.refresh)
        self._remove = timer.on_changed(self._changed)

    def enter(self) -> None:
        """The panel is seen: keep it up to date."""
        self._seen = True
        self.refresh()

    def exit(self) -> None:
        """The panel is not seen any more."""
        self._seen = False
        self._clock.stop()

    def refresh(self) -> None:
        """Bring everything up to date that can be seen."""
        self._clock.stop()
        visible = [section for button, section in self._sections if not button.collapsed]
        for section in visible:
            section.refresh()
        due = [seconds for section in visible if (seconds := section.due()) is not None]
        if due:
            self._look_in(round(1000 * min(due)))

    def close(self) -> None:
        """End it."""
        self.exit()
        self._remove()
        for _button, section in self._sections:
            section.close()

    def _changed(self) -> None:
        if not self._clock.isActive() or self._clock.remainingTime > REFRESH_MS:
            self._look_in(REFRESH_MS)

    def _look_in(self, milliseconds: int) -> None:
        if self._seen:
            self._clock.start(milliseconds)
