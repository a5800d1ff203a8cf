"""Segments in label maps, as numpy has them, without any engine: what SEG, NIfTI and NRRD files are read into.

Segments that do not overlap share one array, in which each has a value of its own: a hundred organs take no more than
one, in memory and in Slicer's slice views. Where some overlap there are several such arrays, the layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from CastInterfaceLib.study.grids import Grid
from CastLib.errors import CastError
from CastLib.patient import Patient

#: More segments than that make no segmentation: each is drawn in 3D and listed.
MAX_SEGMENTS = 1000

#: Voxels that all layers of a segmentation may have together.
MAX_LAYER_VOXELS = 1 << 29

#: Points of each slice that tell where a segmentation lies.
SLICE_POINTS = 64

# Colours for segments that recommend none: far apart, and readable over grey.
PALETTE = (
    (0.50, 0.68, 0.50),
    (0.95, 0.84, 0.57),
    (0.69, 0.48, 0.40),
    (0.44, 0.72, 0.82),
    (0.85, 0.40, 0.31),
    (0.87, 0.51, 0.40),
    (0.56, 0.93, 0.56),
    (0.75, 0.40, 0.34),
)


@dataclass(frozen=True, eq=False)
class SegmentMask:
    """One segment.

    Attributes:
        number: the segment number in the file.
        color: red, green and blue, 0 to 1.
        terminology: Slicer's terminology entry ("" without one).
        layer: uint8 or uint16 (slices, rows, columns), which it may share with others.
        value: its voxels' value there.
        counts: how many of its voxels lie in each slice, each row, each column.
        id: Slicer's name for it, where the file tells one.
    """

    number: int
    label: str
    color: tuple[float, float, float]
    terminology: str
    layer: np.ndarray
    value: int
    counts: tuple[np.ndarray, np.ndarray, np.ndarray]
    id: str = ""

    @cached_property
    def voxels(self) -> int:
        """How many voxels are present."""
        return int(self.counts[0].sum())

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """The slices, rows and columns in which it is present."""
        ranges = []
        for counts in self.counts:
            present = np.flatnonzero(counts)
            ranges.append(slice(int(present[0]), int(present[-1]) + 1) if len(present) else slice(0, 0))
        return ranges[0], ranges[1], ranges[2]

    @property
    def first(self) -> tuple[int, int, int]:
        """Slice, row and column of the box's first voxel."""
        return self.box[0].start, self.box[1].start, self.box[2].start

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the box."""
        slices, rows, columns = (part.stop - part.start for part in self.box)
        return slices, rows, columns

    @property
    def mask(self) -> np.ndarray:
        """The box as uint8 (slices, rows, columns), 0 or 1; made anew each time."""
        return np.asarray(self.layer[self.box] == self.value).view(np.uint8)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Decoded segments on one grid.

    Attributes:
        source_series: the SeriesInstanceUIDs it says it was made from.
        source_instances: the SOPInstanceUIDs of the images that it says it was made from.
        ijk_to_ras: 4x4, voxel (column, row, slice) to RAS in mm.
        shape: slices, rows, columns of the whole.
        patient: whose it is, as far as it says so.
        modality: of the file.
        warnings: what is odd about it, as parts of a sentence about "it".
    """

    sop_instance_uid: str
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    source_series: tuple[str, ...]
    description: str
    ijk_to_ras: np.ndarray
    shape: tuple[int, int, int]
    segments: tuple[SegmentMask, ...]
    file_name: str = ""
    source_instances: frozenset[str] = frozenset()
    patient: Patient = field(default_factory=Patient)
    warnings: tuple[str, ...] = ()
    modality: str = "SEG"

    @property
    def voxel_volume(self) -> float:
        """Cubic millimetres of one voxel."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3])))

    @property
    def grid(self) -> Grid:
        """Where its voxels lie."""
        return Grid(self.shape, self.ijk_to_ras)

    @property
    def layers(self) -> list[np.ndarray]:
        """The arrays of its segments, each once."""
        return list({id(segment.layer): segment.layer for segment in self.segments if segment.voxels}.values())

    @cached_property
    def marked(self) -> list[tuple[np.ndarray, float]]:
        """Some voxels (n, 3) of each slice that are in a segment, as (column, row, slice), and how many there are."""
        found: list[tuple[np.ndarray, float]] = []
        for layer in self.layers:
            for k, plane in enumerate(layer):
                places = np.flatnonzero(plane)
                if len(places):
                    some = places[:: max(1, len(places) // SLICE_POINTS)]
                    rows, columns = np.unravel_index(some, plane.shape)
                    found.append((np.stack([columns, rows, np.full(len(some), k)], axis=1).astype(float), len(places)))
        return found


class LabelLayers:
    """Puts segments into as few layers as their overlaps allow: one that overlaps others goes into the next layer.

    Args:
        name: what sentences call the file.
        things: and its segments.
        shape: slices, rows, columns.
        count: how many segments there are at most.
        max_layers: as many as it takes, within `MAX_LAYER_VOXELS`.

    Attributes:
        layers: the arrays, one at least.
        layer_of: for each segment's value the layer that it is in.
    """

    def __init__(self, name: str, things: str, shape: tuple[int, int, int], count: int, max_layers: int) -> None:
        self._name, self._things = name, things
        self._shape, self._max_layers = shape, max_layers
        self._kind = np.uint8 if count <= np.iinfo(np.uint8).max else np.uint16
        self.layers: list[np.ndarray] = [np.zeros(shape, self._kind)]
        self.layer_of: dict[int, int] = {}

    def put(self, value: int, pieces: Callable[[], Iterable[tuple[int, np.ndarray]]]) -> None:
        """Put a segment in under a value.

        Args:
            value: from 1.
            pieces: makes its slices, each with what indexes the slice's pixels, one after the other: numbers or bool.

        Raises:
            CastError: so many overlap that memory would not do.
        """
        at = 0
        while not _put(self.layers[at], value, pieces()):
            at += 1
            if at == len(self.layers):
                if (at + 1) * math.prod(self._shape) > MAX_LAYER_VOXELS or at == self._max_layers:
                    raise CastError(
                        f"{self._name} is not shown: so many of its {self._things} overlap that memory would not do."
                    )
                self.layers.append(np.zeros(self._shape, self._kind))
        self.layer_of[value] = at

    def counts(self) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """`count_labels` of each value in its own layer."""
        found: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for number, layer in enumerate(self.layers):
            found |= count_labels(layer, [value for value, at in self.layer_of.items() if at == number])
        return found


def _put(layer: np.ndarray, value: int, pieces: Iterable[tuple[int, np.ndarray]]) -> bool:
    """Put pieces into a layer; whether there was room for all of them, else nothing of the value is left there."""
    touched: set[int] = set()
    for k, present in pieces:
        target = layer[k].reshape(-1)
        there = target[present]
        if np.any((there != 0) & (there != value)):
            for other in touched:
                layer[other][layer[other] == value] = 0
            return False
        target[present] = value
        touched.add(k)
    return True


@contextmanager
def reading(name: str, kind: str) -> Iterator[None]:
    """Around the reading of a file: whatever comes up of a broken one is a CastError with its ``name`` and ``kind``."""
    try:
        yield
    except CastError:
        raise
    except MemoryError:
        raise CastError(f"{name} is too large for this machine's memory.") from None
    except Exception as error:  # pydicom raises whatever a broken file leads it to
        raise CastError(f"{name} cannot be read as {kind}: it is damaged ({type(error).__name__}).") from None


def count_labels(layer: np.ndarray, values: Sequence[int]) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each value how many of its voxels lie in each slice, row and column of a layer (slices, rows, columns)."""
    slices, rows, columns = layer.shape
    count = len(values)
    table = np.full(int(np.iinfo(layer.dtype).max) + 1, count, np.intp)
    table[list(values)] = np.arange(count)
    in_slices = np.zeros((count, slices), np.int64)
    in_rows, in_columns = np.zeros((count, rows), np.int64), np.zeros((count, columns), np.int64)
    for k in range(slices):
        row, column = np.nonzero(layer[k])
        if not len(row):
            continue
        which = table[layer[k][row, column]]
        known = which < count
        which, row, column = which[known], row[known], column[known]
        in_slices[:, k] = np.bincount(which, minlength=count)
        in_rows += np.bincount(which * rows + row, minlength=count * rows).reshape(count, rows)
        in_columns += np.bincount(which * columns + column, minlength=count * columns).reshape(count, columns)
    return {value: (in_slices[n], in_rows[n], in_columns[n]) for n, value in enumerate(values)}


