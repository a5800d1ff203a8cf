"""A scripted module that the tests of the stand-in load, and what they share."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from slicer_host import Host

MODULE = """
import os, qt, slicer, socket, subprocess, sys, threading, vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin
from ExampleLib import words

class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Example module")
        self.parent.categories = ["Informatics"]

class ExampleWidget(ScriptedLoadableModuleWidget):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.calls = []
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.label = qt.QLabel(words.WORD)
        self.layout.addWidget(self.label)
        self.logic = ExampleLogic()
        self.calls.append("setup")
    def enter(self):
        self.calls.append("enter")
    def exit(self):
        self.calls.append("exit")
    def cleanup(self):
        self.calls.append("cleanup")

class ExampleLogic(ScriptedLoadableModuleLogic):
    def leave_thread(self, until):
        threading.Thread(target=until.wait, name="left").start()
    def leave_process(self):
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    def leave_timer(self):
        self.timer = qt.QTimer()
        self.timer.start(50)
    def leave_observer(self, node):
        return node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: None)
    def leave_connection(self):
        slicer.app.aboutToQuit.connect(self.ended)
    def ended(self):
        pass
    def leave_socket(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
    def leave_file(self):
        open(os.path.join(slicer.app.temporaryPath, "left.txt"), "w").close()

class ExampleTest(ScriptedLoadableModuleTest):
    runs = 0
    def runTest(self):
        self.delayDisplay("testing")
        ExampleTest.runs += 1
"""


@pytest.fixture
def example_folder(tmp_path: Path) -> Path:
    """A module file with a library beside it, as installed: all in one folder."""
    (tmp_path / "Example.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "ExampleLib").mkdir()
    (tmp_path / "ExampleLib" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "ExampleLib" / "words.py").write_text("WORD = 'first'\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def example(host: Host, example_folder: Path) -> Any:
    """The example module, chosen."""
    yield host.load_module("Example", example_folder)
    sys.path.remove(str(example_folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ExampleLib"]:
        del sys.modules[name]


def in_thread(function: Callable[[], Any]) -> BaseException | None:
    """What the function raises on another thread."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None
