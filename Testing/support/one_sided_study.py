"""The sample brain with two cavities in its left half: a study in which every flip shows.

The sample is symmetrical left to right, so by itself it could not prove that left stays left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from CastLib.dicom.series import read_series

#: Centres of the cavities, RAS in mm: white matter around them on both sides of the brain.
CAVITIES = ((-26.0, 25.0, 19.0), (-28.0, -17.0, 25.0))
RADIUS = 7.0  # mm
FLUID = 30  # as dark as the sample's ventricles

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy" / "DICOM"


def make_one_sided_study(folder: Path, every: int = 1) -> str:
    """Write the study, uncompressed and under new UIDs, as files 0.dcm …; return its StudyInstanceUID.

    Args:
        every: 1 for all its slices, 3 for every third: a study that is read and segmented faster.
    """
    folder.mkdir(parents=True)
    series = read_series(sorted(SAMPLE.glob("*.dcm")))[0]
    study_uid, series_uid = generate_uid(), generate_uid()
    files = series.files[::every]
    for number, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array.copy()
        _cut_cavities(pixels, dataset)
        dataset.PixelData = pixels.tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.save_as(folder / f"{(number * 37) % len(files)}.dcm", enforce_file_format=True)
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


def viewport(scene: dict[str, Any], orientation: str) -> dict[str, Any]:
    """Return the first view of a scene view with this orientation."""
    return next(view for view in scene["viewports"] if view["orientation"] == orientation)


def cavity_is_left(view: dict[str, Any], picture: Image.Image, cavity: tuple[float, float, float]) -> bool:
    """Tell whether a picture shows fluid, in blue, where the cavity is and none where it would be after a flip."""
    return _is_blue(_pixel(view, picture, cavity)) and not _is_blue(_pixel(view, picture, mirrored(cavity)))


def _pixel(view: dict[str, Any], picture: Image.Image, point: tuple[float, float, float]) -> np.ndarray[Any, Any]:
    """Return the RGB at a point (RAS, mm) of a slice view's picture, from the geometry that the display tells."""
    slice_to_ras = np.array(view["sliceToRAS"]).reshape(4, 4)
    x, y, off, _ = np.linalg.inv(slice_to_ras) @ [*point, 1.0]
    assert abs(off) < RADIUS, "the point is not in this slice"
    width, height = picture.size
    across, up = view["fieldOfView"][:2]
    return np.array(picture.getpixel((round((x / across + 0.5) * width), round((0.5 - y / up) * height))), int)


def _is_blue(colour: np.ndarray[Any, Any]) -> bool:
    return bool(colour[2] > colour[0] + 10)
