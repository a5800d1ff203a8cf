"""Which DICOM files a volume was read from: those of Slicer's database, and those that came over the hub.

Main thread only. What came over the hub is known as long as its study is open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from CastInterfaceLib.scene.dicom_database import instance_files
from CastInterfaceLib.scene.image_words import PATIENT_ID
from CastInterfaceLib.scene.volumes import INSTANCES
from CastLib.dicom.series import Series

_read: dict[tuple[str, str], Path] = {}  # by PatientID and SOPInstanceUID: two patients' files may carry the same UIDs


def note_files(series: Series) -> None:
    """A volume was made from a series: remember its files."""
    for uid, path in zip(series.instance_uids, series.files, strict=True):
        _read[series.patient.id, uid] = path


def forget_files(series: Series) -> None:
    """The series is not open any more."""
    for uid in series.instance_uids:
        _read.pop((series.patient.id, uid), None)


def known_files(node: Any) -> tuple[Path, ...]:
    """The DICOM files that a volume node was read from; empty unless all are known and still there."""
    uids = (node.GetAttribute(INSTANCES) or "").split()
    patient = node.GetAttribute(PATIENT_ID) or ""
    received = tuple(_read[patient, uid] for uid in uids if (patient, uid) in _read)
    if received and len(received) == len(uids) and _are_there(received):
        return received
    in_database = instance_files(uids)
    return in_database if _are_there(in_database) else ()


def _are_there(paths: tuple[Path, ...]) -> bool:
    return all(path.is_file() for path in paths)
