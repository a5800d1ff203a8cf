"""Whether the slices of a stack lie on an even grid, where on it, and which of it are missing."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

#: How far a slice may lie from its place on the grid, as a share of the spacing: the same for every slice, so that
#: small differences never add up over a stack.
PLACE_TOLERANCE = 0.01
#: Millimetres that are always tolerated, for positions that were written with two decimals (never more than a tenth of
#: the spacing).
ROUNDING = 0.01
#: A grid is believed while it has at most this many places for each slice that is there …
PLACES_PER_SLICE = 4
#: … and, where the instance numbers do not skip what is missing, while at most this share of the gaps, or one, is a
#: hole …
HOLES_SHARE = 1 / 3
#: … or, where the instance numbers run on, this many: a scan that is coarse above and fine below misses nothing.
HOLES_IN_RUNNING_NUMBERS = 2


@dataclass(frozen=True, slots=True)
class SliceGrid:
    """An even grid: ``places`` are the slices' numbers on it, rising from 0, ``spacing`` mm apart."""

    spacing: float
    places: tuple[int, ...]

    @property
    def missing(self) -> int:
        """How many places have no slice."""
        return self.places[-1] + 1 - len(self.places)


def find_grid(
    offsets: Sequence[float], numbers: Sequence[int | None] = (), hints: Sequence[float] = ()
) -> SliceGrid | None:
    """Return the widest grid on which all slices lie, None when they are unevenly spaced.

    Args:
        offsets: mm along the normal of two or more slices, rising, the first 0.
        numbers: their instance numbers, which tell a slice that is missing from one that was never made.
        hints: spacings in mm that the headers tell; they are tried, not believed.
    """
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    candidates = {statistics.median_low(gaps), min(gaps), *(hint for hint in hints if hint > 0)}
    found = [grid for grid in (_grid(offsets, gaps, spacing) for spacing in candidates) if grid is not None]
    grid = min(found, key=lambda grid: grid.places[-1], default=None)
    return grid if grid is None or _is_likely(grid, numbers) else None


def _is_likely(grid: SliceGrid, numbers: Sequence[int | None]) -> bool:
    """Whether the holes of a grid are slices that are missing, and not a scan with wider gaps here and there."""
    steps = [after - before for before, after in itertools.pairwise(grid.places)]
    holes = sum(step > 1 for step in steps)
    known = [number for number in numbers if number is not None]
    if holes and len(known) == len(grid.places):
        skips = [after - before for before, after in itertools.pairwise(known)]
        if skips in (steps, [-step for step in steps]):
            return True
        if skips in ([1] * len(steps), [-1] * len(steps)) and holes > HOLES_IN_RUNNING_NUMBERS:
            return False
    return holes <= max(1, HOLES_SHARE * len(steps))


def tolerance(spacing: float) -> float:
    """Millimetres that a slice may lie off its place."""
    return max(PLACE_TOLERANCE * spacing, min(ROUNDING, spacing / 10))


def _grid(offsets: Sequence[float], gaps: Sequence[float], spacing: float) -> SliceGrid | None:
    if offsets[-1] > spacing * PLACES_PER_SLICE * len(offsets):
        return None
    single = [gap for gap in gaps if 0.5 < gap / spacing < 1.5]
    spacing = statistics.fmean(single) if single else spacing  # digits lost in single positions even out
    places = (0, *itertools.accumulate(round(gap / spacing) for gap in gaps))
    if not places[-1]:
        return None
    spacing = offsets[-1] / places[-1]
    off = max(abs(offset - place * spacing) for offset, place in zip(offsets, places, strict=True))
    if off > tolerance(spacing) or len(set(places)) < len(places):
        return None
    return SliceGrid(spacing, places)
