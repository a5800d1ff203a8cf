"""The sample brain with two cavities in its left half: a study in which every flip shows.

The sample is symmetrical left to right, so by itself it could not prove that left stays left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from CastLib.dicom_series import read_series

#: Centres of the cavities, RAS in mm: white matter around them on both sides of the brain.
CAVITIES = ((-26.0, 25.0, 19.0), (-28.0, -17.0, 25.0))
RADIUS = 7.0  # mm
FLUID = 30  # as dark as the sample's ventricles

SAMPLE = Path(__file__).resolve().parents[1] / "Resources" / "SampleStudy" / "DICOM"


def make_one_sided_study(folder: Path) -> str:
    """Write the study, uncompressed and under new UIDs, as files 0.dcm …; return its StudyInstanceUID."""
    folder.mkdir(parents=True)
    series = read_series(sorted(SAMPLE.glob("*.dcm")))[0]
    study_uid, series_uid = generate_uid(), generate_uid()
    for number, path in enumerate(series.files):
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array.copy()
        _cut_cavities(pixels, dataset)
        dataset.PixelData = pixels.tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.save_as(folder / f"{(number * 37) % len(series.files)}.dcm", enforce_file_format=True)
    return str(study_uid)


def _cut_cavities(pixels: np.ndarray[Any, Any], dataset: pydicom.Dataset) -> None:
    """Darken what lies in a cavity; the sample's slices are axial, columns to the left, rows to the back (LPS)."""
    x0, y0, z = map(float, dataset.ImagePositionPatient)
    assert [float(value) for value in dataset.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    rows, columns = np.indices(pixels.shape)
    right, front = -(x0 + columns), -(y0 + rows)
    for cavity in CAVITIES:
        distance = (right - cavity[0]) ** 2 + (front - cavity[1]) ** 2 + (z - cavity[2]) ** 2
        pixels[distance <= RADIUS**2] = FLUID


def mirrored(point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the point on the other side of the brain."""
    return -point[0], point[1], point[2]
