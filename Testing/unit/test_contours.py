"""Contours filled into slices: which pixels are inside, holes, and contours that lie beside the slices."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from CastInterfaceLib.study.contours import fill_contours, fill_polygons
from CastInterfaceLib.study.grids import Grid

SQUARE = np.array([[1.5, 2.5], [4.5, 2.5], [4.5, 6.5], [1.5, 6.5]])


def circle(middle: tuple[float, float], radius: float, points: int = 720) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([middle[0] + radius * np.cos(angles), middle[1] + radius * np.sin(angles)], axis=1)


def in_slice(polygon: np.ndarray, k: float) -> np.ndarray:
    return np.c_[polygon, np.full(len(polygon), k)]


def test_a_pixel_is_inside_when_its_middle_is() -> None:
    plane = fill_polygons([SQUARE], 10, 8)
    assert np.argwhere(plane).min(axis=0).tolist() == [3, 2] and np.argwhere(plane).max(axis=0).tolist() == [6, 4]
    assert plane.sum() == 12


def test_neither_the_first_point_nor_the_direction_matters() -> None:
    turned = [np.roll(SQUARE, 1, axis=0), SQUARE[::-1], np.vstack([SQUARE, SQUARE[:1]])]
    assert all((fill_polygons([one], 10, 8) == fill_polygons([SQUARE], 10, 8)).all() for one in turned)


def test_a_contour_in_a_contour_is_a_hole_and_so_is_a_keyhole() -> None:
    outer, inner = circle((20.2, 20.3), 15), circle((20.2, 20.3), 7)
    plane = fill_polygons([outer, inner], 41, 41)
    keyhole = np.vstack([outer, outer[:1], inner[::-1][-1:], inner[::-1], inner[::-1][-1:], outer[:1]])
    assert not plane[20, 20] and plane[20, 31]
    assert (fill_polygons([keyhole], 41, 41) == plane).all()


@given(
    st.tuples(st.floats(-30, 60), st.floats(-30, 60)),
    st.floats(0.6, 40),
)
def test_a_circle_holds_the_pixels_that_are_nearer_than_its_radius(middle: tuple[float, float], radius: float) -> None:
    rows, columns = np.mgrid[:30, :24]
    distance = np.hypot(columns - middle[0], rows - middle[1])
    plane = fill_polygons([circle(middle, radius)], 30, 24)
    sure = np.abs(distance - radius) > 1e-3 * radius + 1e-5  # the circle has corners
    assert (plane == (distance < radius))[sure].all()


def test_contours_go_to_the_slice_they_lie_in_and_the_nearest_counts() -> None:
    grid = Grid((5, 10, 8), np.eye(4))
    found = fill_contours([in_slice(SQUARE, 2.05), in_slice(SQUARE, 3.4), in_slice(SQUARE, 3.0)], grid)
    assert sorted(found.planes) == [2, 3] and found.between == 1
    assert found.planes[3].sum() == 12  # the two of slice 3 do not make a hole of each other
    assert round(found.beside, 3) == 0.05


def test_contours_that_lie_in_no_slice_are_counted() -> None:
    tilted = np.c_[SQUARE, [0.0, 0.0, 3.0, 3.0]]
    found = fill_contours([tilted, in_slice(SQUARE, 7), in_slice(SQUARE, -1)], Grid((5, 10, 8), np.eye(4)))
    assert found.outside == 3 and not found.planes
