"""Grids that are the same up to the order of their axes, and where frames of a SEG lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from CastInterfaceLib.study.grids import Grid, Turn, fit_places, right_handed, turn_into, turned_grid
from CastInterfaceLib.study.segmentation_places import _even_step, _numbers, _uneven

SOURCE = Grid((5, 7, 9), np.array([[-2.0, 0.1, 0, 40], [0.1, -3, 0, 50], [0, 0, 4, -60], [0, 0, 0, 1]]))


def points(grid: Grid) -> np.ndarray:
    """RAS mm of every voxel (slices, rows, columns, 3)."""
    k, j, i = np.indices(grid.shape)
    return np.asarray((np.stack([i, j, k, np.ones_like(i)], axis=-1) @ grid.ijk_to_ras.T)[..., :3])


@pytest.mark.parametrize("axes", itertools.permutations(range(3)))
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_every_order_of_axes_is_turned_back(axes: tuple[int, ...], flips: tuple[int, ...]) -> None:
    turn = Turn(axes, flips)
    other = turned_grid(SOURCE, turn)
    assert np.allclose(points(other), turn.apply(points(SOURCE)))
    found = turn_into(other, SOURCE)
    assert found is not None and found[1] < 1e-9
    assert np.allclose(found[0].apply(points(other)), points(SOURCE))
    fit = fit_places("a", other.shape, [("sform", other.ijk_to_ras)], "", SOURCE)
    assert fit.is_source and fit.grid is SOURCE and fit.warnings == ()
    hand = right_handed(other)
    assert np.linalg.det(turned_grid(other, hand).ijk_to_ras[:3, :3]) > 0


@given(st.lists(st.integers(0, 400), min_size=2, max_size=30, unique=True), st.sampled_from([0.5, 0.625, 2.5, 5.0]))
def test_frames_keep_their_places(places: list[int], spacing: float) -> None:
    """Whatever frames were left out, with the series' spacing known they lie where they were."""
    places = sorted(places)
    offsets = np.array([round((place - places[0]) * spacing, 2) for place in places])
    step = _even_step(offsets, 0.0, [spacing])
    assert step == spacing
    assert _numbers(offsets, step) == [place - places[0] for place in places]


@pytest.mark.parametrize(
    ("offsets", "said", "series", "expected"),
    [
        ([0, 5, 10, 15], 5, [], 5),
        ([0, 5, 10, 15], 2.5, [], 5),  # it lies
        ([0, 5, 10, 15], 2.5, [2.5], 2.5),  # every second slice was drawn
        ([0, 5, 10, 15], 2.5, [5], 5),
        ([0, 5, 10, 15], 10, [5], 5),
        ([0, 10, 15, 40], 5, [], 5),
        ([0, 10, 30], 5, [], 5),
        ([0, 10], 2.5, [], 2.5),
        ([0, 10], 0, [2.5], 2.5),
        ([0, 10], 0, [], 10),
        ([0, 1, 2, 3], 1, [5], 1),  # finer than its series
        ([0, 2.5, 5, 9, 13], 2.5, [], 0),
    ],
)
def test_the_spacing_is_what_positions_say(
    offsets: list[float], said: float, series: list[float], expected: float
) -> None:
    assert _even_step(np.array(offsets, float), said, series) == expected


@given(st.lists(st.floats(1.0, 3.9), min_size=3, max_size=40))
def test_unevenly_spaced_frames_fill_all_slices_once(gaps: list[float]) -> None:
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    step, places, _words = _uneven(offsets, "a")
    assert step <= min(gaps) + 1e-9
    filled = [number for part in places for number in part]
    assert filled == list(range(len(filled))) and all(len(part) for part in places)
    assert (len(filled) - 1) * step == pytest.approx(offsets[-1])
