"""The stand-in's ``qt`` and ``ctk`` behave as PythonQt's in Slicer do: one test a manner."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Panel</class><widget class="qMRMLWidget" name="Panel"><layout class="QVBoxLayout">
<item><widget class="ctkCollapsibleButton" name="section"><property name="text"><string>Connection</string></property>
 <property name="collapsed"><bool>true</bool></property><layout class="QFormLayout">
 <item row="0" column="0"><widget class="QLabel" name="label"><property name="text"><string>Hub</string></property>
 </widget></item>
 <item row="0" column="1"><widget class="QLineEdit" name="hub"/></item>
 <item row="1" column="1"><widget class="QPushButton" name="go">
 <property name="text"><string>Connect</string></property></widget></item></layout></widget></item>
<item><widget class="qMRMLNodeComboBox" name="volumes">
 <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
 <property name="noneEnabled"><bool>true</bool></property></widget></item>
<item><widget class="ctkPathLineEdit" name="path"><property name="filters"><set>ctkPathLineEdit::Files</set></property>
</widget></item>
<item><widget class="QTableWidget" name="table"><column><property name="text"><string>Time</string></property></column>
</widget></item></layout></widget>
<customwidgets>
<customwidget><class>qMRMLWidget</class><extends>QWidget</extends><header>qMRMLWidget.h</header><container>1</container>
</customwidget>
<customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends><header>ctkCollapsibleButton.h</header>
<container>1</container></customwidget>
<customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends><header>qMRMLNodeComboBox.h</header></customwidget>
<customwidget><class>ctkPathLineEdit</class><extends>QWidget</extends><header>ctkPathLineEdit.h</header></customwidget>
</customwidgets>
<connections><connection><sender>Panel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>volumes</receiver>
<slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


@pytest.fixture
def qt() -> Any:
    import qt

    return qt


@pytest.fixture
def ctk() -> Any:
    import ctk

    return ctk


@pytest.fixture
def slot_errors() -> Iterator[list[BaseException]]:
    """What slots raised; empty at the start."""
    from slicer_host.pythonqt_signals import slot_errors

    slot_errors.clear()
    yield slot_errors
    slot_errors.clear()


@pytest.fixture
def panel(qt: Any, tmp_path: Path) -> Any:
    """A panel loaded from a `.ui` file by Slicer's loader."""
    (tmp_path / "Panel.ui").write_text(PANEL)
    file = qt.QFile(str(tmp_path / "Panel.ui"))
    assert file.open(qt.QFile.ReadOnly)
    return qt.QUiLoader().load(file)


def spin(until: Callable[[], Any] | None = None, timeout: float = 5.0, starving: bool = False) -> bool:
    from slicer_host import starving as loop

    return loop.spin(None, until, timeout, starving)


def error_on_thread(function: Callable[[], Any]) -> BaseException | None:
    """What `function` raises on another thread."""
    caught: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return caught[0] if caught else None


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


# Signals


