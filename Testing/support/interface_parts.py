"""What the tests of "Cast Interface" share: the panel worked as a person does, and the other side as real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub_process import package_environment

PATIENCE = 120.0
READY = "online"
WIDTHS = (400, 800, 1600)
CONTROLS = ("QPushButton", "QComboBox", "QLineEdit", "QTableWidget", "QListWidget", "QPlainTextEdit", "QSpinBox")


def open_module(host: Any, name: str) -> Any:
    """Choose a module as a person does, and let it make its panel."""
    module = host.load_module(name)
    assert host.spin(lambda: module.widget.frame.ready, PATIENCE), name
    for _ in range(3):  # Qt shows what was put into a layout, and lays it out, in the next turns of its loop
        host.app.processEvents()
    return module


class InterfacePart:
    """The panel, worked by mouse and keyboard.

    Attributes:
        host, module, ui, logic: what the tests look at.
    """

    def __init__(self, host: Any) -> None:
        self.host = host
        self.module = open_module(host, "CastInterface")
        self.ui = self.module.widget.ui
        self.logic = self.module.logic
        self.panel = self.module.widget.panel

    def type(self, widget: Any, text: str) -> None:
        """Replace what stands in a field by typing."""
        from PySide6.QtTest import QTest

        field = widget.lineEdit() if hasattr(widget, "lineEdit") else widget
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, text) if text else field.clear()

    def press(self, widget: Any, key: str) -> None:
        """Press one key in a widget."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.keyClick(widget, getattr(Qt.Key, f"Key_{key}"))

    def click(self, button: Any) -> None:
        """Click with the mouse, where a person could."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        assert button.isVisible() and button.isEnabled(), button.objectName
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def open_section(self, name: str) -> None:
        """Open a section that is shut."""
        button = getattr(self.ui, f"{name}Section")
        if button.collapsed:
            button.setFocus()
            self.press(button, "Space")
            self.host.spin(lambda: not button.collapsed, 2)
        assert not button.collapsed

    def pictures(self, name: str, widths: tuple[int, ...] = (400,)) -> None:
        """Take pictures of the panel, and make sure that nothing has to be scrolled sideways."""
        for width in widths:
            self.host.grab(self.module, f"cast-interface-{name}-{width}.png", width)
            assert not self.host.scrolls_sideways(), (name, width)
        if len(widths) > 1:
            self.host.set_dark(True)
            self.panel.refresh()
            self.panel.connection.show_state()
            self.host.grab(self.module, f"cast-interface-{name}-dark.png", 500)
            self.host.set_dark(False)
            self.panel.refresh()

    def check_controls(self) -> None:
        """Every control has a tooltip and can be reached by keyboard; what only shows has a tooltip."""
        for name, widget in vars(self.ui).items():
            kind = widget.className() if hasattr(widget, "className") else ""
            if kind in CONTROLS and not name.startswith("qt_"):
                assert widget.toolTip, name
                assert int(widget.focusPolicy) & 1, name
            if kind in ("QProgressBar", "ctkCollapsibleButton"):
                assert widget.toolTip, name

    def until(self, what: Callable[[], Any], seconds: float = PATIENCE) -> None:
        """Let time pass until something is so."""
        assert self.host.spin(what, seconds), f"waited in vain; state: {self.logic.state}"

    def choose(self, box: Any, value: str) -> None:
        """Choose what a box offers, by its data."""
        values = [box.itemData(index) for index in range(box.count)]
        assert value in values, values
        box.setCurrentIndex(values.index(value))

    def connect(self, hub: str, user: str) -> None:
        """Connect as a user."""
        self.type(self.ui.hubBox, hub)
        self.type(self.ui.userEdit, user)
        self.click(self.ui.connectButton)
        self.until(lambda: self.logic.state.kind == READY)


def run_cast(*arguments: str) -> subprocess.Popen[str]:
    """The command ``cast`` as a process of its own."""
    command = [sys.executable, "-m", "CastCLI", *arguments]
    return subprocess.Popen(
        command, env=package_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


class DisplayProcess:
    """A real image display as a process; ``online`` is set when it is connected."""

    def __init__(self, hub: str, user: str, name: str) -> None:
        arguments = ("display", "--hub", hub, "--user", user, "--name", name, "--size", "256x256")
        self.process = run_cast(*arguments)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()


def study_uid_in(folder: Path) -> str:
    """The StudyInstanceUID of the first file in a folder."""
    import pydicom

    return str(pydicom.dcmread(next(folder.glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)
