"""The panel of "Cast Hub": start and stop it, its address, who is connected, its log."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from CastHubWidgets import hub_process
from CastHubWidgets.hub_process import HubProcess
from CastHubWidgets.hub_words import state_words
from CastLib.actors import actor_words
from CastSlicerLib.palette import BAD, BUSY, GOOD, IDLE, plain, reporting, set_icon, show_light
from CastSlicerLib.tables import fit_rows, stretch

STATUS_PAGE = "/api/hub/status"

ROWS_SEEN = 10  # rows of the table before it scrolls

_PORT = "CastHub/Port"


class HubPanel:
    """Wires the widgets of ``CastHub.ui`` to a hub.

    Args:
        ui: an object with the widgets as attributes.
        hub: what they show and work on.
        install: asks for and installs missing packages; returns whether all are there.
    """

    def __init__(self, ui: Any, hub: HubProcess, install: Any) -> None:
        self._ui = ui
        self._hub = hub
        self._install = install
        self._lines = 0
        self._shown: object = None
        ui.portBox.value = saved_port()
        set_icon(ui.browserButton, "SP_MessageBoxInformation")
        set_icon(ui.installButton, "SP_ArrowDown")
        set_icon(ui.copyButton, "SP_FileDialogDetailedView")
        stretch(ui.applicationsTable)
        ui.slots.connect(ui.startButton, "clicked()", self.toggle)
        ui.slots.connect(ui.copyButton, "clicked()", self.copy)
        ui.slots.connect(ui.browserButton, "clicked()", self.open_browser)
        ui.slots.connect(ui.installButton, "clicked()", self.install)
        self._remove = hub.on_changed(self.refresh)
        self.refresh()

    def enter(self) -> None:
        """It is seen; the hub reports its changes whether it is or not, and nobody of another palette."""
        self._shown = None
        self.refresh()

    def exit(self) -> None:
        """It is not seen any more."""

    def close(self) -> None:
        """Let go of the hub."""
        self._remove()

    def toggle(self) -> None:
        """Start the hub, or stop it."""
        if self._hub.state.kind in (hub_process.STARTING, hub_process.RUNNING):
            self._hub.stop()
            return
        with reporting(_("The hub could not be started.")):
            port = self._ui.portBox.value
            save_port(port)
            self._hub.start(port)

    def copy(self) -> None:
        """Put the address on the clipboard; it is shown marked, as text is that was copied."""
        qt.QApplication.clipboard().setText(self._hub.state.address)
        self._ui.addressEdit.selectAll()

    def open_browser(self) -> None:
        """Show what the hub says of itself in the web browser."""
        qt.QDesktopServices.openUrl(qt.QUrl(self._hub.state.address + STATUS_PAGE))

    def install(self) -> None:
        """Install what is missing, then start."""
        with reporting(_("The packages could not be installed.")):
            if self._install():
                self.toggle()

    def refresh(self) -> None:
        """Show how it is now."""
        self._show_state()
        self._show_applications()
        self._show_log()

    def _show_state(self) -> None:
        ui, state = self._ui, self._hub.state
        running = state.kind == hub_process.RUNNING
        stopped = state.kind == hub_process.STOPPED
        light = BAD if state.problem else {hub_process.STOPPED: IDLE, hub_process.RUNNING: GOOD}.get(state.kind, BUSY)
        show_light(ui.lightLabel, light)
        ui.stateLabel.text = state_words(state)
        ui.startButton.text = _("&Start") if stopped else _("&Stop")
        set_icon(ui.startButton, "SP_MediaPlay" if stopped else "SP_MediaStop")
        ui.startButton.enabled = state.kind != hub_process.STOPPING
        ui.portBox.enabled = stopped
        self._show_address(state.address if running else "")
        ui.copyButton.enabled = ui.browserButton.enabled = running
        ui.installButton.setVisible(state.problem == hub_process.PACKAGES_MISSING)

    def _show_address(self, address: str) -> None:
        if self._ui.addressEdit.text != address:  # else what is marked in it would not stay so
            self._ui.addressEdit.text = address
            self._ui.addressEdit.setCursorPosition(0)

    def _show_applications(self) -> None:
        report, running = self._hub.report, self._hub.state.kind == hub_process.RUNNING
        if not running:
            words = _("Press Start to run a hub here; nobody can connect before.")
        elif not report.count:
            words = _("Nobody is connected yet. Give other applications the address above.")
        else:
            words = _("{count} connected, {rate} messages a second.").format(
                count=sum(one.connected for one in report.applications), rate=f"{report.rate:.0f}"
            )
            if report.count > len(report.applications):
                words += " " + _("The first {shown} of {count} are shown.").format(
                    shown=len(report.applications), count=report.count
                )
        self._ui.applicationsLabel.text = words
        self._ui.applicationsTable.setVisible(bool(report.applications))
        if report.applications == self._shown:
            return
        self._shown = report.applications
        table = self._ui.applicationsTable
        table.setRowCount(len(report.applications))
        pale = qt.QBrush(table.palette.color(qt.QPalette.Disabled, qt.QPalette.Text))
        for row, one in enumerate(report.applications):
            for column, text in enumerate(map(plain, (one.name, one.product, actor_words(one.actors), one.topic))):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                if not one.connected:
                    item.setForeground(pale)
                table.setItem(row, column, item)
        fit_rows(table, 1, ROWS_SEEN)

    def _show_log(self) -> None:
        new = min(self._hub.lines - self._lines, len(self._hub.log))
        if new:
            self._ui.logText.appendPlainText("\n".join(list(self._hub.log)[-new:]))
        self._lines = self._hub.lines


def saved_port() -> int:
    """The port used last: the user's setting, not the scene's."""
    try:
        port = int(qt.QSettings().value(_PORT, hub_process.DEFAULT_PORT))
    except (TypeError, ValueError):  # written by something else
        return hub_process.DEFAULT_PORT
    return port if 0 <= port <= 65_535 else hub_process.DEFAULT_PORT


def save_port(port: int) -> None:
    """Remember a port."""
    qt.QSettings().setValue(_PORT, port)
