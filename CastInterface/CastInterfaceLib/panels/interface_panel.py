"""The panel of "Cast Interface": five sections, each in a file of its own."""

from __future__ import annotations

from typing import Any

from CastInterfaceLib.logic.interface_logic import InterfaceLogic
from CastInterfaceLib.panels.interface_ask import AskSection
from CastInterfaceLib.panels.interface_connection import ConnectionSection
from CastInterfaceLib.panels.interface_messages import MessagesSection
from CastInterfaceLib.panels.interface_open import OpenSection
from CastInterfaceLib.panels.interface_send import SendSection
from CastSlicerLib.local_hub import LOCAL_HUB
from CastSlicerLib.sections import SectionsPanel


class InterfacePanel(SectionsPanel):
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
        self.send = SendSection(ui, logic, self.refresh)
        self.messages = MessagesSection(ui, logic)
        # Only now: a child that is hidden while its section is shut would be shown with it.
        for button in (ui.askSection, ui.sendSection, ui.messagesSection):
            button.collapsed = True
        super().__init__(
            ui.slots,
            logic.timer,
            (
                (ui.connectionSection, self.connection),
                (ui.openSection, self.open),
                (ui.askSection, self.ask),
                (ui.sendSection, self.send),
                (ui.messagesSection, self.messages),
            ),
        )
