"""What a view draws that is not of the study it shows: found, named, hidden when a study takes the views. Main thread.

A node's study is written on it, or on the volume it was drawn over. What the user draws without either is known by
when: as a study takes or leaves the views, everything of which no study is known yet is noted as of the time before.
Nothing is ever deleted here: what was hidden is shown again with its own study.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import slicer

from CastInterfaceLib.scene.image_words import PATIENT_ID, PATIENT_NAME
from CastInterfaceLib.scene.viewer import View, Viewer, nodes_of_class
from CastInterfaceLib.scene.volumes import STUDY
from CastLib.patient import Patient

#: On a node: the study that was in the views when the user made it, `NO_STUDY` when none was.
DRAWN_ON = "Cast.DrawnOn"
NO_STUDY = "-"

NOBODY = Patient()

_HIDDEN = "Cast.Hidden"  # on a display node that was hidden here
_LAYERS = ("Foreground", "Label")


def study_of(node: Any) -> str | None:
    """The StudyInstanceUID of a node, "" when it is of none, None when nobody knows yet."""
    for one in (node, *_made_over(node)):
        uid = one.GetAttribute(STUDY) or one.GetAttribute(DRAWN_ON)
        if uid:
            return "" if uid == NO_STUDY else str(uid)
    return None


def patient_of(node: Any) -> Patient:
    """Whose a node is, as far as its attributes tell, or those of the volume it was drawn over."""
    for one in (node, *_made_over(node)):
        id, name = one.GetAttribute(PATIENT_ID) or "", one.GetAttribute(PATIENT_NAME) or ""
        if id or name:
            return Patient(id, name=name)
    return Patient()


def foreign_in(view: View, volume: Any) -> list[dict[str, Any]]:
    """What a view draws that is not known to be of the study of a volume, or nothing's when that is None.

    Returns:
        of each node ``nodeID``, ``name``, ``class`` and the ``studyInstanceUID`` it is of, "" when it is of none.
    """
    uid = (study_of(volume) or "") if volume is not None else ""
    patient = patient_of(volume) if volume is not None else Patient()
    return [
        {
            "nodeID": node.GetID(),
            "name": node.GetName() or "",
            "class": node.GetClassName(),
            "studyInstanceUID": study_of(node) or "",
        }
        for node in _drawn_in(view)
        if node is not volume and ((study_of(node) or "") != uid or patient_of(node).contradiction(patient))
    ]


def take_views(viewer: Viewer, study_uid: str, patient: Patient) -> list[str]:
    """Have nothing drawn but what is of a study: hide what is known to be of another, show again what was hidden of it.

    Returns:
        the names of what was hidden, or laid over the slices.
    """
    known = [node for node in displayables(viewer.scene) if study_of(node) is not None]
    for node in known:
        if _is_of(node, study_uid, patient):
            _show_again(node)
    return _hide(viewer, [node for node in known if not _is_of(node, study_uid, patient)])


def note_what_is_there(scene: Any, study_uid: str = "", patient: Patient = NOBODY) -> None:
    """Write on everything which study it is of; what nobody knows is of this one from now on, or of none."""
    for node in displayables(scene):
        note_study(node, study_uid, patient)


def note_study(node: Any, study_uid: str = "", patient: Patient = NOBODY) -> None:
    """Write on a node which study and patient it is of: what it says itself, else this one, or none."""
    known = study_of(node)
    if known is not None:
        study_uid, patient = known, patient_of(node)
    if not node.GetAttribute(STUDY):
        node.SetAttribute(DRAWN_ON, study_uid or NO_STUDY)
    if patient != NOBODY:  # of what was drawn over a volume too, which may go
        node.SetAttribute(PATIENT_ID, patient.id)
        node.SetAttribute(PATIENT_NAME, patient.name)


def leave_views(viewer: Viewer, study_uid: str, patient: Patient, going: Sequence[Any]) -> list[str]:
    """Before the nodes of a study are removed: hide what else is of it, and whatever is laid over its volumes.

    Args:
        viewer: whose views.
        study_uid, patient: of the study that goes.
        going: its nodes that will be removed.

    Returns:
        the names of what was hidden.
    """
    note_what_is_there(viewer.scene, study_uid, patient)
    for composite in nodes_of_class(viewer.scene, "vtkMRMLSliceCompositeNode"):
        background = viewer.scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if background is not None and _is_of(background, study_uid, patient):
            composite.SetForegroundVolumeID(None)
            composite.SetLabelVolumeID(None)
    of_it = [node for node in displayables(viewer.scene) if _is_of(node, study_uid, patient)]
    return _hide(viewer, [node for node in of_it if node not in going])


def _is_of(node: Any, study_uid: str, patient: Patient) -> bool:
    return study_of(node) == study_uid and not patient_of(node).contradiction(patient)


def _hide(viewer: Viewer, nodes: Iterable[Any]) -> list[str]:
    hidden = {
        node.GetID(): node.GetName() or "" for node in nodes if _hide_displays(node) | _clear_layers(viewer, node)
    }
    return sorted(hidden.values())


def _hide_displays(node: Any) -> bool:
    visible = [display for display in _own_displays(node) if display.GetVisibility()]
    for display in visible:
        display.SetAttribute(_HIDDEN, "1")
        display.SetVisibility(False)
    return bool(visible)


def _clear_layers(viewer: Viewer, node: Any) -> bool:
    """Take a volume out of the layers over the slices, also from what Slicer would lay there with the next one."""
    found = False
    for composite in nodes_of_class(viewer.scene, "vtkMRMLSliceCompositeNode"):
        for layer in _LAYERS:
            if getattr(composite, f"Get{layer}VolumeID")() == node.GetID():
                getattr(composite, f"Set{layer}VolumeID")(None)
                found = True
    selection = viewer.application_logic.GetSelectionNode()
    if selection.GetSecondaryVolumeID() == node.GetID():
        selection.SetSecondaryVolumeID(None)
    if selection.GetActiveLabelVolumeID() == node.GetID():
        selection.SetActiveLabelVolumeID(None)
    return found


def _show_again(node: Any) -> None:
    for display in _own_displays(node):
        if display.GetAttribute(_HIDDEN):
            display.RemoveAttribute(_HIDDEN)
            display.SetVisibility(True)


def displayables(scene: Any) -> list[Any]:
    """The displayable nodes that users see, not the planes that show the slices in 3D."""
    return [
        node
        for node in nodes_of_class(scene, "vtkMRMLDisplayableNode")
        if not slicer.vtkMRMLSliceLogic.IsSliceModelNode(node)
    ]


def _own_displays(node: Any) -> Iterator[Any]:
    """The displays by which a node is drawn; a volume's slices are not drawn by one, its rendering in 3D is."""
    for index in range(node.GetNumberOfDisplayNodes()):
        display = node.GetNthDisplayNode(index)
        if display is not None and not display.IsA("vtkMRMLVolumeDisplayNode"):
            yield display


