"""Finding, fetching and decoding a study: the part of the display that runs on worker threads and touches no scene."""

from __future__ import annotations

import importlib
import itertools
from functools import partial
from pathlib import Path
from typing import Protocol

from CastInterfaceLib.frame_decoder import FrameDecoder
from CastInterfaceLib.jobs import Job
from CastInterfaceLib.open_study import OpenStudy
from CastInterfaceLib.segmentation_display import PreparedSegmentation, prepare_segmentation
from CastInterfaceLib.study_files import AmbiguousAccession, StudyFiles
from CastInterfaceLib.study_loading import PreparedVolume, prepare_volume
from CastInterfaceLib.study_source import (
    NotShown,
    image_series,
    missing_study,
    nothing_to_show,
    only_study,
    payload_entries,
    segmentation_files,
    wanted_entry,
)
from CastInterfaceLib.voxels import read_voxels
from CastLib.client import Pump, Session
from CastLib.dicom_series import Scan, Series, scan
from CastLib.errors import CastError, TransferError
from CastLib.message import Message

# Seconds that an open which finds nothing waits for images before it is refused: some senders send them after it.
PAYLOAD_GRACE = 3.0


class Sink(Protocol):
    """Who takes the pieces, on the main thread, in the order in which they were found."""

    def name_study(self, study: OpenStudy, uid: str, files: tuple[Path, ...]) -> None: ...

    def add_series(self, study: OpenStudy, series: Series, came: PreparedVolume) -> None: ...

    def add_segmentation(self, study: OpenStudy, message: Message, prepared: PreparedSegmentation) -> None: ...

    def add_problem(self, study: OpenStudy, sentence: str) -> None: ...


class StudyReader:
    """Reads what an `OpenStudy` needs and posts it to the sink."""

    def __init__(self, session: Session, pump: Pump, files: StudyFiles, sink: Sink) -> None:
        self._session = session
        self._pump = pump
        self._files = files
        self._sink = sink
        self._numbers = itertools.count(1)

    def get_ready(self, job: Job) -> None:
        """Do beforehand what the first open and the first SEG would have to wait for."""
        self._files.refresh(lambda count: job.check())
        job.check()
        importlib.import_module("highdicom")

    def open(self, study: OpenStudy, batch: Message | None) -> None:
        """Find a study, local folders first, and read all of it.

        Args:
            study: what to open.
            batch: the images came with this message, after the open had found none.

        Raises:
            NotShown, CastError: why it cannot be shown.
        """
        paths = self._find(study, batch)
        study.job.tell("Reading headers")
        found = scan(paths)
        uid, series = only_study(found, study.study_uid)
        images = image_series(series, study.reference.series_uids)
        if not images:
            raise nothing_to_show(series)
        self._pump.post(self._sink.name_study, study, uid, tuple(paths))
        self._tell_damaged(study, found)
        self._read(study, study.message, images, segmentation_files(series))

    def _find(self, study: OpenStudy, batch: Message | None) -> list[Path]:
        job, reference = study.job, study.reference

        def looked_at(count: int) -> None:
            job.check()
            job.tell(f"Looking through the local folders: {count} files")

        try:
            local = self._files.find(study.study_uid, reference.accession, looked_at=looked_at)
        except AmbiguousAccession as error:
            raise NotShown(409, "ambiguous", str(error)) from error
        if local is not None:
            return local.files
        if batch is None and payload_entries(study.message):
            batch = study.message
        if batch is not None:
            return self._fetch(study, job, batch, frozenset())
        missing = missing_study(reference)
        if missing.status == 404 and not study.batches:
            job.tell("Waiting for the images")
            job.wait(study.arrived, PAYLOAD_GRACE)
        if not study.batches:
            raise missing
        return self._fetch(study, job, study.batches.pop(0), frozenset())

    def _fetch(self, study: OpenStudy, job: Job, message: Message, known: frozenset[str]) -> list[Path]:
        job.tell("Fetching files")
        try:
            return self._session.fetch_files(
                message,
                study.folder / str(next(self._numbers)),
                choose=lambda entry: wanted_entry(entry, study.study_uid, known),
                progress=lambda done, total: job.tell("Fetching files", done, total),
                cancelled=job.cancelled,
            )
        except TransferError:
            job.check()
            raise

    def add(self, study: OpenStudy, message: Message, known: frozenset[str]) -> None:
        """Fetch a batch for a study that is shown and read what is new in it; ``known`` are the instances it has.

        Raises:
            NotShown, CastError: why nothing of it can be shown.
        """
        paths = self._fetch(study, study.job, message, known)
        if not paths:
            return
        found = scan(paths)
        _, came = only_study(found, study.study_uid)
        self._tell_damaged(study, found)
        fresh = [one for one in came if not known.issuperset(one.instance_uids)]
        images = image_series(fresh, ())
        if images:
            # Slices may complete a series that is shown: it is then read anew as a whole.
            new = (
                path
                for one in images
                for path, uid in zip(one.files, one.instance_uids, strict=True)
                if uid not in known
            )
            together = (*study.files, *new)
            _, everything = only_study(scan(together), study.study_uid)
            changed = {one.uid for one in images}
            images = [one for one in image_series(everything, ()) if one.uid in changed]
            self._pump.post(self._sink.name_study, study, study.study_uid, together)
        self._read(study, message, images, segmentation_files(fresh))

    def _tell_damaged(self, study: OpenStudy, found: Scan) -> None:
        for path, why in found.damaged:
            self._pump.post(self._sink.add_problem, study, f"{path.name} is left out: {why}.")

    def _read(self, study: OpenStudy, message: Message, images: list[Series], segmentations: list[Path]) -> None:
        """Decode and post one thing after the other; what cannot be read is told and does not stop the rest."""
        job = study.job
        failures: list[CastError] = []
        with FrameDecoder() as decoder:
            for number, series in enumerate(images, 1):
                text = f"Reading series {number} of {len(images)}"
                try:
                    told = partial(_tell, job, text, total=len(series.files))
                    volume = prepare_volume(read_voxels(series, told, decoder))
                except CastError as error:
                    job.check()
                    failures.append(error)
                    continue
                self._pump.post(self._sink.add_series, study, series, volume)
        for path in segmentations:
            job.check()
            job.tell("Reading a segmentation")
            try:
                self._pump.post(self._sink.add_segmentation, study, message, prepare_segmentation(path))
            except CastError as error:
                failures.append(error)
        if failures and len(failures) == len(images) + len(segmentations):
            raise NotShown(422, "unreadable", str(failures[0]))
        for failure in failures:
            self._pump.post(self._sink.add_problem, study, str(failure))


def _tell(job: Job, text: str, done: int, *, total: int) -> None:
    job.check()
    job.tell(text, done, total)
