"""Taking in a batch: read as it arrives, stored whole or not at all, then published with its payloads' ids."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from aiohttp import web

from CastHubLib.aside import Aside
from CastHubLib.delivery.publication import Publication, stored_publish
from CastHubLib.errors import Denied
from CastHubLib.incoming import Incoming
from CastHubLib.payloads.request_bodies import BodyDeadline, send_continue
from CastHubLib.payloads.store import Batch, PayloadStore, StoredFile, lay_out
from CastHubLib.routing.subscriber import Owner
from CastHubLib.settings import HubSettings
from CastLib.events import is_response
from CastLib.manifest import replace_files
from CastLib.message import Response, parse_response
from CastLib.multipart import BatchParser, Data, Envelope

Admit = Callable[[dict[str, Any]], None]
_PARTS_A_TURN = 500  # items of a batch that are taken before others have their turn


@dataclass(frozen=True, slots=True)
class Upload:
    """A batch that has arrived whole: where its bytes are, and what is to be passed on of it, with the payloads' ids.

    ``size`` is the envelope's, in bytes.
    """

    batch: Batch
    content: Publication | Response
    size: int


class Uploads:
    """Reads batches from request bodies into the payload store."""

    def __init__(self, settings: HubSettings, store: PayloadStore, aside: Aside, incoming: Incoming) -> None:
        self._settings = settings
        self._store = store
        self._aside = aside
        self._incoming = incoming
        self._senders: Counter[Owner] = Counter()

    async def take(self, request: web.Request, sender: Owner, admit: Admit) -> Upload:
        """Return the batch in a request's body, kept in the store.

        ``admit`` sees the envelope before any file's byte is taken, and raises to refuse it. Raises FieldError for a
        malformed batch, Denied for one that does not fit and for a sender that stops sending or sends too many.
        """
        self._check_room(sender)
        self._senders[sender] += 1
        try:
            return await self._take(request, sender, admit)
        finally:
            self._senders[sender] -= 1
            if not self._senders[sender]:
                del self._senders[sender]

    def _check_room(self, sender: Owner) -> None:
        if self._senders.total() >= self._settings.max_uploads:
            raise Denied(503, "the hub is taking in as many batches as it may: try again later")
        if self._senders[sender] >= self._settings.max_user_uploads:
            raise Denied(503, f"{self._senders[sender]} batches of this user are under way: wait for those")

    async def _take(self, request: web.Request, sender: Owner, admit: Admit) -> Upload:
        settings, clock = self._settings, asyncio.get_running_loop().time
        kind = request.headers.get("Content-Type", "")
        parser = BatchParser(kind, max_envelope_bytes=settings.max_envelope_bytes, max_files=settings.max_files)
        envelope: Envelope | None = None
        batch: Batch | None = None
        size = taken = 0
        await send_continue(request)
        try:
            with BodyDeadline(
                request.content, self._incoming, settings.upload_idle_seconds, settings.upload_seconds
            ) as arrival:
                while not request.content.at_eof():
                    piece, _end = await request.content.readchunk()  # as it came, never joined
                    if envelope is None:
                        size = parser.gathered + len(piece)
                        arrival.came(len(piece))  # and counts to the end: the files' bytes have a store
                        items: Iterable[Envelope | Data] = await self._aside.run(size, partial(_fed, parser, piece))
                    else:
                        items = parser.feed(piece)
                    for item in items:
                        if isinstance(item, Envelope):
                            admit(item.wire)
                            envelope = item
                            lengths = [entry.byte_length or 0 for entry in item.entries if entry.has_part]
                            batch = self._store.claim(sender, lengths, clock())
                            batch.message_id = str(item.wire["id"])
                        elif batch is not None:
                            await batch.content.write(item.data)
                        taken += 1
                        if taken % _PARTS_A_TURN == 0:
                            await asyncio.sleep(0)
            parser.close()
            assert batch is not None and envelope is not None  # a closed parser has yielded its envelope
            await batch.content.finish()
            files, content = await self._aside.run(
                size, partial(_content, envelope, batch.lengths, settings.payload_seconds, size)
            )
            self._store.keep(batch, files, clock())
        except BaseException:
            if batch is not None:
                self._store.drop(batch)
            raise
        return Upload(batch, content, size)


def _fed(parser: BatchParser, piece: bytes) -> list[Envelope | Data]:
    return list(parser.feed(piece))


def _content(
    envelope: Envelope, lengths: Sequence[int], seconds: float, size: int
) -> tuple[list[StoredFile], Publication | Response]:
    """Return how a batch is kept, and what it says: with ids, chunk lengths and time of expiry in each file's entry."""
    stored = lay_out(lengths)
    expires = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    expires_at = expires.isoformat(timespec="seconds").replace("+00:00", "Z")
    files, remaining = [], iter(stored)
    for entry in envelope.entries:
        wire = entry.wire
        if entry.has_part:
            file = next(remaining)
            wire = {
                **wire,
                "payloadIds": list(file.payload_ids),  # a long envelope is emptied when it has been written
                "chunkByteLengths": list(file.chunk_lengths),
                "expiresAt": expires_at,
            }
        files.append(wire)
    event = envelope.wire["event"]
    if is_response(event["hub.event"]):
        context = replace_files(event["context"], files)
        return stored, parse_response({**envelope.wire, "event": {**event, "context": context}})
    return stored, stored_publish(envelope.wire, files, size)
