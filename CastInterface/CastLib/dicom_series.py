"""DICOM files put in order: which series they make up, and each series' slices sorted along the normal (PS3.3 C.7.6.2).

File names say nothing about the order of slices, so readers that sort by name scramble a volume. Everything that opens
or segments a series takes its files from here, in this order. Only headers are read, never pixels.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from CastLib.errors import CastError, FieldError

ORIENTATION_TOLERANCE = 1e-3  # of a unit vector's component; scanners write 6 digits, old ones 4
POSITION_TOLERANCE = 0.01  # of the slice spacing, for gaps and for slices out of line

Vector = tuple[float, float, float]

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "AccessionNumber",
    "Modality",
    "SeriesDescription",
    "PatientID",
    "SliceThickness",
    "SpacingBetweenSlices",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a stack of slices lies, in millimetres and LPS as DICOM and ITK have it.

    ``spacing`` runs (between columns, between rows, between slices). ``direction`` is the 3 × 3 matrix row by row whose
    columns are the directions of rising column, row and slice numbers. ``origin`` is the centre of the first voxel.
    ``even`` tells that all slices are one spacing apart.
    """

    columns: int
    rows: int
    slices: int
    spacing: Vector
    origin: Vector
    direction: tuple[float, ...]
    even: bool

    @property
    def voxel_volume(self) -> float:
        """Cubic millimetres."""
        return math.prod(self.spacing)


@dataclass(frozen=True, slots=True)
class Series:
    """One series. ``files`` are sorted along the normal when it is a stack of slices, else by name.

    ``geometry`` is None when it is no stack (a segmentation, a report), or cannot be one volume: ``problem`` says why.
    ``warnings`` are sentences about what is odd but usable: missing slices, uneven spacing, repeated files.
    """

    uid: str
    study_uid: str
    modality: str
    sop_class_uid: str
    description: str
    number: str
    patient_id: str
    accession: str
    frame_of_reference_uid: str
    files: tuple[Path, ...]
    instance_uids: tuple[str, ...]
    geometry: Geometry | None
    problem: str
    warnings: tuple[str, ...]

    @property
    def volume(self) -> Geometry:
        """The geometry; raises FieldError when this series is no single volume."""
        if self.geometry is None:
            raise FieldError(f"series {self.uid}", self.problem or f"{self.modality or 'it'} is no stack of slices")
        return self.geometry

    @property
    def spacing(self) -> Vector:
        """See Geometry; raises FieldError when this series is no single volume."""
        return self.volume.spacing

    @property
    def origin(self) -> Vector:
        """See Geometry; raises FieldError when this series is no single volume."""
        return self.volume.origin

    @property
    def direction(self) -> tuple[float, ...]:
        """See Geometry; raises FieldError when this series is no single volume."""
        return self.volume.direction

    @property
    def rows(self) -> int:
        """See Geometry; raises FieldError when this series is no single volume."""
        return self.volume.rows

    @property
    def columns(self) -> int:
        """See Geometry; raises FieldError when this series is no single volume."""
        return self.volume.columns


@dataclass(frozen=True, slots=True)
class Scan:
    """What a pile of files holds: series ordered by study, number and UID; files that are no DICOM, each with why."""

    series: tuple[Series, ...]
    skipped: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class _Slice:
    path: Path
    header: pydicom.Dataset
    position: Vector = (0.0, 0.0, 0.0)
    orientation: tuple[float, ...] = ()
    pixel_spacing: tuple[float, ...] = ()
    rows: int = 0
    columns: int = 0


def read_series(paths: Iterable[str | os.PathLike[str]]) -> list[Series]:
    """Return the series in files and folders (searched to the bottom); files that are no DICOM are skipped.

    Raises FieldError when a series of images cannot be one volume (mixed geometry, several images at one position), and
    CastError when a path does not exist. To see the good series beside a bad one, use ``scan``.
    """
    found = scan(paths).series
    for series in found:
        if series.problem:
            raise FieldError(f"series {series.uid}", series.problem)
    return list(found)


def scan(paths: Iterable[str | os.PathLike[str]]) -> Scan:
    """Return every series in files and folders, also those with a ``problem``; raises CastError for a missing path."""
    groups: dict[tuple[str, str], list[_Slice]] = {}
    skipped: list[tuple[Path, str]] = []
    for path in _files(paths):
        try:
            header = _read_header(path)
        except FieldError as error:
            skipped.append((path, error.reason))
            continue
        key = (_text(header, "StudyInstanceUID"), _text(header, "SeriesInstanceUID"))
        groups.setdefault(key, []).append(_Slice(path, header))
    series = [_make_series(group) for group in groups.values()]
    series.sort(key=lambda one: (one.study_uid, _as_number(one.number), one.uid))
    return Scan(tuple(series), tuple(skipped))


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        elif path.exists():
            yield path
        else:
            raise CastError(f"{path}: there is no such file or folder")


def _read_header(path: Path) -> pydicom.Dataset:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
    except InvalidDicomError:
        raise FieldError(path.name, "no DICOM file") from None
    except Exception as error:  # a damaged file raises whatever its bytes happen to run into
        raise FieldError(path.name, f"damaged DICOM file ({type(error).__name__})") from None
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not _text(header, keyword):
            raise FieldError(path.name, f"no composite DICOM object: {keyword} is missing")
    return header


