"""The sections "Try it" and "Jobs" of "Cast Service Provider"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CastServiceProviderWidgets.provider_logic import ProviderLogic
from CastServiceProviderWidgets.trials import TrialResult, Trials
from CastSlicerLib.jobs import Cancelled
from CastSlicerLib.palette import BAD, BUSY, GOOD, IDLE, plain, reporting, set_choices, set_icon, show_text
from CastSlicerLib.sections import PROGRESS, VOLUMES
from CastSlicerLib.tables import Cell, MovingRows, fit_columns, fit_rows, keep_bad_red, stretch

ROWS_SEEN = 6  # rows of the table of jobs before it scrolls
MAX_NAMES = 3  # names of saved files that are told


_FOR, _STATE = 1, 2  # columns


class TrySection:
    """Wires the section's widgets. ``selected()`` is the service that is to be tried."""

    def __init__(self, ui: Any, trials: Trials, selected: Callable[[], Any]) -> None:
        self._ui = ui
        self._trials = trials
        self._selected = selected
        self._record: Any = None
        self._result: TrialResult | None = None
        self._said: tuple[str, tuple[str, str] | None] = ("", None)
        set_icon(ui.tryButton, "SP_MediaPlay")
        set_icon(ui.saveTrialButton, "SP_DialogSaveButton")
        ui.slots.connect(ui.tryButton, "clicked()", self.try_out)
        ui.slots.connect(ui.saveTrialButton, "clicked()", self.choose_folder)
        self._say(_("Needs no hub: the script runs as it would for others, and its result comes back here."))

    def refresh(self) -> None:
        """Offer what can be tried, and show how it goes."""
        ui = self._ui
        volumes = [(node.GetName() or node.GetID(), node.GetID()) for node in self._trials.volumes()]
        set_choices(ui.volumeBox, volumes or [(_("No volume is loaded"), "")])
        ui.volumeBox.enabled = bool(volumes)
        ui.tryButton.enabled = bool(volumes) and self._selected() is not None and self._record is None
        ui.saveTrialButton.setVisible(self._result is not None and bool(self._result.paths))
        if self._record is not None and self._record.text:
            self._say(progress_words(self._record), BUSY)
        show_text(ui.tryLabel, *self._said)  # anew, for the palette may have changed

    def close(self) -> None:
        """Nothing to let go of."""

    def due(self) -> float | None:
        """While a script is tried, and to see which volumes are loaded."""
        return PROGRESS if self._record is not None else VOLUMES

    def try_out(self) -> None:
        """Run the selected service's script on the chosen volume."""
        service = self._selected()
        volume = slicer.mrmlScene.GetNodeByID(self._ui.volumeBox.currentData or "")
        with reporting(_("The service cannot be tried.")):
            self._record = self._trials.try_out(service, volume, self._ended)
            self._result = None
            self._say(_("{product} works on {volume} …").format(product=service.product, volume=volume.GetName()), BUSY)
        self.refresh()

    def _ended(self, result: TrialResult | None, error: Exception | None) -> None:
        cancelled = self._record is not None and self._record.cancelled
        self._record, self._result = None, result
        if cancelled and error is not None:
            self._say(_("Cancelled."))
        elif error is not None:
            self._say(str(error), BAD)
        elif result is None or not result.paths:
            self._say(_("Done; the script sent no result."), BUSY)
        elif result.segments:
            self._say(_("Done. The result is shown: {labels}").format(labels=", ".join(result.segments)), GOOD)
        else:
            folder = result.paths[0].parent
            words = _("Done. {count} files came out; they are in {folder} until Slicer ends.")
            self._say(words.format(count=len(result.paths), folder=folder), GOOD)
        self.refresh()

    def choose_folder(self) -> None:
        """Save the result's files into a folder that the user chooses."""
        folder = qt.QFileDialog.getExistingDirectory(self._ui.trySection, _("Save the result in"))
        if folder and self._result is not None:
            with reporting(_("The result could not be saved.")):
                self._trials.save(self._result, Path(folder), self._saved)

    def _saved(self, paths: Any, error: Exception | None) -> None:
        if isinstance(error, Cancelled):
            return
        if error is not None:
            self._say(str(error), BAD)
        else:
            words = _("Saved in {folder}: {names}.")
            names = ", ".join(path.name for path in paths[:MAX_NAMES]) + (" …" if len(paths) > MAX_NAMES else "")
            self._say(words.format(folder=paths[0].parent, names=names), GOOD)

    def _say(self, text: str, look: tuple[str, str] | None = None) -> None:
        self._said = (text, look)
        show_text(self._ui.tryLabel, text, look)


