"""Studies in local folders, found by StudyInstanceUID or accession number. Headers only; no engine.

The first search reads every header once; later ones look only at files that are new or changed. A search may take
minutes in a huge folder, so it belongs on a worker thread, tells its progress and can be given up.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from CastLib.dicom_reading import read_header
from CastLib.errors import CastError

_TAGS = [
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "AccessionNumber",
    "Modality",
    "StudyDescription",
    "StudyDate",
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


@dataclass(slots=True)
class LocalStudy:
    """One study as it is known so far."""

    study_uid: str
    accession: str
    description: str
    date: str
    modalities: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)


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
        for path, header in entries:
            study = found.setdefault(
                header.study_uid, LocalStudy(header.study_uid, header.accession, header.description, header.date)
            )
            study.accession = study.accession or header.accession
            study.description = study.description or header.description
            study.modalities.add(header.modality)
            study.files.append(path)
        return [found[uid] for uid in sorted(found)]

    def refresh(self, looked_at: Callable[[int], object] = lambda files: None) -> None:
        """Bring the index up to date. ``looked_at`` is told the number of files so far; what it raises ends it."""
        while not self._searching.acquire(timeout=0.1):
            looked_at(0)
        try:
            seen = set()
            for count, path in enumerate(self._walk()):
                if count % _STEP == 0:
                    looked_at(count)
                seen.add(path)
                self._look_at(path)
            with self._lock:
                for path in self._headers.keys() - seen:
                    del self._headers[path]
        finally:
            self._searching.release()

    def _walk(self) -> Iterator[Path]:
        for folder in self.folders:
            for root, folders, names in os.walk(folder):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if not name.startswith("."):
                        yield Path(root, name)

    def _look_at(self, path: Path) -> None:
        try:
            info = path.stat()
        except OSError:  # gone since the folder was listed
            return
        stamp = (info.st_mtime_ns, info.st_size)
        known = self._headers.get(path)
        if known is None or known[0] != stamp:
            header = _read_header(path)
            with self._lock:
                self._headers[path] = (stamp, header)


def _read_header(path: Path) -> _Header | None:
    """What the index keeps of a file, None for one that is no DICOM file or is damaged."""
    try:
        with path.open("rb") as file:
            if file.read(132)[128:] != b"DICM":
                return None
            file.seek(0)
            data = read_header(file, _TAGS)
        study_uid = str(data.get("StudyInstanceUID", "") or "").strip()
        if not study_uid or not data.get("SeriesInstanceUID") or not data.get("SOPInstanceUID"):
            return None  # a DICOMDIR, a presentation setting: nothing that belongs to a study
        texts = (str(data.get(key, "") or "").strip() for key in _TAGS[3:])
        return _Header(study_uid, *texts)
    except Exception:  # a damaged file raises whatever its bytes happen to run into
        return None
