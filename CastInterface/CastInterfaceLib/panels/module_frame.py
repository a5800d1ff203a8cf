"""What the three modules' widgets share: the panel from its ``.ui`` file, or what is missing for it; reload; the end.

A module file is read by Slicer before this package can be imported, so its widget class cannot be made from one here:
it holds a frame and hands on what Slicer calls.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import qt
import slicer
from slicer.i18n import tr as _

from CastInterfaceLib.dependencies import install_requirements, missing_requirements
from CastInterfaceLib.slow_calls import slow_call


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
        widget: the ``ScriptedLoadableModuleWidget``. It gets the attributes ``ui``, an object with the widgets of
            ``UI/<Module>.ui`` as attributes, and ``panel``.
        title: the module's, for sentences.
        requirements: the list of the packages without which there is no panel; None when it can do without any.
        make_panel: makes the panel for ``widget.ui``.
    """

    def __init__(self, widget: Any, title: str, requirements: Path | None, make_panel: Callable[[Any], Panel]) -> None:
        self._widget = widget
        self._title = title
        self._requirements = requirements
        self._make_panel = make_panel
        self.panel: Panel | None = None
        self.missing: qt.QLabel | None = None
        self.install_button: qt.QPushButton | None = None
        missing = missing_requirements(requirements) if requirements is not None else []
        if missing:
            self._show_missing([str(requirement) for requirement in missing])
        else:
            self._show_panel()

    def enter(self) -> None:
        """The module was chosen."""
        if self.panel is not None:
            self.panel.enter()

    def exit(self) -> None:
        """Another module was chosen."""
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self) -> None:
        """The module goes: its panel, then its logic."""
        if self.panel is not None:
            self.panel.close()
            self._widget.logic.cleanup()
            self.panel = self._widget.panel = None

    def _show_panel(self) -> None:
        widget = self._widget
        content = slicer.util.loadUI(widget.resourcePath(f"UI/{widget.moduleName}.ui"))
        widget.layout.addWidget(content)
        widget.ui = slicer.util.childWidgetVariables(content)
        content.setMRMLScene(slicer.mrmlScene)
        self.panel = widget.panel = self._make_panel(widget.ui)
        # Slicer calls enter() when a module is chosen, and not again when one that is chosen is reloaded. A widget
        # made without Slicer's module panel around it knows nothing of that.
        if getattr(widget.parent, "isEntered", False):
            self.enter()

    def _show_missing(self, names: list[str]) -> None:
        self.missing = qt.QLabel(self._missing_words(names))
        self.missing.wordWrap = True
        self.install_button = qt.QPushButton(_("&Install them"))
        self.install_button.toolTip = _("Ask before downloading them from the Python Package Index.")
        self.install_button.connect("clicked()", self._install)
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
                with slow_call(
                    "a module is set up"
                ):  # as Slicer does it when a module is opened; imports take the time
                    self._show_panel()
            else:  # some of them may be there now
                left = missing_requirements(self._requirements)
                self.missing.text = self._missing_words([str(requirement) for requirement in left])
