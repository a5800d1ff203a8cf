"""The stand-in's objects live, die and answer as PythonQt's do: one test a manner."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pythonqt_parts import PANEL, spin

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

    assert Mine().className() == "Mine"


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


def test_texts_end_at_a_nul_and_half_a_surrogate_pair_is_refused(qt: Any) -> None:
    label, item, box = qt.QLabel("a\0b"), qt.QTableWidgetItem("c\0d"), qt.QComboBox()
    label.setToolTip("e\0f")
    item.setData(qt.Qt.UserRole, "g\0h")
    box.addItem("i\0j", "k\0l")
    assert (label.text, label.toolTip, item.text(), item.data(qt.Qt.UserRole)) == ("a", "e", "c", "g")
    assert (box.itemText(0), box.itemData(0)) == ("i", "k")
    label.text = "m\0n"
    assert label.text == "m"
    for refused in (label.setText, item.setText, lambda text: item.setData(qt.Qt.UserRole, text)):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            refused("\ud83d")


def test_a_destroyed_item_is_told_so_and_ints_have_an_end(qt: Any) -> None:
    table = qt.QTableWidget(1, 1)
    item = qt.QTableWidgetItem("x")
    table.setItem(0, 0, item)
    with pytest.raises(ValueError):
        table.setMaximumWidth(2**70)
    for set_data in (item.setData, lambda role, value: qt.QComboBox().addItem("x", value)):
        with pytest.raises(SystemError):
            set_data(qt.Qt.UserRole, 2**70)
    table.setRowCount(0)
    for use in (item.text, lambda: item.setText("y"), lambda: item.data(qt.Qt.UserRole)):
        with pytest.raises(ValueError, match="destroyed QTableWidgetItem object"):
            use()


def test_a_shut_section_keeps_its_headline_and_what_ctk_leaves_below(ctk: Any, qt: Any) -> None:
    section = ctk.ctkCollapsibleButton("Section")
    qt.QVBoxLayout(section).addWidget(qt.QLabel("x"))
    section.collapsed = True
    assert section.maximumHeight == section.minimumHeight == section.fontMetrics().height() + 10 + 14


def test_deleteLater_before_exec_does_not_strike_inside(qt: Any) -> None:
    dialog = qt.QDialog()
    qt.QTimer.singleShot(30, dialog.accept)
    dialog.deleteLater()
    assert dialog.exec_() == 1


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
