"""The stand-in's widgets have PythonQt's attributes, as Slicer's have: one test a manner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

# Properties


def test_a_property_is_an_attribute_to_read(qt: Any) -> None:
    button = qt.QPushButton("Go")
    assert (button.text, button.enabled, button.visible, button.checkable) == ("Go", True, False, False)
    edit = qt.QPlainTextEdit()
    edit.setPlainText("a\nb")
    assert edit.plainText == "a\nb" == edit.toPlainText()
    combo = qt.QComboBox()
    combo.addItem("one", 1)
    assert (combo.currentData, combo.currentText, combo.count) == (1, "one", 1)
    timer = qt.QTimer()
    assert (timer.interval, timer.active) == (0, False)


def test_a_property_is_an_attribute_to_set(qt: Any) -> None:
    button = qt.QPushButton()
    button.text, button.enabled, button.toolTip = "Stop", False, "tip"
    assert (button.text, button.isEnabled(), button.toolTip) == ("Stop", False, "tip")
    table = qt.QTableWidget()
    table.rowCount = 3
    assert table.rowCount == 3
    label = qt.QLabel()
    label.alignment = qt.Qt.AlignRight
    assert label.alignment == qt.Qt.AlignRight
    label.alignment = int(qt.Qt.AlignLeft)
    assert label.alignment == qt.Qt.AlignLeft


def test_setting_a_property_to_a_wrong_type_is_refused(qt: Any) -> None:
    with pytest.raises(AttributeError, match="Property 'maximum' of type 'int' does not accept"):
        qt.QSpinBox().maximum = "many"
    with pytest.raises(AttributeError, match="not writable"):
        qt.QWidget().width = 5


@pytest.mark.parametrize(
    "call",
    [
        lambda qt: qt.QPushButton("a").text(),
        lambda qt: qt.QWidget().width(),
        lambda qt: qt.QWidget().size(),
        lambda qt: qt.QTableWidget().rowCount(),
        lambda qt: qt.QSpinBox().value(),
        lambda qt: qt.QLabel().objectName(),
        lambda qt: qt.QTimer().interval(),
    ],
)
def test_a_getter_named_as_its_property_cannot_be_called(qt: Any, call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="object is not callable"):
        call(qt)


def test_setters_and_getters_of_other_names_stay_methods(qt: Any) -> None:
    button = qt.QPushButton()
    button.setText("x")
    button.setEnabled(False)
    assert not button.isEnabled() and not qt.QTimer().isActive()
    timer = qt.QTimer()
    timer.setSingleShot(True)
    assert timer.isSingleShot() and callable(timer.singleShot)


def test_name_is_objectName(qt: Any) -> None:
    widget = qt.QWidget()
    widget.name = "first"
    assert widget.objectName == "first"
    widget.objectName = "second"
    assert widget.name == "second"


def test_classes_that_are_no_qobject_keep_calls(qt: Any) -> None:
    assert (qt.QPoint(1, 2).x(), qt.QSize(3, 4).width(), qt.QColor("#ff0000").name()) == (1, 3, "#ff0000")
    assert qt.QTableWidgetItem("cell").text() == "cell"
    widget = qt.QWidget()
    widget.resize(30, 40)
    assert widget.size.width() == 30 and widget.geometry.height() == 40


def test_a_property_only_qt_6_has_stays_a_method(qt: Any) -> None:
    layout = qt.QVBoxLayout()
    layout.setContentsMargins(1, 2, 3, 4)
    assert layout.contentsMargins().right() == 3
    layout.spacing = 7
    assert layout.spacing == 7


# Attributes


def test_an_unknown_attribute_cannot_be_set(qt: Any, ctk: Any) -> None:
    for thing in (qt.QWidget(), qt.QTimer(), qt.QVBoxLayout(), qt.QColor(), qt.QTableWidgetItem(), ctk.ctkSearchBox()):
        with pytest.raises(AttributeError, match="creating new attributes on C\\+\\+ objects is not allowed"):
            thing.mine = 1


def test_an_unknown_attribute_cannot_be_read(qt: Any) -> None:
    with pytest.raises(AttributeError, match="QWidget has no attribute named 'mine'"):
        _ = qt.QWidget().mine
    assert not hasattr(qt.QWidget(), "mine")


def test_a_method_or_signal_cannot_be_overwritten(qt: Any) -> None:
    for name in ("setText", "clicked"):
        with pytest.raises(AttributeError, match="can not be overwritten"):
            setattr(qt.QPushButton(), name, print)


def test_a_python_subclass_may_have_its_own(qt: Any) -> None:
    class Panel(qt.QWidget):  # type: ignore[misc]
        def __init__(self, parent: Any = None) -> None:
            qt.QWidget.__init__(self, parent)
            self.count = 1
            self.windowTitle = "Cast"

        @property
        def twice(self) -> int:
            return 2 * int(self.count)

        def sizeHint(self) -> Any:
            return qt.QSize(123, 45)

    panel = Panel()
    panel.other = [1]
    assert (panel.count, panel.other, panel.twice, panel.windowTitle) == (1, [1], 2, "Cast")
    del panel.other
    assert not hasattr(panel, "other")
    panel.adjustSize()
    assert panel.width == 123
    with pytest.raises(AttributeError, match="can not be overwritten"):
        panel.setVisible = print


def test_no_keywords_in_constructors(qt: Any) -> None:
    with pytest.raises(ValueError, match="no keyword arguments"):
        qt.QPushButton(text="x")
    with pytest.raises(ValueError, match="no keyword arguments"):
        qt.QColor(r=1)


def test_no_keywords_in_methods(qt: Any) -> None:
    with pytest.raises(ValueError, match="no keyword arguments"):
        qt.QVBoxLayout().addWidget(qt.QLabel(), stretch=1)


def test_a_trailing_underscore_finds_the_method(qt: Any) -> None:
    dialog = qt.QDialog()
    qt.QTimer.singleShot(20, dialog.accept)
    assert dialog.exec_() == 1
    qt.QTimer.singleShot(20, dialog.reject)
    assert dialog.exec() == 0
    qt.QWidget().raise_()
