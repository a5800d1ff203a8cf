"""Colours and small habits that all panels share. Colours follow the palette, so that they are readable on dark too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import qt
import slicer

from CastLib.errors import CastError

LONG_WORD = 24  # characters that stand in one line of a narrow panel

# Qt's texts end at a NUL, and half a surrogate pair cannot become one; the other controls only spoil a line.
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_ICON = "castIcon"  # property of a button: the icon it has

# For light palettes and for dark ones.
GOOD = ("#1e7d3c", "#4cc66f")
BUSY = ("#b06a00", "#f0b040")
BAD = ("#b3261e", "#ff8a80")
IDLE = ("#7a7a7a", "#9a9a9a")


def is_dark() -> bool:
    """Whether Slicer's windows are dark."""
    return bool(slicer.app.palette().color(qt.QPalette.Window).lightness() < 128)


def color_of(pair: tuple[str, str]) -> str:
    """The one of a pair of colours that can be read now."""
    return pair[1] if is_dark() else pair[0]


def show_light(label: qt.QLabel, pair: tuple[str, str]) -> None:
    """Make a small label a round light."""
    radius = label.maximumWidth // 2
    style = f"background-color: {color_of(pair)}; border-radius: {radius}px;"
    if label.styleSheet != style:
        label.styleSheet = style


def without_command(reason: str) -> str:
    """A reason as a panel tells it: what stands after the semicolon says what to type into a terminal."""
    return reason.partition("; ")[0] if "`" in reason else reason


def plain(text: str) -> str:
    """A text from outside as Qt keeps it to the letter: what it cannot keep or show stands as a replacement mark."""
    return _NOT_SHOWN.sub("\ufffd", text)


def breakable(text: str) -> str:
    """A text whose long words (UIDs, addresses) may be broken after a mark or, without one, anywhere."""
    return re.sub(rf"\S{{{LONG_WORD},}}", lambda found: re.sub(r"([./:_=-]|\w{20})(?=.)", "\\1\u200b", found[0]), text)


def show_text(label: qt.QLabel, text: str, pair: tuple[str, str] | None = None) -> None:
    """Show a text, in a colour if one is given; a label without text takes no room."""
    text = breakable(plain(text))
    style = f"color: {color_of(pair)};" if pair is not None else ""
    if label.styleSheet != style:
        label.styleSheet = style
    if label.text != text:
        label.text = text
    if label.visible != bool(text):
        label.setVisible(bool(text))


@contextmanager
def reporting(failed: str) -> Iterator[None]:
    """Tell the person in a message box what failed and why.

    Our own errors are sentences, and end here. Others go on as Slicer's own, with their traceback, to its console too.
    """
    with slicer.util.tryWithErrorDisplay(failed, waitCursor=False):
        try:
            yield
        except CastError as error:
            slicer.util.errorDisplay(f"{failed}\n\n{error}")


def set_icon(button: qt.QPushButton, name: str) -> None:
    """Give a button one of Qt's standard icons, as Slicer's own modules have them: ``SP_BrowserReload``."""
    if button.property(_ICON) != name:  # asked for at every refresh
        button.setProperty(_ICON, name)
        button.setIcon(button.style().standardIcon(getattr(qt.QStyle, name)))


def color_icon(name: str) -> qt.QIcon:
    """A square of one colour."""
    pixmap = qt.QPixmap(12, 12)
    pixmap.fill(qt.QColor(name))
    return qt.QIcon(pixmap)


def set_choices(box: qt.QComboBox, choices: list[tuple[str, str]]) -> None:
    """Offer these texts, each with its value as data; what was chosen stays chosen when it is still there."""
    choices = [(plain(text), value) for text, value in choices]
    present = [(box.itemText(index), box.itemData(index)) for index in range(box.count)]
    if present == choices:
        return
    chosen = box.currentData
    blocked = box.blockSignals(True)
    box.clear()
    box.view().setTextElideMode(qt.Qt.ElideMiddle)
    for text, value in choices:
        box.addItem(text, value)
        box.setItemData(box.count - 1, text, qt.Qt.ToolTipRole)  # the list elides long ones
    values = [value for _, value in choices]
    if chosen in values:
        box.setCurrentIndex(values.index(chosen))
    box.blockSignals(blocked)
