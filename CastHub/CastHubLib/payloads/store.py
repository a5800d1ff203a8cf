"""The payload store: a batch's bytes, kept until their time is over.

A batch is stored whole or not at all. What it will need is claimed when its manifest is known, before a byte came, so a
batch that cannot be kept is refused at its beginning. Times are given by the caller.
"""

from __future__ import annotations

import secrets
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from CastHubLib import log
from CastHubLib.errors import Denied
from CastHubLib.payloads.content import Content, MemoryContent, Spool
from CastHubLib.routing.subscriber import Owner
from CastHubLib.settings import HubSettings
from CastLib.manifest import CHUNK


@dataclass(slots=True, eq=False)
class Batch:
    """The stored files of one event, with who may read them."""

    sender: Owner
    lengths: Sequence[int]
    """Of its files, in bytes."""
    size: int
    content: Content
    count: int
    """Payloads that it becomes."""
    readers: set[Owner] = field(default_factory=set)
    expires: float = 0.0
    ids: list[str] = field(default_factory=list)
    message_id: str = ""
    """For the log."""


class Chunk(NamedTuple):
    """One payload: a range of its batch's bytes."""

    batch: Batch
    offset: int
    length: int

    async def read(self, start: int, stop: int) -> bytes | memoryview:
        """Return the bytes from ``start`` to before ``stop``, counted within the chunk."""
        return await self.batch.content.read(self.offset + start, stop - start)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The wire's words for a stored file."""

    payload_ids: list[str]
    chunk_lengths: list[int]


def lay_out(lengths: Iterable[int]) -> list[StoredFile]:
    """Return ids and lengths of the chunks that files of these lengths are kept as."""
    files = []
    for length in lengths:
        chunk_lengths = [min(CHUNK, length - start) for start in range(0, length, CHUNK)]
        files.append(StoredFile([secrets.token_urlsafe(18) for _ in chunk_lengths], chunk_lengths))
    return files


class PayloadStore:
    """All batches, with their caps and their time to live."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self._chunks: dict[str, Chunk] = {}
        self._batches: deque[Batch] = deque()  # oldest first: all live equally long
        self._claimed: Counter[Owner] = Counter()
        self._counts: Counter[Owner] = Counter()
        self._spool = Spool()
        self._claimed_memory = 0

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def size(self) -> int:
        """Bytes that are kept or claimed."""
        return self._claimed.total()

    def claim(self, sender: Owner, lengths: Sequence[int], now: float) -> Batch:
        """Return an empty batch with room for files of these lengths; ``keep`` or ``drop`` it. Raises Denied(507)."""
        self.expire(now)
        settings, size = self._settings, sum(lengths)
        count = sum(-(-length // CHUNK) for length in lengths)
        if size > min(settings.max_payloads_bytes, settings.max_sender_payloads_bytes):
            raise Denied(507, f"this batch has {size} bytes, more than this hub ever keeps: send fewer files at a time")
        if self.size + size > settings.max_payloads_bytes or self._counts.total() + count > settings.max_payloads:
            raise Denied(507, f"the hub's payload store is full: try again when older batches expire {self._when(now)}")
        if (
            self._claimed[sender] + size > settings.max_sender_payloads_bytes
            or self._counts[sender] + count > settings.max_sender_payloads
        ):
            raise Denied(507, f"this sender's share of the payload store is full: try again later {self._when(now)}")
        in_memory = self._claimed_memory + size <= settings.max_payload_memory_bytes
        content = self._content(size, in_memory)
        self._claimed[sender] += size
        self._counts[sender] += count
        self._claimed_memory += size * in_memory
        return Batch(sender, lengths, size, content, count, {sender})

    def keep(self, batch: Batch, files: Sequence[StoredFile], now: float) -> None:
        """Make a fully written batch readable, as ``lay_out`` has it, for ``payload_seconds``."""
        batch.expires = now + self._settings.payload_seconds
        self._batches.append(batch)
        offset = 0
        for file in files:
            batch.ids += file.payload_ids
            for id, length in zip(file.payload_ids, file.chunk_lengths, strict=True):
                self._chunks[id] = Chunk(batch, offset, length)
                offset += length

    def drop(self, batch: Batch) -> None:
        """Let a batch's bytes go and give back its room."""
        for id in batch.ids:
            self._chunks.pop(id, None)
        self._claimed[batch.sender] -= batch.size
        self._counts[batch.sender] -= batch.count
        if not self._counts[batch.sender]:
            del self._claimed[batch.sender], self._counts[batch.sender]
        self._claimed_memory -= batch.size * batch.content.in_memory
        batch.content.close()

    def discard(self, batch: Batch) -> None:
        """Let a kept batch go before its time."""
        self._batches.remove(batch)
        self.drop(batch)

    def get(self, id: str, now: float) -> Chunk | None:
        """Return a payload; None when it is unknown or its time is over."""
        chunk = self._chunks.get(id)
        return chunk if chunk and chunk.batch.expires > now else None

    def share(self, ids: Iterable[str], sender: Owner, receivers: Iterable[Owner]) -> None:
        """Let those who are sent an event read the payloads that it names, as far as its sender may.

        ``receivers`` is not gone through for an event that names none: most do not, and it may be long.
        """
        chunks = [chunk for chunk in map(self._chunks.get, ids) if chunk is not None and sender in chunk.batch.readers]
        if chunks:
            owners = set(receivers)
            for batch in {chunk.batch for chunk in chunks}:
                batch.readers |= owners

    def expire(self, now: float) -> None:
        """Drop every batch whose time is over."""
        while self._batches and self._batches[0].expires <= now:
            batch = self._batches.popleft()
            self.drop(batch)
            log.info("payloads gone", id=batch.message_id, chunks=len(batch.ids), bytes=batch.size)

    def close(self) -> None:
        """Drop everything."""
        self.expire(float("inf"))

    def _when(self, now: float) -> str:
        if not self._batches:
            return f"(within {self._settings.payload_seconds} s)"
        return f"(the first in {max(0, round(self._batches[0].expires - now))} s)"

    def _content(self, size: int, in_memory: bool) -> Content:
        try:
            return MemoryContent(size) if in_memory else self._spool.room(size)
        except OSError as error:
            where = "has no memory for this batch" if in_memory else "cannot make a temporary file"
            raise Denied(507, f"the hub {where}: {error.strerror or error}") from None
