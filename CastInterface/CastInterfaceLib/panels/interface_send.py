"""The section Send: loaded volumes or the open study to services; of each what the service tells, and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import slicer
from slicer.i18n import tr as _

from CastInterfaceLib.logic.interface_logic import InterfaceLogic
from CastLib.actors import EVIDENCE_CREATOR
from CastSlicerLib.jobs import Cancelled, Job
from CastSlicerLib.palette import BAD, BUSY, GOOD, IDLE, plain, reporting, set_choices, set_icon
from CastSlicerLib.sections import PROGRESS, VOLUMES
from CastSlicerLib.tables import fill_row, fit_rows, keep_bad_red, stretch

STUDY = "study"
MOST = 20  # sends that are listed
_EVERY_SERVICE = f"actor:{EVIDENCE_CREATOR}"
ROWS_SEEN = 4  # rows of the list before it scrolls


@dataclass(eq=False)
class Sent:
    """One batch as the panel shows it: ``job`` while it goes out, ``waiting`` for the service after that.

    ``to_every`` is for a batch that any service may take, ``unheard`` when none is known that would.
    """

    what: str
    to: str
    state: str
    look: tuple[str, str] = BUSY
    job: Job | None = None
    to_every: bool = False
    waiting: bool = False
    unheard: bool = False
    fraction: float | None = None
    lines: list[str] = field(default_factory=list)


class SendSection:
    """Wires the section's widgets. ``scene_changed()`` is called when a result has come into the scene."""

    def __init__(self, ui: Any, logic: InterfaceLogic, scene_changed: Callable[[], object]) -> None:
        self._ui = ui
        self._logic = logic
        self._scene_changed = scene_changed
        self._sent: list[Sent] = []  # newest first
        self._shown: Sent | None = None
        self._chosen = False  # as long as nobody chose whom to send to, the first service is offered
        set_icon(ui.sendButton, "SP_ArrowUp")
        set_icon(ui.cancelSendButton, "SP_DialogCancelButton")
        stretch(ui.sendsTable)
        ui.slots.connect(ui.toBox, "activated(int)", lambda index: self._choose())
        ui.slots.connect(ui.sendButton, "clicked()", self.send)
        ui.slots.connect(ui.cancelSendButton, "clicked()", self.cancel)
        ui.slots.connect(ui.sendsTable, "itemSelectionChanged()", self._select)
        ui.sendProgress.setFormat("%p%")
        self.refresh()

    def close(self) -> None:
        """Nothing to let go of."""

    def due(self) -> float | None:
        """While something is sent, and to see which volumes are loaded."""
        return PROGRESS if any(sent.job is not None for sent in self._sent) else VOLUMES

    def refresh(self) -> None:
        """Offer what can be sent and to whom, and show how far it is."""
        ui, logic = self._ui, self._logic
        series = logic.openNow.series
        what = [(node.GetName() or node.GetID(), node.GetID()) for node in logic.volumes()]
        if len(series) > 1:
            what.insert(0, (_("The study that is open ({count} series)").format(count=len(series)), STUDY))
        set_choices(ui.whatBox, what or [(_("No volume is loaded"), "")])
        online = logic.state.kind == "online"
        peers = logic.peers.all() if online else []
        peers.sort(key=lambda peer: EVIDENCE_CREATOR not in peer.actors)
        services = [(peer.label, f"peer:{peer.name}") for peer in peers]
        set_choices(ui.toBox, [*services, (_("Every Evidence Creator"), _EVERY_SERVICE)])
        if not self._chosen:
            ui.toBox.setCurrentIndex(0)
        ui.sendButton.enabled = online and bool(what)
        ui.whatBox.enabled = bool(what)
        self._show_list()
        self._show_progress()

    def _show_list(self) -> None:
        table = self._ui.sendsTable
        table.setVisible(bool(self._sent))
        self._ui.sendText.setVisible(bool(self._sent))
        blocked = table.blockSignals(True)
        if table.rowCount != len(self._sent):
            table.setRowCount(len(self._sent))
            fit_rows(table, 1, ROWS_SEEN)
        for row, sent in enumerate(self._sent):
            last = sent.lines[-1] if sent.lines else ""
            cells = (sent.what, sent.what, None), (sent.to, sent.to, None), (sent.state, last, sent.look)
            fill_row(table, row, cells)
        if self._shown is not None:
            table.selectRow(self._sent.index(self._shown))
        table.blockSignals(blocked)
        keep_bad_red(table)

    def _show_progress(self) -> None:
        ui, sent = self._ui, self._shown
        job = sent.job if sent is not None else None
        ui.cancelSendButton.setVisible(job is not None)
        ui.sendProgress.setVisible(job is not None or (sent is not None and sent.waiting))
        fraction = sent.fraction if sent is not None else None
        if job is not None:
            fraction = job.done / job.total if job.total else None
        # A maximum of 0 makes Qt show that something is done, without saying how far.
        ui.sendProgress.setMaximum(0 if fraction is None else 100)
        ui.sendProgress.setValue(round(100 * (fraction or 0)))

    def _choose(self) -> None:
        self._chosen = True

    def _select(self) -> None:
        row = self._ui.sendsTable.currentRow()
        if 0 <= row < len(self._sent):
            self._show(self._sent[row])
            self.refresh()

    def _show(self, sent: Sent) -> None:
        self._shown = sent
        self._ui.sendText.setPlainText(plain("\n".join(sent.lines)))

    def send(self) -> None:
        """Send what is chosen."""
        ui = self._ui
        kind, _colon, value = (ui.toBox.currentData or _EVERY_SERVICE).partition(":")
        sent = Sent(ui.whatBox.currentText, ui.toBox.currentText, _("Sending"), to_every=kind == "actor")
        to: dict[str, Any] = {
            kind: value,
            "progress": lambda text, fraction: self._progressed(sent, text, fraction),
            "result": lambda names, problem: self._came_back(sent, names, problem),
            "callback": lambda id, error: self._went_out(sent, error),
        }
        with reporting(_("Cannot send.")):
            what = ui.whatBox.currentData
            if what == STUDY:
                sent.job = self._logic.sendStudy(**to)
            else:
                sent.job = self._logic.sendNode(slicer.mrmlScene.GetNodeByID(what or ""), **to)
            self._sent.insert(0, sent)
            self._drop_old()
            self._show(sent)
            self._say(sent, _("Sending {name} to {target} …").format(name=sent.what, target=sent.to))
            self.refresh()

    def cancel(self) -> None:
        """Cancel what is shown while it is being sent."""
        if self._shown is not None and self._shown.job is not None:
            self._shown.job.cancel()

    def _drop_old(self) -> None:
        for sent in [sent for sent in self._sent[MOST:] if sent.job is None]:
            self._sent.remove(sent)

    def _went_out(self, sent: Sent, error: Exception | None) -> None:
        sent.job = None
        if isinstance(error, Cancelled):
            self._end(sent, _("Cancelled"), IDLE, _("Cancelled."))
        elif error is not None:
            self._end(sent, _("Not sent"), BAD, _("Not sent: {reason}").format(reason=error))
        elif sent.to_every and not any(EVIDENCE_CREATOR in peer.actors for peer in self._logic.peers.all()):
            sent.unheard = True
            self._end(sent, _("Nobody"), BUSY, _("The hub has it, but no service is known that would take it."))
        else:
            sent.waiting, sent.state = True, _("Waiting")
            self._say(sent, _("The hub has it. Waiting for the service …"))
        self.refresh()

    def _progressed(self, sent: Sent, text: str, fraction: float | None) -> None:
        sent.fraction = fraction
        sent.waiting, sent.unheard = sent.waiting or sent.unheard, False
        if sent.waiting:
            sent.state = _("At work") if fraction is None else f"{fraction:.0%}"
        self._say(sent, text)
        self.refresh()

    def _came_back(self, sent: Sent, names: Sequence[str], problem: str) -> None:
        if problem:
            self._end(sent, _("Failed"), BAD, _("No result: {reason}").format(reason=problem))
        else:
            self._end(sent, _("Shown"), GOOD, _("The result is shown: {labels}").format(labels=", ".join(names)))
            self._scene_changed()
        self.refresh()

    def _end(self, sent: Sent, state: str, look: tuple[str, str], line: str) -> None:
        sent.waiting, sent.state, sent.look = False, state, look
        self._say(sent, line)

    def _say(self, sent: Sent, line: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {line}"
        sent.lines.append(line)
        if sent is self._shown:
            self._ui.sendText.appendPlainText(plain(line))
