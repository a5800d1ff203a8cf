"""Tables of several panels: columns that share the width, and cells touched only when they change."""

from __future__ import annotations

from collections.abc import Sequence

import qt

from CastInterfaceLib.panels.looks import color_of

Cell = tuple[str, str, "tuple[str, str] | None"]

_KEY = qt.Qt.UserRole


def stretch(table: qt.QTableWidget) -> None:
    """Have the columns share the width, and rows no higher than a line."""
    header = table.horizontalHeader()
    header.setStretchLastSection(False)  # else the last column takes what the others leave, whatever its own mode
    header.setSectionResizeMode(qt.QHeaderView.Stretch)
    header.setMinimumSectionSize(24)
    header.setHighlightSections(False)
    low_rows(table)


def low_rows(table: qt.QTableWidget) -> None:
    """Make rows no higher than a line of text."""
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 6)


def fit_rows(table: qt.QTableWidget, least: int, most: int) -> None:
    """Make a table as high as its rows, but not lower or higher than so many."""
    rows = max(least, min(most, table.rowCount))
    header = table.horizontalHeader()
    header_height = header.height if table.isVisible() else header.sizeHint.height()
    height = header_height + rows * table.verticalHeader().defaultSectionSize + 2 * table.frameWidth
    if table.minimumHeight != height or table.maximumHeight != height:
        table.setFixedHeight(height)


def fill_row(table: qt.QTableWidget, row: int, cells: Sequence[Cell]) -> None:
    """Show text, tooltip and colour of each cell; only what has changed is touched."""
    for column, cell in enumerate(cells):
        text, tip, look = cell
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
