"""A module that the stand-in has loaded, as tests see it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class LoadedModule:
    """A module in Slicer.

    Attributes:
        name: "CastHub".
        object: the ``qSlicerScriptedLoadableModule``: ``slicer.modules.casthub``.
    """

    def __init__(self, name: str, module: Any) -> None:
        self.name = name
        self.object = module

    @property
    def file(self) -> ModuleType:
        """The Python module of the module file, as it is now."""
        return sys.modules[self.name]

    @property
    def widget(self) -> Any:
        """The ``ScriptedLoadableModuleWidget``, set up; after a reload the new one."""
        return self.object.widgetRepresentation().self()

    @property
    def logic(self) -> Any:
        """What ``slicer.util.getModuleLogic`` gives to other extensions."""
        import slicer.util

        return slicer.util.getModuleLogic(self.name)

    def test(self) -> None:
        """Run the module's self-test as Slicer does; raises what fails."""
        import slicer

        slicer.selfTests[self.name](msec=0)
