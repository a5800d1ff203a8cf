"""Slicer's DICOM database: where a study's files are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import slicer

from CastInterfaceLib.study.local_studies import LocalStudy, StudyFiles, only_one
from CastLib.client import Pump

PATIENCE = 30.0  # seconds that a thread waits for the main thread to look into the database


def _database() -> Any:
    """Slicer's database when it is there and open, else None."""
    database = getattr(slicer, "dicomDatabase", None)
    return database if database is not None and database.isOpen else None


def instance_files(uids: Sequence[str]) -> tuple[Path, ...]:
    """The files of SOPInstanceUIDs of one study; empty unless the database has all of them. Main thread only.

    An instance at a time would be a question a slice; mostly they are a whole series, for which a few will do.
    """
    database = _database()
    if database is None or not uids:
        return ()
    first, last = (str(database.fileForInstance(uid) or "") for uid in (uids[0], uids[-1]))
    if not first or not last:
        return ()
    series = [str(path) for path in database.filesForSeries(database.seriesForFile(first))]
    if len(series) != len(uids) or last not in series:
        series = [str(database.fileForInstance(uid) or "") for uid in uids]
    return tuple(Path(path) for path in series) if all(series) else ()


class DatabaseStudies(StudyFiles):
    """Slicer's database as an index of studies. Any thread may ask; the main thread looks."""

    def __init__(self, pump: Pump) -> None:
        super().__init__([])
        self._pump = pump
        self._known: dict[str, LocalStudy] = {}

    def find(
        self,
        study_uid: str = "",
        accession: str = "",
        *,
        looked_at: Callable[[int], object] = lambda files: None,
    ) -> LocalStudy | None:
        """See `StudyFiles.find`."""
        if not study_uid and not accession:
            return None
        looked_at(0)
        if not study_uid:
            self.refresh(looked_at)
            found = only_one(self.studies(), accession, "studies in Slicer's database")
            if found is None:
                return None
            study_uid = found.study_uid
        return self._pump.call(lambda: self._look(study_uid), PATIENCE)

    def studies(self) -> list[LocalStudy]:
        """The studies known so far, in order of their UIDs; their files are not listed."""
        return [study for _, study in sorted(dict(self._known).items())]

    def refresh(self, looked_at: Callable[[int], object] = lambda files: None) -> None:
        """Bring the list of studies up to date, a patient at a time."""
        found: dict[str, LocalStudy] = {}
        for number, patient in enumerate(self._pump.call(_patients, PATIENCE)):
            looked_at(number)
            for study in self._pump.call(lambda: _studies_of(patient), PATIENCE):  # noqa: B023
                found[study.study_uid] = study
        self._known = found

    def _look(self, study_uid: str) -> LocalStudy | None:
        database = _database()
        series_uids = list(database.seriesForStudy(study_uid)) if database is not None else []
        files = [Path(path) for uid in series_uids for path in database.filesForSeries(uid)]
        if not files:
            return None
        return LocalStudy(study_uid, "", "", "", set(), files)


def _patients() -> Iterable[Any]:
    database = _database()
    return list(database.patients()) if database is not None else []


def _studies_of(patient: Any) -> list[LocalStudy]:
    database = _database()
    if database is None:
        return []
    studies = []
    name = str(database.nameForPatient(patient) or "")
    for uid in database.studiesForPatient(patient):
        accession, description, date, modalities = (
            str(database.fieldForStudy(field, uid) or "")
            for field in ("AccessionNumber", "StudyDescription", "StudyDate", "ModalitiesInStudy")
        )
        studies.append(LocalStudy(uid, accession, description, date, set(modalities.split("\\")), patient_name=name))
    return studies
