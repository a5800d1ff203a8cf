"""What kind of DICOM a file is (PS3.10): with meta header, without, deflated, or none at all."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import IO

from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from CastLib.dicom.layout import UNDEFINED, Element, Walk, encoding_at
from CastLib.errors import FieldError

#: Bytes of all that is read before the pixels.
MAX_HEADER = 256 * 1024 * 1024
#: Bytes that a deflated file may have when it is read as a whole, and that are looked at for its header alone.
MAX_INFLATED = 256 * 1024 * 1024
MAX_INFLATED_HEADER = 32 * 1024 * 1024

_MAX_META = 64 * 1024  # bytes of one element of a meta header
_PREAMBLE = 128
_PREFIX = b"DICM"
_TRANSFER_SYNTAX, _CLASS, _INSTANCE = 0x00020010, 0x00080016, 0x00080018
_GROUP_LENGTH = 0x00020000
_UID = re.compile(rb"[0-9]+(\.[0-9]+){3,}[\0 ]*")
_PIECE = 64 * 1024
_INFLATED_PIECE = 1024 * 1024


class DicomStream:
    """A file, open, whose kind is known.

    ``meta`` is a preamble and meta header for pydicom, which tell how the elements are written; ``transfer_syntax`` is
    the file's own word for that. ``cut_short`` tells that no more of a deflated file was looked at.
    """

    def __init__(self, file: IO[bytes], size: int, name: str, start: int, meta: bytes, transfer_syntax: str) -> None:
        self.name, self.size, self.cut_short = name, size, False
        self._file, self._start = file, start
        file.seek(start)
        self.encoding = encoding_at(file.read(8))
        written = ExplicitVRLittleEndian if self.encoding.little else ExplicitVRBigEndian
        written = ImplicitVRLittleEndian if self.encoding.implicit else written
        self.transfer_syntax = transfer_syntax or str(written)
        self.meta = b"\0" * _PREAMBLE + _PREFIX + meta + _ui(_TRANSFER_SYNTAX, str(written))

    def elements(self, *, deep: bool) -> Iterator[Element]:
        """See `Walk.elements`."""
        return Walk(self._file, self.size, self.name).elements(self._start, self.encoding, deep=deep)

    def read(self, start: int, end: int) -> bytes:
        """The bytes of a part of it."""
        self._file.seek(start)
        return self._file.read(end - start)


def open_stream(file: IO[bytes], size: int, name: str, *, whole: bool) -> DicomStream:
    """Return what an open file holds; ``whole`` when more than its header is wanted.

    Raises InvalidDicomError for what is no DICOM, FieldError for what is damaged or deflated out of all proportion.
    """
    start = _start_of(file, size, name)
    meta, start, transfer_syntax = _read_meta(file, size, name, start)
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        file.seek(start)
        inflated, cut_short = _inflate(file, name, MAX_INFLATED if whole else MAX_INFLATED_HEADER)
        if whole and cut_short:
            raise FieldError(name, f"damaged DICOM file (it inflates to more than {MAX_INFLATED >> 20} MiB)")
        stream = DicomStream(inflated, inflated.getbuffer().nbytes, name, 0, meta, transfer_syntax)
        stream.cut_short = cut_short
        return stream
    return DicomStream(file, size, name, start, meta, transfer_syntax)


def _start_of(file: IO[bytes], size: int, name: str) -> int:
    """Where the meta header or, without one, the dataset begins. Strict where the file does not say what it is."""
    head = file.read(_PREAMBLE + len(_PREFIX))
    if head[_PREAMBLE:] == _PREFIX:
        return len(head)
    start = len(_PREFIX) if head.startswith(_PREFIX) else 0
    if head[start : start + 2] in (b"\x02\0", b"\x08\0", b"\0\x08"):
        try:
            _, dataset, syntax = _read_meta(file, size, name, start)
            if syntax == DeflatedExplicitVRLittleEndian or _names_an_instance(file, size, name, dataset):
                return start
        except FieldError:
            pass
    raise InvalidDicomError(f"{name} is no DICOM file")


def _names_an_instance(file: IO[bytes], size: int, name: str, start: int) -> bool:
    """Whether a dataset begins as PS3.3 has it: group 8, rising tags, and in it the UIDs of a class and an instance."""
    file.seek(start)
    encoding, found, last = encoding_at(file.read(8)), set(), 0
    for one in Walk(file, size, name).elements(start, encoding, group=8):
        if one.tag <= last or one.length > _MAX_META:
            break
        last = one.tag
        if one.tag in (_CLASS, _INSTANCE):
            file.seek(one.value)
            if _UID.fullmatch(file.read(one.length)):
                found.add(one.tag)
        if one.tag >= _INSTANCE:
            break
    return found == {_CLASS, _INSTANCE}


def _read_meta(file: IO[bytes], size: int, name: str, start: int) -> tuple[bytes, int, str]:
    """The meta header without what is written anew, where the dataset begins, and the transfer syntax it tells."""
    file.seek(start)
    head = file.read(8)
    if head[:2] != b"\x02\0":
        return b"", start, ""
    encoding = encoding_at(head)
    parts, syntax, end = [], "", start
    for one in Walk(file, size, name).elements(start, encoding, group=2):
        end = one.end
        if one.length == UNDEFINED or one.length > _MAX_META:
            continue
        file.seek(one.start)
        element = file.read(one.end - one.start)
        if one.tag == _TRANSFER_SYNTAX:
            syntax = element[one.value - one.start :].decode("ascii", "replace").strip("\0 ")
        elif one.tag != _GROUP_LENGTH and not encoding.implicit:
            parts.append(element)
    return b"".join(parts), end, syntax


def _inflate(file: IO[bytes], name: str, most: int) -> tuple[io.BytesIO, bool]:
    """The rest of a file inflated (PS3.5 A.5), and whether that ended at ``most`` bytes."""
    inflating, inflated = zlib.decompressobj(-zlib.MAX_WBITS), io.BytesIO()
    try:
        waiting = file.read(_PIECE)
        while waiting and not inflating.eof:
            room = most - inflated.tell()
            if room <= 0:
                return inflated, True
            inflated.write(inflating.decompress(waiting, min(room, _INFLATED_PIECE)))
            waiting = inflating.unconsumed_tail or file.read(_PIECE)
        inflated.write(inflating.flush())  # some KB at most: all that went in has been worked on
    except zlib.error:
        raise FieldError(name, "damaged DICOM file (what is deflated in it is broken)") from None
    return inflated, False


def _ui(tag: int, uid: str) -> bytes:
    """A meta header's element that holds a UID."""
    value = uid.encode() + b"\0" * (len(uid) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"UI", len(value)) + value
