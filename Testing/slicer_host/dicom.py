"""Slicer's DICOM database and loaders: ``slicer.dicomDatabase`` and the module ``DICOMLib``, over folders of files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pydicom
import vtk

from slicer_host.app import state
from slicer_host.strict import Strict, missing

PLACE = "slicer_host/dicom.py"
# The columns of the database's table of studies that modules read; a column is filled from the tag of its name, so
# ModalitiesInStudy is mostly empty: files seldom carry it.
STUDY_FIELDS = ("AccessionNumber", "ModalitiesInStudy", "StudyDate", "StudyDescription", "StudyID", "StudyTime")


class DICOMDatabase(Strict):
    """A ``ctkDICOMDatabase``. Tests fill it with `host.import_dicom`."""

    LIST = PLACE

    def __init__(self) -> None:
        self._open = True
        self._headers: dict[str, pydicom.Dataset] = {}  # by file

    @property
    def isOpen(self) -> bool:
        """Whether there is a database."""
        return self._open

    def patients(self) -> tuple[str, ...]:
        """The database's own numbers of patients: one for each PatientID and name."""
        return _each(str(number) for number, _ in enumerate(self._patient_keys(), 1))

    def nameForPatient(self, patient: str) -> str:
        """PatientName; "" when there is no such patient."""
        studies = self.studiesForPatient(patient)
        header = next((h for h in self._headers.values() if h.StudyInstanceUID in studies[:1]), None)
        return str(header.get("PatientName", "")) if header is not None else ""

    def studiesForPatient(self, patient: str) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        keys = self._patient_keys()
        index = int(patient) - 1
        if not 0 <= index < len(keys):
            return ()
        return _each(h.StudyInstanceUID for h in self._headers.values() if _patient_key(h) == keys[index])

    def seriesForStudy(self, study: str) -> tuple[str, ...]:
        """SeriesInstanceUIDs."""
        return _each(h.SeriesInstanceUID for h in self._headers.values() if h.StudyInstanceUID == study)

    def filesForSeries(self, series: str) -> tuple[str, ...]:
        """Paths."""
        return _each(path for path, h in self._headers.items() if h.SeriesInstanceUID == series)

    def fileForInstance(self, instance: str) -> str:
        """A path; "" when the instance is not there."""
        return next((path for path, h in self._headers.items() if h.SOPInstanceUID == instance), "")

    def seriesForFile(self, path: str) -> str:
        """The SeriesInstanceUID of a file; "" when it is not there."""
        header = self._headers.get(path)
        return str(header.SeriesInstanceUID) if header is not None else ""

    def fieldForStudy(self, field: str, study: str) -> str:
        """A value of the table of studies; "" when there is none."""
        if field not in STUDY_FIELDS:
            raise AttributeError(missing("the table of studies", field, f"STUDY_FIELDS in {PLACE}"))
        header = next((h for h in self._headers.values() if h.StudyInstanceUID == study), None)
        value = header.get(field, "") if header is not None else ""
        return str(value or "")

    def fileValue(self, path: str, tag: str) -> str:
        """The value of a tag ("0010,0020") of a file; "" when there is none."""
        header = self._headers.get(path)
        group, element = (int(part, 16) for part in tag.split(","))
        found = header.get((group, element)) if header is not None else None
        return "" if found is None else str(found.value)

    def _patient_keys(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(_patient_key(h) for h in self._headers.values()))

    def _add(self, folder: Path) -> int:
        before = len(self._headers)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            header = read_header(path, path.stat().st_mtime_ns)
            if header is not None and "SOPInstanceUID" in header:
                self._headers[str(path)] = header
        return len(self._headers) - before

    def _empty(self, is_open: bool = True) -> None:
        self._headers.clear()
        self._open = is_open


@lru_cache(maxsize=2048)
def read_header(path: Path, changed: int) -> pydicom.Dataset | None:
    """A file's header; None when it is no DICOM. Tests import the same folders again and again."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except pydicom.errors.InvalidDicomError:
        return None


def _each(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values))


def _patient_key(header: pydicom.Dataset) -> tuple[str, str]:
    return str(header.get("PatientID", "")), str(header.get("PatientName", ""))


def load_series(database: DICOMDatabase, uids: Iterable[str]) -> list[str]:
    """Node ids of the volumes made of series: what Slicer's loader for scalar volumes does, and no other loader."""
    ids = []
    for uid in uids:
        paths = database.filesForSeries(uid)
        headers = [database._headers[path] for path in paths]
        if not headers or any("ImagePositionPatient" not in h or "Rows" not in h for h in headers):
            continue
        axes = np.array(headers[0].ImageOrientationPatient, float)
        normal = np.cross(axes[:3], axes[3:])
        order = np.argsort([normal @ np.array(h.ImagePositionPatient, float) for h in headers])
        names = vtk.vtkStringArray()
        for index in order:
            names.InsertNextValue(paths[index])
        first = headers[order[0]]
        name = f"{first.get('SeriesNumber', '')}: {first.get('SeriesDescription', '')}"
        logic = state.engine.application_logic.GetModuleLogic("Volumes")
        node = logic.AddArchetypeScalarVolume(names.GetValue(0), name, 0, names)
        if node is not None:
            node.SetAttribute("DICOM.instanceUIDs", " ".join(headers[index].SOPInstanceUID for index in order))
            put_under_patient(node, first)
            ids.append(node.GetID())
    return ids


def put_under_patient(node: Any, header: pydicom.Dataset) -> None:
    """Put a volume under its patient and study in the subject hierarchy, as Slicer's loaders do."""
    import slicer

    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(state.engine.scene)
    item = tree.CreateItem(tree.GetSceneItemID(), node)
    uid, study, patient = header.SeriesInstanceUID, header.StudyInstanceUID, f"Patient-{header.PatientID}"
    tree.SetItemUID(item, slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMUIDName(), uid)
    slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(tree, patient, study, uid)
    tree.SetItemName(tree.GetItemParent(tree.GetItemParent(item)), str(header.PatientName))


class DICOMUtils(ModuleType):
    """``DICOMLib.DICOMUtils``."""

    def __init__(self, database: DICOMDatabase) -> None:
        super().__init__("DICOMLib.DICOMUtils")
        self.__dict__["_database"] = database

    def loadSeriesByUID(self, uids: Any, messages: Any = None) -> list[str]:
        """Node ids."""
        if not isinstance(uids, (list, tuple)):
            raise ValueError("loadSeriesByUID takes a list of UIDs")
        return load_series(self.__dict__["_database"], uids)

    def importDicom(self, folder: Any, database: Any = None) -> bool:
        """Put a folder's files into the database."""
        return self.__dict__["_database"]._add(Path(folder)) > 0

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(missing("DICOMLib.DICOMUtils", name, PLACE))


def make_dicom_lib(database: DICOMDatabase) -> dict[str, ModuleType]:
    """The modules to put into ``sys.modules``, by name."""
    package = ModuleType("DICOMLib")
    utils = DICOMUtils(database)
    package.__dict__.update(DICOMUtils=utils, __path__=[])
    return {"DICOMLib": package, "DICOMLib.DICOMUtils": utils}