def _make_series(group: list[_Slice]) -> Series:
    warnings: list[str] = []
    group = _without_repeats(sorted(group, key=lambda one: one.path.name), warnings)
    geometry, problem = None, ""
    try:
        located = [_locate(one) for one in group]
        if all(located):
            geometry, group = _stack([one for one in located if one], warnings)
        elif any(located):
            raise FieldError("ImagePositionPatient", "only some of its files have one")
    except FieldError as error:
        problem = str(error)
    header = group[0].header
    return Series(
        uid=_text(header, "SeriesInstanceUID"),
        study_uid=_text(header, "StudyInstanceUID"),
        modality=_text(header, "Modality"),
        sop_class_uid=_text(header, "SOPClassUID"),
        description=_text(header, "SeriesDescription"),
        number=_text(header, "SeriesNumber"),
        patient_id=_text(header, "PatientID"),
        accession=_text(header, "AccessionNumber"),
        frame_of_reference_uid=_text(header, "FrameOfReferenceUID"),
        files=tuple(one.path for one in group),
        instance_uids=tuple(_text(one.header, "SOPInstanceUID") for one in group),
        geometry=geometry,
        problem=problem,
        warnings=tuple(warnings),
    )


def _without_repeats(group: list[_Slice], warnings: list[str]) -> list[_Slice]:
    by_uid: dict[str, _Slice] = {}
    for one in group:
        by_uid.setdefault(_text(one.header, "SOPInstanceUID"), one)
    if len(by_uid) < len(group):
        warnings.append(f"{len(group) - len(by_uid)} repeated files were left out")
    return list(by_uid.values())


def _locate(one: _Slice) -> _Slice | None:
    """The slice with its numbers read; None when the object is no image plane. Raises FieldError for bad numbers."""
    header, name = one.header, one.path.name
    frames = _number(header, "NumberOfFrames", name) or 1
    if _text(header, "Modality") == "SEG" or not header.get("Rows"):
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
    return _Slice(one.path, header, (x, y, z), orientation, pixel_spacing, int(rows), int(columns))


def _stack(slices: list[_Slice], warnings: list[str]) -> tuple[Geometry, list[_Slice]]:
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
    spacing, even = _slice_spacing(slices, offsets, warnings)
    for one, offset in zip(slices, offsets, strict=True):
        away = _minus(_minus(one.position, origin), (normal[0] * offset, normal[1] * offset, normal[2] * offset))
        if math.sqrt(_dot(away, away)) > max(POSITION_TOLERANCE * spacing, 0.1 * min(first.pixel_spacing)):
            raise FieldError("geometry", f"its slices are shifted sideways, as with a tilted gantry ({one.path.name})")
    geometry = Geometry(
        columns=first.columns,
        rows=first.rows,
        slices=len(slices),
        spacing=(first.pixel_spacing[1], first.pixel_spacing[0], spacing),
        origin=origin,
        direction=tuple(axis[i] for i in range(3) for axis in (row, column, normal)),
        even=even,
    )
    return geometry, slices


def _slice_spacing(slices: list[_Slice], offsets: list[float], warnings: list[str]) -> tuple[float, bool]:
    """Millimetres between slices, and whether all are that far apart; raises FieldError for slices on one another."""
    if len(slices) == 1:
        header, name = slices[0].header, slices[0].path.name
        thickness = _number(header, "SpacingBetweenSlices", name) or _number(header, "SliceThickness", name)
        return (abs(thickness) if thickness else 1.0), True
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    spacing = statistics.median_low(gaps)
    smallest = max(POSITION_TOLERANCE * spacing, 1e-4)
    same = sum(gap <= smallest for gap in gaps)
    if same:
        place = next(i for i, gap in enumerate(gaps) if gap <= smallest)
        names = f"{slices[place].path.name}, {slices[place + 1].path.name}"
        raise FieldError(
            "geometry",
            f"{same} of its {len(slices)} files lie at another's position ({names}): "
            "several echoes, times or directions in one series are not one volume",
        )
    missing = 0
    uneven = 0
    for gap in gaps:
        steps = round(gap / spacing)
        if abs(gap - spacing) <= POSITION_TOLERANCE * spacing:
            continue
        if steps > 1 and abs(gap - steps * spacing) <= POSITION_TOLERANCE * gap:
            missing += steps - 1
        else:
            uneven += 1
    if missing:
        warnings.append(f"{missing} slices are missing between the first and the last")
    if uneven:
        warnings.append(f"slices are unevenly spaced: {min(gaps):.3g} to {max(gaps):.3g} mm")
    if not missing and not uneven:
        spacing = offsets[-1] / len(gaps)  # digits lost in single positions even out over the stack
    return spacing, not missing and not uneven


def _text(header: pydicom.Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value).strip()


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


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


def _dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _cross(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _minus(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _unit(a: tuple[float, ...]) -> Vector:
    length = math.sqrt(_dot(a, a))
    return (a[0] / length, a[1] / length, a[2] / length)
