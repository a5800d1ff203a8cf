"""The panel of "Cast Service Provider": the services, and the hub they are offered at."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from CastServiceProviderWidgets.provider_jobs import JobsSection, TrySection, last_words
from CastServiceProviderWidgets.provider_logic import ProviderLogic
from CastSlicerLib.local_hub import LOCAL_HUB
from CastSlicerLib.palette import BAD, BUSY, GOOD, IDLE, reporting, set_icon, show_text, without_command
from CastSlicerLib.sections import PROGRESS, SectionsPanel
from CastSlicerLib.tables import fill_row, fit_columns, fit_rows, keep_bad_red, stretch
from CastSlicerLib.user_settings import SavedHubs

ROWS_SEEN = 6  # rows of the table before it scrolls
NARROW = 450  # pixels of the table below which the script's name stands only beneath it

_ON, _PRODUCT, _SCRIPT, _STATE, _QUEUE = range(5)  # columns


class ProviderPanel(SectionsPanel):
    """Wires the widgets of ``CastServiceProvider.ui`` to a logic.

    Args:
        ui: an object with the widgets as attributes.
        logic: what they work on.
        scripts: the folder where dialogs for a script begin.
    """

    def __init__(self, ui: Any, logic: ProviderLogic, scripts: str) -> None:
        self.services = ServicesSection(ui, logic, scripts)
        self.trial = TrySection(ui, logic.trials, self.services.selected)
        self.limits = LimitsSection(ui, logic)
        self.jobs = JobsSection(ui, logic)
        ui.limitsSection.collapsed = True
        super().__init__(
            ui.slots,
            logic.timer,
            ((ui.servicesSection, self.services), (ui.trySection, self.trial), (ui.jobsSection, self.jobs)),
        )
        ui.slots.connect(ui.servicesTable, "itemSelectionChanged()", self.refresh)
        self.refresh()


class ServicesSection:
    """Wires the table of services, its buttons, and the fields of the hub."""

    def __init__(self, ui: Any, logic: ProviderLogic, scripts: str) -> None:
        self._ui = ui
        self._logic = logic
        self._scripts = scripts
        hub, client_id = logic.last_access()
        ui.hubEdit.text = hub or SavedHubs().last()[0] or LOCAL_HUB
        ui.clientEdit.text = client_id
        set_icon(ui.addButton, "SP_DialogOpenButton")
        set_icon(ui.newButton, "SP_FileIcon")
        set_icon(ui.removeButton, "SP_TrashIcon")
        stretch(ui.servicesTable)
        fit_columns(ui.servicesTable, _ON, _STATE, _QUEUE)
        ui.slots.connect(ui.servicesTable, "cellChanged(int,int)", self._cell_changed)
        ui.slots.connect(ui.addButton, "clicked()", self.add)
        ui.slots.connect(ui.newButton, "clicked()", self.add_new)
        ui.slots.connect(ui.removeButton, "clicked()", self.remove)
        ui.slots.connect(ui.startButton, "clicked()", self.toggle)
        self.refresh()
        if logic.services.all():
            ui.servicesTable.selectRow(0)

    def close(self) -> None:
        """Nothing to let go of."""

    def due(self) -> float | None:
        """While jobs run: their threads tell nobody."""
        busy = any(service.running or service.waiting for service in self._logic.services.all())
        return PROGRESS if busy else None

    def selected(self) -> Any:
        """The service that is selected, or None."""
        services, table = self._logic.services.all(), self._ui.servicesTable
        row = table.currentRow()
        return services[row] if table.selectedItems() and 0 <= row < len(services) else None

    def refresh(self) -> None:
        """Show how it is now."""
        ui, services = self._ui, self._logic.services.all()
        table = ui.servicesTable
        blocked = table.blockSignals(True)
        table.setColumnHidden(_SCRIPT, table.width < NARROW)
        if table.rowCount != len(services):
            table.setRowCount(len(services))
        fit_rows(table, 2, ROWS_SEEN)
        for row, service in enumerate(services):
            words, tip, look = state_words(service)
            result, why, result_look = last_words(service.last)
            queue = f"{service.running} + {service.waiting}" if service.running or service.waiting else ""
            fill_row(
                table,
                row,
                (
                    ("", _("Started") if service.on else _("Not started"), None),
                    (service.product, service.script.description if service.script else service.product, None),
                    (service.path.name, str(service.path), BAD if service.problem else None),
                    (words, tip, look),
                    (
                        queue,
                        _("{running} run, {waiting} wait").format(running=service.running, waiting=service.waiting),
                        None,
                    ),
                    (result, why, result_look),
                ),
            )
            item = table.item(row, _ON)
            checked = qt.Qt.Checked if service.on else qt.Qt.Unchecked
            if item.checkState() != checked or item.data(qt.Qt.CheckStateRole) is None:
                item.setCheckState(checked)
            item = table.item(row, _PRODUCT)
            if bool(item.flags() & qt.Qt.ItemIsEditable) == service.on:  # only then: it would reset what is being typed
                item.setFlags(item.flags() ^ qt.Qt.ItemIsEditable)
        table.blockSignals(blocked)
        keep_bad_red(table)
        service = self.selected()
        ui.startButton.enabled = ui.removeButton.enabled = service is not None
        stops = service is not None and service.on
        ui.startButton.text = _("&Stop") if stops else _("&Start")
        set_icon(ui.startButton, "SP_MediaStop" if stops else "SP_MediaPlay")
        on = any(one.on for one in services)
        for edit in (ui.hubEdit, ui.clientEdit, ui.secretEdit):
            edit.enabled = not on
        self._describe(service, bool(services))

    def _describe(self, service: Any, any_there: bool) -> None:
        label = self._ui.serviceLabel
        if service is None:
            words = (
                _("Select a service.")
                if any_there
                else _("There is no service yet. First press Add to choose a script, or New to write one.")
            )
            show_text(label, words)
        elif service.problem:
            show_text(label, service.problem, BAD)
        elif service.state.reason:
            show_text(label, without_command(service.state.reason), BAD if service.state.kind == "refused" else BUSY)
        else:
            says = service.script.description or _("The script does not say what it does.")
            show_text(label, f"{service.path.name}: {says}")

    def add(self) -> None:
        """Have a script chosen, and list it."""
        with reporting(_("The script could not be added.")):
            title = _("Add a script as a service")
            path = qt.QFileDialog.getOpenFileName(self._ui.servicesTable, title, self._scripts, "Python (*.py)")
            if path:
                self._select(self._logic.add(path))

    def add_new(self) -> None:
        """Have a name chosen for a new script, write it, and list it."""
        with reporting(_("The script could not be written.")):
            title = _("Write a new script")
            path = qt.QFileDialog.getSaveFileName(self._ui.servicesTable, title, "MyService.py", "Python (*.py)")
            if path:
                self._select(self._logic.add_new(path if path.endswith(".py") else f"{path}.py"))

    def remove(self) -> None:
        """Take the selected service out of the list."""
        service = self.selected()
        if service is not None:
            with reporting(_("The service could not be removed.")):
                self._logic.remove(service)
            self.refresh()

    def toggle(self) -> None:
        """Start the selected service, or stop it."""
        service = self.selected()
        if service is not None:
            self._turn(service, not service.on)

    def _turn(self, service: Any, on: bool) -> None:
        ui = self._ui
        with reporting(_("The service could not be started.")):
            if on:
                self._logic.start(service, ui.hubEdit.text.strip(), ui.clientEdit.text.strip(), ui.secretEdit.text)
            else:
                self._logic.stop(service)
        self.refresh()

    def _cell_changed(self, row: int, column: int) -> None:
        services = self._logic.services.all()
        if column == _PRODUCT and row < len(services):
            self._rename(services[row], self._ui.servicesTable.item(row, _PRODUCT).text())
        elif column == _ON and row < len(services):
            on = self._ui.servicesTable.item(row, _ON).checkState() == qt.Qt.Checked
            if on != services[row].on:
                self._turn(services[row], on)

    def _rename(self, service: Any, product: str) -> None:
        try:
            with reporting(_("The service keeps its name.")):
                self._logic.rename(service, product)
        finally:
            self.refresh()

    def _select(self, service: Any) -> None:
        self.refresh()
        self._ui.servicesTable.selectRow(self._logic.services.all().index(service))


class LimitsSection:
    """Wires the fields of the jobs' limits; they are kept as soon as they are changed."""

    def __init__(self, ui: Any, logic: ProviderLogic) -> None:
        self._ui = ui
        self._logic = logic
        limits = logic.services.limits
        ui.slotsBox.value = limits.slots
        ui.queueBox.value = limits.queue
        ui.timeBox.value = max(1, round(limits.timeout / 60))
        for box in (ui.slotsBox, ui.queueBox, ui.timeBox):
            ui.slots.connect(box, "valueChanged(int)", lambda value: self._keep())

    def _keep(self) -> None:
        ui = self._ui
        with reporting(_("The limit stays as it is.")):
            self._logic.limit(ui.slotsBox.value, ui.queueBox.value, 60.0 * ui.timeBox.value)


def state_words(service: Any) -> tuple[str, str, tuple[str, str] | None]:
    """Where a service stands: a word, a sentence, and a pair of colours."""
    kind, reason = service.state.kind, without_command(service.state.reason)
    if not service.on and service.problem:
        return _("Script?"), service.problem, BAD
    if kind == "online":
        return _("Online"), _("It serves the hub as {product}.").format(product=service.product), GOOD
    if kind == "connecting":
        return _("Connecting"), _("It signs in at the hub."), BUSY
    if kind == "waiting to reconnect":
        return _("Reconnecting"), reason, BUSY
    if kind == "refused":
        return _("Refused"), reason, BAD
    return _("Off"), _("It is not started."), IDLE
