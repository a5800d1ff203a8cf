"""What a script's ``onMessage`` is given as ``context``."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from CastLib.errors import CastError
from CastLib.events import DICOM_SEND, event_key
from CastLib.fields import share_of
from CastLib.manifest import FileEntry
from CastLib.message import Message, parse_publish
from CastServiceProviderLib.job_pipe import JobPipe


class ScriptContext:
    """One job, as its script sees it.

    ``message`` is what came, as on the wire; ``directory`` a folder of this job's own, removed when the job ends.
    ``hub_name``, ``product_name``, ``product_version``, ``description`` and ``script_path`` are texts.
    """

    def __init__(self, job: Mapping[str, Any], directory: Path, pipe: JobPipe) -> None:
        self.message: dict[str, Any] = job["message"]
        self.directory = directory
        self.hub_name: str = job["hub_name"]
        self.product_name: str = job["product_name"]
        self.product_version: str = job["product_version"]
        self.description: str = job["description"]
        self.script_path: str = job["script"]
        self._pipe = pipe
        self._fetched: dict[int, Path] = {}
        self.sent: list[Path] = []

    @functools.cached_property
    def _received(self) -> Message:
        return parse_publish(self.message)

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """The files of the message by their manifest; nothing is fetched. Raises FieldError."""
        return self._received.files

    def files(self, choose: Callable[[FileEntry], object] | None = None) -> list[Path]:
        """Fetch the message's files, or those ``choose(entry)`` wants, into ``directory``; return them in its order.

        A file is fetched once, however often it is asked for. Raises CastError when one cannot be had.
        """
        wanted = [index for index, entry in enumerate(self.entries) if choose is None or choose(entry)]
        missing = [index for index in wanted if index not in self._fetched]
        if missing:
            fetched = self._pipe.call("files", entries=missing)
            self._fetched.update(zip(missing, map(Path, fetched), strict=True))
        return [self._fetched[index] for index in wanted]

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Tell the asker how it goes; ``fraction`` is how much is done, 0 to 1. Quick repeats are left out.

        A fraction outside is held within, and one that is no number (0 of 0) is not told.
        """
        try:
            share = None if fraction is None else share_of(float(fraction))
        except (TypeError, ValueError):
            told = f"takes a number from 0 to 1 beside the text, not {type(fraction).__name__}"
            raise CastError(f"context.progress {told}") from None
        self._pipe.send("progress", message=str(message), fraction=share)

    def send_files(
        self,
        paths: Iterable[str | os.PathLike[str]],
        event: str = "dicom-send",
        context: Mapping[str, Any] | None = None,
    ) -> str:
        """Send result files to whom they belong: the asker, or the image displays on its topic; return the event's id.

        ``context`` holds what stands beside ``files``. The asker is also told of which segments nothing was found.
        Raises CastError for what are no paths, and for files that are not what ``event`` says.
        """
        if not isinstance(event, str) or not event_key(event):
            raise CastError(f"send_files takes the name of an event, as nifti-send, not {event!r}")
        if not isinstance(context or {}, Mapping):
            raise CastError(f"send_files takes a dict as context, not {type(context).__name__}")
        absolute = [path.absolute() for path in _paths(paths)]
        texts = [str(path) for path in absolute]
        id = str(self._pipe.call("send_files", paths=texts, event=event, context=dict(context or {})))
        self.sent += absolute
        if event_key(event) == DICOM_SEND and "highdicom" in sys.modules:  # without it no segmentation was written here
            self._report_what_was_not_found(absolute)
        return id

    def _report_what_was_not_found(self, paths: list[Path]) -> None:
        from CastServiceProviderLib.findings import empty_segments

        empty = [label for path in paths for label in empty_segments(path)]
        if empty:
            self.progress(f"Nothing was found for: {', '.join(empty)}")

    def cancelled(self) -> bool:
        """Tell whether the provider is about to stop; a script that looks at this can end in good order."""
        return self._pipe.cancelled.is_set()


def _paths(paths: Any) -> list[Path]:
    """The paths of result files; raises CastError with what to write instead."""
    if isinstance(paths, (str, os.PathLike)):
        raise CastError(f'send_files takes a list of paths: write context.send_files(["{Path(paths).name}"])')
    found = list(paths) if isinstance(paths, Iterable) and not isinstance(paths, (bytes, bytearray)) else [paths]
    wrong = next((entry for entry in found if not isinstance(entry, (str, os.PathLike))), None)
    if hasattr(paths, "dtype") or wrong is not None or paths is None:
        what = type(paths).__name__ + (f" with {type(wrong).__name__}" if isinstance(paths, (list, tuple)) else "")
        raise CastError(
            f"send_files takes a list of paths, not {what}: write it to a file first, labels for instance by "
            "write_segmentation(path, files, labels.astype(numpy.uint8), …), and send_files([path])"
        )
    return list(map(Path, found))
