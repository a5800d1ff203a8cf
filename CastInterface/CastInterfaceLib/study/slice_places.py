"""Where on an even grid each slice of a stack goes: as it is, with holes where slices are missing, or interpolated.

Voxels of a volume node lie on an even grid. A stack whose slices lie unevenly is brought onto one along its normal, by
the true positions: each voxel between two slices is their weighted mean, and nothing is made up outside of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from CastLib.dicom.stack import Geometry

#: A grid for uneven slices has at most this many places for each slice: the finest useful step is the smallest gap,
#: but one pair of slices close together must not make the volume many times as large.
PLACES_PER_SLICE = 4
#: A gap this many times as wide as both gaps beside it is no spacing: slices are missing there, and none is made up.
WIDE_GAP = 2.5
#: A slice this near to a place (a share of the step) stands there as it is.
ON_PLACE = 0.01


@dataclass(frozen=True, slots=True)
class SlicePlaces:
    """An even grid along the normal: ``count`` places, ``spacing`` mm apart, for slices at ``offsets`` mm."""

    spacing: float
    count: int
    offsets: tuple[float, ...]
    exact: bool  # every slice lies on a place

    def slices_between(self, number: int) -> Iterator[tuple[int, float]]:
        """The places from behind slice ``number - 1`` up to slice ``number``: each with how far it is on the way, 0..1.

        Those of slice 0 are the first place alone.
        """
        if number == 0:
            yield 0, 1.0
            return
        before, here = self.offsets[number - 1], self.offsets[number]
        slack = ON_PLACE * self.spacing
        first = math.floor((before + slack) / self.spacing) + 1
        for place in range(first, min(self.count - 1, math.floor((here + slack) / self.spacing)) + 1):
            share = (place * self.spacing - before) / (here - before)
            yield place, 1.0 if abs(place * self.spacing - here) <= slack else share

    def nearest(self, number: int) -> int:
        """The place that lies nearest to a slice, half a step away at most."""
        return min(self.count - 1, round(self.offsets[number] / self.spacing))

    def is_hole(self, number: int) -> bool:
        """Whether slices are missing between slice ``number - 1`` and slice ``number``."""
        if self.exact:
            return True  # whatever place lies between two slices has none of its own
        gaps = [after - before for before, after in itertools.pairwise(self.offsets)]
        beside = [gaps[index] for index in (number - 2, number) if 0 <= index < len(gaps)]
        return bool(beside) and gaps[number - 1] > WIDE_GAP * max(beside)


def places_of(geometry: Geometry) -> SlicePlaces:
    """The grid for a stack: its own where its slices lie on one, else the finest useful one from first to last."""
    if geometry.places is not None:
        spacing = geometry.spacing[2]
        offsets = tuple(place * spacing for place in geometry.places)
        return SlicePlaces(spacing, geometry.places[-1] + 1, offsets, True)
    offsets = geometry.offsets
    smallest = min(after - before for before, after in itertools.pairwise(offsets))
    extent = offsets[-1]
    steps = min(math.ceil(round(extent / smallest, 6)), PLACES_PER_SLICE * len(offsets) - 1)
    return SlicePlaces(extent / steps, steps + 1, offsets, False)


def between(before: np.ndarray, here: np.ndarray, share: float) -> np.ndarray:
    """The weighted mean of two slices, ``share`` of the way from the first to the second; in the kind of both."""
    kind = np.result_type(before, here)
    wide = np.float32 if kind.itemsize <= 2 else np.float64
    mean: np.ndarray = before.astype(wide)
    mean += (here.astype(wide) - mean) * np.asarray(share, wide)
    return (np.rint(mean) if kind.kind in "iu" else mean).astype(kind)
