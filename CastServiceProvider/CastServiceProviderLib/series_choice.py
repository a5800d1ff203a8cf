"""Which of the series that came a message means: what it names counts, and one patient's images are not another's."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from CastLib.dicom.series import Series
from CastLib.errors import CastError
from CastLib.fhir_resource import bare_uid
from CastLib.manifest import FileEntry
from CastLib.message import parse_publish
from CastLib.study_context import parse_study

_UID = re.compile(r"[0-9.]+")
_SERIES_TAG = "0020000E"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a message names; ``()`` and ``""`` where it does not.

    Series are named by ``seriesInstanceUID`` in an object context, by ``series`` items, or in the study; a study by
    ``studyInstanceUID`` or a ``study`` item; a patient by a ``patient`` item.
    """

    series_uids: tuple[str, ...] = ()
    study_uid: str = ""
    patient_id: str = ""

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Asked:
        """Read a message as it is on the wire; raises FieldError when a resource in its context is no object."""
        publish = parse_publish(dict(message))
        named = parse_study(publish)
        context = publish.context_dict()
        series, study = (_uids(context.get(key)) for key in ("seriesInstanceUID", "studyInstanceUID"))
        return cls(series or named.series_uids, study[0] if study else named.study_uid, named.patient.id)

    def wants(self, entry: FileEntry) -> bool:
        """Tell by its manifest entry whether a file can be of a named series, so that others need not be fetched."""
        told = entry.dicom_metadata.get(_SERIES_TAG)
        values = told.get("Value") if isinstance(told, dict) else None
        return not self.series_uids or not values or not isinstance(values, list) or values[0] in self.series_uids

    def among(self, found: Sequence[Series]) -> list[Series]:
        """Return the series meant: the named ones, or all that came.

        Raises CastError, in one sentence for the asker, when none of those named came, or when what is meant is of
        several patients.
        """
        meant = [one for one in found if one.uid in self.series_uids] if self.series_uids else list(found)
        if not meant:
            raise CastError(f"The message names series {', '.join(self.series_uids)}, of which nothing came")
        if _UID.fullmatch(self.study_uid):
            meant = [one for one in meant if one.study_uid == self.study_uid]
            if not meant:
                raise CastError(f"The message names study {self.study_uid}, but images of another came")
        # A patient that fits nothing is no choice: one worklist sends one constant subject with every study.
        meant = [one for one in meant if one.patient.id == self.patient_id] or meant
        for one, other in itertools.combinations(meant, 2):
            contradiction = one.patient.contradiction(other.patient)
            if contradiction:
                raise CastError(
                    f"Images of several patients came ({contradiction}): send those of one, or name the series"
                )
        return meant


def name_of(series: Series) -> str:
    """Return a series as a user knows it: its number and description, else its UID."""
    if series.description:
        return f'series {series.number} "{series.description}"' if series.number else f'series "{series.description}"'
    return f"series {series.number or series.uid}"


def _uids(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(uid for uid in (bare_uid(one) for one in values if isinstance(one, str)) if uid)
