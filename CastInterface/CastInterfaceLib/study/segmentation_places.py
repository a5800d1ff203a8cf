"""Where the frames of a DICOM SEG lie (PS3.3 C.7.6.16): which slice of one volume each is, from positions alone.

Headers tell spacings too, and some of them lie; what they say is compared and used only where positions leave it open:
a SEG leaves out its empty frames, so two frames that lie apart may have none, or many, between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from CastInterfaceLib.study.grids import LPS_TO_RAS
from CastInterfaceLib.study.label_maps import MAX_LAYER_VOXELS
from CastLib.errors import CastError

#: How far a frame may lie from its place, as a share of the spacing or in pixels.
MAX_OFF = 0.05
#: Mm that are always tolerated, for positions that were written with two decimals.
ROUNDING = 0.02
#: How far a component of two directions of one volume may differ.
DIRECTION_OFF = 1e-3
#: From here on a spacing that the header tells is another one than that of the positions.
SPACING_OFF = 0.01
#: Unevenly spaced frames are one volume while their widest gap is less than so many of the smallest.
MAX_UNEVEN = 4.0


@dataclass(frozen=True, slots=True)
class FramePlaces:
    """The volume that frames make up.

    Attributes:
        ijk_to_ras: 4x4, voxel (column, row, slice) to RAS in mm.
        slices: of the volume, from the first to the last one that has a frame.
        of_frame: for each frame the slices that it fills: one, or several where frames are unevenly spaced.
        warnings: what is odd, as parts of a sentence about "it".
    """

    ijk_to_ras: np.ndarray
    slices: int
    of_frame: tuple[range, ...]
    warnings: tuple[str, ...]


def place_frames(data: Any, count: int, rows: int, columns: int, name: str, spacings: Sequence[float]) -> FramePlaces:
    """Find the places.

    Args:
        data: the SEG's header.
        count: how many frames it has.
        rows, columns: of a frame.
        name: what sentences call it.
        spacings: mm between the slices of the series that it may be of.

    Raises:
        CastError: the frames do not make one volume, or one that is larger than this display takes.
    """
    shared = (data.get("SharedFunctionalGroupsSequence") or [None])[0]
    frames = list(data.get("PerFrameFunctionalGroupsSequence") or ())
    if len(frames) != count:
        raise CastError(f"{name} is damaged: it has {count} frames and tells the places of {len(frames)}.")
    groups = [_Groups(frame, shared, name) for frame in frames]
    axes, pixel = _directions(groups, name)
    positions = np.array([one.numbers("PlanePositionSequence", "ImagePositionPatient", 3) for one in groups])
    normal = np.cross(axes[0], axes[1])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    told = _header_spacings(groups[0])
    offsets, plane_of = _planes(along, order)
    step, places, warnings = _steps(offsets, told, spacings, name)
    total = places[-1].stop
    if total * rows * columns > MAX_LAYER_VOXELS:
        raise CastError(
            f"{name} is not shown: its frames span {total} slices of {rows} x {columns}, more than this display takes."
        )
    first = positions[order[0]]
    slant = _slant(positions, along, normal, first, max(ROUNDING, MAX_OFF * float(pixel.min())), name)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = axes[0] * pixel[1], axes[1] * pixel[0]
    matrix[:3, 2] = (normal + slant) * step
    matrix[:3, 3] = first
    return FramePlaces(LPS_TO_RAS @ matrix, total, tuple(places[plane] for plane in plane_of), tuple(warnings))


class _Groups:
    """The functional groups of a frame: its own, else those that all share."""

    def __init__(self, frame: Any, shared: Any, name: str) -> None:
        self._frame, self._shared, self._name = frame, shared, name

    def item(self, sequence: str) -> Any:
        for group in (self._frame, self._shared):
            items = group.get(sequence) if group is not None else None
            if items:
                return items[0]
        return None

    def numbers(self, sequence: str, keyword: str, count: int) -> np.ndarray:
        item = self.item(sequence)
        try:
            values = [float(value) for value in item.get(keyword)]
        except (TypeError, ValueError, AttributeError, OverflowError):
            values = []
        if len(values) != count or not all(map(math.isfinite, values)):
            raise CastError(f"The frames of {self._name} do not make one volume: {keyword} is missing or damaged.")
        return np.array(values)


def _directions(groups: Sequence[_Groups], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of rising columns and rows (2, 3), and mm between rows and between columns."""
    cosines = np.array([one.numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6) for one in groups])
    pixels = np.array([one.numbers("PixelMeasuresSequence", "PixelSpacing", 2) for one in groups])
    axes = cosines[0].reshape(2, 3)
    lengths = np.linalg.norm(axes, axis=1)
    if np.abs(lengths - 1).max() > 0.01 or abs(float(axes[0] @ axes[1])) > 0.01 or pixels.min() <= 0:
        raise CastError(f"The frames of {name} do not make one volume: their directions or spacings are none.")
    if np.abs(cosines - cosines[0]).max() > DIRECTION_OFF or np.abs(pixels / pixels[0] - 1).max() > SPACING_OFF:
        raise CastError(f"The frames of {name} do not make one volume: their directions or pixel spacings differ.")
    return axes / lengths[:, np.newaxis], pixels[0]


