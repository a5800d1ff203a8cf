"""``slicer.app.ioManager()``: reads and writes files for ``slicer.util``: loadVolume, loadSegmentation, saveNode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer_host.app import state
from slicer_host.strict import Strict


class IOManager(Strict):
    """A ``qSlicerIOManager`` for volumes and segmentations."""

    LIST = "slicer_host/io_manager.py"

    def fileType(self, name: Any) -> str:
        """How Slicer calls what is in a file, by its ending."""
        return "SegmentationFile" if str(name).lower().endswith(".seg.nrrd") else "VolumeFile"

    def loadNodes(self, kind: str, properties: dict[str, Any], nodes: Any, messages: Any = None) -> bool:
        """Read a file into the scene; the node is added to `nodes`."""
        path = str(properties["fileName"])
        logic = state.engine.application_logic.GetModuleLogic
        if kind == "SegmentationFile":
            node = logic("Segmentations").LoadSegmentationFromFile(path, True)
        elif kind == "VolumeFile":
            node = logic("Volumes").AddArchetypeVolume(path, properties.get("name") or Path(path).name.split(".")[0], 0)
        else:
            raise AttributeError(f"the stand-in's IO manager reads no {kind}: add it to {self.LIST}")
        if node is None:
            return False
        nodes.AddItem(node)
        if kind == "VolumeFile" and properties.get("show", True):
            state.engine.application_logic.GetSelectionNode().SetActiveVolumeID(node.GetID())
            state.engine.application_logic.PropagateVolumeSelection()
        return True

    def fileWriterFileType(self, node: Any) -> str:
        """The file type that a node is written as."""
        return "SegmentationFile" if node.IsA("vtkMRMLSegmentationNode") else "VolumeFile"

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None) -> bool:
        """Write a node with its own storage node."""
        node = state.engine.scene.GetNodeByID(properties["nodeID"])
        storage = node.CreateDefaultStorageNode()
        storage.UnRegister(None)
        storage.SetFileName(str(properties["fileName"]))
        return bool(storage.WriteData(node))
