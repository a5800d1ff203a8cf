"""How a volume is best shown: the window of its header or of its voxels, which end is bright, where the body lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom

from CastInterfaceLib.study.grids import Box
from CastInterfaceLib.study.modality_values import modality_values, table_of
from CastInterfaceLib.study.stored_pixels import PixelForm
from CastLib.errors import CastError

# Shares of the voxels that lie below black and below white when a series brings no window of its own.
BLACK_SHARE, WHITE_SHARE = 0.01, 0.995

# Voxels this share of the way from black to white belong to the body, not to the air around it.
BODY = 0.1
# A plane of voxels belongs to the body when this share of it does: noise alone does not.
BODY_PLANE = 0.005

#: First and last value, in modality values.
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """How a volume is best shown.

    Attributes:
        window, level: of the display, in the volume's own units.
        inverted: low values are bright (MONOCHROME1).
        body: first and last voxel of what is no air, for columns, rows and slices.
        warnings: what the header asks for and is shown otherwise.
    """

    window: float
    level: float
    inverted: bool
    body: Box
    warnings: tuple[str, ...] = ()


def is_inverted(header: pydicom.Dataset) -> bool:
    """Whether low values are bright: MONOCHROME1, or Presentation LUT Shape INVERSE (PS3.3 C.7.6.3.1.2, C.11.6.1)."""
    return "MONOCHROME1" == header.get("PhotometricInterpretation") or "INVERSE" == header.get("PresentationLUTShape")


def padding_of(header: pydicom.Dataset, form: PixelForm) -> Range | None:
    """The modality values that mean "no image here" (PS3.3 C.7.5.1.1.2), None when there are none."""
    try:
        edges = [
            int(header[keyword].value)
            for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
            if header.get(keyword) is not None
        ]
        kind = np.int64
        if form.signed:  # the value may have been written as if it had no sign
            edges = [edge - (1 << form.allocated) if edge >= 1 << form.allocated - 1 else edge for edge in edges]
        values = modality_values(np.array(edges, kind), header, form) if edges else None
    except (CastError, TypeError, ValueError, OverflowError):
        return None
    return None if values is None else (float(values.min()), float(values.max()))


def look_of(
    array: np.ndarray, header: pydicom.Dataset, padding: Range | None = None, form: PixelForm | None = None
) -> Look:
    """Window and level from the header, else from the voxels; and the box that the body fills.

    Args:
        array: (slices, rows, columns) of modality values, or (slices, rows, columns, 3) of colours; all finite.
        header: of one of the files.
        padding: values that count neither for the window nor for the body.
        form: how that file's pixels are stored, to read its VOI table.
    """
    if array.ndim == 4:
        extents = tuple((0, extent - 1) for extent in array.shape[2::-1])
        return Look(255.0, 127.5, False, (extents[0], extents[1], extents[2]))
    steps = tuple(max(1, extent // 96) for extent in array.shape)
    sample = array[:: steps[0], :: steps[1], :: steps[2]]
    counts = np.ones(sample.shape, bool) if padding is None else (sample < padding[0]) | (sample > padding[1])
    values = sample[counts] if counts.any() else sample.reshape(-1)
    wide = np.float32 if values.dtype.itemsize <= 2 else np.float64
    black, white = (float(x) for x in np.quantile(values.astype(wide), (BLACK_SHARE, WHITE_SHARE)))
    if white <= black:
        black, white = float(values.min()), float(values.max())
    if white <= black:
        white = black + max(1.0, abs(black) * 1e-6)  # a step that large numbers show at all
    inverted = is_inverted(header)
    window, level, told = (white - black, white / 2 + black / 2, "")
    try:
        found = _window(header) or _window_of_table(header, form)
        if found is not None:
            inside = found[1] - found[0] / 2 <= values.max() and found[1] + found[0] / 2 >= values.min()
            if inside:
                window, level, told = found
            else:
                told = "its own window lies beside all its values and is not used"
    except CastError as error:
        told = f"{error}: another window is used"
    body = sample < white - BODY * (white - black) if inverted else sample > black + BODY * (white - black)
    return Look(window, level, inverted, _box(body & counts, steps, array.shape), (told,) if told else ())


def _window(header: pydicom.Dataset) -> tuple[float, float, str] | None:
    """The first window of the header (PS3.3 C.11.2.1.2), in modality values, and what of it is shown otherwise."""
    try:
        width, center = header.get("WindowWidth"), header.get("WindowCenter")
        first = [value[0] if isinstance(value, pydicom.multival.MultiValue) else value for value in (width, center)]
        window, level = float(first[0]), float(first[1])
    except (TypeError, ValueError, IndexError):
        return None
    if not (math.isfinite(window) and math.isfinite(level) and window > 0):
        return None
    sigmoid = header.get("VOILUTFunction") == "SIGMOID"
    return window, level, "its window is a sigmoid curve and is shown as a straight one" if sigmoid else ""


def _window_of_table(header: pydicom.Dataset, form: PixelForm | None) -> tuple[float, float, str] | None:
    """The window in which the first VOI table of the header (PS3.3 C.11.2.1.1) rises."""
    sequence = header.get("VOILUTSequence")
    if not sequence or form is None:
        return None
    table = table_of(sequence[0], form)
    entries = table.entries.astype(np.int64)
    rises = np.flatnonzero((entries > entries.min()) & (entries < entries.max()))
    if not len(rises):
        return None
    first, last = float(rises[0]) - 1, float(rises[-1]) + 1
    return last - first, table.first + (first + last) / 2, "its brightness table (VOI LUT) is shown as a plain window"


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


def body_of(array: np.ndarray) -> Box:
    """First and last voxel of what is no air, for columns, rows and slices; takes a while. Any thread."""
    return look_of(array, pydicom.Dataset()).body
