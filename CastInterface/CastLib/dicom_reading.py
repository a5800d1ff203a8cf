"""The one way DICOM files are read: quietly.

pydicom warns of odd values and quotes them, which puts patient data into whatever log the host keeps. Nothing here
depends on those warnings: what is wrong with a file is told by the readers, without its values.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from typing import IO

import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from CastLib.errors import FieldError

#: Bytes that a deflated file may become; a few KB could become gigabytes.
INFLATED_MOST = 256 << 20
_HEAD = 4096  # bytes in which the transfer syntax stands
_PIECE = 1 << 20

# For the whole process: values are decoded when they are asked for, long after reading, on any thread.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom(\.|$)")


def read_header(file: str | os.PathLike[str] | IO[bytes], keywords: Sequence[str] | None = None) -> pydicom.FileDataset:
    """Return what stands before the pixels, all of it or the ``keywords`` named.

    Raises InvalidDicomError for a file that is no DICOM, OSError when it cannot be read, and for a damaged one whatever
    its bytes happen to run into, here or when a value is asked for.
    """
    tags = None if keywords is None else list(keywords)
    with nullcontext(file) if not isinstance(file, (str, os.PathLike)) else open(file, "rb") as stream:
        _refuse_bomb(stream)
        return pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=tags)


def read_whole(file: str | os.PathLike[str]) -> pydicom.FileDataset:
    """Return a file with its pixels; raises as ``read_header`` does.

    The file is read first, so that no length in it, however large, takes more memory than it has bytes.
    """
    with open(file, "rb") as stream:
        content = io.BytesIO(stream.read())
    _refuse_bomb(content)
    return pydicom.dcmread(content)


def _refuse_bomb(stream: IO[bytes]) -> None:
    """Raise FieldError for a deflated file (PS3.5 A.5) that inflates to more than `INFLATED_MOST`; leave the stream."""
    begin = stream.tell()
    head = stream.read(_HEAD)
    at = head.find(DeflatedExplicitVRLittleEndian.encode())
    if head[128:132] == b"DICM" and at >= 0 and len(head) >= 144:
        stream.seek(begin + 144 + int.from_bytes(head[140:144], "little"))  # behind the file meta information
        inflating, inflated = zlib.decompressobj(-zlib.MAX_WBITS), 0
        data = stream.read(_PIECE)
        while data:
            inflated += len(inflating.decompress(data, _PIECE))
            if inflated > INFLATED_MOST:
                raise FieldError("deflated data", f"it inflates to more than {INFLATED_MOST >> 20} MiB")
            data = inflating.unconsumed_tail or stream.read(_PIECE)
    stream.seek(begin)
