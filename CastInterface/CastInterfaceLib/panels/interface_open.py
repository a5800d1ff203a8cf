"""The section Open now: the study that the hub says is open, what is shown of it, and how far reading is."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CastInterfaceLib.display.open_now import OpenNow
from CastInterfaceLib.display.unsaved_question import DISCARD, KEEP, STAY
from CastInterfaceLib.logic.interface_logic import InterfaceLogic
from CastInterfaceLib.panels.thumbnails import SIDE, thumbnail
from CastInterfaceLib.study.left_out import name_some
from CastSlicerLib.palette import BUSY, color_icon, plain, set_icon, show_text
from CastSlicerLib.sections import PROGRESS
from CastSlicerLib.tables import fit_columns, fit_rows, stretch

MAX_PROBLEMS = 3
ROWS_SEEN = 8  # rows before the table scrolls


class OpenSection:
    """Wires the section's widgets."""

    def __init__(self, ui: Any, logic: InterfaceLogic) -> None:
        self._ui = ui
        self._logic = logic
        self._shown: tuple[Any, ...] | None = None
        ui.slots.connect(ui.cancelButton, "clicked()", logic.cancelOpening)
        set_icon(ui.cancelButton, "SP_DialogCancelButton")
        for button, answer in ((ui.keepButton, KEEP), (ui.discardButton, DISCARD), (ui.stayButton, STAY)):
            ui.slots.connect(button, "clicked()", lambda answer=answer: logic.answerUnsaved(answer))
        ui.contentTable.setIconSize(qt.QSize(SIDE, SIDE))
        stretch(ui.contentTable)
        fit_columns(ui.contentTable, 1)
        self.refresh()

    def close(self) -> None:
        """Nothing to let go of."""

    def due(self) -> float | None:
        """While it reads."""
        return PROGRESS if self._logic.openNow.doing else None

    def refresh(self) -> None:
        """Show what is open now."""
        ui, now = self._ui, self._logic.openNow
        show_text(ui.studyLabel, self._sentence(now))
        ui.studyEdit.setVisible(bool(now.study_uid))
        title = plain(now.title or now.study_uid)
        if ui.studyEdit.text != title:
            ui.studyEdit.text = title
            ui.studyEdit.setCursorPosition(0)
        ui.studyEdit.toolTip = plain(f"{title}\nStudyInstanceUID {now.study_uid}")
        busy = bool(now.doing)
        ui.openProgress.setVisible(busy)
        ui.cancelButton.setVisible(busy)
        if busy:
            # A maximum of 0 makes Qt show that something is done, without saying how far.
            ui.openProgress.setMaximum(0 if now.fraction is None else 100)
            ui.openProgress.setValue(round(100 * (now.fraction or 0)))
        ui.unsavedFrame.setVisible(bool(now.unsaved))
        if now.unsaved:
            show_text(ui.unsavedLabel, self._question(now), BUSY)
        show_text(ui.problemLabel, self._problems(now), BUSY)
        ui.problemLabel.toolTip = "\n".join(now.problems)
        if self._shown != (now.series, now.segments):
            self._shown = (now.series, now.segments)
            self._fill(now)

    def _question(self, now: OpenNow) -> str:
        return _(
            "The hub has moved on to something else. Not saved of your work on this study: {names}. Save it first if "
            "you like; then say what becomes of it."
        ).format(names=name_some(now.unsaved))

    def _problems(self, now: OpenNow) -> str:
        """The newest problems, and how many more the tooltip tells."""
        told = list(now.problems[-MAX_PROBLEMS:])
        more = len(now.problems) - len(told)
        if more:
            told.insert(0, _("{count} more: they stand in this text's tooltip.").format(count=more))
        return "\n".join(told)

    def _sentence(self, now: OpenNow) -> str:
        if not now.study_uid and not now.doing:
            if self._logic.state.kind != "online":
                return _("Nothing is open. First connect to a hub, above.")
            return _("Nothing is open. Open a study in the worklist; it is shown here.")
        if now.doing:
            return _("{doing} …").format(doing=now.doing)
        if now.awaited:
            return _("Waiting for images: the study is shown as soon as they are sent.")
        return _("This study is open.")

    def _fill(self, now: OpenNow) -> None:
        table = self._ui.contentTable
        table.setVisible(bool(now.series or now.segments))
        table.setRowCount(len(now.series) + len(now.segments))
        low = table.verticalHeader().defaultSectionSize
        for row, (name, count, node_id) in enumerate(now.series):
            item = self._set(row, name, _("{count} images").format(count=count))
            volume = slicer.mrmlScene.GetNodeByID(node_id)
            if volume is not None and volume.GetImageData() is not None:
                item.setIcon(thumbnail(volume))
            table.setRowHeight(row, SIDE + 4)
        for row, segment in enumerate(now.segments, len(now.series)):
            item = self._set(row, segment.label, _("{volume:.1f} ml").format(volume=segment.millilitres))
            item.setIcon(color_icon(segment.color))
            table.setRowHeight(row, low)
        fit_rows(table, 1, ROWS_SEEN)

    def _set(self, row: int, text: str, size: str) -> qt.QTableWidgetItem:
        item = qt.QTableWidgetItem(plain(text))
        item.setToolTip(plain(text))
        self._ui.contentTable.setItem(row, 0, item)
        self._ui.contentTable.setItem(row, 1, qt.QTableWidgetItem(size))
        return item
