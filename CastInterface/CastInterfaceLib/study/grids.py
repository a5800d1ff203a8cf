"""Whether the grid of a result is its source's, lies inside it, or is somewhere where it cannot be.

"The boxes touch" is not enough: a result whose header lost its geometry still touches, and is drawn somewhere else. A
grid as large as the source's must be the source's, up to the order of its axes; another one (resampled, cropped) must
have what it marks inside the source.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from CastLib.errors import CastError

#: Voxels of the source, along its shortest side, by which corners may be off: up to here it is rounding …
ROUNDING = 0.5
#: … and up to here it is the same grid, with a warning. Beyond it is another one.
MAX_SAME = 1.0

#: Of what a result marks on another grid, this share must lie inside the source; below the next, a warning says so.
MIN_INSIDE = 0.5
INSIDE_PLAIN = 0.98

#: How far a result's corner may stick out beyond the source and still count as inside, in the source's voxels.
MARGIN = 1.0

#: The directions of DICOM and ITK (left, posterior, superior) to those of Slicer (right, anterior, superior) and back.
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

#: First and last column, row and slice of a box of voxels.
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


class Misplaced(CastError):
    """A result does not say where it belongs, or lies where it cannot."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Voxels in space: ``shape`` is (slices, rows, columns), ``ijk_to_ras`` 4x4 in mm for (column, row, slice)."""

    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Mm between columns, rows and slices."""
        return np.asarray(np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0))

    def corners(self) -> np.ndarray:
        """The eight outermost voxels' middles in RAS mm (8, 3)."""
        ends = [(0.0, float(side - 1)) for side in self.shape[::-1]]
        points = np.array([(*corner, 1.0) for corner in itertools.product(*ends)])
        return np.asarray((points @ self.ijk_to_ras.T)[:, :3])

    def is_nowhere(self) -> bool:
        """Whether the matrix is none that a scanner writes: the identity, which is what a lost geometry looks like."""
        return bool(np.allclose(self.ijk_to_ras, np.eye(4), atol=1e-6))


@dataclass(frozen=True, slots=True)
class Turn:
    """How an array (slices, rows, columns) of one grid is put in the order of another."""

    axes: tuple[int, ...]
    flips: tuple[int, ...]

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The array in that order; a colour axis stays behind."""
        behind = tuple(range(3, array.ndim))
        return np.flip(array.transpose(self.axes + behind), self.flips)


def turn_into(grid: Grid, source: Grid) -> tuple[Turn, float] | None:
    """How a grid becomes the source's by another order of its axes, and how far (mm) its corners are off then.

    None when it does not. A file may hold its columns from left to right where DICOM has them from right to left.
    """
    step = np.linalg.inv(source.ijk_to_ras) @ grid.ijk_to_ras
    linear = step[:3, :3]
    order = np.abs(linear).argmax(axis=1)  # for each axis of the source the result's that runs along it
    if sorted(order) != [0, 1, 2]:
        return None
    axes = tuple(2 - int(order[2 - axis]) for axis in range(3))
    signs = [linear[2 - axis, 2 - axes[axis]] for axis in range(3)]
    turn = Turn(axes, tuple(axis for axis in range(3) if signs[axis] < 0))
    if tuple(grid.shape[axis] for axis in axes) != source.shape:
        return None
    turned = turned_grid(grid, turn)
    return turn, float(np.linalg.norm(turned.corners() - source.corners(), axis=1).max())


def turned_grid(grid: Grid, turn: Turn) -> Grid:
    """The grid of an array to which a turn was applied."""
    shape = (grid.shape[turn.axes[0]], grid.shape[turn.axes[1]], grid.shape[turn.axes[2]])
    change = np.zeros((4, 4))
    change[3, 3] = 1.0
    for axis in range(3):
        new, old = 2 - axis, 2 - turn.axes[axis]
        change[old, new] = -1.0 if axis in turn.flips else 1.0
        if axis in turn.flips:
            change[old, 3] = shape[axis] - 1
    return Grid(shape, grid.ijk_to_ras @ change)


def right_handed(grid: Grid) -> Turn:
    """The turn that makes columns, rows and slices a right-handed system, as DICOM's are: the slices from behind."""
    return Turn((0, 1, 2), (0,) if np.linalg.det(grid.ijk_to_ras[:3, :3]) < 0 else ())


def check_other_grid(name: str, grid: Grid, source: Grid, marked: Sequence[tuple[np.ndarray, float]]) -> list[str]:
    """Whether a grid is plausible for what it marks: the source's, a part of it, or another one inside the source.

    Args:
        name: what a sentence calls the result.
        grid: its grid.
        source: the grid of the volume that it is shown over.
        marked: points (n, 3) of the grid as (column, row, slice), each group with the weight it has together.

    Returns:
        warnings, as parts of a sentence about "it".

    Raises:
        Misplaced: it is not, and why.
    """
    if grid.is_nowhere() and not source.is_nowhere():
        raise Misplaced(
            f"{name} is not shown: its header tells no place (an identity matrix), so nothing says where it belongs."
        )
    off = _off_by(grid, source)
    if off > MAX_SAME * float(source.spacing.min()):
        raise Misplaced(
            f"{name} is not shown: it has as many columns and rows as its series, but lies up to {off:.1f} mm away "
            "from it."
        )
    largest = float((grid.spacing * np.array(grid.shape[::-1])).max())
    if largest < float(source.spacing.min()):
        raise Misplaced(f"{name} is not shown: all of it would be {largest:.3g} mm wide, less than a voxel.")
    inside = _share_inside(grid, source, marked)
    if inside < MIN_INSIDE:
        raise Misplaced(f"{name} is not shown: {1 - inside:.0%} of it lies outside the series that it is sent for.")
    return [f"{1 - inside:.0%} of it lies outside its series"] if inside < INSIDE_PLAIN else []