def _made_over(node: Any) -> Iterator[Any]:
    """The volumes that a segmentation or markup was drawn over, as far as it says."""
    if node.IsA("vtkMRMLSegmentationNode"):
        found = [node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())]
    elif node.IsA("vtkMRMLMarkupsNode"):
        ids = {node.GetNthControlPointAssociatedNodeID(at) for at in range(node.GetNumberOfControlPoints())}
        found = [node.GetScene().GetNodeByID(id) for id in sorted(ids - {"", None})]
    else:
        return
    yield from (one for one in found if one is not None)


def _drawn_in(view: View) -> list[Any]:
    """The nodes that a view draws, the volumes of its slices first."""
    scene, flat = view.node.GetScene(), view.node.IsA("vtkMRMLSliceNode")
    layers = [node for composite in _composites(scene, view, flat) for node in _layers_of(scene, composite)]
    drawn = [
        node
        for node in displayables(scene)
        if any(
            display.GetVisibility(view.node.GetID())
            and (display.GetVisibility2D() if flat else display.GetVisibility3D())
            and not (flat and display.IsA("vtkMRMLVolumeRenderingDisplayNode"))
            for display in _own_displays(node)
        )
    ]
    return list({node.GetID(): node for node in (*layers, *drawn)}.values())


def _composites(scene: Any, view: Any, flat: bool) -> list[Any]:
    """What lies in the slices that a view shows: its own, or those that stand in 3D."""
    if flat:
        return [view.logic.GetSliceCompositeNode()]
    standing = {node.GetLayoutName() for node in nodes_of_class(scene, "vtkMRMLSliceNode") if node.GetSliceVisible()}
    return [one for one in nodes_of_class(scene, "vtkMRMLSliceCompositeNode") if one.GetLayoutName() in standing]


def _layers_of(scene: Any, composite: Any) -> list[Any]:
    ids = [composite.GetBackgroundVolumeID()]
    if composite.GetForegroundOpacity() > 0:
        ids.append(composite.GetForegroundVolumeID())
    if composite.GetLabelOpacity() > 0:
        ids.append(composite.GetLabelVolumeID())
    return [node for node in (scene.GetNodeByID(id) for id in ids if id) if node is not None]
