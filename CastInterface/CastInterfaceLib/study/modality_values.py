"""Stored values to modality values (PS3.3 C.11.1), in arithmetic wide enough for them and in kinds that VTK draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pydicom

from CastInterfaceLib.study.lookup_table import read_table
from CastInterfaceLib.study.stored_pixels import PixelForm
from CastLib.errors import CastError

# Whole numbers, narrowest first; beyond them float64, which is exact up to 2^53.
_WHOLE = (np.int16, np.uint16, np.int32, np.uint32)


def modality_values(stored: np.ndarray, header: pydicom.Dataset, form: PixelForm) -> np.ndarray:
    """Values of one file in a kind that VTK draws; what the file says without slope and table stays as it is.

    Raises CastError when slope, intercept or table are damaged.
    """
    if stored.dtype.kind == "f":
        return stored
    sequence = header.get("ModalityLUTSequence")
    if sequence:
        return table_of(sequence[0], form).apply(stored)
    slope, intercept = rescale_of(header)
    return rescaled(stored, slope, intercept)


def table_of(item: pydicom.Dataset, form: PixelForm) -> Any:
    """The lookup table in an item of a sequence; raises CastError when it is damaged."""
    return read_table(
        item.get("LUTDescriptor"), item.get("LUTData", b""), signed=form.signed, big_endian=form.big_endian
    )


def rescale_of(header: pydicom.Dataset) -> tuple[float, float]:
    """Slope and intercept, 1 and 0 when there are none; a slope of 0 says nothing. Raises CastError."""
    return _number(header, "RescaleSlope", 1.0) or 1.0, _number(header, "RescaleIntercept", 0.0)


def scale_of(header: pydicom.Dataset) -> tuple[bool | None, str]:
    """Whether a file scales its values (None: it says nothing of it, not even that it does not), and their unit."""
    unit = str(header.get("RescaleType") or header.get("Units") or "").strip()
    if header.get("ModalityLUTSequence"):
        return True, unit
    if header.get("RescaleSlope") is None and header.get("RescaleIntercept") is None:
        return None, unit
    return rescale_of(header) != (1.0, 0.0), unit


def _number(header: pydicom.Dataset, keyword: str, default: float) -> float:
    try:
        value = header.get(keyword)
        found = default if value in (None, "") else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise CastError(f"its {keyword} is no number")
    return found


def rescaled(stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """``stored * slope + intercept``: whole numbers stay whole, and different ones stay different."""
    if slope == 1 and intercept == 0:
        return drawable(stored)
    if slope == int(slope) and intercept == int(intercept):
        edges = [int(edge) * int(slope) + int(intercept) for edge in (stored.min(), stored.max())]
        kind = whole_kind(min(edges), max(edges))
        if np.dtype(kind).kind != "f":
            # Each product may be past the kind's edges where the sum is not; 64 bits hold both.
            return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(kind)
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored * np.float64(slope) + intercept
    if not np.isfinite(values).all():
        raise CastError("its values with slope and intercept are too large")
    largest = max(abs(float(values.min())), abs(float(values.max())))
    if largest <= float(np.finfo(np.float32).max) and np.spacing(np.float32(largest)) <= abs(slope) / 2:
        return values.astype(np.float32)
    return values


def whole_kind(low: int, high: int) -> Any:
    """The narrowest kind that VTK draws and that holds whole numbers from ``low`` to ``high``; 16 bits at least."""
    for kind in _WHOLE:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return kind
    return np.float64


def drawable(array: np.ndarray) -> np.ndarray:
    """An array in a kind that VTK and Slicer draw: int64, uint64, bool and float16 never reach them.

    Raises CastError for what are no numbers.
    """
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "iu" and size <= 4:
        return array
    if kind == "b":
        return array.astype(np.uint8)
    if kind in "iu":
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        return array.astype(whole_kind(low, high))
    if kind == "f":
        return array if size in (4, 8) else array.astype(np.float32 if size < 4 else np.float64)
    raise CastError(f"its voxels are no numbers ({array.dtype})")


def joined_kind(one: np.dtype, other: np.dtype) -> np.dtype:
    """The kind that holds both, among those that VTK draws."""
    kind = np.result_type(one, other)
    return np.dtype(np.float64) if kind.kind in "iu" and kind.itemsize > 4 else kind
