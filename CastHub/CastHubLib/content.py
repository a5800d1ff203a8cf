"""Where a batch's bytes lie: in memory, or in an unnamed file when memory's share is used up."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from abc import ABC, abstractmethod
from typing import BinaryIO

from CastHubLib.memory import Room
from CastLib.errors import CastError
from CastLib.manifest import CHUNK


class StoreFull(CastError):
    """A batch does not fit any more; the sentence says what to do."""


class Content(ABC):
    """The bytes of one batch, of a size known before: written in order, then read anywhere."""

    in_memory: bool

    @abstractmethod
    async def write(self, data: memoryview) -> None:
        """Append a copy; raises StoreFull when what was written before could not be brought to where it stays."""

    @abstractmethod
    async def finish(self) -> None:
        """Return when everything written is where it stays; raises StoreFull when it cannot be brought there."""

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
        self._room: Room | None = Room(size)

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


class FileContent(Content):
    """Bytes in an unnamed temporary file: private, and gone with the process however that ends.

    A thread writes one buffer while the other fills. OSError when the file cannot be made.
    """

    in_memory = False

    def __init__(self, size: int) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="cast-hub-", buffering=0)
        self._lock = threading.Lock()
        self._filling, self._resting = (bytearray(min(size, CHUNK)) for _ in range(2))
        self._filled = 0
        self._writing: asyncio.Future[None] | None = None

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
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._append, full)
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
        except OSError as error:
            raise StoreFull(f"the hub cannot write to its temporary folder: {error.strerror or error}") from None

    def _append(self, view: memoryview) -> None:
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            while view:
                view = view[self._file.write(view) :]

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        return await asyncio.get_running_loop().run_in_executor(None, self._read, offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def close(self) -> None:
        with self._lock:  # never under a thread's feet: the descriptor's number may soon be another file's
            self._file.close()
