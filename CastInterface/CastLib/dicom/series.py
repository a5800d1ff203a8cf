"""DICOM files put in order: which series they make up, and each series' slices sorted along the normal (PS3.3 C.7.6.2).

File names say nothing about the order of slices, so readers that sort by name scramble a volume. Everything that opens
or segments a series takes its files from here, in this order. Only headers are read, never pixels.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage

from CastLib.dicom.folder_files import files_of
from CastLib.dicom.headers import is_lost_image, read_slice_header, text_of, uid_of
from CastLib.dicom.stack import Geometry, Slice, Vector
from CastLib.dicom.volumes import Part, parts_of
from CastLib.errors import FieldError
from CastLib.patient import Patient

__all__ = ["Geometry", "Scan", "Series", "read_series", "scan"]

#: A volume with less than this share of the largest one's slices (a localizer, an odd slice) is no rival to it.
STRAY_SHARE = 0.25


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
    part: str = ""
    nature: str = ""

    @property
    def reason_not_shown(self) -> str:
        """Why it is no volume, in plain words: its problem or, where nothing is wrong, its nature; "" when it is."""
        return "" if self.geometry is not None else self.problem or self.nature

    @property
    def volume(self) -> Geometry:
        """The geometry; raises FieldError when this series is no single volume."""
        if self.geometry is None:
            raise FieldError(f"series {self.uid}", self.reason_not_shown)
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
    """Return the series in files and folders (searched to the bottom), one for each SeriesInstanceUID.

    Files that are no DICOM are skipped, and so are copies and the strays of a series: a localizer or an odd slice
    beside many others. Raises FieldError when a DICOM file is damaged or missing, or a series of images cannot be one
    volume (several phases or stacks, images of several patients). To see the good beside the bad, use ``scan``.
    """
    found = scan(paths)
    for path, why in found.damaged:
        raise FieldError(path.name, why)
    first: dict[tuple[str, str], Series] = {}
    for series in found.series:
        largest = first.setdefault((series.study_uid, series.uid), series)
        if largest.problem:
            raise FieldError(f"series {series.uid}", largest.problem)
        if largest.patient.contradiction(series.patient):
            raise FieldError(f"series {series.uid}", "holds images of different patients")
        if series is not largest and len(series.files) >= STRAY_SHARE * len(largest.files):
            raise FieldError(f"series {series.uid}", series.problem or series.warnings[0])
    return list(first.values())


def scan(paths: Iterable[str | os.PathLike[str]]) -> Scan:
    """Return every series in files and folders, also those with a ``problem``; raises nothing for what is in them."""
    groups: dict[tuple[str, str], list[Slice]] = {}
    skipped: list[tuple[Path, str]] = []
    damaged: list[tuple[Path, str]] = []
    for found in files_of(paths):
        path = found.path
        if found.why:
            (damaged if is_lost_image(found) else skipped).append((path, found.why))
            continue
        try:
            header, why = read_slice_header(path)
        except InvalidDicomError:
            skipped.append((path, "no DICOM file"))
            continue
        except FieldError as error:
            damaged.append((path, error.reason))
            continue
        if uid_of(header, "SOPClassUID") == MediaStorageDirectoryStorage:
            skipped.append((path, "a DICOMDIR"))
        elif why:
            damaged.append((path, why))
        else:
            key = (uid_of(header, "StudyInstanceUID"), uid_of(header, "SeriesInstanceUID"))
            groups.setdefault(key, []).append(Slice(path, header))
    series = [one for group in groups.values() for one in _series_of(group)]
    series.sort(key=lambda one: (one.study_uid, _as_number(one.number), one.uid))
    return Scan(tuple(series), tuple(skipped), tuple(damaged))


def _series_of(files: list[Slice]) -> list[Series]:
    """What the files of one SeriesInstanceUID make, the largest first."""
    return [_make_series(part, number) for number, part in enumerate(parts_of(files), 1)]


def _make_series(part: Part, number: int) -> Series:
    header = part.slices[0].header
    uid = uid_of(header, "SeriesInstanceUID")
    return Series(
        key=uid if number == 1 else f"{uid}#{number}",
        uid=uid,
        study_uid=uid_of(header, "StudyInstanceUID"),
        modality=uid_of(header, "Modality"),
        sop_class_uid=uid_of(header, "SOPClassUID"),
        description=text_of(header, "SeriesDescription"),
        number=text_of(header, "SeriesNumber"),
        patient=Patient.of(header),
        study_date=text_of(header, "StudyDate"),
        accession=text_of(header, "AccessionNumber"),
        frame_of_reference_uid=uid_of(header, "FrameOfReferenceUID"),
        files=tuple(one.path for one in part.slices),
        instance_uids=tuple(uid_of(one.header, "SOPInstanceUID") for one in part.slices),
        geometry=part.geometry,
        problem=part.problem,
        warnings=tuple(part.warnings),
        left_out=tuple(part.left_out),
        part=part.label,
        nature=part.nature,
    )


def _as_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.inf
    return number if number == number else math.inf
