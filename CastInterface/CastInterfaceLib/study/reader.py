"""Finding, fetching and decoding a study: the part of the display that runs on worker threads and touches no scene."""

from __future__ import annotations

import importlib
import itertools
import logging
import time
from functools import partial
from pathlib import Path
from typing import Protocol

from CastInterfaceLib.study.batch_files import check_announced, files_of_study, merged, new_instances
from CastInterfaceLib.study.frame_decoder import FrameDecoder
from CastInterfaceLib.study.identity import Claim, Contradiction
from CastInterfaceLib.study.left_out import left_out_sentences
from CastInterfaceLib.study.local_studies import AmbiguousAccession, StudyFiles
from CastInterfaceLib.study.open_study import OpenStudy
from CastInterfaceLib.study.prepared_segmentation import PreparedSegmentation, prepare_segmentation
from CastInterfaceLib.study.prepared_volume import PreparedVolume, prepare_volume
from CastInterfaceLib.study.source_grids import source_of
from CastInterfaceLib.study.sources import (
    NotShown,
    as_not_shown,
    check_wanted,
    image_series,
    missing_study,
    nothing_to_show,
    payload_entries,
    segmentation_files,
    study_meant,
    without_picture,
)
from CastInterfaceLib.study.temporary_folders import remove_leftovers
from CastInterfaceLib.study.voxels import read_voxels
from CastLib.client import Pump, Session
from CastLib.dicom.series import Scan, Series, scan
from CastLib.errors import CastError, TransferError
from CastLib.manifest import FileEntry
from CastLib.message import Message
from CastSlicerLib.jobs import Job

log = logging.getLogger("cast.display")

# Seconds that an open which finds nothing waits for images before it is refused: some senders send them after it.
PAYLOAD_GRACE = 3.0


class Sink(Protocol):
    """Who takes the pieces, on the main thread, in the order in which they were found."""

    def name_study(self, study: OpenStudy, uid: str, files: tuple[Path, ...]) -> None: ...

    def add_series(self, study: OpenStudy, series: Series, came: PreparedVolume) -> None: ...

    def drop_series(self, study: OpenStudy, key: str) -> None: ...

    def add_segmentation(
        self, study: OpenStudy, message: Message, path: Path, prepared: PreparedSegmentation
    ) -> None: ...

    def add_problem(self, study: OpenStudy, word: str, sentence: str) -> None: ...

    def refuse(self, study: OpenStudy, message: Message, why: NotShown) -> None: ...


