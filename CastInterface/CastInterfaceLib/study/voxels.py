"""A DICOM series decoded into one array, on a worker thread and without any engine: the one reader for all viewers.

Slicer's own reader keeps Python's lock from the first slice to the last (several seconds for a large CT), and meanwhile
no request could be answered; and what a series looks like must not depend on where it is shown. One slice is decoded
after the other, so that others breathe and no more than the volume is in memory. A slice that cannot be decoded costs
only itself: its place is left dark, and it is told.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom

from CastInterfaceLib.study.frame_decoder import CalledOff, FrameDecoder
from CastInterfaceLib.study.grids import LPS_TO_RAS
from CastInterfaceLib.study.left_out import not_decoded_sentences
from CastInterfaceLib.study.look import Look, is_inverted, look_of, padding_of
from CastInterfaceLib.study.modality_values import joined_kind, modality_values, scale_of
from CastInterfaceLib.study.same_file import need_same
from CastInterfaceLib.study.slice_places import SlicePlaces, between, places_of
from CastInterfaceLib.study.stored_pixels import PixelForm, pixel_form, stored_pixels
from CastLib.dicom.reading import read_whole
from CastLib.dicom.series import Geometry, Series
from CastLib.errors import CastError, FieldError

log = logging.getLogger("cast.display")

#: Bytes of one volume.
MAX_VOLUME = 4 << 30

#: Words for the picture of a volume whose voxels are not those of the files.
INTERPOLATED = "interpolated: uneven slices"


@dataclass(frozen=True, slots=True)
class Voxels:
    """A decoded series.

    Attributes:
        array: (slices, rows, columns), or (slices, rows, columns, 3) uint8 for colour.
        ijk_to_ras: 4x4, voxel (column, row, slice) to RAS in mm.
        warnings: sentences about what a reader of the images should know.
        missing: numbers of the slices, from 0, that did not come or could not be decoded.
        mark: a few words to be drawn into pictures of it; "" when there is nothing to say.
    """

    array: np.ndarray
    ijk_to_ras: np.ndarray
    look: Look
    warnings: tuple[str, ...]
    missing: tuple[int, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True)
class _Plane:
    """One decoded file: modality values or colours, and what its header says besides."""

    values: np.ndarray
    header: pydicom.Dataset
    form: PixelForm
    not_numbers: int
    scale: tuple[bool | None, str]

    @property
    def kind(self) -> tuple[bool, bool]:
        """What all slices of a series must share: whether in colours, whether inverted."""
        return self.values.ndim == 3, self.values.ndim == 2 and is_inverted(self.header)


def read_voxels(
    series: Series,
    before_file: Callable[[int], object] = lambda number: None,
    decoder: FrameDecoder | None = None,
) -> Voxels:
    """Decode a series whose files are sorted along the normal.

    Args:
        series: what to decode.
        before_file: called with the number of each file before it is read, and while it is decoded; what it raises ends
            the decoding.
        decoder: of compressed frames; by default one for this series alone.

    Raises:
        CastError: no file can be decoded, one was replaced, or the volume does not fit in memory.
    """
    if decoder is None:
        with FrameDecoder() as own:
            return read_voxels(series, before_file, own)
    try:
        return _read(series, before_file, decoder)
    except CastError:
        raise
    except MemoryError:
        raise CastError(f"Series {series.uid} is too large for this machine's memory.") from None
    except Exception as error:  # one odd series costs only itself
        log.error("a series cannot be read: %s", type(error).__name__)  # its text may quote what is in the files
        raise CastError(f"Series {series.uid} cannot be read: {type(error).__name__} came up.") from error


def _read(
    series: Series,
    before_file: Callable[[int], object],
    decoder: FrameDecoder,
    kind: tuple[bool, bool] | None = None,
) -> Voxels:
    """``kind`` is what the slices must be, by default the first one's."""
    geometry = series.volume
    places = places_of(geometry)
    pile = _Pile(places, geometry)
    bad: list[tuple[Path, str]] = []
    middle: _Plane | None = None
    good = not_numbers = number = 0
    others: list[tuple[bool, bool]] = []
    scales: Counter[tuple[bool | None, str]] = Counter()
    decoder.begin_series(lambda: before_file(number))
    for number, path in enumerate(series.files):
        before_file(number)
        try:
            plane = _read_plane(series, number, decoder)
            if kind is not None and plane.kind != kind:
                others.append(plane.kind)
                raise _Unreadable("its colours or brightness are of another kind than those of the other slices")
        except _Unreadable as error:
            bad.append((path, str(error)))
            continue
        kind = plane.kind
        good += 1
        not_numbers += plane.not_numbers
        scales[plane.scale] += 1
        pile.add(number, plane.values)
        if middle is None or number <= len(series.files) // 2:
            middle = replace(plane, values=np.empty(0))
    if middle is None or kind is None:
        raise CastError(f"{bad[0][0].name} cannot be decoded: {bad[0][1]}.")
    if len(others) > good:  # the first one was the odd one
        return _read(series, before_file, decoder, max(set(others), key=others.count))
    array, missing = pile.finished(bright_is_empty=kind[1])
    look = look_of(array, middle.header, padding_of(middle.header, middle.form), middle.form)
    return Voxels(
        array,
        ijk_to_ras(geometry, places.spacing),
        look,
        (
            *_warnings(places, len(missing), not_numbers),
            *_scale_sentences(scales),
            *not_decoded_sentences(bad),
            *look.warnings,
        ),
        missing,
        _mark(places, len(missing)),
    )


class _Unreadable(CastError):
    """One file cannot be decoded, and why."""


