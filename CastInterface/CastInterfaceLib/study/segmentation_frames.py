"""The frames of a DICOM SEG as planes of labels or of present and absent, one at a time (PS3.3 C.8.20.2).

What the header declares is compared with the bytes that came before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom

from CastLib.errors import CastError

# A fractional segment (probability or occupancy) counts as present from here on.
FRACTION = 0.5

#: Voxels of all frames together that a compressed SEG may have; an uncompressed one's are in its bytes.
MAX_COMPRESSED_VOXELS = 1 << 32

BINARY, FRACTIONAL, LABELMAP = "BINARY", "FRACTIONAL", "LABELMAP"


class Frames:
    """The frames of a SEG.

    Args:
        data: the whole object.
        name: what sentences call it.

    Attributes:
        rows, columns, count: of the frames.
        kind: `BINARY`, `FRACTIONAL` or `LABELMAP`.

    Raises CastError when it declares more than its bytes hold, or a kind that is not read.
    """

    def __init__(self, data: pydicom.Dataset, name: str) -> None:
        self._name = name
        self.rows, self.columns = whole_number(data, "Rows", name), whole_number(data, "Columns", name)
        self.count = whole_number(data, "NumberOfFrames", name, absent=1)
        self.kind = str(data.get("SegmentationType") or BINARY)
        bits = whole_number(data, "BitsAllocated", name)
        wanted = {BINARY: (1, 8), FRACTIONAL: (8,), LABELMAP: (8, 16)}.get(self.kind)
        if wanted is None or bits not in wanted or whole_number(data, "SamplesPerPixel", name, absent=1) != 1:
            raise CastError(f"{name} is not read: it is a segmentation of the kind {self.kind} with {bits} bits.")
        if "PixelData" not in data:
            raise CastError(f"{name} is damaged: it has no pixels.")
        self._bits = bits
        self._size = self.rows * self.columns
        self._packed: list[np.ndarray] = []
        self._bytes = np.empty(0, np.uint8)
        self._dtype: np.dtype = np.dtype(np.uint8)
        if bits == 16:
            self._dtype = np.dtype("<u2" if data.original_encoding[1] is not False else ">u2")
        if self.kind == FRACTIONAL:
            self._least = FRACTION * whole_number(data, "MaximumFractionalValue", name, absent=255)
        else:
            self._least = 1
        self._data = data
        self._compressed = data.file_meta.TransferSyntaxUID.is_encapsulated
        if self._compressed:
            self._check_compressed(data)
        else:
            self._bytes = np.frombuffer(data.PixelData, np.uint8)
            needed = (self.count * self._size * bits + 7) // 8
            if len(self._bytes) < needed:
                raise CastError(
                    f"{name} is not whole: its {self.count} frames of {self.rows} x {self.columns} need {needed} "
                    f"bytes, and {len(self._bytes)} came."
                )

    def _check_compressed(self, data: pydicom.Dataset) -> None:
        if self.count * self._size > MAX_COMPRESSED_VOXELS or self.count * 8 > len(data.PixelData):
            raise CastError(
                f"{self._name} is not read: it declares {self.count} frames of {self.rows} x {self.columns}, more than "
                "its bytes can hold or this display takes."
            )

    def planes(self) -> Iterator[np.ndarray]:
        """Every frame's stored values (rows * columns), in the order of the file. Raises CastError."""
        if self._compressed:
            for plane in decode(self._data, self._name):
                if plane.shape != (self.rows, self.columns):
                    raise CastError(f"{self._name} is damaged: a frame has another size than its header tells.")
                yield plane.reshape(-1)
            return
        for number in range(self.count):
            yield self._stored(number)

    def present(self, number: int) -> np.ndarray:
        """Where a frame of a BINARY or FRACTIONAL segmentation has its segment: indices into rows * columns."""
        if self._compressed:
            if not self._packed:  # an eighth of what is decoded is kept
                self._packed = [np.packbits(self._is_present(plane)) for plane in self.planes()]
            if number >= len(self._packed):
                raise CastError(f"{self._name} is not whole: frame {number + 1} is missing.")
            return np.flatnonzero(np.unpackbits(self._packed[number], count=self._size))
        return np.flatnonzero(self._is_present(self._stored(number)))

    def _is_present(self, stored: np.ndarray) -> np.ndarray:
        return np.asarray(stored >= max(self._least, 1))

    def _stored(self, number: int) -> np.ndarray:
        if self._bits == 1:
            first = number * self._size
            some = self._bytes[first // 8 : (first + self._size + 7) // 8]
            return np.unpackbits(some, bitorder="little")[first % 8 : first % 8 + self._size]
        step = self._size * self._dtype.itemsize
        return self._bytes[number * step : (number + 1) * step].view(self._dtype)


def decode(data: pydicom.Dataset, name: str) -> Iterator[np.ndarray]:
    """The frames of a compressed object, (rows, columns) each, as stored, one after the other.

    Raises:
        CastError: they cannot be decoded here.
    """
    from pydicom.pixels import get_decoder, iter_pixels

    syntax = data.file_meta.TransferSyntaxUID
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise CastError(f"{name} cannot be decoded: no decoder for {syntax.name} is installed.")
    try:
        yield from iter_pixels(data, raw=True)
    except Exception as error:  # a damaged frame raises whatever its bytes lead to
        raise CastError(f"{name} is damaged: a frame cannot be decoded ({type(error).__name__}).") from None


def whole_number(data: Any, keyword: str, name: str, absent: int | None = None) -> int:
    """An attribute that must be a whole number above 0; ``absent`` when it is not there. Raises CastError."""
    value = data.get(keyword)
    if value in (None, "") and absent is not None:
        return absent
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise CastError(f"{name} is damaged: its {keyword} is no number above 0.")
    return number
