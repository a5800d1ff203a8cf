"""A script tried on local files: the same job process as for a hub, with nobody on the network."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from CastLib.actors import IMAGE_DISPLAY
from CastLib.errors import CastError, FieldError
from CastLib.manifest import guess_mime_type
from CastLib.message import Message, Sender, make_message, new_id, parse_publish
from CastServiceProviderLib.job_records import CALLED_OFF, JobRecord, JobRecords, RecordingHost
from CastServiceProviderLib.job_runner import Outcome, RunningJob
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.result_check import check_results
from CastServiceProviderLib.script import Script

ASKER = Sender(name="trial", product="Trial", actors=(IMAGE_DISPLAY,))


class LocalHost:
    """A `running_job.Host` without a hub: files are copied in, results are copied to ``folder``."""

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._files = files
        self._folder = folder
        self.results: list[Path] = []

    def fetch(self, message: Message, entries: list[int], folder: Path, cancelled: Callable[[], bool]) -> list[Path]:
        """Copy files into the job's folder: a script may change its own."""
        names = [entry.file_name for entry in message.files]
        fetched = []
        for index in entries:
            if cancelled():
                raise CastError(CALLED_OFF)
            path = folder / names[index]
            try:
                shutil.copyfile(self._files[index], path)
            except OSError as error:
                raise CastError(f"{names[index]} could not be copied: {error.strerror or error}") from None
            fetched.append(path)
        return fetched

    def send(
        self, message: Message, event: str, paths: list[Path], context: dict[str, Any], cancelled: Callable[[], bool]
    ) -> str:
        """Keep a result; FieldError when a file is not what the event says."""
        check_results(event, paths)
        kept = [self._folder / f"{len(self.results) + place:04d}-{path.name}" for place, path in enumerate(paths, 1)]
        for path, copy in zip(paths, kept, strict=True):
            try:
                shutil.copyfile(path, copy)
            except OSError as error:
                raise CastError(f"{path.name} could not be kept: {error.strerror or error}") from None
        self.results += kept
        return new_id()

    def notify(self, message: Message, text: str, *, level: str, fraction: float | None, last: bool = False) -> None:
        """Nobody but the record is told."""


class Trial:
    """One run of a script on local files.

    Args:
        files: what the script shall work on.
        prepare: writes these files, on the thread of `run`; None when they are there already.
        event: how they would travel: "dicom-send" or "nifti-send".
        folder: an existing folder of the caller's, where results are kept.
        product: the name of the service.

    Attributes:
        record: where it stands; ``record.cancel()`` calls it off.
    """

    def __init__(
        self,
        script: Script,
        product: str,
        event: str,
        files: Sequence[Path],
        folder: Path,
        settings: JobSettings,
        records: JobRecords,
        prepare: Callable[[], object] | None = None,
    ) -> None:
        if not files:
            raise FieldError("files", "is empty: there is nothing to work on")
        self._event = event
        self._files = files
        self._settings = settings
        self._prepare = prepare
        self._description = {
            "script": str(script.path),
            "hub_name": "",
            "product_name": product,
            "product_version": script.version,
            "description": script.description,
        }
        self._host = LocalHost(files, folder)
        self._lock = threading.Lock()
        self._job: RunningJob | None = None
        self.record: JobRecord = records.new(_message(event, files), trial=True)
        self.record.cancel = self._cancel

    def run(self) -> list[Path]:
        """Run it to its end, on a thread, and return the results' files; raises CastError with why it failed."""
        outcome = self._prepared() or self.record.run(self._make_job())
        if outcome.error:
            raise CastError(outcome.error)
        return self._host.results

    def _prepared(self) -> Outcome | None:
        """Write the files; how the job ended when it did so already."""
        outcome = None
        try:
            if self._prepare is not None:
                self._prepare()
        except CastError as error:
            outcome = Outcome(str(error))
        except BaseException:
            self.record.end(Outcome("the images could not be written"))
            raise
        if self.record.cancelled:
            outcome = Outcome(CALLED_OFF)
        if outcome is not None:
            self.record.end(outcome)
        return outcome

    def _make_job(self) -> RunningJob:
        message = _message(self._event, self._files)
        with self._lock:
            self._job = RunningJob(self._description, message, RecordingHost(self._host, self.record), self._settings)
            if self.record.cancelled:
                self._job.stop(CALLED_OFF, always=True)
            return self._job

    def _cancel(self) -> None:
        with self._lock:
            self.record.cancelled = True
            if self._job is not None:
                self._job.stop(CALLED_OFF, always=True)


def _message(event: str, files: Sequence[Path]) -> Message:
    """What a hub would send; a file that is still to be written has no size yet."""
    manifest: list[dict[str, Any]] = []
    for name, path in zip(_different_names(files), files, strict=True):
        size = {"byteLength": path.stat().st_size} if path.is_file() else {}
        manifest.append({"fileName": name, **size, "mimeType": guess_mime_type(name)})
    return parse_publish(make_message(event, "trial", {"files": manifest}, sender=ASKER))


def _different_names(files: Sequence[Path]) -> list[str]:
    names = [path.name for path in files]
    if len({os.path.normcase(name) for name in names}) == len(names):
        return names
    return [f"{place:05d}-{name}" for place, name in enumerate(names, 1)]
