"""The size that a compressed image declares in its own header: looked at before any decoder takes memory for it.

JPEG and JPEG-LS: the frame header, SOF0 to SOF15 and SOF55 (ISO/IEC 10918-1 B.2.2, ISO/IEC 14495-1 C.2.2). JPEG 2000:
the image and tile size, SIZ (ISO/IEC 15444-1 A.5.1).
"""

from __future__ import annotations

import struct

_NO_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)  # DHT, JPG and DAC lie between the SOFs
_ALONE = (0x01, *range(0xD0, 0xD9))  # TEM, RST and SOI have no length


def declared_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns as a JPEG, JPEG-LS or JPEG 2000 codestream declares them; None when it tells none."""
    if frame[:4] == b"\xff\x4f\xff\x51":
        return _jpeg_2000(frame)
    return _jpeg(frame) if frame[:2] == b"\xff\xd8" else None


def _jpeg_2000(frame: bytes) -> tuple[int, int] | None:
    if len(frame) < 24:
        return None
    right, bottom, left, top = struct.unpack(">4I", frame[8:24])
    return bottom - top, right - left


def _jpeg(frame: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
        elif marker in _ALONE:
            at += 2
        elif (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADERS) or marker == 0xF7:
            rows, columns = struct.unpack(">2H", frame[at + 5 : at + 9])
            return rows, columns
        elif marker == 0xDA:  # the scan begins
            return None
        else:
            at += 2 + struct.unpack(">H", frame[at + 2 : at + 4])[0]
    return None
