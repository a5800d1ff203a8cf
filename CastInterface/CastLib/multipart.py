"""A batch as bytes: ``multipart/related`` (RFC 2046, 2387), read as it arrives and written as it leaves.

The manifest in the first part says how long each further part is, so no byte of a file is ever searched: the reader
hands out slices of what it was fed, and checks that a boundary stands where the manifest says.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from CastLib.errors import FieldError
from CastLib.events import is_binary_family, is_response
from CastLib.fields import need_object, need_text, parse_json
from CastLib.forms import boundary
from CastLib.manifest import MAX_FILES, FileEntry, guess_mime_type, parse_manifest

MAX_ENVELOPE = 16 * 1024 * 1024  # bytes of part 1, DICOM metadata included
MAX_HEADERS = 16 * 1024  # bytes of one part's headers
_PIECE = 1024  # bytes looked at in one go outside the files' data
_ENVELOPE_PIECE = 64 * 1024
_BLANK_LINE = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Part 1: the publish (or response) envelope as JSON, and its manifest's entries."""

    wire: dict[str, Any]
    entries: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """Some bytes of the file at ``index`` of the manifest; a view that is good until the next feed."""

    index: int
    data: memoryview


class BatchParser:
    """Reads one batch as it arrives. Feed it bytes, take what it yields, close it at the end.

    Raises FieldError for everything protocol.md refuses: an event outside the family, an empty list of files, a part
    that is empty, too many or too few parts, a size unequal to ``byteLength``, a missing end.
    """

    def __init__(
        self, content_type: str, *, max_envelope_bytes: int = MAX_ENVELOPE, max_files: int = MAX_FILES
    ) -> None:
        self._delimiter = b"\r\n--" + boundary(content_type, "multipart/related")
        self._max_envelope_bytes = max_envelope_bytes
        self._max_files = max_files
        self._buffer = bytearray(b"\r\n")  # a body may begin with its first boundary: as if a line had ended before
        self._state = self._start
        self._parts: list[tuple[int, int]] = []  # (index in the manifest, bytes) of the parts to come, the next is last
        self._envelope: Envelope | None = None
        self._index = -1
        self._remaining = 0
        self._taken = 0

    @property
    def gathered(self) -> int:
        """Bytes of the envelope that have come; 0 when it is whole."""
        return len(self._buffer) if self._envelope is None else 0

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[Envelope | Data]:
        """Yield the envelope once, then the files' data in order, as ``chunk`` completes them."""
        view = memoryview(chunk)
        while len(view):
            if self._remaining:
                size = min(len(view), self._remaining)
                self._remaining -= size
                yield Data(self._index, view[:size])
                view = view[size:]
                continue
            before = self._envelope
            view = view[self._state(view) :]
            if self._envelope is not before and self._envelope is not None:
                yield self._envelope

    def close(self) -> None:
        """Raise FieldError when the batch is not whole."""
        if self._state == self._epilogue:
            return
        if self._envelope is None:
            raise FieldError("body", "ended before its first part, the envelope, was whole")
        if self._remaining or self._taken:
            raise FieldError(
                f"event.context.files[{self._index}].byteLength",
                "the body ended inside this part: it is shorter than it says, or the batch was cut off",
            )
        raise FieldError("body", "ended without its closing boundary")

    # Each state takes what it needs of the view, keeps it in the buffer, and returns how many bytes it consumed.

    def _start(self, view: memoryview) -> int:
        consumed = self._search(view, self._delimiter, MAX_HEADERS, "body", "does not begin with the boundary")
        if consumed is None:
            return min(len(view), _PIECE)
        self._enter(self._headers)
        return consumed

    def _headers(self, view: memoryview) -> int:
        ended = self._is_closing(view)
        if ended is not None:
            return ended
        consumed = self._search(view, _BLANK_LINE, MAX_HEADERS, "body", "has a part with headers without an end")
        if consumed is None:
            return min(len(view), _PIECE)
        self._check_headers(bytes(self._buffer))
        if self._envelope is None:
            self._enter(self._envelope_body)
        else:
            self._begin_part()
        return consumed

    def _is_closing(self, view: memoryview) -> int | None:
        """Two hyphens right after a boundary end the batch; two bytes must be there to tell."""
        if len(self._buffer) >= 2:
            return None
        need = 2 - len(self._buffer)
        self._buffer += view[:need]
        if len(self._buffer) < 2:
            return min(len(view), need)
        if self._buffer != b"--":
            return need
        if self._envelope is None:
            raise FieldError("body", "has no parts: the first is the envelope")
        if self._parts:
            expected = self._index_count()
            raise FieldError(
                "event.context.files",
                f"lists {expected} files with bytes, but {expected - len(self._parts)} parts came",
            )
        self._enter(self._epilogue)
        return need

    def _envelope_body(self, view: memoryview) -> int:
        reason = f"is longer than {self._max_envelope_bytes} bytes or has no end"
        consumed = self._search(
            view, self._delimiter, self._max_envelope_bytes, "body", f"part 1, the envelope, {reason}", _ENVELOPE_PIECE
        )
        if consumed is None:
            return min(len(view), _ENVELOPE_PIECE)
        self._envelope = parse_envelope(bytes(self._buffer[: -len(self._delimiter)]), self._max_files)
        entries = enumerate(self._envelope.entries)
        self._parts = [(index, entry.byte_length or 0) for index, entry in entries if entry.has_part][::-1]
        self._enter(self._headers)
        return consumed

    def _begin_part(self) -> None:
        if not self._parts:
            raise FieldError("body", "has more parts than the manifest lists files with bytes")
        self._index, self._remaining = self._parts.pop()
        self._taken = self._remaining
        self._enter(self._after_data)

    def _after_data(self, view: memoryview) -> int:
        need = len(self._delimiter) - len(self._buffer)
        self._buffer += view[:need]
        if not self._delimiter.startswith(self._buffer):
            raise FieldError(
                f"event.context.files[{self._index}].byteLength",
                f"says {self._taken} bytes, but no boundary follows them: the part has another size,"
                " or its end is missing",
            )
        if len(self._buffer) == len(self._delimiter):
            self._taken = 0
            self._enter(self._headers)
        return min(len(view), need)

    def _epilogue(self, view: memoryview) -> int:
        return len(view)

    def _enter(self, state: Any) -> None:
        self._buffer = bytearray()
        self._state = state

    def _index_count(self) -> int:
        return sum(entry.has_part for entry in self._envelope.entries) if self._envelope else 0

    def _search(
        self, view: memoryview, wanted: bytes, most: int, field: str, reason: str, piece: int = _PIECE
    ) -> int | None:
        """Move bytes into the buffer up to and including ``wanted``; return how many, None when it is not there yet."""
        before = len(self._buffer)
        self._buffer += view[:piece]
        found = self._buffer.find(wanted, max(0, before - len(wanted) + 1))
        if found < 0:
            if len(self._buffer) > most:
                raise FieldError(field, reason)
            return None
        end = found + len(wanted)
        del self._buffer[end:]
        return end - before

    @staticmethod
    def _check_headers(block: bytes) -> None:
        for line in block.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-transfer-encoding":
                if value.strip().lower() not in (b"binary", b"8bit", b"7bit"):
                    raise FieldError("Content-Transfer-Encoding", "must be binary: parts carry their bytes as they are")


