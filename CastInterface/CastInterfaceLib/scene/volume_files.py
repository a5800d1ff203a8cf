"""The files a volume is sent as: the DICOM files it came from where they are known, else a file written for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from CastInterfaceLib.scene.known_files import known_files
from CastInterfaceLib.scene.viewer import nodes_of_class
from CastInterfaceLib.scene.volumes import SERIES, STUDY
from CastLib.errors import CastError
from CastLib.events import DICOM_SEND, NIFTI_SEND, NRRD_SEND
from CastSlicerLib.slow_calls import slow_call

NAME_LONGEST = 60  # characters of a volume's name in its file's: systems want all of it within 255 bytes

# By the event: the ending, and the storage node that writes it.
_WRITERS = {
    NRRD_SEND: (".nrrd", "vtkMRMLNRRDStorageNode"),
    NIFTI_SEND: (".nii.gz", "vtkMRMLVolumeArchetypeStorageNode"),
}


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """What to send for a node.

    Attributes:
        event: the event they travel with.
        paths: the files.
        context: what stands beside them: of which study and series they are.
    """

    event: str
    paths: tuple[Path, ...]
    context: dict[str, Any]


def volumes_with_image(scene: Any) -> list[Any]:
    """The volume nodes of a scene that have an image."""
    nodes = nodes_of_class(scene, "vtkMRMLScalarVolumeNode")
    return [node for node in nodes if node.GetImageData() is not None]


def files_of_node(node: Any, event: str, folder: Path) -> NodeFiles:
    """The files of a volume node. Main thread only; writing one is one call to Slicer.

    Args:
        node: a ``vtkMRMLVolumeNode``.
        event: how to send it; "" means as DICOM when its files are known, else as NRRD.
        folder: an existing folder of the caller's for a file that has to be written.

    Raises:
        CastError: it cannot be sent like this.
    """
    if node is None or not node.IsA("vtkMRMLVolumeNode") or node.GetImageData() is None:
        raise CastError("Only a volume with an image can be sent.")
    if event in ("", DICOM_SEND):
        paths = known_files(node)
        if paths:
            return NodeFiles(DICOM_SEND, paths, _origin(node))
        if event:
            raise CastError(f"{node.GetName()} does not come from DICOM files that are still there; send it as NRRD.")
        event = NRRD_SEND
    if event not in _WRITERS:
        raise CastError(f"A volume is sent as {DICOM_SEND}, {', '.join(_WRITERS)}; not as {event}.")
    return NodeFiles(event, (write_volume(node, event, folder),), {})


def write_volume(node: Any, event: str, folder: Path) -> Path:
    """Write a volume with Slicer's own storage node. Raises CastError when it cannot."""
    ending, kind = _WRITERS[event]
    name = re.sub(r"[^\w-]+", "-", node.GetName() or "")[:NAME_LONGEST].strip("-") or "volume"
    path = folder / f"{name}{ending}"
    storage = getattr(slicer, kind)()
    storage.SetFileName(str(path))
    storage.SetUseCompression(0)  # a hub nearby takes the bytes sooner than they are packed
    with slow_call(f"Slicer writes a volume as {ending}"):
        written = storage.WriteData(node)
    if not written:
        raise CastError(f"{node.GetName()} could not be written as {ending}.")
    return path


def _origin(node: Any) -> dict[str, Any]:
    named = (("studyInstanceUID", node.GetAttribute(STUDY)), ("seriesInstanceUID", node.GetAttribute(SERIES)))
    return {key: value for key, value in named if value}
