"""Bodies of calls: a message, or a batch, whose files go from disk to the hub piece by piece (protocol: batches)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from CastLib.errors import FieldError, TransferError
from CastLib.manifest import DICOM_TYPE, FileEntry, guess_mime_type
from CastLib.multipart import BatchLayout

_PIECE = 1024 * 1024  # bytes read and sent at once

Progress = Callable[[int, int], None]
Sent = Callable[[], object]


def _nothing(*_: object) -> None:
    pass


def manifest_context(
    paths: Iterable[Path | str], extra: Mapping[str, Any] | None, names: Iterable[str] | None = None
) -> tuple[dict[str, Any], list[Path]]:
    """Return the context of a batch of these files, and the files as a list.

    ``names`` are those they travel under, their own by default. ``extra`` is what stands beside ``files`` in the
    context. A DICOM file's entry tells its study, series and instance (``dicomMetadata``) where pydicom is there to
    read it. Raises TransferError for a file that cannot be read, FieldError when there is not one name for each file;
    whether the names and sizes may be sent ``parse_manifest`` tells.
    """
    if extra and "files" in extra:
        raise FieldError("event.context.files", "is made from the files themselves")
    files = [Path(path) for path in paths]
    travel_names = [path.name for path in files] if names is None else list(names)
    if len(travel_names) != len(files):
        raise FieldError("names", f"must be one for each of the {len(files)} files")
    entries = []
    for path, name in zip(files, travel_names, strict=True):
        try:
            size = path.stat().st_size
        except OSError as error:
            raise TransferError(f"{path} cannot be read: {_words(error)}") from None
        if not path.is_file():
            raise TransferError(f"{path} is no file")
        entry: dict[str, Any] = {"fileName": name, "byteLength": size, "mimeType": guess_mime_type(name)}
        if entry["mimeType"] == DICOM_TYPE and (metadata := _dicom_metadata(path)):
            entry["dicomMetadata"] = metadata
        entries.append(entry)
    return {**(extra or {}), "files": entries}, files


class JsonBody:
    """A message as requests sends it: it has a length, and yields its bytes anew each time it is read.

    ``sent()`` is called when its last byte is about to go to the hub: before an answer to it can come.
    """

    def __init__(self, text: bytes, sent: Sent) -> None:
        self._text = text
        self._sent = sent

    def __len__(self) -> int:
        return len(self._text)

    def __iter__(self) -> Iterator[bytes]:
        self._sent()
        yield self._text


class BatchBody:
    """The body of a batch as requests sends it: it has a length, and yields its bytes anew each time it is read.

    ``progress(done, total)`` counts the files' bytes; ``sent()`` is called as a `JsonBody`'s. Raises TransferError,
    while it is sent, when a file is not what it was when the manifest was made.
    """

    def __init__(
        self,
        layout: BatchLayout,
        entries: tuple[FileEntry, ...],
        paths: list[Path],
        progress: Progress | None = None,
        sent: Sent = _nothing,
    ) -> None:
        self.content_type = layout.content_type
        self._layout = layout
        self._files = [(path, entry.byte_length or 0) for path, entry in zip(paths, entries, strict=True)]
        self._progress = progress or _nothing
        self._sent = sent

    def __len__(self) -> int:
        return self._layout.content_length

    def __iter__(self) -> Iterator[bytes | memoryview]:
        total = sum(size for _, size in self._files)
        done = 0
        self._progress(done, total)
        pending = self._layout.head  # small pieces travel with the bytes after them: one system call, one packet
        buffer = memoryview(bytearray(_PIECE))
        for head, (path, size) in zip(self._layout.part_heads, self._files, strict=True):
            pending += head
            for view in _pieces(path, size, buffer):
                if pending:
                    yield pending + bytes(view)
                    pending = b""
                else:
                    yield view
                done += len(view)
                self._progress(done, total)
        self._sent()
        yield pending + self._layout.tail


def _pieces(path: Path, size: int, buffer: memoryview) -> Iterator[memoryview]:
    """Yield a file's bytes as views that are good until the next one; TransferError when they are not ``size``."""
    left = size
    try:
        with open(path, "rb", buffering=0) as file:
            while left:
                count = file.readinto(buffer[: min(left, len(buffer))])
                if not count:
                    raise TransferError(f"{path} became shorter while it was sent; send it again")
                left -= count
                yield buffer[:count]
            if file.read(1):
                raise TransferError(f"{path} became longer while it was sent; send it again")
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {_words(error)}") from None


def _dicom_metadata(path: Path) -> dict[str, Any]:
    """The file's identity, {} without pydicom: a client needs it for nothing else."""
    try:
        from CastLib.dicom.metadata import dicom_metadata
    except ImportError:
        return {}
    try:
        return dicom_metadata(path)
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {_words(error)}") from None


def _words(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
