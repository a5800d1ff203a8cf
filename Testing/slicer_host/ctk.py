"""Stand-ins for the few CTK widgets the modules use, and the module ``ctk``.

Each is a real widget with CTK's properties and signals, so that `.ui` files load. One more is one class here and its
name in ``WIDGETS``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .pythonqt_attributes import count_as_cpp, keep
from .pythonqt_signals import weakly
from .qt_module import ui_classes

Property, Signal = QtCore.Property, QtCore.Signal
# Marks a child that a shut section hides and shows again.
TO_SHOW = "visibilityToParent"
# Pixels that CTK leaves below the headline of a shut section.
SHUT_REST = 14


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A headline with an arrow that hides what is laid out below it."""

    contentsCollapsed = Signal(bool)

    def __init__(self, *arguments: Any) -> None:
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)][:1])
        keep(self, "_collapsed", False)
        self.setText(text)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setContentsMargins(0, self._header_height(), 0, 0)
        keep(self, "_heights", (0, 0))

    def nextCheckState(self) -> None:
        self.setCollapsed(not self._collapsed)

    def _header_height(self) -> int:
        return int(self.fontMetrics().height() + 10)

    def _is_collapsed(self) -> bool:
        return bool(self._collapsed)

    def setCollapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        keep(self, "_collapsed", collapsed)
        for child in [c for c in self.children() if c.isWidgetType() and not c.isWindow()]:
            if collapsed and not child.isHidden():
                self._shut(child)
            elif not collapsed and child.property(TO_SHOW):
                child.setProperty(TO_SHOW, None)
                child.show()
        # The height is bounded, as CTK does it (sizeHint is a property here, and none to override in a stand-in).
        if collapsed:
            keep(self, "_heights", (self.minimumHeight, self.maximumHeight))
            self.setFixedHeight(self._header_height() + SHUT_REST)
        else:
            self.setMinimumHeight(self._heights[0])
            self.setMaximumHeight(self._heights[1])
        self.update()
        self.contentsCollapsed.emit(collapsed)

    collapsed = Property(bool, _is_collapsed, setCollapsed)

    def _shut(self, child: QtWidgets.QWidget) -> None:
        # A mark on the child, not a list of children: a child just being made must not be kept, for Python would take
        # it for a plain QWidget ever after.
        child.setProperty(TO_SHOW, True)
        child.hide()

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        child = event.child()
        if event.added() and child.isWidgetType():
            child.installEventFilter(self)
            hidden_by_hand = child.isHidden() and child.testAttribute(
                QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide
            )
            if self._collapsed and not hidden_by_hand:
                self._shut(child)

    def eventFilter(self, child: QtCore.QObject, event: QtCore.QEvent) -> bool:
        # A child shown while the section is shut stays hidden until it opens.
        if event.type() == QtCore.QEvent.Type.ShowToParent and self._collapsed and not child.isWindow():
            self._shut(child)
        return False

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return bool(position.y() < self._header_height())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        height = self._header_height()
        option.rect = QtCore.QRect(0, 0, self.width, height)
        option.state |= QtWidgets.QStyle.StateFlag.State_Raised
        painter.drawPrimitive(QtWidgets.QStyle.PrimitiveElement.PE_PanelButtonCommand, option)
        elements = QtWidgets.QStyle.PrimitiveElement
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(8, (height - 10) // 2, 10, 10)
        painter.drawPrimitive(
            elements.PE_IndicatorArrowRight if self._collapsed else elements.PE_IndicatorArrowDown, arrow
        )
        where = QtCore.QRect(26, 0, self.width - 30, height)
        flags = QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter
        painter.drawItemText(
            where, flags | QtCore.Qt.TextFlag.TextShowMnemonic, self.palette, self.enabled, self.text,
            QtGui.QPalette.ColorRole.ButtonText,
        )  # fmt: skip
        if self.hasFocus():
            focus = QtWidgets.QStyleOptionFocusRect()
            focus.initFrom(self)
            focus.rect = QtCore.QRect(2, 2, self.width - 4, height - 4)
            painter.drawPrimitive(elements.PE_FrameFocusRect, focus)
        painter.end()


class ctkPathLineEdit(QtWidgets.QWidget):
    """A line for a path, with a button that browses."""

    currentPathChanged = Signal(str)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        keep(self, "_line", QtWidgets.QLineEdit())
        keep(self, "_button", QtWidgets.QToolButton())
        keep(self, "_filters", 0)
        keep(self, "_name_filters", [])
        self._button.setText("…")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line)
        row.addWidget(self._button)
        self.setFocusProxy(self._line)
        self._line.connect("textChanged(QString)", weakly(self._changed))
        self._button.connect("clicked()", weakly(self.browse))

    def _changed(self, path: str) -> None:
        self.currentPathChanged.emit(path)

    # CTK's own filter flags.
    Dirs, Files = 0x001, 0x002

    def browse(self) -> None:
        dialog = QtWidgets.QFileDialog
        ask = dialog.getExistingDirectory if self._filters & self.Dirs else dialog.getOpenFileName
        path = ask(self, "Select a file", self._line.text)
        if path:
            self._line.setText(path)

    def setCurrentPath(self, path: str) -> None:
        self._line.setText(path)

    def addCurrentPathToHistory(self) -> None:
        pass

    currentPath = Property(str, lambda self: self._line.text, setCurrentPath)
    filters = Property(int, lambda self: self._filters, lambda self, value: keep(self, "_filters", int(value)))
    nameFilters = Property(
        "QStringList", lambda self: self._name_filters, lambda self, value: keep(self, "_name_filters", list(value))
    )


class ctkSearchBox(QtWidgets.QLineEdit):
    """A line to search with, a magnifying glass and a cross to clear it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        self.setClearButtonEnabled(True)
        self.setPlaceholderText("Search...")


class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text to show while nothing is chosen."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        keep(self, "_default", "")

    def setDefaultText(self, text: str) -> None:
        keep(self, "_default", text)
        self.setPlaceholderText(text)

    defaultText = Property(str, lambda self: self._default, setDefaultText)


class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        self.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.connect("textChanged()", weakly(self._fit))

    def _fit(self) -> None:
        document = self.document.clone(self)
        document.setTextWidth(max(100, self.viewport().width))
        height = int(document.size.height())
        document.deleteLater()
        self.setFixedHeight(height + 2 * self.frameWidth + 4)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        QtWidgets.QTextBrowser.resizeEvent(self, event)
        self._fit()


class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box that can remember not to be shown again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments[:1])
        keep(self, "_key", "")

    dontShowAgainSettingsKey = Property(str, lambda self: self._key, lambda self, value: keep(self, "_key", value))


WIDGETS = (
    ctkCollapsibleButton,
    ctkComboBox,
    ctkFittedTextBrowser,
    ctkMessageBox,
    ctkPathLineEdit,
    ctkSearchBox,
)


class CtkModule(ModuleType):
    """``ctk``: what is not here is refused, with where to add it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"module 'ctk' of the stand-in has no '{name}': add it to slicer_host/ctk.py")


def install() -> None:
    """Put ``ctk`` into sys.modules and its widgets within reach of `.ui` files."""
    from . import qmrml

    ctk = CtkModule("ctk")
    for kind in WIDGETS:
        setattr(ctk, kind.__name__, kind)
    for kind in WIDGETS + qmrml.WIDGETS:
        ui_classes[kind.__name__] = kind
        count_as_cpp(kind)
    sys.modules["ctk"] = ctk
