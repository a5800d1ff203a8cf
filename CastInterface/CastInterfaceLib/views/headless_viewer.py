"""The room for Slicer without its window (``--no-main-window``): Slicer's scene and logics, our offscreen views."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from CastInterfaceLib.scene.dicom_database import DatabaseStudies
from CastInterfaceLib.views.engine_viewer import DEFAULT_LAYOUT, EngineViewer
from CastLib.client import Pump


class _SlicerEngine:
    """What `engine.Engine` makes where there is no Slicer, taken from the running one."""

    def __init__(self) -> None:
        self.scene: Any = slicer.mrmlScene
        self.application_logic: Any = slicer.app.applicationLogic()
        # Slicer's layout manager would set them, and there is none without a window.
        if self.application_logic.GetSliceLogics() is None:
            self.application_logic.SetSliceLogics(vtk.vtkCollection())
        if self.application_logic.GetViewLogics() is None:
            self.application_logic.SetViewLogics(vtk.vtkCollection())


class HeadlessViewer(EngineViewer):
    """Slicer's scene with offscreen views. A `viewer.Viewer`; see `EngineViewer` for the arguments."""

    has_window = False

    def __init__(self, layout: str = DEFAULT_LAYOUT, size: tuple[int, int] = (1024, 1024)) -> None:
        super().__init__(layout, size, _SlicerEngine())

    def studies(self, pump: Pump) -> DatabaseStudies:
        """Slicer's DICOM database as the place where studies are found."""
        return DatabaseStudies(pump)

    def close(self) -> None:
        """Close the views; the scene is Slicer's."""
        self.close_views()
