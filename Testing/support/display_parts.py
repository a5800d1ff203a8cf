"""What the display's tests share: a phantom whose every side is told apart, and pixels of pictures.

The phantom is a ball of tissue around the origin with three bright balls in it, each of its own brightness: one to the
patient's left, one in front, one above. Whatever is mirrored, turned or out of order puts one of them elsewhere.
"""

from __future__ import annotations

import base64
import io
import itertools
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from CastInterfaceLib.study.voxels import ijk_to_ras
from CastLib.dicom.series import read_series
from CastServiceProviderLib.segmentation_result import TISSUE as TISSUE_CATEGORY
from CastServiceProviderLib.segmentation_result import Code, SegmentDescription, write_segmentation

OFFSET = 34.0  # mm from the origin to each bright ball's middle
RADIUS = 11.0
TISSUE, LEFT, FRONT, ABOVE = 200, 1000, 800, 600
BRIGHT = {LEFT: (-OFFSET, 0.0, 0.0), FRONT: (0.0, OFFSET, 0.0), ABOVE: (0.0, 0.0, OFFSET)}  # RAS mm

RED, GREEN = (220, 40, 40), (40, 200, 60)  # of the two balls that `write_balls` segments

AXIAL = np.eye(3)  # columns: directions of rising column, row and slice numbers in LPS
SAGITTAL = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def oblique() -> np.ndarray:
    """Axes turned about all three directions, by 25, -20 and 15 degrees."""
    turned = np.eye(3)
    for axis, degrees in enumerate((25.0, -20.0, 15.0)):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        one, other = [index for index in range(3) if index != axis]
        turn = np.eye(3)
        turn[one, one], turn[other, other], turn[one, other], turn[other, one] = cosine, cosine, -sine, sine
        turned = turned @ turn
    return turned


def phantom_value(ras: np.ndarray) -> np.ndarray:
    """The brightness at points (…, 3) in RAS mm."""
    value = np.where((ras**2).sum(axis=-1) < 55.0**2, TISSUE, 0)
    for brightness, middle in BRIGHT.items():
        value = np.where(((ras - np.array(middle)) ** 2).sum(axis=-1) < RADIUS**2, brightness, value)
    return value.astype(np.int16)


def write_phantom(
    folder: Path,
    *,
    direction: np.ndarray = AXIAL,
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.5),
    counts: tuple[int, int, int] = (64, 66, 50),
    study_uid: str = "",
    accession: str = "PHANTOM1",
    description: str = "Phantom",
    leave_out: Sequence[int] = (),
    **attributes: Any,
) -> list[Path]:
    """Write the phantom as one MR series under shuffled names; the files in the order of their slices.

    Args:
        spacing: mm between columns, rows and slices.
        counts: columns, rows and slices.
        leave_out: numbers of slices that are not written.
        attributes: further attributes, or other values, of every file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    origin = -direction @ (np.array(spacing) * (np.array(counts) - 1) / 2)  # LPS, the middle of the volume at 0
    study_uid = study_uid or generate_uid()
    series_uid, frame_uid = generate_uid(), generate_uid()
    columns, rows = np.meshgrid(np.arange(counts[0]), np.arange(counts[1]))
    files = []
    for number in range(counts[2]):
        if number in leave_out:
            continue
        indices = np.stack([columns, rows, np.full_like(columns, number)], axis=-1) * np.array(spacing)
        lps = indices @ direction.T + origin
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = MRImageStorage
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study_uid, series_uid, frame_uid
        data.Modality, data.SeriesDescription, data.StudyDescription = "MR", description, "Phantom study"
        data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Phantom^", "P1", "", ""
        data.AccessionNumber, data.StudyID, data.ReferringPhysicianName = accession, "1", ""
        data.StudyDate, data.StudyTime, data.SeriesNumber, data.InstanceNumber = "20240101", "120000", 1, number + 1
        data.ImagePositionPatient = [
            round(float(x), 6) for x in direction @ (np.array([0, 0, number]) * spacing) + origin
        ]
        data.ImageOrientationPatient = [round(float(x), 9) for x in (*direction[:, 0], *direction[:, 1])]
        data.PixelSpacing, data.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        data.Rows, data.Columns, data.SamplesPerPixel = counts[1], counts[0], 1
        data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 1
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelData = phantom_value(lps * np.array([-1, -1, 1])).tobytes()
        for keyword, value in attributes.items():
            setattr(data, keyword, value)
        path = folder / f"{secrets.token_hex(6)}.dcm"
        data.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def write_balls(folder: Path, target: Path, change: Callable[[np.ndarray], np.ndarray] = lambda labels: labels) -> Path:
    """A SEG of the left and the front ball, drawn in the voxels' own places."""
    series = read_series([folder])[0]
    geometry = series.volume
    matrix = ijk_to_ras(geometry)
    k, j, i = np.indices((geometry.slices, geometry.rows, geometry.columns))
    ras = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ matrix.T
    labels = np.zeros(k.shape, np.uint8)
    for number, brightness in ((1, LEFT), (2, FRONT)):
        labels[((ras[..., :3] - np.array(BRIGHT[brightness])) ** 2).sum(axis=-1) < RADIUS**2] = number
    lump = Code("4147007", "SCT", "Mass")
    segments = [
        SegmentDescription(1, "Left ball", TISSUE_CATEGORY, lump, RED, "test"),
        SegmentDescription(2, "Front ball", TISSUE_CATEGORY, lump, GREEN, "test"),
    ]
    return write_segmentation(
        target, series.files, change(labels), segments, description="Balls", product="test", version="1"
    )


def study_uid_of(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID)


def decode(picture: dict[str, Any]) -> np.ndarray:
    """The pixels (rows from the top, columns, 3) of a picture in a scene view."""
    image = Image.open(io.BytesIO(base64.b64decode(picture["data"])))
    pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (picture["height"], picture["width"], 3)
    return pixels


#: Where each bright ball lies in each plane, seen as radiologists see it, in mm to the right and upward.
SIGHTS = {
    "Axial": {LEFT: (OFFSET, 0.0), FRONT: (0.0, OFFSET)},
    "Coronal": {LEFT: (OFFSET, 0.0), ABOVE: (0.0, OFFSET)},
    "Sagittal": {FRONT: (-OFFSET, 0.0), ABOVE: (0.0, OFFSET)},
}


def color_at(pixels: np.ndarray, millimetres: tuple[float, float], field_of_view: float) -> np.ndarray:
    """Mean colour of 5 x 5 pixels at a place to the right of and above the picture's middle."""
    height, width, _ = pixels.shape
    scale = width / field_of_view
    x, y = round(width / 2 + millimetres[0] * scale), round(height / 2 - millimetres[1] * scale)
    return np.asarray(pixels[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1)))


def check_sides(pixels: np.ndarray, orientation: str, field_of_view: float, window: float, level: float) -> None:
    """Assert that each bright ball, and tissue at its mirror images, is where it belongs."""

    def grey(value: float) -> float:
        return float(np.clip((value - level + window / 2) / window, 0, 1) * 255)

    sights = SIGHTS[orientation]
    for brightness, place in sights.items():
        assert np.allclose(color_at(pixels, place, field_of_view), grey(brightness), atol=12), (orientation, brightness)
    for place in itertools.chain.from_iterable(((-x, -y), (y, x), (-y, -x)) for x, y in sights.values()):
        if place not in sights.values():
            assert np.allclose(color_at(pixels, place, field_of_view), grey(TISSUE), atol=12), (orientation, place)