def test_connect_by_signature(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    button.checkable = True
    assert button.connect("clicked()", lambda: got.append("plain")) is True
    assert button.connect("clicked(bool)", got.append) is True
    button.click()
    assert got == ["plain", True]


def test_connect_by_attribute_hands_over_the_value(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    assert button.clicked.connect(lambda checked: got.append(checked)) is True
    button.click()
    assert got == [False]


def test_a_slot_gets_no_more_than_it_takes(qt: Any) -> None:
    class Receiver:
        calls = 0

        def run(self) -> None:
            self.calls += 1

    button, receiver, got = qt.QPushButton(), Receiver(), []
    button.clicked.connect(receiver.run)
    button.clicked.connect(lambda: got.append("none"))
    button.clicked.connect(lambda default=7: got.append(default))
    button.clicked.connect(lambda *all_of_them: got.append(all_of_them))
    button.click()
    assert receiver.calls == 1
    # A default does not save an argument from being replaced: PythonQt counts it.
    assert got == ["none", False, (False,)]


def test_connect_to_a_method_of_qt_and_to_a_receiver(qt: Any) -> None:
    dialog, button, edit, label = qt.QDialog(), qt.QPushButton(), qt.QLineEdit(), qt.QLabel()
    dialog.show()
    assert button.connect("clicked()", dialog.close)
    assert edit.connect("textChanged(QString)", label, "setText(QString)")
    edit.text = "typed"
    button.click()
    assert not dialog.visible and label.text == "typed"
    assert button.disconnect("clicked()", dialog.close)


def test_a_signature_may_be_spelled_with_spaces_and_references(qt: Any) -> None:
    edit, got = qt.QLineEdit(), []
    assert edit.connect("textChanged( const QString & )", got.append)
    edit.text = "a"
    assert got == ["a"]


def test_disconnect_answers_whether_something_was_connected(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    button.connect("clicked()", got.append)
    assert button.disconnect("clicked()", got.append) is True
    assert button.disconnect("clicked()", got.append) is False
    for _ in range(2):
        button.connect("clicked()", lambda: got.append(1))
    assert button.disconnect("clicked()") is True
    button.clicked.connect(got.append)
    assert button.clicked.disconnect(got.append) is True
    button.click()
    assert got == []


def test_an_unknown_signal_answers_false_and_prints(qt: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert qt.QPushButton().connect("pushed()", print) is False
    assert "signal 'pushed()' does not exist on QPushButton" in capsys.readouterr().err


def test_bound_lambdas_are_kept_alive(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    for i in range(3):
        button.connect("clicked()", lambda i=i: got.append(i))
    gc.collect()
    button.click()
    assert got == [0, 1, 2]


def test_an_error_in_a_slot_is_printed_and_the_rest_runs(
    qt: Any, slot_errors: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    button, got = qt.QPushButton(), []
    button.connect("clicked()", lambda: 1 // 0)
    button.connect("clicked()", lambda: got.append(1))
    button.click()
    assert got == [1] and "ZeroDivisionError" in capsys.readouterr().err
    assert [type(e) for e in slot_errors] == [ZeroDivisionError]


def test_the_products_longest_slot_is_known(qt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from slicer_host.origins import product_folders
    from slicer_host.pythonqt_signals import slots_held

    def slow_slot() -> None:
        time.sleep(0.03)

    button = qt.QPushButton()
    button.connect("clicked()", slow_slot)
    slots_held.reset()
    button.click()
    assert slots_held.longest == 0.0
    monkeypatch.setattr("slicer_host.origins.product_folders", {*product_folders, str(Path(__file__).parent)})
    button.click()
    assert slots_held.longest >= 0.03 and slots_held.longest_name.endswith("slow_slot")
    slots_held.reset()


def test_a_signal_of_ones_own(qt: Any) -> None:
    class Source(qt.QObject):  # type: ignore[misc]
        arrived = qt.Signal(str)

    source, got = Source(), []
    assert source.arrived.connect(got.append) is True
    source.arrived.emit("a")
    source.arrived("b")
    assert got == ["a", "b"]


def test_a_signal_of_qt_can_be_blocked(qt: Any) -> None:
    spin_box, got = qt.QSpinBox(), []
    spin_box.connect("valueChanged(int)", got.append)
    was = spin_box.blockSignals(True)
    spin_box.value = 3
    spin_box.blockSignals(was)
    spin_box.value = 4
    assert got == [4]


def test_connections_end_with_the_sender(qt: Any) -> None:
    from slicer_host import pythonqt_signals

    before = len(pythonqt_signals._connections)
    buttons = [qt.QPushButton() for _ in range(20)]
    for button in buttons:
        button.connect("clicked()", print)
    assert len(pythonqt_signals._connections) == before + 20
    del button, buttons
    gc.collect()
    assert len(pythonqt_signals._connections) == before


# Enums, children, values


def test_enums_are_ints(qt: Any) -> None:
    assert int(qt.Qt.AlignLeft) == 1 and qt.Qt.AlignLeft == 1
    assert int(qt.Qt.Checked) == 2 and qt.QFrame.HLine == 4
    assert qt.Qt.UserRole + 1 == 257
    assert int(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable) == 33
    box = qt.QCheckBox()
    box.setCheckState(2)
    assert box.checkState() == qt.Qt.Checked and box.checked


def test_enums_may_be_spelled_scoped(qt: Any) -> None:
    assert qt.Qt.AlignmentFlag.AlignLeft == qt.Qt.AlignLeft
    assert qt.QMessageBox.StandardButton.Yes == qt.QMessageBox.Yes


def test_children_and_other_lists_are_tuples(qt: Any) -> None:
    widget = qt.QWidget()
    label = qt.QLabel("x", widget)
    assert widget.children() == (label,)
    assert widget.findChildren(qt.QLabel) == (label,)
    assert isinstance(qt.QTableWidget().selectedItems(), tuple)


def test_find_child_by_class_and_name(qt: Any, panel: Any) -> None:
    go = panel.findChild(qt.QPushButton, "go")
    assert type(go) is qt.QPushButton and go.text == "Connect"
    assert panel.findChild(qt.QLabel, "go") is None
    with pytest.raises(ValueError, match="takes a class and a name"):
        panel.findChild(qt.QPushButton, "go", qt.Qt.FindDirectChildrenOnly)


def test_objects_made_by_a_ui_loader_have_the_manners(qt: Any, panel: Any) -> None:
    go = panel.findChild(qt.QPushButton, "go")
    with pytest.raises(TypeError):
        go.text()
    with pytest.raises(AttributeError):
        go.mine = 1
    got: list[int] = []
    assert go.connect("clicked()", lambda: got.append(1))
    go.click()
    table = panel.findChild(qt.QTableWidget, "table")
    table.rowCount = 2
    assert got == [1] and (table.rowCount, table.columnCount) == (2, 1)


def test_a_ui_loader_takes_an_open_file_only(qt: Any, tmp_path: Path) -> None:
    (tmp_path / "Panel.ui").write_text(PANEL)
    with pytest.raises(ValueError, match="takes an open QFile"):
        qt.QUiLoader().load(str(tmp_path / "Panel.ui"))


def test_a_ui_file_with_an_unknown_widget_is_refused(qt: Any, tmp_path: Path) -> None:
    from slicer_host.qt_module import ui_classes

    assert "ctkSliderWidget" not in ui_classes
    with pytest.raises(AttributeError, match="no stand-in for ctkSliderWidget"):
        qt.QUiLoader().createWidget("ctkSliderWidget")


def test_slicers_own_ui_helpers_work(tmp_path: Path) -> None:
    from slicer import util

    (tmp_path / "Panel.ui").write_text(PANEL)
    widget = util.loadUI(str(tmp_path / "Panel.ui"))
    ui = util.childWidgetVariables(widget)
    assert (ui.section.text, ui.hub.text, ui.go.text) == ("Connection", "", "Connect")
    assert [w.name for w in util.findChildren(widget, className="QPushButton")] == ["go"]


def test_byte_array_data_is_bytes(qt: Any) -> None:
    assert qt.QByteArray(b"abc").data() == b"abc"


def test_settings_keep_ints_and_are_not_the_persons_own(qt: Any) -> None:
    settings = qt.QSettings(qt.QSettings.IniFormat, qt.QSettings.UserScope, "Cast", "Manners")
    settings.setValue("port", 2018)
    settings.setValue("names", ["a", "b"])
    assert settings.value("port") == 2018 and type(settings.value("port")) is int
    assert settings.value("names") == ("a", "b")
    assert not settings.fileName().startswith(str(Path.home() / ".config"))


def test_single_shot(qt: Any, slot_errors: list[BaseException]) -> None:
    got: list[int] = []
    qt.QTimer.singleShot(0, lambda: got.append(1))
    gc.collect()
    assert spin(lambda: got) and got == [1] and slot_errors == []


def test_truth_and_class_name(qt: Any, ctk: Any) -> None:
    widget = qt.QLabel()
    assert widget and widget.className() == "QLabel" and ctk.ctkSearchBox().className() == "ctkSearchBox"

    class Mine(qt.QLabel):  # type: ignore[misc]
        pass

    assert Mine().className() == "QLabel"


# Life and death


def test_objects_without_parent_vanish_with_their_last_reference(qt: Any, panel: Any) -> None:
    timer, got = qt.QTimer(), []
    timer.interval = 1
    timer.connect("timeout()", lambda: got.append(1))
    timer.start()
    del timer
    spin(timeout=0.05)
    assert got == []
    from slicer_host import qt_module

    label = qt.QLabel("x")
    gone = weakref.ref(label)
    del label
    assert gone() is None
    assert all(widget is not panel for widget in qt_module._made.values())


def test_objects_with_a_parent_live_as_long_as_it(qt: Any) -> None:
    parent = qt.QWidget()
    qt.QLabel("x", parent)
    layout = qt.QVBoxLayout(parent)
    layout.addWidget(qt.QPushButton("y"))
    gc.collect()
    assert [child.className() for child in parent.children()] == ["QLabel", "QVBoxLayout", "QPushButton"]


def test_a_destroyed_object_is_told_so(qt: Any) -> None:
    parent = qt.QWidget()
    label = qt.QLabel("x", parent)
    parent.delete()
    assert not label
    with pytest.raises(ValueError, match="destroyed QLabel object"):
        label.setText("y")
    with pytest.raises(ValueError, match="destroyed QLabel object"):
        _ = label.text
    with pytest.raises(AttributeError, match="destroyed QLabel object"):
        label.text = "y"


def test_deleteLater_before_exec_does_not_strike_inside(qt: Any) -> None:
    dialog = qt.QDialog()
    qt.QTimer.singleShot(30, dialog.accept)
    dialog.deleteLater()
    assert dialog.exec_() == 1


# Threads


def test_touching_a_qt_object_from_another_thread_is_refused_at_once(qt: Any) -> None:
    from slicer_host.pythonqt import WrongThread

    label, click, items = qt.QLabel("x"), qt.QPushButton().click, qt.QListWidget()
    tries: list[Callable[[], Any]] = [
        lambda: label.text,
        lambda: setattr(label, "text", "y"),
        lambda: label.setText("y"),
        lambda: label.connect("linkActivated(QString)", print),
        click,
        lambda: items.addItem("a"),
        lambda: qt.QLabel("made there"),
        lambda: qt.QTimer(),
        lambda: qt.QTimer.singleShot(0, print),
        lambda: qt.QApplication.processEvents(),
        lambda: qt.QFileDialog.getOpenFileName(),
    ]
    for function in tries:
        assert isinstance(error_on_thread(function), WrongThread)
    assert label.text == "x"


def test_a_signal_of_ones_own_cannot_be_emitted_from_another_thread(qt: Any) -> None:
    from slicer_host.pythonqt import WrongThread

    class Source(qt.QObject):  # type: ignore[misc]
        arrived = qt.Signal(str)

    source = Source()
    emit = source.arrived.emit
    assert isinstance(error_on_thread(lambda: emit("a")), WrongThread)


def test_values_may_be_made_on_any_thread(qt: Any) -> None:
    assert error_on_thread(lambda: (qt.QColor("red").name(), qt.QSize(1, 2).width())) is None


# The strict list


@pytest.mark.parametrize(
    "name", ["QtCore", "QtWidgets", "Slot", "Property", "QPropertyAnimation", "QThread", "QWebSocket"]
)
def test_what_is_not_listed_is_refused_with_where_to_add_it(qt: Any, name: str) -> None:
    with pytest.raises(AttributeError, match="slicer_host/qt_list.py"):
        getattr(qt, name)


def test_a_ctk_widget_not_listed_is_refused(ctk: Any) -> None:
    with pytest.raises(AttributeError, match="slicer_host/ctk.py"):
        _ = ctk.ctkRangeWidget


def test_every_listed_class_is_there(qt: Any) -> None:
    from slicer_host import qt_list

    names = qt_list.CORE + qt_list.GUI + qt_list.WIDGETS + tuple(name for name, _ in qt_list.MOVED)
    assert len(names) == len(set(names)) and all(hasattr(qt, name) for name in names)


@pytest.mark.parametrize(
    "use",
    [
        lambda qt: qt.QPushButton().clicked[bool],
        lambda qt: qt.QPushButton().clicked.connect(print, qt.Qt.QueuedConnection),
        lambda qt: qt.QPushButton().connect(print),
        lambda qt: qt.QColor.fromString("red"),
        lambda qt: qt.QPoint(1, 2).toTuple(),
        lambda qt: qt.QCheckBox().checkStateChanged,
        lambda qt: qt.QFormLayout().setRowVisible(0, False),
        lambda qt: qt.QWidget().accessibleIdentifier,
    ],
)
def test_the_spelling_of_pyside_and_qt_6_is_refused(qt: Any, use: Callable[[Any], Any]) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError)):
        use(qt)


# Dialogs


def test_a_file_dialog_answers_text_and_not_a_pair(qt: Any) -> None:
    from slicer_host import dialogs

    dialogs.answer_next("/data/one.dcm")
    assert qt.QFileDialog.getOpenFileName(None, "Open", "", "DICOM (*.dcm)") == "/data/one.dcm"
    with pytest.raises(RuntimeError, match="would wait for a person"):
        qt.QFileDialog.getExistingDirectory(None, "Folder")


def test_a_message_box_runs_until_a_button_is_pressed(ctk: Any, qt: Any) -> None:
    box = ctk.ctkMessageBox()
    box.text, box.icon, box.standardButtons = "Sure?", qt.QMessageBox.Question, qt.QMessageBox.Yes | qt.QMessageBox.No
    qt.QTimer.singleShot(30, box.button(qt.QMessageBox.Yes).click)
    assert box.exec_() == qt.QMessageBox.Yes


def test_a_web_address_opens_no_browser(qt: Any) -> None:
    from slicer_host import qt_module

    assert qt.QDesktopServices.openUrl(qt.QUrl("http://127.0.0.1:2018/"))
    assert qt_module.opened_urls[-1] == "http://127.0.0.1:2018/"


# CTK and qMRML


def test_a_collapsible_button_hides_its_content(qt: Any, panel: Any) -> None:
    section, go, hub = (
        panel.findChild(c, n) for c, n in ((qt.QWidget, "section"), (qt.QPushButton, "go"), (qt.QLineEdit, "hub"))
    )
    got: list[bool] = []
    section.connect("contentsCollapsed(bool)", got.append)
    panel.show()
    spin(timeout=0.05)
    assert section.collapsed and not go.visible
    shut = section.height
    section.collapsed = False
    spin(timeout=0.05)
    assert go.visible and section.height > shut + 20
    hub.hide()
    section.collapsed = True
    assert not go.visible
    section.collapsed = False
    assert go.visible and not hub.visible
    section.click()
    assert section.collapsed and got == [False, True, False, True]
    panel.hide()


def test_stand_ins_of_a_ui_file_keep_their_class(qt: Any, ctk: Any, panel: Any) -> None:
    gc.collect()
    path = panel.findChild(ctk.ctkPathLineEdit, "path")
    got: list[str] = []
    path.connect("currentPathChanged(QString)", got.append)
    path.currentPath = "/data"
    assert (path.currentPath, got, path.filters) == ("/data", ["/data"], ctk.ctkPathLineEdit.Files)
    assert isinstance(panel.findChild(qt.QWidget, "section"), ctk.ctkCollapsibleButton)


def test_a_node_selector_follows_the_scene(qt: Any, panel: Any) -> None:
    import slicer

    scene, got = slicer.vtkMRMLScene(), []
    panel.setMRMLScene(scene)
    volumes = panel.findChild(qt.QWidget, "volumes")
    assert volumes.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Brain")
    assert volumes.nodeCount() == 1 and volumes.currentNode() is None
    volumes.setCurrentNode(node)
    assert volumes.currentNode() is node and got == [node] and volumes.currentNodeID == node.GetID()
    scene.RemoveNode(node)
    assert volumes.currentNode() is None and got == [node, None]
    panel.setMRMLScene(None)


# Starving


@pytest.fixture
def turns() -> Iterator[list[int]]:
    """Counts the turns a thread gets that sleeps a millisecond each."""
    count, end = [0], threading.Event()

    def run() -> None:
        while not end.is_set():
            count[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    yield count
    end.set()
    thread.join()


def test_starving_a_thread_without_a_pump_does_not_live(turns: list[int]) -> None:
    turns[0] = 0
    spin(timeout=0.5, starving=True)
    assert turns[0] <= 3
    turns[0] = 0
    spin(timeout=0.5, starving=False)
    assert turns[0] > 50


def test_starving_a_pump_that_sleeps_feeds_a_thread(qt: Any, turns: list[int]) -> None:
    timer = qt.QTimer()
    timer.interval = 10
    timer.connect("timeout()", lambda: time.sleep(0.001))
    timer.start()
    turns[0] = 0
    spin(timeout=0.5, starving=True)
    timer.stop()
    assert turns[0] > 25


def test_starving_a_wait_ends_soon_after_the_slot_that_made_it_true(qt: Any) -> None:
    got: list[float] = []
    qt.QTimer.singleShot(50, lambda: got.append(time.monotonic()))
    assert spin(lambda: got, starving=True)
    assert time.monotonic() - got[0] < 0.2


def test_a_wait_tells_when_its_time_is_over_and_raises_what_until_raises() -> None:
    assert spin(lambda: False, timeout=0.05) is False
    with pytest.raises(ZeroDivisionError):
        spin(lambda: 1 // 0)