class JobsSection:
    """Wires the section's widgets."""

    def __init__(self, ui: Any, logic: ProviderLogic) -> None:
        self._ui = ui
        self._logic = logic
        self._shown: list[Any] = []
        self._rows = MovingRows(ui.jobsTable)
        self._log = ""
        set_icon(ui.cancelButton, "SP_DialogCancelButton")
        stretch(ui.jobsTable)
        fit_columns(ui.jobsTable, _FOR, _STATE)
        ui.slots.connect(ui.jobsTable, "itemSelectionChanged()", self._show_selected)
        ui.slots.connect(ui.cancelButton, "clicked()", self.cancel)
        self.refresh()

    def close(self) -> None:
        """Nothing to let go of."""

    def due(self) -> float | None:
        """While a job runs: its thread tells nobody."""
        return PROGRESS if any(not record.over for record in self._shown) else None

    def selected(self) -> Any:
        """The record of the job that is selected, or None."""
        table = self._ui.jobsTable
        row = table.currentRow()
        return self._shown[row] if table.selectedItems() and 0 <= row < len(self._shown) else None

    def refresh(self) -> None:
        """Show how it is now; a new job is selected unless one that is under way is."""
        table, chosen = self._ui.jobsTable, self.selected()
        found = [(service, record) for service in self._logic.services.all() for record in service.records.all()]
        found.sort(key=lambda one: one[1].queued, reverse=True)
        new = bool(found) and (not self._shown or found[0][1] is not self._shown[0])
        self._shown = [record for _service, record in found]
        blocked = table.blockSignals(True)
        self._rows.show([(record, job_cells(service, record)) for service, record in found])
        fit_rows(table, 1, ROWS_SEEN)
        for widget in (table, self._ui.jobProgress, self._ui.cancelButton, self._ui.logText):
            widget.setVisible(bool(found))
        if new and (chosen is None or chosen.over):
            chosen = self._shown[0]
        if chosen in self._shown:
            table.selectRow(self._shown.index(chosen))
        elif chosen is not None:
            table.clearSelection()
        table.blockSignals(blocked)
        self._show_selected()

    def cancel(self) -> None:
        """Cancel the selected job."""
        record = self.selected()
        if record is not None:
            self._logic.cancel(record)

    def _show_selected(self) -> None:
        ui, record = self._ui, self.selected()
        keep_bad_red(ui.jobsTable)
        under_way = record is not None and not record.over
        if self._shown:  # whole, for the column is narrow
            told = progress_words(record) if record is not None else ""
            show_text(ui.jobsLabel, told, BAD if record is not None and record.state == "failed" else None)
        else:
            show_text(ui.jobsLabel, _("No job yet: start a service above, and send images to it; or try it."))
        ui.cancelButton.enabled = under_way and not record.cancelled
        ui.jobProgress.enabled = under_way
        known = not under_way or record.fraction is not None
        ui.jobProgress.setMaximum(100 if known else 0)
        fraction = record.fraction if under_way else float(record is not None and record.state == "done")
        ui.jobProgress.setValue(round(100 * (fraction or 0)))
        log = record.log if record is not None else ""
        if self._log != log:
            self._log = log
            ui.logText.setPlainText(plain(log))
            ui.logText.verticalScrollBar().setValue(ui.logText.verticalScrollBar().maximum)


def job_cells(service: Any, record: Any) -> tuple[Cell, ...]:
    """A job's row: which service, for whom, where it stands, what it told last."""
    asker = _("Trial") if record.trial else record.asker or "?"
    files = _("{event}, {count} files").format(event=record.event, count=record.files)
    told = progress_words(record)
    return (service.product, service.product, None), (asker, files, None), job_words(record), (told, told, None)


def job_words(record: Any) -> Cell:
    """Where a job stands: a word, a sentence, and a pair of colours."""
    if record.state == "waiting":
        return _("Waiting"), _("Other jobs come before it."), IDLE
    if record.state == "running":
        return (_("Ending") if record.cancelled else _("Running")), _("The script works on it."), BUSY
    return last_words(record)


def last_words(record: Any) -> Cell:
    """How a job ended; nothing when there was none."""
    if record is None:
        return "", _("Nothing was done yet."), None
    if record.state == "done":
        return _("Done, {seconds} s").format(seconds=f"{record.took:.1f}"), _("It ended as it should."), GOOD
    if record.state == "cancelled":
        return _("Cancelled"), record.error, IDLE
    return _("Failed"), record.error, BAD


def progress_words(record: Any) -> str:
    """What a job told last, or why it failed."""
    if record.error:
        return str(record.error)
    return f"{record.text} ({record.fraction:.0%})" if record.fraction is not None else str(record.text)
