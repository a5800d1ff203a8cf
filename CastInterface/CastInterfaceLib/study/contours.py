"""Closed contours filled into the slices of a grid. No engine, no DICOM."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from CastInterfaceLib.study.grids import Grid

#: How far a contour's points may lie out of one plane along the slices, in slices.
MAX_OUT_OF_PLANE = 0.25

#: How far a contour may lie beside the middle of its slice without a word, in slices.
MAX_BESIDE = 0.1

#: Digits of a pixel that are kept: a point that was meant to lie on a pixel's middle lies there for each slice alike.
_DIGITS = 6


@dataclass(slots=True)
class Filled:
    """A region's voxels.

    Attributes:
        planes: for each slice with a contour, the pixels inside (rows, columns), bool.
        outside: contours that lie in no slice of the grid.
        between: contours between two slices that have a nearer one.
        beside: the largest distance of a contour from the middle of its slice, in slices.
    """

    planes: dict[int, np.ndarray] = field(default_factory=dict)
    outside: int = 0
    between: int = 0
    beside: float = 0.0


def fill_contours(contours: Iterable[np.ndarray], grid: Grid) -> Filled:
    """Fill the closed contours of one region.

    A pixel is inside when its middle is; contours in each other are holes (even-odd), as are keyholes. Of contours at
    several distances from one slice the nearest count.

    Args:
        contours: points (n, 3) in RAS mm of each; the last is joined with the first.
        grid: whose slices are filled.
    """
    slices, rows, columns = grid.shape
    to_ijk = np.linalg.inv(grid.ijk_to_ras)
    filled = Filled()
    of_slice: dict[int, list[tuple[float, np.ndarray]]] = {}
    for points in contours:
        ijk = np.round(points @ to_ijk[:3, :3].T + to_ijk[:3, 3], _DIGITS)
        at = float(ijk[:, 2].mean())
        number = round(at)
        if not 0 <= number < slices or float(np.abs(ijk[:, 2] - at).max()) > MAX_OUT_OF_PLANE:
            filled.outside += 1
            continue
        of_slice.setdefault(number, []).append((abs(at - number), ijk[:, :2]))
    for number, found in of_slice.items():
        nearest = min(distance for distance, _ in found)
        own = [points for distance, points in found if distance <= nearest + MAX_OUT_OF_PLANE]
        filled.between += len(found) - len(own)
        filled.beside = max(filled.beside, nearest)
        filled.planes[number] = fill_polygons(own, rows, columns)
    return filled


def fill_polygons(polygons: Sequence[np.ndarray], rows: int, columns: int) -> np.ndarray:
    """The pixels (rows, columns) whose middles are inside an odd number of polygons, each (n, 2) as (column, row)."""
    crossings = np.zeros((rows, columns + 1), np.uint32)
    for polygon in polygons:
        x, y = polygon[:, 0], polygon[:, 1]
        next_x, next_y = np.roll(x, -1), np.roll(y, -1)
        first = np.clip(np.ceil(np.minimum(y, next_y)), 0, rows).astype(np.int64)
        last = np.clip(np.ceil(np.maximum(y, next_y)), 0, rows).astype(np.int64)  # this row is crossed no more
        count = last - first
        edge = np.repeat(np.arange(len(x)), count)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        slope = (next_x[edge] - x[edge]) / (next_y[edge] - y[edge])
        crossed = np.round(x[edge] + (row - y[edge]) * slope, _DIGITS)
        np.add.at(crossings, (row, np.clip(np.ceil(crossed), 0, columns).astype(np.int64)), 1)
    return np.asarray(np.cumsum(crossings[:, :columns], axis=1) % 2 == 1)
