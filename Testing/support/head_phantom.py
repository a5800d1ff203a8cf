"""An invented head with a bright cube at its left, front and top, written as DICOM series in which anything can be off.

The head has 24 slices; the cube's middle lies at LPS (50, -60, 40) mm. Air is -1000 HU, tissue 40, skull 900, a
ventricle 5, the cube 2000. Unlike `display_parts`' phantom its slices are made one by one, so that a test can change,
drop, repeat or damage them before they are saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
ROOT = "1.2.826.0.1.3680043.8.498."
# LPS centre of the marker (patient's left, front, top) in the default geometry
MARKER = np.array([50.0, -60.0, 40.0])


def uid(*words: object) -> UID:
    """A UID that is always the same for the same words."""
    return UID(generate_uid(prefix=ROOT, entropy_srcs=["/".join(map(str, words))]))


def head(
    slices: int = 24, rows: int = 128, columns: int = 128, spacing: tuple[float, float, float] = (5.0, 2.0, 2.0)
) -> np.ndarray:
    """HU of a head: air -1000, tissue 40, skull 900, marker 2000 (10 mm cube). Axes: slice (S), row (P), column (L)."""
    k, j, i = np.mgrid[0:slices, 0:rows, 0:columns].astype(float)
    z = (k - (slices - 1) / 2) * spacing[0]
    y = (j - (rows - 1) / 2) * spacing[1]
    x = (i - (columns - 1) / 2) * spacing[2]
    r = np.sqrt((x / 90) ** 2 + (y / 105) ** 2 + (z / 75) ** 2)
    hu = np.full(r.shape, -1000, np.int16)
    hu[r < 1] = 900
    hu[r < 0.9] = 40
    hu[(np.abs(x) < 12) & (np.abs(y) < 30) & (np.abs(z) < 15)] = 5
    near = (np.abs(x - MARKER[0]) <= 8) & (np.abs(y - MARKER[1]) <= 8) & (np.abs(z - MARKER[2]) <= 8)
    hu[near] = 2000
    return hu


def origin(
    slices: int = 24, rows: int = 128, columns: int = 128, spacing: tuple[float, float, float] = (5.0, 2.0, 2.0)
) -> np.ndarray:
    """LPS mm of the first voxel."""
    return np.array([-(columns - 1) / 2 * spacing[2], -(rows - 1) / 2 * spacing[1], -(slices - 1) / 2 * spacing[0]])


def dataset(
    name: str,
    number: int,
    plane: np.ndarray,
    position: Any,
    spacing: tuple[float, float, float] = (5.0, 2.0, 2.0),
    study: str | None = None,
    series: str | None = None,
    modality: str = "CT",
    orientation: Any = (1, 0, 0, 0, 1, 0),
    stored: np.ndarray | None = None,
    slope: float = 1,
    intercept: float = -1024,
    window: tuple[float, float] | None = (1200, 200),
) -> Dataset:
    """One slice; plane in HU (stored as uint16 with the intercept) unless ``stored`` says how it is stored."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CT if modality == "CT" else MR
    ds.SOPInstanceUID = uid(name, series or "a", number)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID = study or uid(name, "study")
    ds.SeriesInstanceUID = uid(name, series or "a")
    ds.FrameOfReferenceUID = uid(name, "frame")
    ds.PatientName, ds.PatientID = "Invented^Person", "INV-1"
    ds.PatientBirthDate, ds.PatientSex = "", "O"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260102", "101500", "1", "ACC" + name[:12]
    ds.StudyDescription, ds.SeriesDescription = "Invented " + name, series or "head " + name
    ds.ReferringPhysicianName = ""
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, 1, number + 1
    ds.Manufacturer = "Invented"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PixelSpacing = [spacing[1], spacing[2]]
    ds.SliceThickness = spacing[0]
    ds.ImagePositionPatient = [round(float(x), 4) for x in position]
    ds.ImageOrientationPatient = list(orientation)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = plane.shape[:2]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    if modality == "CT":
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "HU"
    if window:
        ds.WindowWidth, ds.WindowCenter = window
    if stored is None:
        stored = np.round((plane.astype(float) - intercept) / slope).astype("<u2")
    ds.PixelData = np.ascontiguousarray(stored).tobytes()
    return ds


def series(
    name: str, hu: np.ndarray | None = None, spacing: tuple[float, float, float] = (5.0, 2.0, 2.0), **more: Any
) -> list[Dataset]:
    """The slices of a whole stack, lowest first."""
    hu = head(spacing=spacing) if hu is None else hu
    first = origin(*hu.shape[:3], spacing)
    return [
        dataset(name, n, plane, first + np.array([0, 0, n * spacing[0]]), spacing, **more) for n, plane in enumerate(hu)
    ]


def save(out: Path, datasets: list[Dataset], prefix: str = "IM") -> str:
    """Write them into a folder; their study's UID."""
    out.mkdir(parents=True, exist_ok=True)
    for n, ds in enumerate(datasets):
        pydicom.dcmwrite(out / f"{prefix}{n:04d}.dcm", ds, enforce_file_format=True)
    return str(datasets[0].StudyInstanceUID)
