"""What the three modules' widgets share: the panel from its ``.ui`` file, or what is missing for it; the end.

What a panel needs takes a tenth of a second to import. A panel is therefore made in steps, one a turn of Qt's loop, so
that Slicer's window answers meanwhile; whoever asks for it before it is made has it made at once.
"""

from __future__ import annotations

import importlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import qt
import slicer
from slicer.i18n import tr as _

from CastSlicerLib.dependencies import install_requirements, missing_requirements
from CastSlicerLib.slots import Slots
from CastSlicerLib.slow_calls import slow_call

# Slicer's own log takes everything from DEBUG on: what we write for each message belongs there only when somebody asks,
# by giving this logger another level.
if logging.getLogger("cast").level == logging.NOTSET:
    logging.getLogger("cast").setLevel(logging.INFO)

#: What every panel with a connection to a hub imports first, in steps that are short when those before were taken.
CLIENT = (
    "pydicom",
    "requests",
    "websocket",
    "CastLib.message",
    "CastLib.multipart",
    "CastLib.client.http",
    "CastLib.client.receiver",
    "CastLib.client.session",
    "CastLib.dicom.series",
    "CastInterfaceLib.scene.volumes",
    "CastInterfaceLib.views.window_viewer",
)


class Panel(Protocol):
    """A panel, as a module's widget has it."""

    def enter(self) -> None:
        """It is seen now."""

    def exit(self) -> None:
        """It is not seen any more."""

    def close(self) -> None:
        """Let go of everything."""


class ModuleFrame:
    """Fills a module's widget, and hands on to its panel what Slicer calls.

    Args:
        widget: the ``ScriptedLoadableModuleWidget``.
        title: the module's, for sentences.
        requirements: the list of the packages without which there is no panel; None when it can do without any.
        imports: what the panel needs, in an order in which none takes long when those before it are there.
        make_panel: makes the logic and its panel from an object that has the widgets of ``UI/<Module>.ui`` as
            attributes, and as ``slots`` what connects them.
    """

    def __init__(
        self,
        widget: Any,
        title: str,
        requirements: Path | None,
        imports: Sequence[str],
        make_panel: Callable[[Any], tuple[Any, Panel]],
    ) -> None:
        self._widget = widget
        self._title = title
        self._requirements = requirements
        self._make_panel = make_panel
        self._seen = False
        self._imports = imports
        self._steps: deque[Callable[[], object]] = deque()
        self._slots = Slots()
        self._clock = qt.QTimer()  # single shots: a step that fails is not tried again
        self._clock.setSingleShot(True)
        self._clock.setInterval(0)
        self._slots.connect(self._clock, "timeout()", self._next)
        self._content: Any = None
        self._ui: Any = None
        self._logic: Any = None
        self._panel: Panel | None = None
        self.missing: qt.QLabel | None = None
        self.install_button: qt.QPushButton | None = None
        missing = missing_requirements(requirements) if requirements is not None else []
        if missing:
            self._show_missing([str(requirement) for requirement in missing])
        else:
            self._begin()

    @property
    def ready(self) -> bool:
        """Whether there is a panel."""
        return self._panel is not None

    @property
    def panel(self) -> Panel | None:
        """The panel; None when packages are missing for it. If it is still being made, it is made now."""
        self._finish()
        return self._panel

    @property
    def logic(self) -> Any:
        """The panel's logic."""
        self._finish()
        return self._logic

    @property
    def ui(self) -> Any:
        """The panel's widgets, as attributes."""
        self._finish()
        return self._ui

    def enter(self) -> None:
        """The module was chosen."""
        self._seen = True
        if self._panel is not None:
            self._panel.enter()

    def exit(self) -> None:
        """Another module was chosen."""
        self._seen = False
        if self._panel is not None:
            self._panel.exit()

    def cleanup(self) -> None:
        """The module goes: its panel, then its logic."""
        self._clock.stop()
        self._steps.clear()
        if self._panel is not None:
            self._panel.close()
            self._logic.cleanup()
            self._panel = None
        self._slots.disconnect_all()

    def _begin(self) -> None:
        # Slicer calls enter() when a module is chosen, and not again when one that is chosen is reloaded. A widget
        # made without Slicer's module panel around it knows nothing of that.
        self._seen = bool(getattr(self._widget.parent, "isEntered", False))
        self._steps.extend([*(partial(import_step, name) for name in self._imports), self._load, self._make])
        self._clock.start()

    def _next(self) -> None:
        with slicer.util.tryWithErrorDisplay(_("The panel could not be opened."), waitCursor=False):
            self._steps.popleft()()
            if self._steps:
                self._clock.start()

    def _finish(self) -> None:
        self._clock.stop()
        while self._steps:
            self._steps.popleft()()

    def _load(self) -> None:
        with slow_call("Slicer makes the widgets of a panel"):
            content = slicer.util.loadUI(self._widget.resourcePath(f"UI/{self._widget.moduleName}.ui"))
            self._ui = slicer.util.childWidgetVariables(content)
            self._ui.slots = self._slots
            content.setMRMLScene(slicer.mrmlScene)
        self._content = content

    def _make(self) -> None:
        self._logic, self._panel = self._make_panel(self._ui)
        self._widget.layout.addWidget(self._content)
        if self._seen:
            self._panel.enter()

    def _show_missing(self, names: list[str]) -> None:
        self.missing = qt.QLabel(self._missing_words(names))
        self.missing.wordWrap = True
        self.install_button = qt.QPushButton(_("&Install them"))
        self.install_button.toolTip = _("Ask before downloading them from the Python Package Index.")
        self._slots.connect(self.install_button, "clicked()", self._install)
        for widget in (self.missing, self.install_button):
            self._widget.layout.addWidget(widget)
        self._widget.layout.addStretch(1)

    def _missing_words(self, names: list[str]) -> str:
        words = _("{module} needs Python packages that Slicer does not bring: {names}.")
        return words.format(module=self._title, names=", ".join(names))

    def _install(self) -> None:
        assert self.missing is not None and self.install_button is not None and self._requirements is not None
        with slicer.util.tryWithErrorDisplay(_("The packages could not be installed."), waitCursor=False):
            if install_requirements(self._requirements, self._title):
                self.missing.hide()
                self.install_button.hide()
                self._begin()
            else:  # some of them may be there now
                left = missing_requirements(self._requirements)
                self.missing.text = self._missing_words([str(requirement) for requirement in left])


def import_step(name: str) -> None:
    """Import one module. A package that is not ours comes as a whole: its import is a call that cannot be cut."""
    if name.startswith("Cast"):
        importlib.import_module(name)
    else:
        with slow_call(f"Python imports {name}"):
            importlib.import_module(name)
