"""Patients and studies in Slicer's subject hierarchy, the tree of its module "Data": volumes under them, empty ones go.

A volume stands under its study and patient, as after Slicer's own DICOM loaders. Slicer leaves both there when the
volume goes, and the next patient's images would be read beside them.
"""

from __future__ import annotations

from typing import Any

import slicer

from CastLib.dicom.series import Series
from CastLib.patient import Patient

_LEVELS = ("Study", "Patient")


def put_under_patient(scene: Any, node: Any, series: Series) -> None:
    """Put a series' volume under its patient and study; nothing without Slicer, whose scene alone has a tree."""
    tree = _tree(scene)
    if tree is None:
        return
    item = tree.CreateItem(tree.GetSceneItemID(), node)
    kind = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMUIDName()
    tree.SetItemUID(item, kind, series.key)
    tree.SetItemAttribute(item, "DICOM.Modality", series.modality)
    tree.SetItemAttribute(item, "DICOM.SeriesNumber", series.number)
    patient_uid = _patient_uid(tree, kind, series.patient)
    slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(
        tree, patient_uid, series.study_uid, series.key
    )
    study = tree.GetItemParent(item)
    tree.SetItemName(study, series.study_date or "Study")
    tree.SetItemAttribute(study, "DICOM.StudyInstanceUID", series.study_uid)
    tree.SetItemAttribute(study, "DICOM.StudyDate", series.study_date)
    patient = tree.GetItemParent(study)
    tree.SetItemName(patient, series.patient.name or series.patient.id or "Patient")
    tree.SetItemAttribute(patient, "DICOM.PatientID", series.patient.id)
    tree.SetItemAttribute(patient, "DICOM.PatientName", series.patient.name)
    tree.SetItemAttribute(patient, "DICOM.PatientBirthDate", series.patient.birth_date)


def _patient_uid(tree: Any, kind: str, patient: Patient) -> str:
    """What the tree knows a patient by; never that of a folder that is another person's with the same ID."""
    uid = patient.id or f"{patient.name} {patient.birth_date}".strip() or "unknown"
    item = tree.GetItemByUID(kind, uid)
    names = ("PatientName", "PatientBirthDate")
    there = Patient(patient.id, "", *(tree.GetItemAttribute(item, f"DICOM.{name}") for name in names)) if item else None
    return f"{uid} {patient.name} {patient.birth_date}" if there and there.contradiction(patient) else uid


def take_out(scene: Any, node: Any) -> int:
    """Take a node that is about to be removed out of the tree; the folder it was in, 0 when it was in none."""
    tree = _tree(scene)
    item = tree.GetItemByDataNode(node) if tree is not None else 0
    if not item:
        return 0
    folder = tree.GetItemParent(item)
    tree.RemoveItem(item, False, False)
    return int(folder)


def remove_empty(scene: Any, folder: int) -> None:
    """Remove a study that has nothing in it any more, and so its patient; a folder of the user's own stays."""
    tree = _tree(scene)
    while tree is not None and folder and tree.GetItemLevel(folder) in _LEVELS:
        if tree.GetNumberOfItemChildren(folder):
            return
        parent = int(tree.GetItemParent(folder))
        tree.RemoveItem(folder, False, False)
        folder = parent


def _tree(scene: Any) -> Any:
    return scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
