"""Batches that came for a study: those kept for it; which files may be of it, are what was announced, are new."""

from __future__ import annotations

import filecmp
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from CastInterfaceLib.study.identity import (
    OTHER_STUDY,
    Claim,
    Contradiction,
    contradiction_among,
    people_among,
    uid_in_manifest,
)
from CastInterfaceLib.study.open_study import OpenStudy
from CastInterfaceLib.study.sources import NotShown, claims_of_batch, of_another, payload_entries
from CastLib.dicom.series import Scan, Series, scan
from CastLib.manifest import FileEntry
from CastLib.message import Message

# Batches that are kept, the newest.
MAX_KEPT = 8


class KeptBatches:
    """The newest batches. Main thread only."""

    def __init__(self) -> None:
        self._kept: deque[Message] = deque()

    def of(self, study: OpenStudy) -> list[Message]:
        """The batches that say themselves that they are of a study, oldest first."""
        return [batch for batch in self._kept if study.is_named_by(claims_of_batch(batch))]

    def add(self, message: Message) -> str:
        """Keep one more; the sentence that tells which one is not kept any more for it, "" when all are."""
        self._kept.append(message)
        if len(self._kept) <= MAX_KEPT:
            return ""
        claims = claims_of_batch(self._kept.popleft())
        named = next((one.name for one in claims if one != Claim()), "a study")
        return f"Files of {named} are not kept any more: only the last {MAX_KEPT} batches are."


def files_of_study(message: Message, claims: Sequence[Claim]) -> tuple[list[FileEntry], Counter[Contradiction]]:
    """The files of a batch that nothing in the manifest says to be of another study, and how many others there are.

    Raises:
        NotShown: all are of another study or patient.
    """
    wanted: list[FileEntry] = []
    others: Counter[Contradiction] = Counter()
    for entry in payload_entries(message):
        contradiction = contradiction_among([Claim.of_entry(entry)], claims)
        if contradiction is None:
            wanted.append(entry)
        else:
            others[contradiction] += 1
    if others and not wanted:
        raise of_another(next(iter(others)))
    return wanted, others


def check_announced(fetched: Iterable[tuple[Path, FileEntry]], found: Scan) -> None:
    """Compare what a manifest said of each file with what it is.

    Raises:
        NotShown: it says something else than the DICOM file.
    """
    series_of = {path: one for one in found.series for path in one.files}
    for path, entry in fetched:
        series = series_of.get(path)
        if series is None:
            continue
        contradiction = Claim.of_entry(entry).contradiction(Claim.of_series(series))
        named_series = uid_in_manifest(entry, "SeriesInstanceUID")
        if contradiction is None and named_series not in ("", series.uid):
            contradiction = Contradiction(OTHER_STUDY, f"series {named_series} and series {series.uid}")
        if contradiction is not None:
            sentence = f"{path.name} is not what it was announced as: {contradiction.both}."
            raise NotShown(409, contradiction.word, sentence)


def new_instances(came: Iterable[Series], known: Mapping[str, Path]) -> tuple[dict[str, Path], set[str]]:
    """What a batch brings that is not here already.

    Returns:
        the file of each instance that is new, and those of them that were here with other content.
    """
    new: dict[str, Path] = {}
    corrected: set[str] = set()
    for series in came:
        for path, uid in zip(series.files, series.instance_uids, strict=True):
            before = known.get(uid)
            if before is None:
                new[uid] = path
            elif not _same_content(before, path):
                new[uid] = path
                corrected.add(uid)
    return new, corrected


def merged(local: Sequence[Path], fetched: Sequence[Path]) -> list[Path]:
    """Local files and those that were sent: of an instance that is in both, the one that was sent."""
    if not local or not fetched:
        return [*local, *fetched]
    here, came = scan(local).series, scan(fetched).series
    if people_among([*here, *came]):  # which of them is meant is decided with all of them
        return [*local, *fetched]
    sent = {uid for series in came for uid in series.instance_uids}
    replaced = {
        path for series in here for path, uid in zip(series.files, series.instance_uids, strict=True) if uid in sent
    }
    return [*(path for path in local if path not in replaced), *fetched]


def _same_content(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:  # the former one is not there any more
        return False