def outer_segments(segments: Sequence[SegmentMask], share: float) -> frozenset[int]:
    """The numbers of the segments that lie around another one and in none.

    One lies around another when ``share`` of that one's box is in its own, and it is on the whole further from that
    one's middle.
    """
    full = [segment for segment in segments if segment.voxels]
    if not full:
        return frozenset()
    starts = np.array([segment.first for segment in full])
    shapes = np.array([segment.shape for segment in full])
    around: set[int] = set()
    inside: set[int] = set()
    for outer in full:
        lowest, highest = np.maximum(starts, outer.first), np.minimum(starts + shapes, np.add(outer.first, outer.shape))
        shared = np.maximum(highest - lowest, 0).prod(axis=1)
        for number in np.flatnonzero(shared >= share * shapes.prod(axis=1)):
            inner = full[number]
            middle = np.add(inner.first, np.divide(inner.shape, 2))
            if inner is not outer and _spread(outer, middle) > _spread(inner, middle):
                around.add(outer.number)
                inside.add(inner.number)
    return frozenset(around - inside)


def _spread(segment: SegmentMask, middle: np.ndarray) -> float:
    """Mean square distance of a segment's voxels from a voxel, in voxels."""
    parts = zip(segment.counts, middle, strict=True)
    return sum(float((counts * (np.arange(len(counts)) - at) ** 2).sum()) for counts, at in parts) / segment.voxels


def middle_of(segment: SegmentMask) -> tuple[float, ...]:
    """The mean slice, row and column of a segment that is not empty."""
    return tuple(float((counts * np.arange(len(counts))).sum()) / segment.voxels for counts in segment.counts)


def color_number(number: int) -> tuple[float, float, float]:
    """The colour of the n-th segment that recommends none, from 0."""
    return PALETTE[number % len(PALETTE)]
