"""A DICOM series decoded into one array, on a worker thread and without any engine.

Slicer's own reader keeps Python's lock from the first slice to the last (several seconds for a large CT), and meanwhile
no request could be answered. Decoding slice by slice lets others breathe. Transfer syntaxes that pydicom cannot decode
in this installation are left to the engine's reader (`Undecodable`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from CastLib.dicom_reading import read_whole
from CastLib.dicom_series import Geometry, Series
from CastLib.errors import CastError

# Shares of the voxels that lie below black and below white when a series brings no window of its own.
BLACK_SHARE, WHITE_SHARE = 0.01, 0.995

# Voxels this share of the way from black to white belong to the body, not to the air around it.
BODY = 0.1
# A plane of voxels belongs to the body when this share of it does: noise alone does not.
BODY_PLANE = 0.005


class Undecodable(CastError):
    """The transfer syntax needs a decoder that is not installed."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a volume is best shown.

    Attributes:
        window, level: of the display, in the volume's own units.
        inverted: low values are bright (MONOCHROME1).
        body: first and last voxel of what is no air, for columns, rows and slices.
    """

    window: float
    level: float
    inverted: bool
    body: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Voxels:
    """A decoded series.

    Attributes:
        array: (slices, rows, columns), or (slices, rows, columns, 3) uint8 for colour.
        ijk_to_ras: 4x4, voxel (column, row, slice) to RAS in mm.
        warnings: sentences about what a reader of the images should know.
    """

    array: np.ndarray
    ijk_to_ras: np.ndarray
    look: Look
    warnings: tuple[str, ...]


def read_voxels(series: Series, before_file: Callable[[int], object] = lambda number: None) -> Voxels:
    """Decode a series whose files are sorted along the normal.

    Args:
        series: what to decode.
        before_file: called with the number of each file before it is read; what it raises ends the decoding.

    Raises:
        Undecodable: see there.
        CastError: a file is damaged, or the volume does not fit in memory.
    """
    geometry = series.volume
    planes: list[np.ndarray] = []
    headers: list[pydicom.Dataset] = []
    try:
        for number, path in enumerate(series.files):
            before_file(number)
            header, plane = _read_plane(path)
            headers.append(header)
            planes.append(plane)
        places, warnings = _places(geometry, headers)
        array = _pile(planes, places)
    except MemoryError:
        raise CastError(f"Series {series.uid} is too large for this machine's memory.") from None
    return Voxels(array, ijk_to_ras(geometry), look_of(array, headers[len(headers) // 2]), warnings)


def ijk_to_ras(geometry: Geometry) -> np.ndarray:
    """Voxel (column, row, slice) to RAS mm, 4x4, of a geometry that is told in LPS."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(geometry.direction).reshape(3, 3) * np.array(geometry.spacing)
    matrix[:3, 3] = geometry.origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def _read_plane(path: Path) -> tuple[pydicom.Dataset, np.ndarray]:
    """Header and modality values (rescaled) of one file."""
    try:
        data = read_whole(path)
        _need_decoder(data.file_meta.TransferSyntaxUID)
        stored = data.pixel_array
    except CastError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises whatever its bytes happen to run into
        raise CastError(f"{path.name} cannot be decoded: {error}") from error
    del data.PixelData  # a thousand of these would double the memory
    if stored.ndim not in (2, 3) or (stored.ndim == 3 and stored.shape[2] != 3):
        raise CastError(f"{path.name} holds no single image.")
    return data, stored if stored.ndim == 3 else _rescale(_without_overlay(stored, data), data)


def _need_decoder(syntax: pydicom.uid.UID) -> None:
    if syntax.is_compressed and not syntax.is_deflated:
        try:
            available = pydicom.pixels.get_decoder(syntax).is_available
        except NotImplementedError:
            available = False
        if not available:
            raise Undecodable(f"No decoder for {syntax.name} is installed.")


def _without_overlay(stored: np.ndarray, header: pydicom.Dataset) -> np.ndarray:
    """Old scanners keep an overlay in the bits above the stored ones (retired, PS3.3 2004 C.9.2)."""
    spare = stored.dtype.itemsize * 8 - int(header.get("BitsStored", 0) or 0)
    if stored.dtype.kind not in "iu" or not 0 < spare < stored.dtype.itemsize * 8:
        return stored
    return np.asarray((stored << spare) >> spare)


