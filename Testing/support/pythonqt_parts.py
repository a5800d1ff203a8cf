"""What the tests of the stand-in's ``qt`` and ``ctk`` share: a panel from a `.ui` file, Qt's loop, another thread."""

from __future__ import annotations

import threading
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
