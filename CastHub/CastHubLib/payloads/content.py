"""Where a batch's bytes lie: in memory, or in an unnamed file when memory's share is used up."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from abc import ABC, abstractmethod
from typing import BinaryIO

from CastHubLib.errors import Denied
from CastHubLib.payloads.large_buffers import LargeBuffer

_SPOOL = 64 * 1024 * 1024  # bytes of a temporary file that batches share; a longer batch has one of its own
_BUFFER = 512 * 1024  # bytes gathered for a write to a file, of which each batch that is being sent has two


class Content(ABC):
    """The bytes of one batch, of a size known before: written in order, then read anywhere."""

    in_memory: bool

    @abstractmethod
    async def write(self, data: memoryview) -> None:
        """Append a copy; raises Denied(507) when what was written before could not be brought to where it stays."""

    @abstractmethod
    async def finish(self) -> None:
        """Return when everything written is where it stays; raises Denied(507) when it cannot be brought there."""

    @abstractmethod
    async def read(self, offset: int, length: int) -> bytes | memoryview:
        """Return ``length`` bytes from ``offset``; ValueError when they have been let go meanwhile."""

    @abstractmethod
    def close(self) -> None:
        """Let the bytes go."""


class MemoryContent(Content):
    """Bytes in memory; what was read stays good when the rest is let go. OSError when there is none."""

    in_memory = True

    def __init__(self, size: int) -> None:
        self._room: LargeBuffer | None = LargeBuffer(size)

    async def write(self, data: memoryview) -> None:
        if self._room is not None:
            self._room.append(data)

    async def finish(self) -> None:
        pass

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        if self._room is None:
            raise ValueError("these bytes have been let go")
        return self._room.view[offset : offset + length]

    def close(self) -> None:
        self._room = None


class Spool:
    """Temporary files for what memory has no room for: private, and gone with the process however that ends.

    Batches that come one after another share a file: each ``_SPOOL`` bytes hold a descriptor, not each batch.
    """

    def __init__(self) -> None:
        self._file: _SharedFile | None = None

    def room(self, size: int) -> FileContent:
        """Return room for a batch of this size; OSError when a file that it takes cannot be made."""
        if self._file is None or not self._file.fits(size):
            self._file = _SharedFile()
        return FileContent(self._file, size)


class _SharedFile:
    """One unnamed file; it is closed with the last of its batches."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="cast-hub-", buffering=0)
        self._lock = threading.Lock()
        self._end = 0
        self._batches = 0

    def fits(self, size: int) -> bool:
        """Return whether the file has room for a batch, and is still there."""
        return self._batches > 0 and self._end + size <= _SPOOL

    def take(self, size: int) -> int:
        """Give a batch its place in the file, and return where that begins."""
        start, self._end = self._end, self._end + size
        self._batches += 1
        return start

    def write(self, offset: int, view: memoryview) -> None:
        with self._lock:
            self._file.seek(offset)
            while view:
                view = view[self._file.write(view) :]

    def read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def leave(self) -> None:
        """One of its batches has gone."""
        with self._lock:  # never under a thread's feet: the descriptor's number may soon be another file's
            self._batches -= 1
            if not self._batches:
                self._file.close()


class FileContent(Content):
    """Bytes in a temporary file. A thread writes one buffer while the other fills."""

    in_memory = False

    def __init__(self, file: _SharedFile, size: int) -> None:
        self._file = file
        self._next = self._start = file.take(size)
        self._filling, self._resting = (bytearray(min(size, _BUFFER)) for _ in range(2))
        self._filled = 0
        self._writing: asyncio.Future[None] | None = None
        self._closed = False

    async def write(self, data: memoryview) -> None:
        while data:
            piece = data[: len(self._filling) - self._filled]
            end = self._filled + len(piece)
            self._filling[self._filled : end] = piece
            self._filled, data = end, data[len(piece) :]
            if end == len(self._filling):
                await self._settle()

    async def _settle(self) -> None:
        """Begin to write what has been gathered, when what was begun before is written."""
        await self._wait()
        full = memoryview(self._filling)[: self._filled]
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._file.write, self._next, full)
        self._next += self._filled
        self._filling, self._resting = self._resting, self._filling
        self._filled = 0

    async def finish(self) -> None:
        await self._settle()
        await self._wait()
        self._filling = self._resting = bytearray()

    async def _wait(self) -> None:
        if self._writing is None:
            return
        try:
            await self._writing
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Denied(507, f"the hub cannot write to its temporary folder: {reason}") from None

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        if self._closed:
            raise ValueError("these bytes have been let go")
        return await asyncio.get_running_loop().run_in_executor(None, self._file.read, self._start + offset, length)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._file.leave()
