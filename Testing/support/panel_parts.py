"""The panels "Cast Hub" and "Cast Service Provider" as a person sees and works them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from interface_parts import PATIENCE, WIDTHS, InterfacePart, open_module

ECHO = '''"""Sends back what came."""

import time

def onMessage(message, context):
    files = context.files()
    context.progress("Half of it", 0.5)
    print("printed by the script")
    time.sleep(0.6)
    context.send_files(files, event=message["event"]["hub.event"])
'''
RAISES = 'def onMessage(message, context):\n    raise ValueError("No brain was found")\n'
ENDLESS = """
import time

def onMessage(message, context):
    context.progress("Working for ever", 0.25)
    while True:
        time.sleep(0.05)
"""


class HubPart:
    """The panel as a person sees and works it."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.module = open_module(host, "CastHub")
        self.ui = self.module.widget.ui
        self.ui.portBox.value = 0

    @property
    def logic(self) -> Any:
        return self.module.widget.logic

    def click(self, button: Any) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        assert button.isVisible() and button.isEnabled(), button.objectName
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self, until: Callable[[], Any]) -> None:
        assert self.host.spin(until, PATIENCE), (self.ui.stateLabel.text, self.ui.logText.plainText)

    def start(self) -> str:
        self.click(self.ui.startButton)
        self.wait(lambda: self.ui.stateLabel.text == "Running")
        return str(self.ui.addressEdit.text)

    def rows(self) -> list[list[str]]:
        table = self.ui.applicationsTable
        return [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount)]

    def pictures(self, name: str) -> None:
        """Take pictures, narrow to wide, light and dark, and make sure that nothing has to be scrolled sideways."""
        for dark in (False, True):
            self.host.set_dark(dark)
            self.module.widget.panel.refresh()
            for width in WIDTHS:
                self.host.grab(self.module, f"cast-hub-{name}-{width}{'-dark' if dark else ''}.png", width)
                assert not self.host.scrolls_sideways(), (name, width)
        self.host.set_dark(False)
        self.module.widget.panel.refresh()


class ProviderPart(InterfacePart):
    """The panel, worked by mouse and keyboard."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.module = open_module(host, "CastServiceProvider")
        self.ui = self.module.widget.ui
        self.logic = self.module.logic.provider
        self.panel = self.module.widget.panel

    def until(self, what: Callable[[], Any], seconds: float = PATIENCE) -> None:
        states = [(one.product, str(one.state), one.problem) for one in self.logic.services.all()]
        assert self.host.spin(what, seconds), f"waited in vain; services: {states}; log: {self.ui.logText.plainText}"

    def add(self, path: Path) -> Any:
        """Add a script by the button and its dialog."""
        from slicer_host import dialogs

        dialogs.answer_next(str(path))
        self.click(self.ui.addButton)
        return self.logic.services.all()[-1]

    def cell(self, row: int, column: int) -> str:
        return str(self.ui.servicesTable.item(row, column).text())

    def job(self, row: int, column: int) -> str:
        return str(self.ui.jobsTable.item(row, column).text()) if self.ui.jobsTable.rowCount > row else ""

    def start(self, hub: str) -> Any:
        """Start the selected service, and wait until it is online."""
        self.type(self.ui.hubEdit, hub)
        self.click(self.ui.startButton)
        service = self.panel.services.selected()
        self.until(lambda: service.state.kind == "online")
        return service

    def pictures(self, name: str, widths: tuple[int, ...] = WIDTHS) -> None:
        """Take pictures, light and dark, and make sure that nothing has to be scrolled sideways."""
        for width in widths:
            for _ in range(2):  # the panel fits its columns to a new width at its next look
                self.host.grab(self.module, f"cast-provider-{name}-{width}.png", width)
                self.panel.refresh()
            assert not self.host.scrolls_sideways(), (name, width)
        self.host.set_dark(True)
        self.panel.refresh()
        self.host.spin(lambda: False, 0.3)
        self.host.grab(self.module, f"cast-provider-{name}-dark.png", 500)
        self.host.set_dark(False)
        self.panel.refresh()


def empty(part: ProviderPart) -> ProviderPart:
    while part.logic.services.all():
        part.click(part.ui.removeButton)
        if part.logic.services.all():
            part.ui.servicesTable.selectRow(0)
    return part


def script(folder: Path, text: str, name: str = "Example.py") -> Path:
    """Write a service's script into a folder."""
    path = folder / name
    path.write_text(text)
    return path
