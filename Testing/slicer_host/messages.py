"""Message boxes and package installs of a test run: recorded, answered beforehand, never waited for."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from slicer_host.pythonqt import check_thread


class Message(NamedTuple):
    """A message box that a person would have seen."""

    text: str
    title: str
    details: str


shown: list[Message] = []
# Requirements that pip would have been asked for, with the keywords given along.
installs: list[tuple[tuple[str, ...], dict[str, Any]]] = []
_answers: deque[str] = deque()


def answer_next(*buttons: str) -> None:
    """Give the next questions their answers: names of QMessageBox's buttons ("Ok", "Cancel", "Yes" …)."""
    _answers.extend(buttons)


def message_box(text: str, parent: Any = None, **keywords: Any) -> Any:
    """``slicer.util.messageBox``: recorded. A question without an answer given beforehand raises."""
    import qt

    check_thread("slicer.util.messageBox")
    shown.append(Message(text, keywords.get("windowTitle") or "", keywords.get("detailedText") or ""))
    buttons = keywords.get("standardButtons", qt.QMessageBox.Ok)
    if buttons == qt.QMessageBox.Ok:
        return qt.QMessageBox.Ok
    if not _answers:
        raise RuntimeError(f"nobody answers the question {text!r}: give the answer first with host.answer('Ok')")
    return getattr(qt.QMessageBox, _answers.popleft())


def pip_install(requirements: Any, **keywords: Any) -> None:
    """``slicer.util.pip_install``: recorded, nothing is installed."""
    check_thread("slicer.util.pip_install")
    texts = [requirements] if isinstance(requirements, str) else [str(one) for one in requirements]
    installs.append((tuple(texts), keywords))


def forget() -> None:
    """Begin anew, for the next test."""
    shown.clear()
    installs.clear()
    _answers.clear()


def install() -> None:
    """Put these in place of the ones that show a window or run pip."""
    import slicer.util

    slicer.util.messageBox = message_box
    slicer.util.pip_install = pip_install
