"""The section Messages: what came and what was sent, in a table that can be filtered, and one message as JSON."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from CastInterfaceLib.logic.interface_logic import InterfaceLogic
from CastInterfaceLib.logic.message_log import MOST, RECEIVED, Record
from CastSlicerLib.palette import plain, set_icon
from CastSlicerLib.sections import PROGRESS
from CastSlicerLib.tables import fit_columns, low_rows

# Rows added at one refresh: a burst is shown in steps, so that the window never stands still.
STEP = 40

_TIME, _DIRECTION, _EVENT, _FROM, _TO = range(5)  # columns
_NUMBER = qt.Qt.UserRole


class MessagesSection:
    """Wires the section's widgets."""

    def __init__(self, ui: Any, logic: InterfaceLogic) -> None:
        self._ui = ui
        self._logic = logic
        self._last = 0
        self._selected = False
        header = ui.messagesTable.horizontalHeader()
        header.setStretchLastSection(False)
        fit_columns(ui.messagesTable, _TIME, _DIRECTION)
        header.setSectionResizeMode(_EVENT, qt.QHeaderView.Stretch)
        for column, width in ((_FROM, 80), (_TO, 60)):
            header.setSectionResizeMode(column, qt.QHeaderView.Interactive)
            header.resizeSection(column, width)
        low_rows(ui.messagesTable)
        set_icon(ui.clearButton, "SP_TrashIcon")
        ui.slots.connect(ui.filterEdit, "textChanged(QString)", self._filter)
        ui.slots.connect(ui.clearButton, "clicked()", self.clear)
        ui.slots.connect(ui.messagesTable, "itemSelectionChanged()", self._show_selected)
        self._show_selected()

    def close(self) -> None:
        """Nothing to let go of."""

    def due(self) -> float | None:
        """While a burst is added in steps."""
        return PROGRESS if self._logic.messages.last_number != self._last else None

    def refresh(self) -> None:
        """Add what is new."""
        self._ui.messageText.setVisible(self._selected)
        if self._logic.messages.last_number == self._last:
            return
        table, log = self._ui.messagesTable, self._logic.messages
        records = log.records(after=self._last)[:STEP]
        if not records:
            self._last = log.last_number
            return
        bar = table.verticalScrollBar()
        at_end = bar.value >= bar.maximum - 1
        table.setUpdatesEnabled(False)
        for record in records:
            self._add(record)
        for _row in range(table.rowCount - MOST):
            table.removeRow(0)
        table.setUpdatesEnabled(True)
        self._last = records[-1].number
        if at_end:
            table.scrollToBottom()

    def clear(self) -> None:
        """Forget all messages."""
        self._logic.messages.clear()
        self._ui.messagesTable.setRowCount(0)
        self._show_selected()

    def _add(self, record: Record) -> None:
        table = self._ui.messagesTable
        row = table.rowCount
        table.insertRow(row)
        arrow = "←" if record.direction == RECEIVED else "→"
        for column, text in enumerate(map(plain, (record.at, arrow, record.event, record.sender, record.target))):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            table.setItem(row, column, item)
        table.item(row, 0).setData(_NUMBER, record.number)
        table.item(row, 1).setToolTip(_("received") if record.direction == RECEIVED else _("sent"))
        table.setRowHidden(row, not record.matches(self._ui.filterEdit.text))

    def _filter(self, text: str) -> None:
        table = self._ui.messagesTable
        shown = {record.number for record in self._logic.messages.records() if record.matches(text)}
        for row in range(table.rowCount):
            table.setRowHidden(row, table.item(row, 0).data(_NUMBER) not in shown)
        if table.currentRow() >= 0 and table.isRowHidden(table.currentRow()):
            table.clearSelection()  # what is not seen is not shown below either

    def _show_selected(self) -> None:
        table = self._ui.messagesTable
        item = table.item(table.currentRow(), 0) if table.selectedItems() else None
        record = self._logic.messages.find(item.data(_NUMBER)) if item is not None else None
        self._selected = record is not None
        self._ui.messageText.setVisible(self._selected)
        self._ui.messageText.setPlainText(plain(record.as_json()) if record is not None else "")
