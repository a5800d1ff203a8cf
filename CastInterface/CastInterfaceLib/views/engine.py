"""Slicer's engine without Slicer: the scene, the application logic and the module logics of ``slicer-core``.

Slicer's own ``qSlicerApplication`` does this when it starts; without Slicer, `EngineViewer` does. Nothing here is
needed inside Slicer, where ``slicer.app.applicationLogic()`` already carries every logic named below.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

# The logics a display needs, by the module name under which other logics and displayable managers look them up.
# "Colors" is not optional: without it a slice logic finds no colour table and every slice view stays black.
MODULE_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
}


class Engine:
    """One MRML scene with the logics that make it usable.

    Keep it for as long as anything of the scene is used: the application logic holds its module logics by weak
    reference.

    Attributes:
        scene: the ``vtkMRMLScene``.
        application_logic: the ``vtkSlicerApplicationLogic``; ``GetModuleLogic(name)`` answers for `MODULE_LOGICS`.
    """

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.application_logic = slicer.vtkSlicerApplicationLogic()
        self.application_logic.SetMRMLScene(self.scene)
        color_logic = self.application_logic.GetColorLogic()
        color_logic.SetMRMLScene(self.scene)
        color_logic.AddDefaultColorNodes()
        self.application_logic.SetSliceLogics(vtk.vtkCollection())
        self.application_logic.SetViewLogics(vtk.vtkCollection())
        self._logics: list[Any] = [self._module_logic(name, kind) for name, kind in MODULE_LOGICS.items()]
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)

    def _module_logic(self, name: str, kind: str) -> Any:
        logic = getattr(slicer, kind)()
        logic.SetMRMLScene(self.scene)
        if hasattr(logic, "SetMRMLApplicationLogic"):
            logic.SetMRMLApplicationLogic(self.application_logic)
        self.application_logic.SetModuleLogic(name, logic)
        return logic