def _off_by(grid: Grid, source: Grid) -> float:
    """How far (mm) a grid's corners are off along the axes that have the source's sizes, when two or more have.

    A crop along one axis keeps the other two as they are; a grid of other sizes says nothing here.
    """
    step = np.linalg.inv(source.ijk_to_ras) @ grid.ijk_to_ras
    partners = np.abs(step[:3, :3]).argmax(axis=1)
    sides, source_sides = np.array(grid.shape[::-1]), np.array(source.shape[::-1])
    if sorted(partners) != [0, 1, 2]:
        same = sorted(sides) == sorted(source_sides)
        return float(np.linalg.norm(grid.corners() - source.corners(), axis=1).max()) if same else 0.0
    alike = sides[partners] == source_sides
    if alike.sum() < 2:
        return 0.0
    corners = np.c_[grid.corners(), np.ones(8)] @ np.linalg.inv(source.ijk_to_ras).T
    beyond = np.maximum(np.abs(corners[:, :3].min(axis=0)), np.abs(corners[:, :3].max(axis=0) - (source_sides - 1)))
    return float((beyond * source.spacing)[alike].max())


def _share_inside(grid: Grid, source: Grid, marked: Sequence[tuple[np.ndarray, float]]) -> float:
    step = np.linalg.inv(source.ijk_to_ras) @ grid.ijk_to_ras
    ends = np.array(source.shape[::-1]) - 1
    inside = total = 0.0
    for points, weight in marked:
        places = points @ step[:3, :3].T + step[:3, 3]
        within = np.all((places >= -MARGIN) & (places <= ends + MARGIN), axis=1)
        inside += weight * float(within.mean())
        total += weight
    return inside / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a result's voxels go: the turn to be applied to its arrays, and the grid that they have then."""

    turn: Turn
    grid: Grid
    is_source: bool
    warnings: tuple[str, ...]


def fit_places(
    name: str, shape: tuple[int, int, int], places: Sequence[tuple[str, np.ndarray]], no_place: str, source: Grid
) -> Fit:
    """Choose among the places that a file tells for its voxels, the source's grid first.

    Args:
        name: the file's name.
        shape: its slices, rows and columns.
        places: the header's word for each, and voxel (column, row, slice) to RAS mm, 4x4.
        no_place: why there is none.
        source: the grid of the volume that it is shown over.

    Raises:
        Misplaced: it tells no place, or two that contradict each other and are both not the source's.
    """
    if not places:
        raise Misplaced(f"{name} is not shown: {no_place}, so nothing says where in the patient it belongs.")
    for word, matrix in places:
        if not np.isfinite(matrix).all() or not abs(np.linalg.det(matrix[:3, :3])) > 1e-12:
            raise CastError(f"{name} is damaged: the {word} of its header is no place for voxels.")
    grids = [(word, Grid(shape, matrix)) for word, matrix in places]
    matching = []
    for word, grid in grids:
        found = turn_into(grid, source)
        if found is not None and found[1] <= MAX_SAME * float(source.spacing.min()):
            matching.append((word, *found))
    warnings = []
    apart = float(np.linalg.norm(grids[0][1].corners() - grids[-1][1].corners(), axis=1).max())
    if apart > ROUNDING * float(grids[0][1].spacing.min()):
        words = " and ".join(word for word, _grid in grids)
        if not matching:
            raise Misplaced(
                f"{name} is not shown: its {words} contradict each other (up to {apart:.1f} mm apart), and neither is "
                "its series' grid."
            )
        warnings.append(
            f"its {words} contradict each other (up to {apart:.1f} mm apart); its {matching[0][0]} is used, which is "
            "its series' grid"
        )
    if matching:
        _word, turn, off = matching[0]
        if off > ROUNDING * float(source.spacing.min()):
            warnings.append(f"its voxels lie up to {off:.2f} mm beside those of its series, over which they are shown")
        return Fit(turn, source, True, tuple(warnings))
    turn = right_handed(grids[0][1])
    return Fit(turn, turned_grid(grids[0][1], turn), False, tuple(warnings))


def box_corners(ijk_to_ras: np.ndarray, box: Box) -> np.ndarray:
    """The eight corners, in RAS mm (8, 3), of a box of voxels (first and last column, row, slice)."""
    edges = [(first - 0.5, last + 0.5) for first, last in box]
    corners = np.array([(*corner, 1.0) for corner in itertools.product(*edges)])
    return np.asarray((corners @ ijk_to_ras.T)[:, :3])