def parse_envelope(data: bytes, max_files: int = MAX_FILES) -> Envelope:
    """Return part 1 of a batch; raises FieldError when it is no envelope of a binary family, or of too many files."""
    wire = need_object(parse_json(data, "part 1"), "part 1")
    event = need_object(wire.get("event"), "event")
    name = need_text(event, "hub.event", "event.")
    if not (is_binary_family(name) or is_response(name)):
        raise FieldError("event.hub.event", f"{name[:80]!r} is of no family whose bytes travel as a batch")
    context = event.get("context")
    if not isinstance(context, (list, dict)):
        raise FieldError("event.context", "must be a list or an object that lists files")
    return Envelope(wire, parse_manifest(context, max_files))


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """How a batch is written: ``head``, then for each file its ``part_heads`` entry and its bytes, then ``tail``.

    ``content_length`` is the whole body's size in bytes.
    """

    content_type: str
    head: bytes
    part_heads: tuple[bytes, ...]
    tail: bytes
    content_length: int


def lay_out_batch(envelope: bytes, entries: Sequence[FileEntry]) -> BatchLayout:
    """Return the layout of a batch with this envelope (JSON); ``entries`` are its manifest, in order."""
    boundary = "cast-" + secrets.token_hex(16)
    mark = f"--{boundary}\r\nContent-Type: "
    head = f"{mark}application/dicom+json\r\n\r\n".encode() + envelope
    with_part = [entry for entry in entries if entry.has_part]
    part_heads = tuple(
        f"\r\n{mark}{entry.mime_type or guess_mime_type(entry.file_name)}\r\n\r\n".encode() for entry in with_part
    )
    tail = f"\r\n--{boundary}--\r\n".encode()
    data_length = sum(entry.byte_length or 0 for entry in with_part)
    return BatchLayout(
        content_type=f'multipart/related; type="application/dicom"; boundary="{boundary}"',
        head=head,
        part_heads=part_heads,
        tail=tail,
        content_length=len(head) + sum(map(len, part_heads)) + data_length + len(tail),
    )