class StudyReader:
    """Reads what an `OpenStudy` needs and posts it to the sink."""

    def __init__(self, session: Session, pump: Pump, files: StudyFiles, sink: Sink) -> None:
        self._session = session
        self._pump = pump
        self._files = files
        self._sink = sink
        self._numbers = itertools.count(1)

    def get_ready(self, job: Job) -> None:
        """Do beforehand what the first open and the first SEG would have to wait for; delete what the dead left."""
        remove_leftovers()
        self._files.refresh(lambda count: job.check())
        job.check()
        importlib.import_module("highdicom")

    def open(self, study: OpenStudy, batch: Message | None) -> None:
        """Find a study, in local folders and in what was sent, and read all of it.

        Args:
            study: what to open.
            batch: the images came with this message, after the open had found none.

        Raises:
            NotShown, CastError: why it cannot be shown.
        """
        local = self._find(study)
        if batch is None and payload_entries(study.message):
            batch = study.message
        if batch is not None:
            self._open_with(study, local, batch)
        elif local:
            self._open_with(study, local, None)
        else:
            self._wait_for_images(study)

    def _find(self, study: OpenStudy) -> list[Path]:
        job, reference = study.job, study.reference

        def looked_at(count: int) -> None:
            job.check()
            job.report(f"Looking through the local folders: {count} files")

        try:
            local = self._files.find(study.study_uid, reference.accession, looked_at=looked_at)
        except AmbiguousAccession as error:
            raise NotShown(409, "ambiguous", str(error)) from error
        return local.files if local is not None else []

    def _wait_for_images(self, study: OpenStudy) -> None:
        """Some send the images a moment after the open. What turns out to be of another study is refused meanwhile."""
        job, end = study.job, time.monotonic() + PAYLOAD_GRACE
        missing = missing_study(study.reference)
        while True:
            while study.batches:
                batch = study.batches.pop(0)
                try:
                    self._open_with(study, [], batch)
                    return
                except (CastError, OSError) as error:
                    job.check()
                    self._pump.post(self._sink.refuse, study, batch, as_not_shown(error))
            if missing.status != 404 or time.monotonic() >= end:
                raise missing
            study.arrived.clear()
            if not study.batches:
                job.report("Waiting for the images")
                job.wait(study.arrived, end - time.monotonic())

    def _open_with(self, study: OpenStudy, local: list[Path], batch: Message | None) -> None:
        """Read a study from local files, and from those of a batch if one came."""
        fetched = self._fetch(study, batch) if batch is not None else []
        study.job.report("Reading headers")
        paths = merged(local, [path for path, _ in fetched])
        found = scan(paths)
        if batch is not None:
            check_announced(fetched, found)
        claims = study.claims if batch is None else (*study.claims, Claim.of_batch(batch))
        series, others = study_meant(found, claims, certain=batch is None or batch is study.message)
        missing = check_wanted(series, study.reference.series_uids)
        images = image_series(series, study.reference.series_uids)
        if not images:
            raise nothing_to_show(series)
        self._pump.post(self._sink.name_study, study, series[0].study_uid, tuple(paths))
        for uid in missing:
            self._report(study, "not-shown", f"Series {uid}, which is asked for, is not among the study's files.")
        self._report_rest(study, found, series, others)
        self._read(study, batch or study.message, images, segmentation_files(series))

    def _fetch(self, study: OpenStudy, message: Message) -> list[tuple[Path, FileEntry]]:
        """The files of a batch that may be of the study, each with what the manifest says of it."""
        job, claims = study.job, study.claims
        job.report("Fetching files")
        wanted, others = files_of_study(message, claims)
        elsewhere = sum(not entry.payload_ids for entry in message.files)
        if elsewhere:
            sentence = f"{elsewhere} files are only addresses, which this display does not fetch yet."
            self._report(study, "form-not-supported", sentence)
        try:
            paths = self._session.fetch_entries(
                wanted,
                study.folder / str(next(self._numbers)),
                progress=lambda done, total: job.report("Fetching files", done, total),
                cancelled=job.cancelled,
            )
        except TransferError:
            job.check()
            raise
        for contradiction, count in others.items():
            self._report(study, contradiction.word, f"{count} files that were sent are left out: {contradiction.both}.")
        return list(zip(paths, wanted, strict=True))

    def add(self, study: OpenStudy, message: Message, known: dict[str, Path]) -> None:
        """Fetch a batch for a study that is shown and read what is new in it.

        Args:
            study: what is shown.
            message: the batch.
            known: the file of each instance that the study has, by SOPInstanceUID.

        Raises:
            NotShown, CastError: why nothing of it can be shown.
        """
        fetched = self._fetch(study, message)
        if not fetched:
            return
        found = scan(path for path, _ in fetched)
        check_announced(fetched, found)
        came, others = study_meant(found, (*study.claims, Claim.of_batch(message)), certain=True)
        self._report_rest(study, found, came, others)
        new, corrected = new_instances(came, known)
        fresh = [one for one in came if not new.keys().isdisjoint(one.instance_uids)]
        images = image_series(fresh, ())
        if images:
            # Slices may complete a series that is shown, or take the place of some: it is then read anew as a whole.
            replaced = {known[uid] for uid in corrected}
            of_images = {uid for one in images for uid in one.instance_uids}
            together = (
                *(path for path in study.files if path not in replaced),
                *(path for uid, path in new.items() if uid in of_images),
            )
            everything, _ = study_meant(scan(together), study.claims, certain=True)
            shown = list(study.series.values())
            changed = {one.uid for one in images}
            changed |= {one.series.uid for one in shown if not corrected.isdisjoint(one.series.instance_uids)}
            images = [one for one in image_series(everything, ()) if one.uid in changed]
            self._pump.post(self._sink.name_study, study, study.study_uid, together)
            for key in {one.series.key for one in shown if one.series.uid in changed} - {one.key for one in images}:
                self._pump.post(self._sink.drop_series, study, key)
        if corrected:
            count = f"{len(corrected)} {'file' if len(corrected) == 1 else 'files'}"
            self._report(study, "warning", f"{count} came again with other content: the newer ones are shown.")
        fresh_segmentations = [path for path in segmentation_files(fresh) if path in new.values()]
        self._read(study, message, images, fresh_segmentations)

    def _report(self, study: OpenStudy, word: str, sentence: str) -> None:
        self._pump.post(self._sink.add_problem, study, word, sentence)

    def _report_rest(
        self, study: OpenStudy, found: Scan, series: list[Series], others: list[tuple[Series, Contradiction]]
    ) -> None:
        """Tell what was found and is not shown, each with why."""
        for sentence in left_out_sentences(found.damaged):
            self._report(study, "unreadable", sentence)
        for sentence in left_out_sentences(found.skipped):
            self._report(study, "not-shown", sentence)
        for other, contradiction in others:
            self._report(study, contradiction.word, f"Series {other.uid} is left out: {contradiction.both}.")
        for word, sentence in without_picture(series):
            self._report(study, word, sentence)
        for one in series:
            for sentence in left_out_sentences(one.left_out):
                self._report(study, "not-shown", f"Series {one.description or one.uid}: {sentence}")
            if one.geometry is None:  # of one that is shown they are told when it is
                for warning in one.warnings:
                    self._report(study, "warning", f"Series {one.description or one.uid}: {warning}.")

    def _read(self, study: OpenStudy, message: Message, images: list[Series], segmentations: list[Path]) -> None:
        """Decode and post one thing after the other; what cannot be read is told and does not stop the rest."""
        job = study.job
        failures: list[NotShown] = []
        with FrameDecoder() as decoder:
            for number, series in enumerate(images, 1):
                text = f"Reading series {number} of {len(images)}"
                try:
                    told = partial(_report_progress, job, text, total=len(series.files))
                    volume = prepare_volume(read_voxels(series, told, decoder))
                except Exception as error:  # whatever one odd series runs into costs it alone
                    job.check()
                    failures.append(_failure(error, f"Series {series.description or series.uid}"))
                    continue
                self._pump.post(self._sink.add_series, study, series, volume)
        shown = [one.series for one in list(study.series.values())]
        sources = [source_of(one) for one in (*images, *shown)]
        for path in segmentations:
            job.check()
            job.report("Reading a segmentation")
            try:
                prepared = prepare_segmentation(path, sources)
            except Exception as error:
                job.check()
                failures.append(_failure(error, path.name))
                continue
            self._pump.post(self._sink.add_segmentation, study, message, path, prepared)
        if failures and len(failures) == len(images) + len(segmentations):
            raise (
                failures[0]
                if len(failures) == 1
                else NotShown(
                    failures[0].status, failures[0].problem, " ".join(dict.fromkeys(str(one) for one in failures))
                )
            )
        for failure in failures:
            self._report(study, failure.problem, str(failure))


def _failure(error: Exception, what: str) -> NotShown:
    """Why one thing of several is not shown."""
    if isinstance(error, CastError):
        return as_not_shown(error)
    log.error("a series or segmentation could not be read: %s", type(error).__name__)
    return NotShown(422, "unreadable", f"{what} cannot be read: an unexpected {type(error).__name__} came up.")


def _report_progress(job: Job, text: str, done: int, *, total: int) -> None:
    job.check()
    job.report(text, done, total)
