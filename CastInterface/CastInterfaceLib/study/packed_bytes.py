"""Bytes of a file, packed or not, read with bounds: no more memory is taken than bytes have truly come.

What a header declares is never allocated beforehand; a file that ends early is found out when it ends.
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from CastLib.errors import CastError

#: Bytes of voxels that one image of a result may have, unpacked: a larger one is refused.
MAX_IMAGE_BYTES = 2 << 30

RAW, GZIP, BZIP2 = "raw", "gzip", "bzip2"
GZIP_MAGIC = b"\x1f\x8b"

_PIECE = 4 << 20


class PackedBytes:
    """A file that is read from front to back, unpacked as it is read.

    Args:
        path: the file; sentences name it without its folder.
        packing: `RAW`, `GZIP` or `BZIP2`.
        offset: where the packed bytes begin.

    Raises CastError when the file cannot be opened.
    """

    def __init__(self, path: Path, packing: str, offset: int = 0) -> None:
        self.name = path.name
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise CastError(f"{path.name} cannot be read: {(error.strerror or 'no reason told').lower()}.") from None
        self._file.seek(offset)
        self._stream: Any = self._file
        if packing == GZIP:
            self._stream = gzip.GzipFile(fileobj=self._file)
        elif packing == BZIP2:
            self._stream = bz2.BZ2File(self._file)

    def __enter__(self) -> PackedBytes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def read(self, count: int) -> bytearray:
        """The next ``count`` bytes.

        Raises:
            CastError: there are fewer, the packing is damaged, or ``count`` is more than this display takes.
        """
        if count > MAX_IMAGE_BYTES:
            raise CastError(
                f"{self.name} is not read: its header tells of {count} bytes, more than the {MAX_IMAGE_BYTES} "
                "that this display takes."
            )
        data = bytearray()
        while len(data) < count:
            piece = self.read_up_to(min(_PIECE, count - len(data)))
            if not piece:
                raise CastError(f"{self.name} is not whole: its header tells of {count} bytes, and {len(data)} came.")
            data += piece
        return data

    def check_end(self) -> None:
        """Have the packing's checksum compared. Bytes behind the image are passed over. Raises CastError."""
        self.read_up_to(1)

    def read_up_to(self, count: int) -> bytes:
        """The next ``count`` bytes, or fewer at the end. Raises CastError for damaged packing."""
        try:
            return bytes(self._stream.read(count))
        except EOFError:
            raise CastError(f"{self.name} is not whole: its packed bytes end too early.") from None
        except (OSError, zlib.error, ValueError) as error:
            if (
                isinstance(error, gzip.BadGzipFile)
                and str(error).startswith("Not a gzipped file")
                and self._stream.tell()
            ):
                return b""  # something else stands behind the packed bytes
            raise CastError(f"{self.name} is damaged: its packed bytes cannot be unpacked.") from None
