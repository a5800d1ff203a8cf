"""Studies in local folders, found by StudyInstanceUID or accession number. Headers only; no engine.

The first search reads every header once; later ones look only at files that are new or changed. A search may take
minutes in a huge folder, so it belongs on a worker thread, tells its progress and can be given up.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.errors import InvalidDicomError

from CastLib.dicom.folder_files import FoundFile, files_beneath
from CastLib.dicom.headers import is_lost_image, text_of, uid_of
from CastLib.dicom.reading import read_header
from CastLib.errors import CastError, FieldError

_TAGS = [
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "AccessionNumber",
    "Modality",
    "StudyDescription",
    "StudyDate",
    "PatientName",
]

# Files between two reports.
_STEP = 50


class AmbiguousAccession(CastError):
    """Several studies carry the accession number that was asked for."""


@dataclass(frozen=True, slots=True)
class _Header:
    study_uid: str
    accession: str
    modality: str
    description: str
    date: str
    patient_name: str


#: A DICOM file that is damaged or cannot be opened: it may belong to whatever lies beside it.
_LOST = _Header("", "", "", "", "", "")


@dataclass(slots=True)
class LocalStudy:
    """One study as it is known so far; ``files`` are also those beside its own that are damaged, so that it is told."""

    study_uid: str
    accession: str
    description: str
    date: str
    modalities: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    patient_name: str = ""


def only_one(studies: list[LocalStudy], accession: str, of_which: str) -> LocalStudy | None:
    """The study with an accession number, None when there is none.

    Raises:
        AmbiguousAccession: several carry it; ``of_which`` says what they are.
    """
    matching = [study for study in studies if study.accession == accession]
    if len(matching) > 1:
        raise AmbiguousAccession(
            f"{len(matching)} {of_which} carry this accession number; open one by its StudyInstanceUID."
        )
    return matching[0] if matching else None


class StudyFiles:
    """An index of the DICOM files under some folders. All methods may be called from any thread.

    Args:
        folders: searched to the bottom; a folder that is missing or unreadable counts as empty.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self._lock = threading.Lock()  # guards the index
        self._searching = threading.Lock()  # one search at a time: a second one would read the same headers
        self._headers: dict[Path, tuple[tuple[int, int], _Header | None]] = {}

    def find(
        self,
        study_uid: str = "",
        accession: str = "",
        *,
        looked_at: Callable[[int], object] = lambda files: None,
    ) -> LocalStudy | None:
        """The study with this UID, or without one the study with this accession number; None when it is not there.

        Args:
            looked_at: told the number of files looked at so far; what it raises ends the search.

        Raises:
            AmbiguousAccession: several studies carry the accession number.
        """
        if not self.folders or not (study_uid or accession):
            return None
        # Always looked at anew: an indexed study may have grown or gone since. That costs one stat a file.
        self.refresh(looked_at)
        studies = self.studies()
        if study_uid:
            return next((study for study in studies if study.study_uid == study_uid), None)
        return only_one(studies, accession, "local studies")

    def studies(self) -> list[LocalStudy]:
        """The studies known so far, in order of their UIDs; nothing is read."""
        with self._lock:
            entries = [(path, header) for path, (_, header) in self._headers.items() if header is not None]
        found: dict[str, LocalStudy] = {}
        lost: defaultdict[Path, list[Path]] = defaultdict(list)
        for path, header in entries:
            if header is _LOST:
                lost[path.parent].append(path)
                continue
            study = found.setdefault(
                header.study_uid, LocalStudy(header.study_uid, header.accession, header.description, header.date)
            )
            study.accession = study.accession or header.accession
            study.description = study.description or header.description
            study.patient_name = study.patient_name or header.patient_name
            study.modalities.add(header.modality)
            study.files.append(path)
        for study in found.values() if lost else ():
            study.files += [path for folder in {file.parent for file in study.files} for path in lost.get(folder, ())]
        return [found[uid] for uid in sorted(found)]

    def refresh(self, looked_at: Callable[[int], object] = lambda files: None) -> None:
        """Bring the index up to date. ``looked_at`` is told the number of files so far; what it raises ends it."""
        while not self._searching.acquire(timeout=0.1):
            looked_at(0)
        try:
            seen = set()
            for count, found in enumerate(self._walk()):
                if count % _STEP == 0:
                    looked_at(count)
                seen.add(found.path)
                self._look_at(found)
            with self._lock:
                for path in self._headers.keys() - seen:
                    del self._headers[path]
        finally:
            self._searching.release()

    def _walk(self) -> Iterator[FoundFile]:
        for folder in self.folders:
            yield from files_beneath(folder)

    def _look_at(self, found: FoundFile) -> None:
        stamp = (found.status.st_mtime_ns, found.status.st_size) if found.status is not None else (0, 0)
        known = self._headers.get(found.path)
        if known is None or known[0] != stamp or known[1] is _LOST:  # it may be readable by now
            header = _read_header(found)
            with self._lock:
                self._headers[found.path] = (stamp, header)


def _read_header(found: FoundFile) -> _Header | None:
    """What the index keeps of a file, None for one that belongs to no study."""
    if found.why:
        return _LOST if is_lost_image(found) else None
    try:
        data = read_header(found.path, _TAGS)
        study_uid = uid_of(data, "StudyInstanceUID")
        if not study_uid or not uid_of(data, "SeriesInstanceUID") or not uid_of(data, "SOPInstanceUID"):
            return None  # a DICOMDIR, a presentation setting: nothing that belongs to a study
        return _Header(study_uid, *(text_of(data, key) for key in _TAGS[3:]))
    except (InvalidDicomError, FileNotFoundError):  # gone since its folder was listed
        return None
    except (FieldError, OSError):
        return _LOST
