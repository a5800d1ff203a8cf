"""Where a batch's bytes lie: in memory, or in an unnamed file when memory's share is used up."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from abc import ABC, abstractmethod
from typing import BinaryIO

from CastLib.errors import CastError
from CastLib.manifest import CHUNK


class StoreFull(CastError):
    """A batch does not fit any more; the sentence says what to do."""


class Content(ABC):
    """The bytes of one batch: written in order, then read anywhere."""

    in_memory: bool

    @abstractmethod
    def write(self, data: memoryview) -> bool:
        """Append; True asks the caller to ``await settle()`` before it goes on."""

    @abstractmethod
    async def settle(self) -> None:
        """Begin to bring what was written to where it stays; waits for what was begun before."""

    @abstractmethod
    async def finish(self) -> None:
        """Return when everything written is where it stays; raises StoreFull when it cannot be brought there."""

    @abstractmethod
    async def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; ValueError when they have been let go meanwhile."""

    @abstractmethod
    def close(self) -> None:
        """Let the bytes go."""


class MemoryContent(Content):
    """Bytes in memory, of a size known before."""

    in_memory = True

    def __init__(self, size: int) -> None:
        self._data: bytearray | None = bytearray(size)
        self._end = 0

    def write(self, data: memoryview) -> bool:
        if self._data is not None:
            end = self._end + len(data)
            self._data[self._end : end] = data
            self._end = end
        return False

    async def settle(self) -> None:
        pass

    async def finish(self) -> None:
        pass

    async def read(self, offset: int, length: int) -> bytes:
        if self._data is None:
            raise ValueError("these bytes have been let go")
        return bytes(memoryview(self._data)[offset : offset + length])

    def close(self) -> None:
        self._data = None


class FileContent(Content):
    """Bytes in an unnamed temporary file: private, and gone with the process however that ends.

    A thread writes while the next bytes arrive. OSError when the file cannot be made.
    """

    in_memory = False

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="cast-hub-", buffering=0)
        self._lock = threading.Lock()
        self._gathered = bytearray()
        self._writing: asyncio.Future[None] | None = None

    def write(self, data: memoryview) -> bool:
        self._gathered += data
        return len(self._gathered) >= CHUNK

    async def settle(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        await self._wait()
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._append, gathered)

    async def finish(self) -> None:
        await self.settle()
        await self._wait()

    async def _wait(self) -> None:
        if self._writing is None:
            return
        try:
            await self._writing
        except OSError as error:
            raise StoreFull(f"the hub cannot write to its temporary folder: {error.strerror or error}") from None

    def _append(self, data: bytearray) -> None:
        view = memoryview(data)
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            while view:
                view = view[self._file.write(view) :]

    async def read(self, offset: int, length: int) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(None, self._read, offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def close(self) -> None:
        with self._lock:  # never under a thread's feet: the descriptor's number may soon be another file's
            self._file.close()
