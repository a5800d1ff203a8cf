"""Pixels to PNG, and smaller pixels. What they are made with lets other threads run while it works."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from CastLib.manifest import SIGNATURES

# zlib level of the pictures. Level 1 halves the time of level 6 and costs about a tenth more bytes.
LEVEL = 1

_UP = 2  # PNG filter type: each row as its difference from the one above (PNG 9.2)


class Picture(NamedTuple):
    """One encoded picture: PNG bytes, width and height in pixels."""

    data: bytes
    width: int
    height: int


def encode_png(pixels: np.ndarray) -> Picture:
    """The PNG of pixels (rows from the top, columns, 3) uint8. Any thread."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, width * 3)
    filtered = np.empty((height, 1 + width * 3), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])  # modulo 256, as the filter is defined
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB, not interlaced
    data = zlib.compress(filtered.data, LEVEL)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return Picture(SIGNATURES["image/png"] + b"".join(chunks), width, height)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def shrink(pixels: np.ndarray, width: int) -> np.ndarray:
    """The same picture scaled down to ``width`` pixels (never up), each the mean of those it covers. Any thread."""
    have_height, have_width, _ = pixels.shape
    if have_width <= width:
        return pixels
    height = max(1, round(have_height * width / have_width))
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
