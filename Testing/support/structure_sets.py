"""RT structure sets as planning systems write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from display_parts import BRIGHT, FRONT, GREEN, LEFT, RADIUS, RED
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from CastLib.dicom.series import read_series

CORNERS = 180  # of a circle


def write_structures(
    folder: Path,
    target: Path,
    *,
    every: int = 1,
    beside: float = 0.0,
    kind: str = "CLOSED_PLANAR",
    change: Callable[[Dataset], object] = lambda data: None,
) -> Path:
    """A structure set with the left and the front ball of the phantom in a folder, a contour for each slice.

    Args:
        every: slices from one contour to the next.
        beside: mm that contours lie beside the middle of their slices.
        kind: their geometric type.
        change: is given the data set before it is written.
    """
    series = read_series([folder])[0]
    first = pydicom.dcmread(series.files[0], stop_before_pixels=True)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate"):
        setattr(data, keyword, first.get(keyword, ""))
    data.SeriesInstanceUID, data.Modality, data.StructureSetLabel = generate_uid(), "RTSTRUCT", "Balls"
    frame = str(first.FrameOfReferenceUID)
    data.ReferencedFrameOfReferenceSequence = [_reference(frame, series)]
    balls = (("Left ball", LEFT, RED), ("Front ball", FRONT, GREEN))
    data.StructureSetROISequence = [
        made(ROINumber=number, ReferencedFrameOfReferenceUID=frame, ROIName=name, ROIGenerationAlgorithm="MANUAL")
        for number, (name, _, _) in enumerate(balls, 1)
    ]
    data.ROIContourSequence = [
        made(
            ReferencedROINumber=number,
            ROIDisplayColor=list(color),
            ContourSequence=_contours(series, np.array(BRIGHT[brightness]) * (-1, -1, 1), every, beside, kind),
        )
        for number, (_, brightness, color) in enumerate(balls, 1)
    ]
    change(data)
    data.save_as(target, enforce_file_format=True)
    return target


def made(**values: Any) -> Dataset:
    """A data set with some attributes."""
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


def _reference(frame: str, series: Any) -> Dataset:
    images = [made(ReferencedSOPInstanceUID=uid) for uid in series.instance_uids]
    one = made(SeriesInstanceUID=series.uid, ContourImageSequence=images)
    study = made(ReferencedSOPInstanceUID=series.study_uid, RTReferencedSeriesSequence=[one])
    return made(FrameOfReferenceUID=frame, RTReferencedStudySequence=[study])


def _contours(series: Any, middle: np.ndarray, every: int, beside: float, kind: str) -> Sequence[Dataset]:
    """Circles of a ball around a middle in LPS mm, in the planes of the slices."""
    found = []
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    for file in series.files[::every]:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        row, column = np.array(header.ImageOrientationPatient[:3]), np.array(header.ImageOrientationPatient[3:])
        normal = np.cross(row, column)
        away = float((np.array(header.ImagePositionPatient) + beside * normal - middle) @ normal)
        if abs(away) >= RADIUS:
            continue
        radius = np.sqrt(RADIUS**2 - away**2)
        points = middle + away * normal + radius * (np.outer(np.cos(angles), row) + np.outer(np.sin(angles), column))
        data = [f"{number:.3f}" for number in points.ravel()]
        found.append(made(ContourGeometricType=kind, NumberOfContourPoints=CORNERS, ContourData=data))
    return found
