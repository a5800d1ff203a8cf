"""Whether a file whose pixels are read is still the one whose header made the series, or was replaced meanwhile."""

from __future__ import annotations

import numpy as np
import pydicom

from CastLib.dicom.headers import text_of
from CastLib.dicom.series import Series
from CastLib.dicom.stack import Slice, locate
from CastLib.dicom.volumes import ORIENTATION_TOLERANCE
from CastLib.errors import CastError, FieldError
from CastLib.patient import Patient

#: mm that positions read twice may differ: none, but for how they are computed with.
POSITION_TOLERANCE = 1e-3
#: Sideways the slices of a series may lie off its axis by a little more: a share of a pixel, of a slice, of the length.
SIDEWAYS_PIXELS, SIDEWAYS_SLICES, SIDEWAYS_LENGTH = 0.5, 0.02, 1e-3


def need_same(series: Series, number: int, header: pydicom.Dataset) -> None:
    """Raise CastError when identifiers, patient, size or position of a file are not those of the series any more.

    Args:
        series: as it was made from the headers.
        number: of the file in it.
        header: as the file's is now.
    """
    path = series.files[number]
    wanted = {
        "SOPInstanceUID": series.instance_uids[number],
        "SeriesInstanceUID": series.uid,
        "StudyInstanceUID": series.study_uid,
    }
    changed = [keyword for keyword, uid in wanted.items() if text_of(header, keyword) != uid]
    if series.patient.contradiction(Patient.of(header)):
        changed.append("patient")
    if not changed and not _lies_there(series, number, header):
        changed.append("size or position")
    if changed:
        raise CastError(
            f"{path.name} was replaced while the study was read: its {', '.join(changed)} is not the same any more. "
            "Open the study again."
        )


def _lies_there(series: Series, number: int, header: pydicom.Dataset) -> bool:
    geometry = series.volume
    try:
        found = locate(Slice(series.files[number], header))
    except FieldError:
        return False
    if (found.rows, found.columns) != (geometry.rows, geometry.columns):
        return False
    axes = np.array(geometry.direction).reshape(3, 3)
    turned = np.abs(np.array(found.orientation) - np.concatenate([axes[:, 0], axes[:, 1]])).max()
    way = np.array(found.position) - np.array(geometry.origin)
    place = way @ axes[:, 2]
    aside = float(np.linalg.norm(way - place * axes[:, 2]))
    within = SIDEWAYS_PIXELS * min(geometry.spacing[:2]) + SIDEWAYS_LENGTH * geometry.offsets[-1]
    spaced = np.abs(np.array(found.pixel_spacing) - np.array(geometry.spacing[1::-1])).max()
    return bool(
        turned <= 2 * ORIENTATION_TOLERANCE
        and aside <= within + SIDEWAYS_SLICES * geometry.spacing[2]
        and abs(place - geometry.offsets[number]) <= POSITION_TOLERANCE
        and spaced <= 2 * ORIENTATION_TOLERANCE * min(geometry.spacing[:2])
    )
