"""Whether a NIfTI file is whole: Slicer's loader reads half a file without a word and fills it up with zeros.

Source: the NIfTI-1 and NIfTI-2 headers (nifti.nimh.nih.gov). No engine; for worker threads.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

_PIECE = 1 << 20

# By the header's size: where dim[8], bitpix and vox_offset stand, and their formats.
_LAYOUTS = {348: (40, "8h", 72, 108, "f"), 540: (16, "8q", 14, 168, "q")}


def is_whole(path: Path) -> bool:
    """Whether a file is not damaged, and holds as many bytes as its header says."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            header = file.read(540)
            length = len(header)
            while piece := file.read(_PIECE):
                length += len(piece)
        return length >= bytes_told(header)
    except (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError):
        return False


def bytes_told(header: bytes) -> int:
    """How long a NIfTI file must be by its header. Raises ValueError or struct.error when it is none."""
    for order in "<>":
        (size,) = struct.unpack_from(order + "i", header)
        if size in _LAYOUTS:
            dim_at, dim_format, bits_at, offset_at, offset_format = _LAYOUTS[size]
            count, *sides = struct.unpack_from(order + dim_format, header, dim_at)
            (bits,) = struct.unpack_from(order + "h", header, bits_at)
            (offset,) = struct.unpack_from(order + offset_format, header, offset_at)
            if not 1 <= count <= 7 or min(sides[:count]) < 1 or bits < 1:
                raise ValueError("no image")
            return int(offset) + math.prod(sides[:count]) * bits // 8
    raise ValueError("no NIfTI header")
