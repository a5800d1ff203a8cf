"""Dialogs in tests: modal ones run in the loop in use, and the static ones take answers given beforehand."""

from __future__ import annotations

from collections import deque
from typing import Any

import shiboken6
from PySide6 import QtCore, QtWidgets

from .main_thread import check_thread
from .starving import wait_in_steps

# Seconds a modal dialog waits for the test to close it.
PATIENCE = 120.0

_answers: deque[Any] = deque()
# What the static dialogs were asked: (function, arguments).
asked: list[tuple[str, tuple[Any, ...]]] = []

STATIC = {
    QtWidgets.QFileDialog: ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"),
    QtWidgets.QMessageBox: ("question", "information", "warning", "critical"),
    QtWidgets.QInputDialog: ("getText", "getItem"),
}


def answer_next(*answers: Any) -> None:
    """Give the next static dialogs (``QFileDialog.getOpenFileName`` …) their answers, one each."""
    _answers.extend(answers)


def make_static(name: str) -> Any:
    def ask(*arguments: Any) -> Any:
        check_thread(name)
        asked.append((name, arguments))
        if not _answers:
            raise RuntimeError(f"{name}{arguments!r} would wait for a person: call answer_next() first")
        return _answers.popleft()

    return staticmethod(ask)


def exec_dialog(self: Any) -> int:
    """``dialog.exec_()``: shown modal, until it is closed; its result."""
    finished: list[int] = []
    self.setModal(True)
    self.finished.connect(finished.append)
    self.show()
    title = self.windowTitle
    wait_in_steps(lambda: bool(finished) or not shiboken6.isValid(self) or not self.visible, PATIENCE)
    if not shiboken6.isValid(self):
        return 0
    if self.visible:
        self.reject()
        raise RuntimeError(f"the dialog '{title}' waited {PATIENCE:.0f} s and nobody closed it")
    return finished[-1] if finished else self.result()


def exec_menu(self: Any, *arguments: Any) -> Any:
    """``menu.exec_(pos)``: shown until closed; the action chosen, or None."""
    chosen: list[Any] = []
    self.triggered.connect(chosen.append)
    self.popup(arguments[0] if arguments else QtCore.QPoint(0, 0))
    wait_in_steps(lambda: not self.visible, PATIENCE)
    if self.visible:
        self.close()
        raise RuntimeError(f"a menu waited {PATIENCE:.0f} s and nobody chose")
    self.triggered.disconnect(chosen.append)
    return chosen[-1] if chosen else None


def patch() -> None:
    """Put these in place of Qt's."""
    QtWidgets.QDialog.exec = QtWidgets.QDialog.exec_ = exec_dialog  # type: ignore[method-assign, assignment]
    QtWidgets.QMessageBox.exec = QtWidgets.QMessageBox.exec_ = exec_dialog  # type: ignore[attr-defined]
    QtWidgets.QMenu.exec = QtWidgets.QMenu.exec_ = exec_menu  # type: ignore[method-assign, assignment]
    for kind, names in STATIC.items():
        for name in names:
            setattr(kind, name, make_static(name))
