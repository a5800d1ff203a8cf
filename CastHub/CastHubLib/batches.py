"""Taking in a batch: read as it arrives, stored whole or not at all, then published with its payloads' ids."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from aiohttp import web

from CastHubLib.core import Owner
from CastHubLib.inviting import invite
from CastHubLib.patience import Patience
from CastHubLib.payloads import Batch, PayloadStore, StoredFile
from CastHubLib.settings import HubSettings
from CastLib.manifest import FileEntry, replace_files
from CastLib.multipart import BatchParser, Envelope

Admit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Upload:
    """A batch that has arrived whole: where its bytes are, and its envelope with the payloads' ids."""

    batch: Batch
    wire: dict[str, Any]


class Uploads:
    """Reads batches from request bodies into the payload store."""

    def __init__(self, settings: HubSettings, store: PayloadStore) -> None:
        self._settings = settings
        self._store = store

    async def take(self, request: web.Request, sender: Owner, admit: Admit) -> Upload:
        """Return the batch in a request's body, kept in the store.

        ``admit`` sees the envelope before any file's byte is taken, and raises to refuse it. Raises FieldError for a
        malformed batch, StoreFull for one that does not fit, Denied for a sender that stops sending.
        """
        parser = BatchParser(request.headers.get("Content-Type", ""), envelope_most=self._settings.envelope_most)
        clock = asyncio.get_running_loop().time
        envelope: Envelope | None = None
        batch: Batch | None = None
        await invite(request)
        try:
            with Patience(request.content, self._settings.upload_idle_seconds):
                while not request.content.at_eof():
                    piece, _end = await request.content.readchunk()  # as it came, never joined
                    for item in parser.feed(piece):
                        if isinstance(item, Envelope):
                            admit(item.wire)
                            envelope = item
                            batch = self._store.claim(sender, sum(_part_lengths(item.entries)), clock())
                        elif batch is not None:
                            await batch.content.write(item.data)
            parser.close()
            assert batch is not None and envelope is not None  # a closed parser has yielded its envelope
            await batch.content.finish()
            stored = self._store.keep(batch, list(_part_lengths(envelope.entries)), clock())
        except BaseException:
            if batch is not None:
                self._store.drop(batch)
            raise
        expires = datetime.now(timezone.utc) + timedelta(seconds=self._settings.payload_seconds)
        return Upload(batch, _with_payloads(envelope, stored, expires))


def _part_lengths(entries: Sequence[FileEntry]) -> Iterator[int]:
    return (entry.byte_length or 0 for entry in entries if entry.has_part)


def _with_payloads(envelope: Envelope, stored: list[StoredFile], expires: datetime) -> dict[str, Any]:
    """Return the envelope with each stored file's ids, chunk lengths and time of expiry in its entry."""
    expires_at = expires.isoformat(timespec="seconds").replace("+00:00", "Z")
    files, remaining = [], iter(stored)
    for entry in envelope.entries:
        wire = entry.wire
        if entry.has_part:
            file = next(remaining)
            wire = {
                **wire,
                "payloadIds": file.payload_ids,
                "chunkByteLengths": file.chunk_lengths,
                "expiresAt": expires_at,
            }
        files.append(wire)
    event = envelope.wire["event"]
    return {**envelope.wire, "event": {**event, "context": replace_files(event["context"], files)}}