def _header_spacings(groups: _Groups) -> dict[str, float]:
    told = {}
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        item = groups.item("PixelMeasuresSequence")
        try:
            number = abs(float(item.get(keyword)))
        except (TypeError, ValueError, AttributeError, OverflowError):
            continue
        if math.isfinite(number) and number > 0:
            told[keyword] = number
    return told


def _planes(along: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The different positions along the normal from the first (mm, rising), and which of them each frame has."""
    plane_of = [0] * len(along)
    offsets = [0.0]
    for frame in order:
        offset = float(along[frame] - along[order[0]])
        if offset - offsets[-1] > ROUNDING:
            offsets.append(offset)
        plane_of[frame] = len(offsets) - 1
    return np.array(offsets), plane_of


def _steps(
    offsets: np.ndarray, told: dict[str, float], spacings: Sequence[float], name: str
) -> tuple[float, list[range], list[str]]:
    """Mm between slices, the slices that each position fills, and what is odd."""
    said = told.get("SpacingBetweenSlices") or told.get("SliceThickness") or 0.0
    step = _one_step(said, spacings, name) if len(offsets) == 1 else _even_step(offsets, said, spacings)
    if not step:
        return _uneven(offsets, name)
    numbers = _numbers(offsets, step) or [0]
    if numbers[-1]:
        step = float(offsets[-1] / numbers[-1])
    warnings = []
    if said and abs(step / said - 1) > SPACING_OFF:
        words = "mm apart" if "SpacingBetweenSlices" in told else "mm thick"
        warnings.append(f"it says that its slices are {said:.4g} {words}, and they are {step:.4g} mm apart")
    return step, [range(number, number + 1) for number in numbers], warnings


def _one_step(said: float, spacings: Sequence[float], name: str) -> float:
    """How thick a single slice is: as those of its series, else as it says."""
    step = spacings[0] if len(set(spacings)) == 1 else said
    if not step:
        raise CastError(f"{name} is not shown: it has one slice and does not tell how thick it is.")
    return step


def _even_step(offsets: np.ndarray, said: float, spacings: Sequence[float]) -> float:
    """Mm between the slices of an even grid on which all positions lie, 0 when there is none that is plausible.

    Where frames were left out the grid is finer than the smallest gap: what the header says is believed when the
    series has that spacing too, or when there are holes; that of its series is taken before the gaps alone.
    """
    gaps = np.diff(offsets)
    smallest = float(gaps.min())
    has_holes = len(gaps) == 1 or float(gaps.max()) > (1 + MAX_OFF) * smallest
    series = [spacing for spacing in spacings if _numbers(offsets, spacing) is not None]
    fits = said > 0 and _numbers(offsets, said) is not None
    if fits and any(abs(said / step - 1) <= SPACING_OFF for step in (*series, smallest)):
        return said
    if series:
        return max(series)
    if fits and has_holes:
        return said
    return smallest if _numbers(offsets, smallest) is not None else said if fits else 0.0


def _numbers(offsets: np.ndarray, step: float) -> list[int] | None:
    """The number of each position on an even grid, None when they do not lie on it."""
    numbers = np.rint(offsets / step)
    if numbers[-1] < 1 or numbers[-1] > MAX_LAYER_VOXELS or (np.diff(numbers) < 1).any():
        return None
    even = offsets[-1] / numbers[-1]
    off = np.abs(offsets - numbers * even).max()
    return [int(number) for number in numbers] if off <= max(MAX_OFF * even, ROUNDING) else None


def _uneven(offsets: np.ndarray, name: str) -> tuple[float, list[range], list[str]]:
    """Fill an even grid as fine as the smallest gap; each position takes the slices to halfway to its neighbours."""
    gaps = np.diff(offsets)
    step = float(gaps.min())
    if gaps.max() > MAX_UNEVEN * step:
        raise CastError(f"The frames of {name} do not make one volume: {gaps.min():.3g} to {gaps.max():.3g} mm apart.")
    last = math.ceil(offsets[-1] / step)
    borders = np.concatenate([[-np.inf], (offsets[:-1] + offsets[1:]) / 2, [np.inf]])
    middles = np.arange(last + 1) * (offsets[-1] / last)
    owner = np.searchsorted(borders, middles, side="right") - 1
    places = [range(*_ends(owner, plane)) for plane in range(len(offsets))]
    words = (
        f"its slices are unevenly spaced ({gaps.min():.3g} to {gaps.max():.3g} mm) and drawn at their true positions"
    )
    return float(offsets[-1] / last), places, [words]


def _ends(owner: np.ndarray, plane: int) -> tuple[int, int]:
    return int(np.searchsorted(owner, plane, side="left")), int(np.searchsorted(owner, plane, side="right"))


def _slant(
    positions: np.ndarray, along: np.ndarray, normal: np.ndarray, first: np.ndarray, most: float, name: str
) -> np.ndarray:
    """Mm that a stack runs sideways for each mm along its normal (a tilted gantry); 0 when it runs straight."""
    height = along - first @ normal
    sideways = positions - first - np.outer(height, normal)
    if np.linalg.norm(sideways, axis=1).max() <= most:
        return np.zeros(3)
    slant = np.asarray((height @ sideways) / max(float(height @ height), 1e-9))
    if np.linalg.norm(sideways - np.outer(height, slant), axis=1).max() > most:
        raise CastError(f"The frames of {name} do not make one volume: they are shifted sideways.")
    return slant