def _rescale(stored: np.ndarray, header: pydicom.Dataset) -> np.ndarray:
    """Stored values to modality values (PS3.3 C.11.1): whole numbers stay whole."""
    slope = float(header.get("RescaleSlope", 1) or 1)
    intercept = float(header.get("RescaleIntercept", 0) or 0)
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        slope, intercept = 1.0, 0.0
    if slope == 1 and intercept == 0:
        return stored
    if slope == int(slope) and intercept == int(intercept):
        values = stored.astype(np.int32) * int(slope) + int(intercept)
        low, high = int(values.min()), int(values.max())
        return values.astype(np.int16) if -32768 <= low and high <= 32767 else values
    return (stored * slope + intercept).astype(np.float32)


def _places(geometry: Geometry, headers: list[pydicom.Dataset]) -> tuple[list[int], tuple[str, ...]]:
    """Which slice of the volume each file is. Missing slices leave a gap, so that the others lie where they belong."""
    count = len(headers)
    if geometry.even or count < 2:
        return list(range(count)), ()
    normal = np.array(geometry.direction).reshape(3, 3)[:, 2]
    origin = np.array(geometry.origin)
    steps = [
        float((np.array([float(x) for x in h.ImagePositionPatient]) - origin) @ normal) / geometry.spacing[2]
        for h in headers
    ]
    places = [round(step) for step in steps]
    whole = all(abs(step - place) < 0.02 * max(1, place) for step, place in zip(steps, places, strict=True))
    if whole and len(set(places)) == count and places[-1] < 4 * count:
        return places, (f"{places[-1] + 1 - count} slices are missing and shown black",)
    return list(range(count)), (
        "the slices are unevenly spaced: positions and lengths along the stack are approximate",
    )


def _pile(planes: list[np.ndarray], places: list[int]) -> np.ndarray:
    kind = np.result_type(*{plane.dtype for plane in planes})
    if places[-1] + 1 == len(planes):
        return np.stack(planes).astype(kind, copy=False)
    darkest = min(plane.min() for plane in planes)
    array = np.full((places[-1] + 1, *planes[0].shape), darkest, dtype=kind)
    for place, plane in zip(places, planes, strict=True):
        array[place] = plane
    return array


def look_of(array: np.ndarray, header: pydicom.Dataset) -> Look:
    """Window and level from the header, else from the voxels; and the box that the body fills."""
    if array.ndim == 4:
        extents = tuple((0, extent - 1) for extent in array.shape[2::-1])
        return Look(255.0, 127.5, False, (extents[0], extents[1], extents[2]))
    steps = tuple(max(1, extent // 96) for extent in array.shape)
    sample = array[:: steps[0], :: steps[1], :: steps[2]]
    black, white = (float(x) for x in np.quantile(sample, (BLACK_SHARE, WHITE_SHARE)))
    if white <= black:
        black, white = float(array.min()), max(float(array.max()), float(array.min()) + 1)
    window, level = _window(header) or (white - black, (white + black) / 2)
    inverted = header.get("PhotometricInterpretation") == "MONOCHROME1"
    inside = sample < white - BODY * (white - black) if inverted else sample > black + BODY * (white - black)
    return Look(window, level, inverted, _box(inside, steps, array.shape))


def _window(header: pydicom.Dataset) -> tuple[float, float] | None:
    """The first window of the header (PS3.3 C.11.2.1.2), in modality values."""
    try:
        width, center = header.get("WindowWidth"), header.get("WindowCenter")
        first = [value[0] if isinstance(value, pydicom.multival.MultiValue) else value for value in (width, center)]
        window, level = float(first[0]), float(first[1])
    except (TypeError, ValueError, IndexError):
        return None
    return (window, level) if math.isfinite(window) and math.isfinite(level) and window >= 1 else None


def _box(inside: np.ndarray, steps: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """First and last voxel along columns, rows, slices; the whole extent where nothing stands out."""
    box = []
    for axis in (2, 1, 0):
        share = inside.mean(axis=tuple(other for other in range(3) if other != axis))
        found = np.flatnonzero(share > BODY_PLANE)
        last = shape[axis] - 1
        box.append(
            (int(found[0]) * steps[axis], min(last, int(found[-1] + 1) * steps[axis] - 1)) if len(found) else (0, last)
        )
    return tuple(box)
