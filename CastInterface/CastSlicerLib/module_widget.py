"""What the widgets of all three modules are: what Slicer calls is handed on to the frame; Reload."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget

from CastSlicerLib.module_frame import ModuleFrame, Panel

PACKAGES = (
    "CastLib",
    "CastSlicerLib",
    "CastInterfaceLib",
    "CastServiceProviderLib",
    "CastServiceProviderWidgets",
    "CastHubLib",
    "CastHubWidgets",
)


class ModuleWidget(ScriptedLoadableModuleWidget):
    """A module's widget. A subclass makes its panel, and in ``setup`` calls `fill`.

    Attributes:
        frame: what shows the panel, or which packages are missing; None before ``setup``.
    """

    frame: ModuleFrame | None = None

    def fill(self, title: str, requirements: Path | None, imports: Sequence[str]) -> None:
        """Have the panel made, after what is given to `ModuleFrame`."""
        self.frame = ModuleFrame(self, title, requirements, imports, self.makePanel)

    def makePanel(self, ui: Any) -> tuple[Any, Panel]:
        """The module's logic and its panel, from an object that has the widgets of ``UI/<Module>.ui``."""
        raise NotImplementedError

    @property
    def logic(self) -> Any:
        """The panel's logic."""
        return self.frame.logic if self.frame is not None else None

    @property
    def panel(self) -> Any:
        """The panel; None when packages are missing for it."""
        return self.frame.panel if self.frame is not None else None

    @property
    def ui(self) -> Any:
        """The panel's widgets, as attributes."""
        return self.frame.ui if self.frame is not None else None

    def enter(self) -> None:
        """The module was chosen."""
        if self.frame is not None:
            self.frame.enter()

    def exit(self) -> None:
        """Another module was chosen."""
        if self.frame is not None:
            self.frame.exit()

    def cleanup(self) -> None:
        """The module goes."""
        if self.frame is not None:
            self.frame.cleanup()

    def onReload(self) -> None:
        """Read the extension's files again, and put a new panel in place of this one."""
        forget_libraries()
        ScriptedLoadableModuleWidget.onReload(self)


def forget_libraries() -> None:
    """Have the next import of this extension's packages read their files again.

    What is in use goes on with the code it was made from: a module that is connected is not disturbed when another
    one is reloaded.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
