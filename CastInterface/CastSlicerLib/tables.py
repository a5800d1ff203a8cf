"""Tables of several panels: columns that share the width, and cells touched only when they change."""

from __future__ import annotations

from collections.abc import Sequence

import qt
import slicer

from CastSlicerLib.palette import BAD, color_of, is_dark, plain

Cell = tuple[str, str, "tuple[str, str] | None"]

PALE = 0.25  # how much of the mark's colour is in the ground of a selected row that tells of a failure
STEP = 20  # rows of a long table that are written at a time

_KEY = qt.Qt.UserRole


def stretch(table: qt.QTableWidget) -> None:
    """Have the columns share the width, and rows no higher than a line."""
    header = table.horizontalHeader()
    header.setStretchLastSection(False)  # else the last column takes what the others leave, whatever its own mode
    header.setSectionResizeMode(qt.QHeaderView.Stretch)
    header.setMinimumSectionSize(24)
    header.setHighlightSections(False)
    low_rows(table)


def fit_columns(table: qt.QTableWidget, *columns: int) -> None:
    """Make columns as wide as what is seen of them.

    Qt would look at a thousand rows otherwise, and again whenever a cell is written.
    """
    header = table.horizontalHeader()
    header.setResizeContentsPrecision(0)
    for column in columns:
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)


def low_rows(table: qt.QTableWidget) -> None:
    """Make rows no higher than a line of text."""
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 6)


def fit_rows(table: qt.QTableWidget, least: int, most: int) -> None:
    """Make a table as high as its rows, but not lower or higher than so many."""
    rows = max(least, min(most, table.rowCount))
    sides, header = table.verticalHeader(), table.horizontalHeader()
    inside = sum(sides.sectionSize(row) if row < table.rowCount else sides.defaultSectionSize for row in range(rows))
    header_height = header.height if table.isVisible() else header.sizeHint.height()
    height = header_height + inside + 2 * table.frameWidth
    if table.minimumHeight != height or table.maximumHeight != height:
        table.setFixedHeight(height)


def fill_row(table: qt.QTableWidget, row: int, cells: Sequence[Cell]) -> None:
    """Show text, tooltip and colour of each cell; only what has changed is touched."""
    for column, cell in enumerate(cells):
        text, tip, look = plain(cell[0]), plain(cell[1]), cell[2]
        color = color_of(look) if look is not None else ""
        item = table.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem()
            item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
            table.setItem(row, column, item)
        key = f"{text}\n{tip}\n{color}"
        if item.data(_KEY) == key and item.text() == text:
            continue
        item.setData(_KEY, key)
        item.setText(text)
        item.setToolTip(tip)
        item.setData(qt.Qt.ForegroundRole, qt.QBrush(qt.QColor(color)) if color else None)


def keep_bad_red(table: qt.QTableWidget) -> None:
    """Have a selected row that tells of a failure stay red: Qt gives all that is selected one colour of its own.

    What is selected stands on a pale ground then, on which red can be read.
    """
    row = table.currentRow() if table.selectedItems() else -1
    bad = color_of(BAD)
    items = [table.item(row, column) for column in range(table.columnCount)] if row >= 0 else []
    is_bad = any(item is not None and str(item.data(_KEY)).endswith(f"\n{bad}") for item in items)
    palette = qt.QPalette(slicer.app.palette())
    if is_bad:
        ground, mark = palette.color(qt.QPalette.Base), palette.color(qt.QPalette.Highlight)
        mixed = [round(PALE * a + (1 - PALE) * b) for a, b in zip(_rgb(mark), _rgb(ground), strict=True)]
        palette.setColor(qt.QPalette.Highlight, qt.QColor(*mixed))
        palette.setColor(qt.QPalette.HighlightedText, qt.QColor(bad))
    if table.palette.color(qt.QPalette.HighlightedText).name() != palette.color(qt.QPalette.HighlightedText).name():
        table.setPalette(palette)


def _rgb(color: qt.QColor) -> tuple[int, int, int]:
    return color.red(), color.green(), color.blue()


class MovingRows:
    """A table with one row for each of some things, most of which only move: for long tables that grow at the top.

    A row moves with its thing, and is written when its cells, or the window's colours, have changed. At most `STEP` are
    written at a time, the upper ones first, and the others when it is shown next: the window never stands still.
    """

    def __init__(self, table: qt.QTableWidget) -> None:
        self._table = table
        self._dark = is_dark()
        self._rows: list[tuple[object, Sequence[Cell] | None]] = []

    def show(self, rows: Sequence[tuple[object, Sequence[Cell]]]) -> None:
        """Show these things and their cells, in this order; those that were shown before come in the same order."""
        kept = {id(thing) for thing, _cells in rows}
        for row in reversed(range(len(self._rows))):
            if id(self._rows[row][0]) not in kept:
                self._table.removeRow(row)
                del self._rows[row]
        if self._dark != is_dark():
            self._dark = not self._dark
            self._rows = [(thing, None) for thing, _cells in self._rows]
        left = STEP
        for row, (thing, cells) in enumerate(rows):
            if row == len(self._rows) or self._rows[row][0] is not thing:
                self._table.insertRow(row)
                self._rows.insert(row, (thing, None))
            if left and self._rows[row][1] != cells:
                self._rows[row] = thing, cells
                fill_row(self._table, row, cells)
                left -= 1
