"""The slices of one series as a stack in space (PS3.3 C.7.6.2): read from headers, checked, sorted along the normal."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import pydicom

from CastLib.dicom.headers import number_of, numbers_of
from CastLib.dicom.slice_grid import PLACE_TOLERANCE, ROUNDING, find_grid
from CastLib.errors import FieldError

MIN_LENGTH, MAX_LENGTH = 1e-6, 1e4  # mm that pixels and slices can be apart
MAX_COORDINATE = 1e5  # mm from the origin of the frame of reference

#: x, y, z
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a stack of slices lies, in millimetres and LPS as DICOM and ITK have it.

    ``spacing`` runs (between columns, between rows, between slices). ``direction`` is the 3 × 3 matrix row by row whose
    columns are the directions of rising column, row and slice numbers. ``origin`` is the centre of the first voxel.

    ``offsets`` are the true positions of the slices: mm along the normal from the first one, rising. Where all lie on
    an even grid, with or without holes, ``places`` are their numbers on it and ``spacing`` is the grid's; where they do
    not, ``places`` is None and the spacing between slices is only the usual one.
    """

    columns: int
    rows: int
    slices: int
    spacing: Vector
    origin: Vector
    direction: tuple[float, ...]
    offsets: tuple[float, ...]
    places: tuple[int, ...] | None

    @property
    def even(self) -> bool:
        """Whether all slices are one spacing apart: none is missing, none lies elsewhere."""
        return self.places is not None and self.places[-1] + 1 == self.slices

    @property
    def voxel_volume(self) -> float:
        """Cubic millimetres."""
        return math.prod(self.spacing)


@dataclass(frozen=True, slots=True)
class Slice:
    """One file of a series: its header and, once located, its plane in LPS millimetres."""

    path: Path
    header: pydicom.Dataset
    position: Vector = (0.0, 0.0, 0.0)
    orientation: tuple[float, ...] = ()
    pixel_spacing: tuple[float, ...] = ()
    rows: int = 0
    columns: int = 0

    @property
    def normal(self) -> Vector:
        """The direction of rising slices, of length 1."""
        return _unit(_cross(self.orientation[:3], self.orientation[3:]))

    @property
    def height(self) -> float:
        """Millimetres along the normal."""
        return _dot(self.position, self.normal)


def locate(one: Slice) -> Slice:
    """Return the slice of an image plane with its numbers read; raises FieldError for numbers that are none."""
    header, name = one.header, one.path.name
    rows, columns = (numbers_of(header, keyword, 1, name)[0] for keyword in ("Rows", "Columns"))
    if rows < 1 or columns < 1:
        raise FieldError(f"{name}: Rows and Columns", "must be above 0")
    orientation = numbers_of(header, "ImageOrientationPatient", 6, name)
    lengths = [math.sqrt(_dot(axis, axis)) for axis in (orientation[:3], orientation[3:])]
    if min(lengths) < MIN_LENGTH or abs(_dot(orientation[:3], orientation[3:])) > 0.01 * lengths[0] * lengths[1]:
        raise FieldError(f"{name}: ImageOrientationPatient", "is no pair of perpendicular vectors")
    row, column = _unit(orientation[:3]), _unit(orientation[3:])
    pixel_spacing = numbers_of(header, "PixelSpacing", 2, name)
    if not all(MIN_LENGTH <= spacing <= MAX_LENGTH for spacing in pixel_spacing):
        raise FieldError(f"{name}: PixelSpacing", f"must be above 0 and at most {MAX_LENGTH:g} mm")
    x, y, z = numbers_of(header, "ImagePositionPatient", 3, name)
    if max(abs(x), abs(y), abs(z)) > MAX_COORDINATE:
        raise FieldError(f"{name}: ImagePositionPatient", f"is more than {MAX_COORDINATE / 1000:g} m away")
    return Slice(one.path, header, (x, y, z), row + column, pixel_spacing, int(rows), int(columns))


def aside(one: Slice, first: Slice) -> float:
    """Millimetres that a slice lies beside the line through another one along its normal."""
    way, normal = _minus(one.position, first.position), first.normal
    along = _dot(way, normal)
    away = _minus(way, (normal[0] * along, normal[1] * along, normal[2] * along))
    return math.sqrt(_dot(away, away))


def make_stack(slices: list[Slice], warnings: list[str]) -> tuple[Geometry, list[Slice]]:
    """Return the geometry of located slices of one kind and the slices sorted along the normal; adds to ``warnings``.

    They must have one size, orientation and pixel spacing. Raises FieldError when several lie at one place.
    """
    slices = sorted(slices, key=lambda one: one.height)
    first = slices[0]
    offsets = [_dot(_minus(one.position, first.position), first.normal) for one in slices]
    spacing, places = _slice_spacing(slices, offsets, warnings)
    axes = (first.orientation[:3], first.orientation[3:], first.normal)
    geometry = Geometry(
        columns=first.columns,
        rows=first.rows,
        slices=len(slices),
        spacing=(first.pixel_spacing[1], first.pixel_spacing[0], spacing),
        origin=first.position,
        direction=tuple(axis[i] for i in range(3) for axis in axes),
        offsets=tuple(offsets),
        places=places,
    )
    return geometry, slices


def same_place(offsets: list[float]) -> float:
    """Millimetres within which slices with these rising offsets lie at one place."""
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    apart = [gap for gap in gaps if gap > ROUNDING] or [gap for gap in gaps if gap > 0] or [0.0]
    return max(PLACE_TOLERANCE * statistics.median(apart), MIN_LENGTH)


def _slice_spacing(
    slices: list[Slice], offsets: list[float], warnings: list[str]
) -> tuple[float, tuple[int, ...] | None]:
    """Millimetres between slices, and their places on an even grid; raises FieldError for slices on one another."""
    told = [number_of(slices[0].header, keyword) for keyword in ("SpacingBetweenSlices", "SliceThickness")]
    hints = [abs(hint) for hint in told if hint and MIN_LENGTH <= abs(hint) <= MAX_LENGTH]
    if len(slices) == 1:
        return (hints[0] if hints else 1.0), (0,)
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    usual, smallest = statistics.median_low(gaps), same_place(offsets)
    same = sum(gap <= smallest for gap in gaps)
    if same:
        place = next(i for i, gap in enumerate(gaps) if gap <= smallest)
        names = f"{slices[place].path.name}, {slices[place + 1].path.name}"
        raise FieldError(
            "geometry",
            f"{same} of its {len(slices)} files lie at another's position ({names}): "
            "several echoes, times or directions in one series are not one volume",
        )
    numbers = [number_of(one.header, "InstanceNumber") for one in slices]
    grid = find_grid(offsets, [None if number is None else int(number) for number in numbers], hints)
    if grid is None:
        warnings.append(f"slices are unevenly spaced: {min(gaps):.3g} to {max(gaps):.3g} mm")
        return usual, None
    if grid.missing:
        are = "slice is" if grid.missing == 1 else "slices are"
        warnings.append(f"{grid.missing} {are} missing between the first and the last")
    return grid.spacing, grid.places


def _dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _cross(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _minus(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _unit(a: tuple[float, ...]) -> Vector:
    length = math.sqrt(_dot(a, a))
    return (a[0] / length, a[1] / length, a[2] / length)
