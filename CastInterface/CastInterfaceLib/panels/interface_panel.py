"""The panel of "Cast Interface": five sections, each in a file of its own, and the clock that keeps them up to date."""

from __future__ import annotations

from typing import Any

import qt

from CastInterfaceLib.interface_logic import InterfaceLogic
from CastInterfaceLib.local_hub import LOCAL_HUB
from CastInterfaceLib.panels.interface_ask import AskSection
from CastInterfaceLib.panels.interface_connection import ConnectionSection
from CastInterfaceLib.panels.interface_messages import MessagesSection
from CastInterfaceLib.panels.interface_open import OpenSection
from CastInterfaceLib.panels.interface_send import SendSection

REFRESH_MS = 250


class InterfacePanel:
    """Wires the widgets of ``CastInterface.ui`` to a logic.

    Args:
        ui: an object with the widgets as attributes.
        logic: what they work on.
        local_hub: where a hub on this machine would answer.
    """

    def __init__(self, ui: Any, logic: InterfaceLogic, local_hub: str = LOCAL_HUB) -> None:
        self.connection = ConnectionSection(ui, logic, local_hub)
        self.open = OpenSection(ui, logic)
        self.ask = AskSection(ui, logic)
        self.send = SendSection(ui, logic)
        self.messages = MessagesSection(ui, logic)
        self._sections: tuple[tuple[Any, Any], ...] = (
            (ui.connectionSection, self.connection),
            (ui.openSection, self.open),
            (ui.askSection, self.ask),
            (ui.sendSection, self.send),
            (ui.messagesSection, self.messages),
        )
        # Only now: a child that is hidden while its section is shut would be shown with it.
        for button in (ui.askSection, ui.sendSection, ui.messagesSection):
            button.collapsed = True
        for button, _section in self._sections:
            button.connect("contentsCollapsed(bool)", lambda collapsed: self.refresh())
        self._clock = qt.QTimer()
        self._clock.setInterval(REFRESH_MS)
        self._clock.connect("timeout()", self.refresh)

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
        """End it: the logic is told no more of."""
        self._clock.stop()
        for _button, section in self._sections:
            section.close()