def _read_plane(series: Series, number: int, decoder: FrameDecoder) -> _Plane:
    """One file; raises _Unreadable, CastError when it is not the file any more that made the series, MemoryError."""
    try:
        header = read_whole(series.files[number])
    except MemoryError:
        raise
    except FieldError as error:
        raise _Unreadable(error.reason) from error
    except Exception as error:  # a damaged file raises whatever its bytes happen to run into
        raise _Unreadable(f"it cannot be read ({type(error).__name__})") from error
    need_same(series, number, header)
    try:
        form = pixel_form(header)
        stored = stored_pixels(header, decoder)
        color = stored.ndim == 3
        scale = (None, "") if color or stored.dtype.kind == "f" else scale_of(header)
        values, not_numbers = (stored, 0) if color else _finite(modality_values(stored, header, form))
    except CastError as error:
        raise _Unreadable(str(error)) from error
    except CalledOff as error:
        raise (error.__cause__ or error) from None
    except MemoryError:
        raise
    except Exception as error:
        raise _Unreadable(f"it is damaged ({type(error).__name__})") from error
    return _Plane(values, header, form, not_numbers, scale)


def _finite(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Values of which each is a finite number, and how many were none: VTK draws anything for NaN."""
    if values.dtype.kind != "f":
        return values, 0
    good = np.isfinite(values)
    count = int(values.size - np.count_nonzero(good))
    if not count:
        return values, 0
    if count == values.size:
        raise _Unreadable("none of its values is a number")
    return np.where(good, values, values[good].min()), count


class _Pile:
    """The volume while its slices come, in order: wide enough for all that came so far."""

    def __init__(self, places: SlicePlaces, geometry: Geometry) -> None:
        self._places = places
        self._size = (geometry.rows, geometry.columns)
        self._array: np.ndarray | None = None
        self._filled = np.zeros(places.count, bool)
        self._last: tuple[int, np.ndarray] | None = None

    def add(self, number: int, values: np.ndarray) -> None:
        """Put the next slice where it belongs, and between the last one and it what lies there."""
        array = self._room_for(values)
        last, self._last = self._last, (number, values)
        nearest = self._places.nearest(number)  # where slices are missing beside it, this place is all it has
        if not self._filled[nearest]:
            array[nearest] = values
            self._filled[nearest] = True
        if last is None or last[0] != number - 1 or self._places.is_hole(number):
            return
        for place, share in self._places.slices_between(number):
            array[place] = values if share == 1.0 else between(last[1], values, share)
            self._filled[place] = True

    def _room_for(self, values: np.ndarray) -> np.ndarray:
        if self._array is None:
            shape = (self._places.count, *values.shape)
            if np.prod(shape, dtype=np.float64) * values.itemsize > MAX_VOLUME:
                raise MemoryError
            self._array = np.empty(shape, values.dtype)
        kind = joined_kind(self._array.dtype, values.dtype)
        if kind != self._array.dtype:
            if self._array.size * kind.itemsize > MAX_VOLUME:
                raise MemoryError
            filled = self._filled
            wider = np.empty(self._array.shape, kind)
            wider[filled] = self._array[filled]
            self._array = wider
        return self._array

    def finished(self, bright_is_empty: bool) -> tuple[np.ndarray, tuple[int, ...]]:
        """The volume, its empty places as dark as its darkest voxel, and their numbers."""
        assert self._array is not None
        missing = np.flatnonzero(~self._filled)
        if len(missing):
            edge = np.max if bright_is_empty else np.min
            whole = [edge(self._array[place]) for place in np.flatnonzero(self._filled)]
            self._array[missing] = 0 if self._array.ndim == 4 else edge(whole)
        return self._array, tuple(int(place) for place in missing)


def _warnings(places: SlicePlaces, missing: int, not_numbers: int) -> list[str]:
    told = []
    if missing:
        told.append(f"{missing} {'slice is' if missing == 1 else 'slices are'} missing and shown empty")
    if not places.exact:
        told.append(
            f"the slices are unevenly spaced and shown interpolated, every {places.spacing:.3g} mm from the first to "
            "the last"
        )
    if not_numbers:
        told.append(f"{not_numbers} voxels hold no finite number and are shown as the smallest value of their slice")
    return told


def _mark(places: SlicePlaces, missing: int) -> str:
    """A hole looks like air in a view across the slices, so that no picture may keep silent about it."""
    hole = f"{missing} of {places.count} slices missing" if missing else ""
    return ", ".join(filter(None, (hole, "" if places.exact else INTERPOLATED)))


def _scale_sentences(scales: Counter[tuple[bool | None, str]]) -> list[str]:
    """Where values of some slices are no measure for those of others."""
    told = []
    silent = sum(count for (scaled, _unit), count in scales.items() if scaled is None)
    if silent and any(scaled for scaled, _unit in scales):
        told.append(
            f"{silent} of its {scales.total()} slices {'does' if silent == 1 else 'do'} not say how stored values are "
            "scaled, as the others do: their brightness cannot be compared"
        )
    units = sorted({unit for _scaled, unit in scales if unit})
    if len(units) > 1:
        told.append(f"its slices tell their values in different units ({', '.join(units)})")
    return told


def ijk_to_ras(geometry: Geometry, slice_spacing: float | None = None) -> np.ndarray:
    """Voxel (column, row, slice) to RAS mm, 4x4, of a geometry that is told in LPS; slices may lie otherwise apart."""
    spacing = np.array([*geometry.spacing[:2], slice_spacing or geometry.spacing[2]])
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(geometry.direction).reshape(3, 3) * spacing
    matrix[:3, 3] = geometry.origin
    return LPS_TO_RAS @ matrix
