"""The section Send: a loaded volume or the open study to a service, what the service tells, and its result."""

from __future__ import annotations

import time
from typing import Any

import slicer
from slicer.i18n import tr as _

from CastInterfaceLib.interface_logic import InterfaceLogic
from CastInterfaceLib.jobs import Cancelled, Job
from CastInterfaceLib.panels.looks import set_choices
from CastLib.actors import EVIDENCE_CREATOR

STUDY = "study"
_EVERY_SERVICE = f"actor:{EVIDENCE_CREATOR}"


class SendSection:
    """Wires the section's widgets."""

    def __init__(self, ui: Any, logic: InterfaceLogic) -> None:
        self._ui = ui
        self._logic = logic
        self._job: Job | None = None
        self._fraction: float | None = None
        self._waiting = False
        self._chosen = False  # as long as nobody chose whom to send to, the first service is offered
        self._segments: tuple[Any, ...] = ()
        ui.toBox.connect("activated(int)", lambda index: self._choose())
        ui.sendButton.connect("clicked()", self.send)
        ui.cancelSendButton.connect("clicked()", self.cancel)
        ui.sendProgress.setFormat("%p%")
        self.refresh()

    def close(self) -> None:
        """Nothing to let go of."""

    def refresh(self) -> None:
        """Offer what can be sent and to whom, and show how far it is."""
        ui, logic = self._ui, self._logic
        now = logic.openNow
        ui.sendText.setVisible(bool(ui.sendText.plainText))
        what = [(node.GetName() or node.GetID(), node.GetID()) for node in logic.volumes()]
        if len(now.series) > 1:
            what.insert(0, (_("The study that is open ({count} series)").format(count=len(now.series)), STUDY))
        set_choices(ui.whatBox, what or [(_("No volume is loaded"), "")])
        online = logic.state.kind == "online"
        peers = logic.peers.all() if online else []
        peers.sort(key=lambda peer: EVIDENCE_CREATOR not in peer.actors)
        services = [(peer.label, f"peer:{peer.name}") for peer in peers]
        set_choices(ui.toBox, [*services, (_("Every Evidence Creator (EC)"), _EVERY_SERVICE)])
        if not self._chosen:
            ui.toBox.setCurrentIndex(0)
        ui.sendButton.enabled = online and bool(what) and self._job is None
        ui.whatBox.enabled = bool(what)
        ui.cancelSendButton.setVisible(self._job is not None)
        ui.sendProgress.setVisible(self._job is not None or self._waiting)
        if self._job is not None and self._job.total:
            ui.sendProgress.setMaximum(100)
            ui.sendProgress.setValue(round(100 * self._job.done / self._job.total))
        elif self._waiting:
            ui.sendProgress.setMaximum(0 if self._fraction is None else 100)
            ui.sendProgress.setValue(round(100 * (self._fraction or 0)))
        if now.segments != self._segments:
            self._segments = now.segments
            if self._waiting and now.segments:
                self._waiting = False
                labels = ", ".join(segment.label for segment in now.segments)
                self._say(_("The result is shown: {labels}").format(labels=labels))

    def _choose(self) -> None:
        self._chosen = True

    def send(self) -> None:
        """Send what is chosen."""
        kind, _colon, value = (self._ui.toBox.currentData or _EVERY_SERVICE).partition(":")
        to: dict[str, Any] = {kind: value, "progress": self._progressed, "callback": self._sent}
        with slicer.util.tryWithErrorDisplay(_("Cannot send."), waitCursor=False):
            what = self._ui.whatBox.currentData
            if what == STUDY:
                self._job = self._logic.sendStudy(**to)
            else:
                self._job = self._logic.sendNode(slicer.mrmlScene.GetNodeByID(what or ""), **to)
            self._fraction, self._waiting = None, False
            name, target = self._ui.whatBox.currentText, self._ui.toBox.currentText
            self._say(_("Sending {name} to {target} …").format(name=name, target=target))
            self.refresh()

    def cancel(self) -> None:
        """Call off what is being sent."""
        if self._job is not None:
            self._job.cancel()

    def _sent(self, id: Any, error: Exception | None) -> None:
        self._job = None
        if isinstance(error, Cancelled):
            self._say(_("Called off."))
        elif error is not None:
            self._say(_("Not sent: {reason}").format(reason=error))
        else:
            self._waiting = True
            self._say(_("The hub has it. Waiting for the service …"))
        self.refresh()

    def _progressed(self, text: str, fraction: float | None) -> None:
        self._fraction = fraction
        self._say(text)

    def _say(self, line: str) -> None:
        self._ui.sendText.appendPlainText(f"{time.strftime('%H:%M:%S')} {line}")
