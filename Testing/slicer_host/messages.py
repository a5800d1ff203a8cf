"""Message boxes and package installs of a test run: recorded, answered beforehand, never waited for."""

from __future__ import annotations

import subprocess
from collections import deque
from pathlib import Path
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
_pip_codes: deque[int] = deque()


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


def pip_install(
    requirements: str | list[str],
    constraints: Any = None,
    no_deps_requirements: Any = None,
    skip_packages: Any = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    logCallback: Any = None,
    completedCallback: Any = None,
) -> None:
    """``slicer.util.pip_install`` and ``slicer.packaging.pip_install``: recorded, nothing is installed.

    Slicer itself shows a message when pip fails while it shows progress.
    """
    check_thread("slicer.util.pip_install")
    if not isinstance(requirements, (str, list)):
        raise ValueError(f"pip_install takes a text or a list, not {type(requirements).__name__}")
    texts = (requirements,) if isinstance(requirements, str) else tuple(map(str, requirements))
    listed = Path(constraints).read_text(encoding="utf-8") if constraints is not None else None
    installs.append((texts, {"constraints": listed, "requester": requester}))
    if _pip_codes:
        code = _pip_codes.popleft()
        if show_progress:
            message_box("Package installation failed.", detailedText="what pip said")
        raise subprocess.CalledProcessError(code, "pip install")


def old_pip_install(requirements: str | list[str]) -> None:
    """``slicer.util.pip_install`` before there was ``slicer.packaging``: what is to be installed, and nothing else."""
    pip_install(requirements, show_progress=False)


def fail_next_pip(code: int = 1) -> None:
    """Have the next installation fail."""
    _pip_codes.append(code)


def forget() -> None:
    """Begin anew, for the next test."""
    shown.clear()
    installs.clear()
    _answers.clear()
    _pip_codes.clear()


def install() -> None:
    """Put these in place of the ones that show a window or run pip."""
    import slicer.util

    slicer.util.messageBox = message_box
    slicer.util.pip_install = pip_install
