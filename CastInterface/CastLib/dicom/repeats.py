"""Files that are one image more than once: copies, corrected images under the same UID, slices acquired again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from CastLib.dicom.folder_files import shown_name
from CastLib.dicom.headers import KIND_TAGS, TIME_TAGS, number_of, text_of, uid_of
from CastLib.dicom.stack import Slice

LeftOut = list[tuple[Path, str]]

#: When a file was made, in the order in which it is asked.
_MADE = ("InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime")
_ACQUIRED = ("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime")
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "Rows", "Columns", "PixelSpacing")
#: What tells two images under one UID apart, so that both are kept; not when they were made, for that tells versions.
_APART = (*_PLACE, *KIND_TAGS, "TemporalPositionIdentifier", "TriggerTime", "AcquisitionNumber", "InstanceNumber")
_PIECE = 1024 * 1024  # bytes compared at once


def without_copies(slices: Sequence[Slice], left_out: LeftOut, warnings: list[str]) -> list[Slice]:
    """Return the files of one series without copies of one another, and of two versions of an image the newer one.

    One image is what has one SOP Instance UID, one place and one acquisition. Where one UID stands on different images,
    as some anonymisers leave it, all are kept.
    """
    found: dict[tuple[str, ...], Slice] = {}
    versions: list[tuple[Slice, Slice, bool]] = []
    for one in slices:
        key = (uid_of(one.header, "SOPInstanceUID"), *(text_of(one.header, keyword) for keyword in _APART))
        other = found.setdefault(key, one)
        if other is one:
            continue
        if _same_bytes(one.path, other.path):
            left_out.append((one.path, f"a copy of {shown_name(other.path)}"))
            continue
        older, newer, known = _by_age(other, one)
        found[key] = newer
        left_out.append((older.path, f"{'an older' if known else 'another'} version of {shown_name(newer.path)}"))
        versions.append((older, newer, known))
    if versions:
        warnings.append(_versions_sentence(versions))
    shared = [count for count in Counter(key[0] for key in found).values() if count > 1]
    if shared:
        warnings.append(
            f"{sum(shared)} different images share {'one' if len(shared) == 1 else len(shared)} SOP Instance "
            f"UID{'s' if len(shared) > 1 else ''}: they were told apart by where and when they were made"
        )
    return list(found.values())


def later_of(slices: Sequence[Slice]) -> tuple[Slice, bool]:
    """Return the slice that was acquired last of those at one place, and whether anything tells that."""
    ages = [_acquired(one) for one in slices]
    last = max(range(len(slices)), key=lambda index: ages[index])
    return slices[last], ages.count(ages[last]) == 1


def _acquired(one: Slice) -> tuple[float, str, str, float]:
    header = one.header
    number, instance = number_of(header, "AcquisitionNumber"), number_of(header, "InstanceNumber")
    acquired = text_of(header, _ACQUIRED[0]) or "".join(text_of(header, keyword) for keyword in _ACQUIRED[1:])
    return (
        -1.0 if number is None else number,
        acquired,
        "".join(text_of(header, keyword) for keyword in _MADE),
        -1.0 if instance is None else instance,
    )


def _by_age(one: Slice, other: Slice) -> tuple[Slice, Slice, bool]:
    """The older and the newer of two versions, and whether anything tells which is which."""
    made, others = (
        tuple(text_of(slice.header, keyword) for keyword in (*_MADE, *_ACQUIRED, *TIME_TAGS)) for slice in (one, other)
    )
    return (other, one, True) if made > others else (one, other, made < others)


def _versions_sentence(versions: Sequence[tuple[Slice, Slice, bool]]) -> str:
    older, newer, known = versions[-1]
    many = f"{len(versions)} images" if len(versions) > 1 else "one image"
    why = "the newer is used" if known else "nothing in them tells which is newer"
    return (
        f"{many} came in two versions under one SOP Instance UID; {why}: "
        f"{shown_name(newer.path)} and not {shown_name(older.path)}"
    )


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        with one.open("rb") as first, other.open("rb") as second:
            while True:
                piece = first.read(_PIECE)
                if piece != second.read(_PIECE):
                    return False
                if not piece:
                    return True
    except OSError:  # gone meanwhile: whoever reads it will say so
        return False
