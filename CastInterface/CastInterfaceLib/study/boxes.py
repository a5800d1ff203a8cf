"""Boxes of voxels, and where their corners lie in the patient."""

from __future__ import annotations

import itertools

import numpy as np

#: First and last column, row and slice.
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def box_corners(ijk_to_ras: np.ndarray, box: Box) -> np.ndarray:
    """The eight corners, in RAS mm (8, 3), of a box of voxels (first and last column, row, slice)."""
    edges = [(first - 0.5, last + 0.5) for first, last in box]
    corners = np.array([(*corner, 1.0) for corner in itertools.product(*edges)])
    return np.asarray((corners @ ijk_to_ras.T)[:, :3])
