"""DICOM files put in order: which series they make up, and each series' slices sorted along the normal (PS3.3 C.7.6.2).

File names say nothing about the order of slices, so readers that sort by name scramble a volume. Everything that opens
or segments a series takes its files from here, in this order. Only headers are read, never pixels.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage

from CastLib.dicom_patient import PATIENT_TAGS, Patient
from CastLib.dicom_reading import read_header
from CastLib.dicom_stack import Geometry, Slice, Vector, locate, make_stack, text_of
from CastLib.errors import CastError, FieldError

__all__ = ["Geometry", "Scan", "Series", "read_series", "scan"]

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "AccessionNumber",
    "Modality",
    "SeriesDescription",
    *PATIENT_TAGS,
    "StudyDate",
    "SliceThickness",
    "SpacingBetweenSlices",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
]


@dataclass(frozen=True, slots=True)
class Series:
    """One series. ``files`` are sorted along the normal when it is a stack of slices, else by name.

    ``geometry`` is None when it is no stack (a segmentation, a report), or cannot be one volume: ``problem`` says why.
    ``warnings`` are sentences about what is odd but usable: missing slices, uneven spacing.
    ``left_out`` are files of it that are in no volume, each with why. Where the files of one SeriesInstanceUID make
    several volumes (a localizer among the slices), each is a Series of its own, and ``key`` tells them apart: the UID
    for the largest, the UID with ``#2``, ``#3`` … for the others.
    """

    key: str
    uid: str
    study_uid: str
    modality: str
    sop_class_uid: str
    description: str
    number: str
    patient: Patient
    study_date: str
    accession: str
    frame_of_reference_uid: str
    files: tuple[Path, ...]
    instance_uids: tuple[str, ...]
    geometry: Geometry | None
    problem: str
    warnings: tuple[str, ...]
    left_out: tuple[tuple[Path, str], ...] = ()

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
    """What a pile of files holds: series ordered by study, number and UID; and what is in none, each with why.

    ``skipped`` are files that are no DICOM images or objects; ``damaged`` were such, and may be missing in a series.
    """

    series: tuple[Series, ...]
    skipped: tuple[tuple[Path, str], ...]
    damaged: tuple[tuple[Path, str], ...]


def read_series(paths: Iterable[str | os.PathLike[str]]) -> list[Series]:
    """Return the series in files and folders (searched to the bottom); files that are no DICOM are skipped.

    Raises FieldError when a DICOM file is damaged or a series of images cannot be one volume (mixed geometry, several
    images at one position), and CastError when a path does not exist. To see the good beside the bad, use ``scan``.
    """
    found = scan(paths)
    for path, why in found.damaged:
        raise FieldError(path.name, why)
    for series in found.series:
        if series.problem:
            raise FieldError(f"series {series.uid}", series.problem)
    return list(found.series)


def scan(paths: Iterable[str | os.PathLike[str]]) -> Scan:
    """Return every series in files and folders, also those with a ``problem``; raises CastError for a missing path."""
    groups: dict[tuple[str, str], list[Slice]] = {}
    skipped: list[tuple[Path, str]] = []
    damaged: list[tuple[Path, str]] = []
    for path in _files(paths):
        try:
            header = _read_header(path)
        except InvalidDicomError:
            skipped.append((path, "no DICOM file"))
            continue
        except FieldError as error:
            damaged.append((path, error.reason))
            continue
        if header is None:
            skipped.append((path, "a DICOMDIR"))
            continue
        key = (text_of(header, "StudyInstanceUID"), text_of(header, "SeriesInstanceUID"))
        groups.setdefault(key, []).append(Slice(path, header))
    series = [_make_series(group) for group in groups.values()]
    series.sort(key=lambda one: (one.study_uid, _as_number(one.number), one.uid))
    return Scan(tuple(series), tuple(skipped), tuple(damaged))


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        elif path.exists():
            yield path
        else:
            raise CastError(f"{path}: there is no such file or folder")


def _read_header(path: Path) -> pydicom.Dataset | None:
    """The header with the values decoded, None for a DICOMDIR; raises InvalidDicomError, FieldError when damaged."""
    try:
        header = read_header(path, _TAGS)
        if header.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return None
        for keyword in _TAGS:
            header.get(keyword)
    except InvalidDicomError:
        raise
    except Exception as error:  # a damaged file raises whatever its bytes happen to run into
        raise FieldError(path.name, f"damaged DICOM file ({type(error).__name__})") from None
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not text_of(header, keyword):
            raise FieldError(path.name, f"damaged DICOM file ({keyword} is missing)")
    return header


def _make_series(group: list[Slice]) -> Series:
    warnings: list[str] = []
    group = _without_repeats(sorted(group, key=lambda one: one.path.name), warnings)
    geometry, problem = None, ""
    try:
        located = [locate(one) for one in group]
        if all(located):
            geometry, group = make_stack([one for one in located if one], warnings)
        elif any(located):
            raise FieldError("ImagePositionPatient", "only some of its files have one")
    except FieldError as error:
        problem = str(error)
    header = group[0].header
    return Series(
        key=text_of(header, "SeriesInstanceUID"),
        uid=text_of(header, "SeriesInstanceUID"),
        study_uid=text_of(header, "StudyInstanceUID"),
        modality=text_of(header, "Modality"),
        sop_class_uid=text_of(header, "SOPClassUID"),
        description=text_of(header, "SeriesDescription"),
        number=text_of(header, "SeriesNumber"),
        patient=Patient.of(header),
        study_date=text_of(header, "StudyDate"),
        accession=text_of(header, "AccessionNumber"),
        frame_of_reference_uid=text_of(header, "FrameOfReferenceUID"),
        files=tuple(one.path for one in group),
        instance_uids=tuple(text_of(one.header, "SOPInstanceUID") for one in group),
        geometry=geometry,
        problem=problem,
        warnings=tuple(warnings),
    )


def _without_repeats(group: list[Slice], warnings: list[str]) -> list[Slice]:
    by_uid: dict[str, Slice] = {}
    for one in group:
        by_uid.setdefault(text_of(one.header, "SOPInstanceUID"), one)
    if len(by_uid) < len(group):
        warnings.append(f"{len(group) - len(by_uid)} repeated files were left out")
    return list(by_uid.values())


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf
