"""Slices on an even grid, with holes in it, or unevenly spaced (CastLib.dicom.slice_grid)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from CastLib.dicom.slice_grid import find_grid, tolerance


def running(gaps: list[float]) -> list[float]:
    return [0.0, *itertools.accumulate(gaps)]


@given(count=st.integers(2, 300), spacing=st.floats(0.05, 10), digits=st.integers(3, 6))
def test_an_even_stack_is_one_however_its_positions_are_rounded(count: int, spacing: float, digits: int) -> None:
    grid = find_grid([round(number * spacing, digits) for number in range(count)])
    assert grid is not None and grid.places == tuple(range(count)) and not grid.missing
    assert abs(grid.spacing * (count - 1) - spacing * (count - 1)) <= 2 * 10**-digits


@settings(max_examples=300)
@given(
    present=st.sets(st.integers(0, 120), min_size=2),
    spacing=st.floats(0.1, 8),
    numbered=st.booleans(),
)
def test_slices_of_any_subset_lie_where_they_belong(present: set[int], spacing: float, numbered: bool) -> None:
    kept = sorted(present)
    offsets = [(one - kept[0]) * spacing for one in kept]
    grid = find_grid(offsets, kept if numbered else [])
    if grid is not None:
        for offset, place in zip(offsets, grid.places, strict=True):
            assert abs(place * grid.spacing - offset) <= tolerance(grid.spacing) + 1e-9


@given(gaps=st.lists(st.floats(0.2, 9), min_size=2, max_size=80))
def test_no_slice_of_a_grid_lies_off_its_place_however_far_up(gaps: list[float]) -> None:
    offsets = running(gaps)
    grid = find_grid(offsets)
    if grid is not None:
        off = [abs(place * grid.spacing - offset) for offset, place in zip(offsets, grid.places, strict=True)]
        assert max(off) <= tolerance(grid.spacing) <= max(0.01, 0.01 * grid.spacing)


def test_gaps_that_grow_slowly_are_uneven() -> None:
    assert find_grid(running([2.5 + 0.004 * number for number in range(100)])) is None


def test_a_hole_is_missing_slices() -> None:
    grid = find_grid([0, 2, 4, 6, 12, 14])
    assert grid is not None and (grid.spacing, grid.places, grid.missing) == (2, (0, 1, 2, 3, 6, 7), 2)


@pytest.mark.parametrize("numbers", [list(range(40)), list(range(40, 0, -1))])
def test_a_scan_that_is_fine_below_and_coarse_above_misses_nothing(numbers: list[int]) -> None:
    offsets = running([2.5] * 29 + [5.0] * 10)
    assert find_grid(offsets, numbers) is None  # the numbers run on
    grid = find_grid(offsets, [round(offset / 2.5) for offset in offsets])
    assert grid is not None and grid.missing == 10  # the numbers skip what is not there
    assert find_grid(running([2.5] * 12 + [5.0] * 16)) is None  # no numbers, more holes than is likely


def test_most_slices_missing_is_believed_where_the_numbers_skip_them() -> None:
    kept = [0, 1, 4, 9, 11, 15]
    grid = find_grid([one * 1.25 for one in kept], kept)
    assert grid is not None and grid.places == tuple(kept)
    grid = find_grid([0, 2.5, 7.5], [1, 2, 3], hints=[2.5, 5])
    assert grid is None or grid.places == (0, 1, 3)


def test_a_hint_is_tried() -> None:
    grid = find_grid([0, 4, 10], [1, 3, 6], hints=[2.0])
    assert grid is not None and grid.places == (0, 2, 5)
