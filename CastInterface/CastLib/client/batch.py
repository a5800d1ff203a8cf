"""Fetching a batch into a folder: all files that were chosen, or none."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from CastLib.client.download import Download, Part
from CastLib.errors import TransferError
from CastLib.manifest import FileEntry, check_file_name, local_file_name, suffix_of

Choose = Callable[[FileEntry], bool]
_PART = ".part"
_MAX_STEM = 200  # bytes of a name before its suffix: with suffix, number and .part it stays under 255


def choose_entries(entries: Iterable[FileEntry], choose: Choose | None) -> list[FileEntry]:
    """Return the entries to fetch; TransferError for one that the hub has no bytes of, FileRefused for a bad name."""
    chosen = [entry for entry in entries if choose is None or choose(entry)]
    for entry in chosen:
        name = entry.file_name or "a file without a name"
        if not entry.payload_ids and entry.url:
            raise TransferError(f"{name} is only an address, and files are not fetched from elsewhere than the hub")
        if not entry.payload_ids:
            raise TransferError(f"{name} was announced without its bytes: the hub holds no payload for it")
        check_file_name(entry.file_name)
    return chosen


def fetch_into(directory: Path, entries: list[FileEntry], download: Download) -> list[Path]:
    """Fetch the entries' bytes into ``directory``, made when missing; return the files in the entries' order.

    Bytes go to ``.part`` files, renamed when all of them are whole; on any failure nothing stays. A name that is taken
    gets a number: ``scan-2.nii.gz``.
    """
    files: list[_PartFile] = []
    try:
        with _naming(directory):
            directory.mkdir(parents=True, exist_ok=True)
            for entry in entries:
                files.append(_PartFile(directory, entry))
        download.run([part for file in files for part in file.parts()])
        with _naming(directory):
            for file in files:
                file.keep()
        return [file.path for file in files]
    except BaseException:
        for file in files:
            file.discard()
        raise


class _PartFile:
    """A file being fetched: its ``.part`` reserves its name."""

    def __init__(self, directory: Path, entry: FileEntry) -> None:
        self._entry = entry
        for name in _numbered(local_file_name(entry.file_name)):
            self.path = directory / name
            self._part = directory / (name + _PART)
            self._now = self._part
            if not self.path.exists():
                with contextlib.suppress(FileExistsError), open(self._part, "xb"):
                    return

    def parts(self) -> list[Part]:
        """Return what is to be fetched: each chunk by itself when the manifest tells the chunks' lengths."""
        entry = self._entry
        if not entry.chunk_lengths:
            return [Part(entry.file_name, self._part, entry.payload_ids, 0, entry.byte_length)]
        offsets = itertools.accumulate(entry.chunk_lengths, initial=0)
        return [
            Part(entry.file_name, self._part, (payload_id,), offset, length)
            for payload_id, length, offset in zip(entry.payload_ids, entry.chunk_lengths, offsets, strict=False)
        ]

    def keep(self) -> None:
        """Give the file its name."""
        self._now = self._part.replace(self.path)

    def discard(self) -> None:
        """Remove the file, kept or not."""
        with contextlib.suppress(OSError):
            self._now.unlink(missing_ok=True)


def _numbered(name: str) -> Iterator[str]:
    """Yield a name, then the same with numbers before its suffix; short enough for any file system."""
    stem = name[: len(name) - len(suffix_of(name))]
    suffix = name[len(stem) :]
    while len(stem.encode()) > _MAX_STEM:
        stem = stem[:-1]
    yield stem + suffix
    for number in itertools.count(2):
        yield f"{stem}-{number}{suffix}"


@contextlib.contextmanager
def _naming(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        words = (error.strerror or type(error).__name__).lower()
        raise TransferError(f"{directory} cannot be written to: {words}") from None
