"""The section Ask: what another application has open, or what its screen shows; its pictures seen and saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from CastInterfaceLib.logic.interface_logic import InterfaceLogic
from CastInterfaceLib.logic.message_log import cut
from CastInterfaceLib.logic.pictures import PeerPicture, pictures_of, save_pictures
from CastLib.data_types import SCENEVIEW, STATUS
from CastSlicerLib.jobs import Cancelled, Job
from CastSlicerLib.palette import BAD, BUSY, plain, reporting, set_choices, set_icon, show_text


class AskSection:
    """Wires the section's widgets."""

    def __init__(self, ui: Any, logic: InterfaceLogic) -> None:
        self._ui = ui
        self._logic = logic
        self._job: Job | None = None
        self._pictures: list[PeerPicture] = []
        self._has_answer = False
        self._window: Any = None
        self._said: tuple[str, tuple[str, str] | None] = ("", None)
        ui.dataBox.addItem(SCENEVIEW, SCENEVIEW)
        ui.dataBox.addItem(STATUS, STATUS)
        set_icon(ui.peersButton, "SP_BrowserReload")
        set_icon(ui.saveButton, "SP_DialogSaveButton")
        set_icon(ui.jsonButton, "SP_FileDialogDetailedView")
        ui.slots.connect(ui.askButton, "clicked()", self.ask)
        ui.slots.connect(ui.peersButton, "clicked()", self.refresh_peers)
        ui.slots.connect(ui.saveButton, "clicked()", self.choose_folder)
        ui.jsonButton.setCheckable(True)
        ui.slots.connect(ui.jsonButton, "toggled(bool)", lambda on: self.refresh())
        ui.slots.connect(ui.pictureList, "itemActivated(QListWidgetItem*)", self._open_picture)
        self.refresh()

    def due(self) -> float | None:
        """All that it shows comes through the pump."""
        return None

    def close(self) -> None:
        """Close the window that shows a picture."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def refresh(self) -> None:
        """Offer who is there now, and show what there is of an answer."""
        ui = self._ui
        self._say(*self._said)  # anew, for the palette may have changed
        ui.pictureList.setVisible(bool(self._pictures))
        ui.saveButton.setVisible(bool(self._pictures))
        ui.jsonButton.setVisible(self._has_answer)
        ui.answerText.setVisible(self._has_answer and ui.jsonButton.checked)
        online = self._logic.state.kind == "online"
        peers = [(peer.label, peer.name) for peer in self._logic.peers.all()] if online else []
        set_choices(ui.peerBox, [(_("Everybody"), ""), *peers])
        ui.peersButton.enabled = online
        ui.askButton.enabled = self._job is not None or online
        set_icon(ui.askButton, "SP_FileDialogContentsView" if self._job is None else "SP_DialogCancelButton")
        ui.askButton.text = _("&Query") if self._job is None else _("Stop w&aiting")

    def refresh_peers(self) -> None:
        """Ask who is connected."""
        with reporting(_("Cannot ask.")):
            self._logic.askWhoIsThere(lambda answer, error: self.refresh())

    def ask(self) -> None:
        """Send the request, or stop waiting for its answer."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._say(_("The answer is not waited for any more."))
            self.refresh()
            return
        with reporting(_("Cannot ask.")):
            self._job = self._logic.request(
                self._ui.dataBox.currentData, self._answered, peer=self._ui.peerBox.currentData or "", digest=_digest
            )
            self._say(_("Waiting for the answer …"), BUSY)
            self.refresh()

    def _answered(self, value: Any, error: Exception | None) -> None:
        if isinstance(error, Cancelled):
            return
        self._job = None
        ui = self._ui
        if error is not None:
            self._say(str(error), BAD)
            self.refresh()
            return
        answer, self._pictures, text = value
        names = [str(response.get("subscriber", "")) for response in answer.get("responses", ())]
        missing = [str(name) for name in answer.get("missing") or ()]
        said = _("Answered: {names}.").format(names=", ".join(names)) if names else _("Nobody answered.")
        if missing:
            said += " " + _("No answer from {names}.").format(names=", ".join(missing))
        self._say(said, None if names and not missing else BUSY)
        ui.answerText.setPlainText(plain(text))
        self._has_answer = True
        ui.pictureList.clear()
        for picture in self._pictures:
            pixmap = qt.QPixmap()
            pixmap.loadFromData(qt.QByteArray(picture.small))
            item = qt.QListWidgetItem(qt.QIcon(pixmap), plain(picture.name))
            item.setToolTip(plain(f"{picture.peer}: {picture.name}"))
            ui.pictureList.addItem(item)
        self.refresh()

    def _say(self, text: str, look: tuple[str, str] | None = None) -> None:
        self._said = (text, look)
        show_text(self._ui.answerLabel, text, look)

    def _open_picture(self, item: Any) -> None:
        picture = self._pictures[self._ui.pictureList.row(item)]
        pixmap = qt.QPixmap()
        pixmap.loadFromData(qt.QByteArray(picture.data))
        self.close()
        self._window = qt.QLabel()
        self._window.setPixmap(pixmap)
        self._window.windowTitle = plain(f"{picture.peer}: {picture.name}")
        self._window.show()

    def choose_folder(self) -> None:
        """Save the pictures into a folder that the user chooses."""
        folder = qt.QFileDialog.getExistingDirectory(self._ui.askSection, _("Save the pictures in"))
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> None:
        """Save the pictures, on a thread."""
        pictures = self._pictures

        def saved(paths: Any, error: Exception | None) -> None:
            if error is not None:
                self._say(str(error), BAD)
            else:
                words = _("{count} pictures saved in {folder}.")
                self._say(words.format(count=len(paths), folder=folder))

        self._logic.inBackground(_("Saving pictures"), lambda job: save_pictures(pictures, folder), saved)


def _digest(answer: dict[str, Any]) -> tuple[dict[str, Any], list[PeerPicture], str]:
    return answer, pictures_of(answer), json.dumps(cut(answer), indent=2, ensure_ascii=False)
