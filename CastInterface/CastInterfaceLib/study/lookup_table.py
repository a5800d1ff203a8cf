"""DICOM's lookup tables, one reader for all: palettes, modality and VOI tables, plain and segmented.

PS3.3 C.7.6.3.1.5 and .6 (palette), C.7.9.2 (segmented), C.11.1.1 (modality), C.11.2.1.1 (VOI).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from CastLib.errors import CastError

MAX_ENTRIES = 65536  # what the descriptor can tell at most


@dataclass(frozen=True, slots=True)
class LookupTable:
    """``entries`` (uint8 or uint16) for the stored values from ``first`` on; ``bits`` of them are used."""

    first: int
    entries: np.ndarray
    bits: int

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """The entry of each stored value; what lies outside of the table gets its first or last one."""
        index = stored.astype(np.int64) - self.first
        return np.asarray(self.entries[np.clip(index, 0, len(self.entries) - 1)])


def read_table(descriptor: Any, data: Any, *, signed: bool, big_endian: bool, segmented: bool = False) -> LookupTable:
    """A table from its descriptor (number of entries, first value mapped, bits) and its data.

    Args:
        descriptor: three numbers.
        data: bytes, or numbers where the data was written as such.
        signed: whether the stored values, and so the first value mapped, have a sign.
        big_endian: how the bytes of words stand.
        segmented: whether the data is a list of segments.

    Raises:
        CastError: the table is damaged.
    """
    try:
        count, first, bits = (int(number) for number in descriptor)
    except (TypeError, ValueError):
        raise CastError("the descriptor of its lookup table is not three numbers") from None
    count = count & 0xFFFF or MAX_ENTRIES  # 65536 does not fit, and stands as 0
    first &= 0xFFFF
    if signed and first > 0x7FFF:
        first -= 0x10000
    entries = _words(data, count, bits, big_endian, segmented)
    if segmented:
        entries = _expanded(entries.tolist(), count, entries.dtype.itemsize)
    if len(entries) < count:
        raise CastError(f"its lookup table has {len(entries)} entries and should have {count}")
    kind = np.uint8 if bits <= 8 else np.uint16
    return LookupTable(first, entries[:count].astype(kind), 8 if bits <= 8 else bits)


def _words(data: Any, count: int, bits: int, big_endian: bool, segmented: bool) -> np.ndarray:
    """The numbers of the data; 8 bits each stand in bytes of their own, or in words."""
    if not isinstance(data, (bytes, bytearray)):
        numbers = data if isinstance(data, (list, tuple)) or hasattr(data, "__iter__") else [data]
        try:
            return np.array([int(number) & 0xFFFF for number in numbers], np.uint16)
        except (TypeError, ValueError):
            raise CastError("its lookup table holds no numbers") from None
    in_words = bits > 8 and len(data) > count + 1 if not segmented else bits > 8
    if in_words or (not segmented and len(data) >= 2 * count):
        return np.frombuffer(data[: len(data) // 2 * 2], ">u2" if big_endian else "<u2")
    entries = np.frombuffer(data, np.uint8)
    if big_endian:  # of words, whose bytes are swapped
        entries = entries[: len(entries) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    return entries


def _expanded(words: list[int], count: int, word_bytes: int) -> np.ndarray:
    """The entries that segments stand for, about ``count`` at most; each word has so many bytes (PS3.3 C.7.9.2)."""
    entries: list[int] = []
    at = 0
    while at + 1 < len(words) and len(entries) < count:
        kind, length = words[at], words[at + 1]
        if kind == 2:
            parts = words[at + 2 : at + 2 + 4 // word_bytes]  # a byte offset, its least significant part first
            place = sum(part << (8 * word_bytes * number) for number, part in enumerate(parts)) // word_bytes
            at += 2 + len(parts)
            for _ in range(length):
                if place + 1 >= len(words) or words[place] == 2 or len(entries) >= count:
                    break
                place = _add_segment(words, place, entries)
            continue
        if kind not in (0, 1):
            raise CastError("its segmented lookup table is damaged")
        at = _add_segment(words, at, entries)
    return np.array(entries, np.uint16)


def _add_segment(words: list[int], at: int, entries: list[int]) -> int:
    """Add a discrete or linear segment to the entries; where the next one begins."""
    kind, length = words[at], words[at + 1]
    if kind == 0:
        entries += words[at + 2 : at + 2 + length]
        return at + 2 + length
    if kind != 1 or not entries or at + 2 >= len(words):
        raise CastError("its segmented lookup table is damaged")
    start, end = entries[-1], words[at + 2]
    entries += [round(start + (end - start) * (step + 1) / length) for step in range(length)]
    return at + 3
