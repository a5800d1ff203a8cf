"""The slices of one series as a stack in space (PS3.3 C.7.6.2): read from headers, checked, sorted along the normal."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from CastLib.errors import FieldError
from CastLib.slice_grid import PLACE_TOLERANCE, find_grid

ORIENTATION_TOLERANCE = 1e-3  # of a unit vector's component; scanners write 6 digits, old ones 4

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


def locate(one: Slice) -> Slice | None:
    """Return the slice with its numbers read, None when the object is no image plane; FieldError for bad numbers."""
    header, name = one.header, one.path.name
    frames = _number(header, "NumberOfFrames", name) or 1
    if text_of(header, "Modality") == "SEG" or not header.get("Rows"):
        return None
    if frames > 1:
        raise FieldError(name, f"multi-frame images ({frames:.0f} frames in one file) are not read")
    if header.get("ImagePositionPatient") is None:
        return None
    rows, columns = _number(header, "Rows", name), _number(header, "Columns", name)
    if not rows or not columns:
        raise FieldError(f"{name}: Columns", "is missing")
    orientation = _numbers(header, "ImageOrientationPatient", 6, name)
    row, column = orientation[:3], orientation[3:]
    if any(abs(_dot(a, b) - want) > 0.01 for a, b, want in ((row, row, 1), (column, column, 1), (row, column, 0))):
        raise FieldError(f"{name}: ImageOrientationPatient", "is no pair of perpendicular unit vectors")
    pixel_spacing = _numbers(header, "PixelSpacing", 2, name)
    if min(pixel_spacing) <= 0:
        raise FieldError(f"{name}: PixelSpacing", "must be above 0")
    x, y, z = _numbers(header, "ImagePositionPatient", 3, name)
    return Slice(one.path, header, (x, y, z), orientation, pixel_spacing, int(rows), int(columns))


def make_stack(slices: list[Slice], warnings: list[str]) -> tuple[Geometry, list[Slice]]:
    """Return the geometry of located slices and the slices sorted along the normal; adds to ``warnings``.

    Raises FieldError when they are not one volume.
    """
    first = slices[0]
    for one in slices[1:]:
        for what, ours, theirs, tolerance in (
            ("sizes", (one.rows, one.columns), (first.rows, first.columns), 0.0),
            ("orientations", one.orientation, first.orientation, ORIENTATION_TOLERANCE),
            (
                "pixel spacings",
                one.pixel_spacing,
                first.pixel_spacing,
                ORIENTATION_TOLERANCE * min(first.pixel_spacing),
            ),
        ):
            if any(abs(a - b) > tolerance for a, b in zip(ours, theirs, strict=True)):
                raise FieldError("geometry", f"its files have different {what} ({first.path.name}, {one.path.name})")
    row, column = _unit(first.orientation[:3]), _unit(first.orientation[3:])
    normal = _unit(_cross(row, column))
    slices = sorted(slices, key=lambda one: _dot(one.position, normal))
    origin = slices[0].position
    offsets = [_dot(_minus(one.position, origin), normal) for one in slices]
    spacing, places = _slice_spacing(slices, offsets, warnings)
    for one, offset in zip(slices, offsets, strict=True):
        away = _minus(_minus(one.position, origin), (normal[0] * offset, normal[1] * offset, normal[2] * offset))
        if math.sqrt(_dot(away, away)) > max(PLACE_TOLERANCE * spacing, 0.1 * min(first.pixel_spacing)):
            raise FieldError("geometry", f"its slices are shifted sideways, as with a tilted gantry ({one.path.name})")
    geometry = Geometry(
        columns=first.columns,
        rows=first.rows,
        slices=len(slices),
        spacing=(first.pixel_spacing[1], first.pixel_spacing[0], spacing),
        origin=origin,
        direction=tuple(axis[i] for i in range(3) for axis in (row, column, normal)),
        offsets=tuple(offsets),
        places=places,
    )
    return geometry, slices


def _slice_spacing(
    slices: list[Slice], offsets: list[float], warnings: list[str]
) -> tuple[float, tuple[int, ...] | None]:
    """Millimetres between slices, and their places on an even grid; raises FieldError for slices on one another."""
    told = [number_of(slices[0].header, keyword) for keyword in ("SpacingBetweenSlices", "SliceThickness")]
    hints = [abs(hint) for hint in told if hint]
    if len(slices) == 1:
        return (hints[0] if hints else 1.0), (0,)
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    usual = statistics.median_low(gaps)
    smallest = max(PLACE_TOLERANCE * usual, 1e-4)
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


def text_of(header: pydicom.Dataset, keyword: str) -> str:
    """Return an attribute as text, ``""`` when it is absent or empty."""
    value = header.get(keyword)
    return "" if value is None else str(value).strip()


def number_of(header: pydicom.Dataset, keyword: str) -> float | None:
    """Return an attribute as a number, None when it is absent, or none, or not finite."""
    try:
        return _number(header, keyword, "")
    except FieldError:
        return None


def _numbers(header: pydicom.Dataset, keyword: str, count: int, name: str) -> tuple[float, ...]:
    try:
        value: Any = header.get(keyword)
        parts = [] if value is None else list(value) if not isinstance(value, (str, int, float)) else [value]
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError, OverflowError, AttributeError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise FieldError(f"{name}: {keyword}", f"must be {count} number{'s' if count > 1 else ''}")
    return numbers


def _number(header: pydicom.Dataset, keyword: str, name: str) -> float | None:
    return None if header.get(keyword) in (None, "") else _numbers(header, keyword, 1, name)[0]


def _dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _cross(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _minus(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _unit(a: tuple[float, ...]) -> Vector:
    length = math.sqrt(_dot(a, a))
    return (a[0] / length, a[1] / length, a[2] / length)
