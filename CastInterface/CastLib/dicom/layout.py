"""Where the elements of a DICOM stream stand (PS3.5 chapter 7), walked without believing what it says of itself.

Every length is held against the bytes that are there, nesting and counts are bounded, and nothing is decoded: what is
handed on to pydicom after this holds no value longer than its file and no sequence deeper than its stack.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from pydicom.datadict import dictionary_VR

from CastLib.errors import FieldError

#: Sequences within sequences. Deep report trees have some ten levels.
MAX_DEPTH = 64
#: Elements and items of one stream, nested ones and fragments of pixels included: a segmentation of 60,000 frames has
#: more than a million.
MAX_ELEMENTS = 2_000_000
#: Items alone, each of which becomes a dataset of a KB when it is asked for; and elements of the top level.
MAX_ITEMS = 500_000
MAX_TOP_LEVEL = 20_000

UNDEFINED = 0xFFFFFFFF
PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # float, double and plain pixels

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())


class Encoding(NamedTuple):
    """How a stream is written: without or with VRs, and which byte comes first."""

    implicit: bool
    little: bool = True


class Element(NamedTuple):
    """One element of the top level: where it begins, where its value begins, and where it ends.

    ``vr`` is b"" where the stream does not say it; ``length`` is what it says, perhaps ``UNDEFINED``.
    """

    tag: int
    vr: bytes
    length: int
    start: int
    value: int
    end: int


class Walk:
    """A walk over one stream.

    Args:
        file: any position; ``size`` is where it ends.
        name: of the file, for the errors.
    """

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        self._file, self.size, self._name = file, size, name
        self._left, self._items_left = MAX_ELEMENTS, MAX_ITEMS

    def elements(
        self, start: int, encoding: Encoding, *, deep: bool = False, group: int | None = None
    ) -> Iterator[Element]:
        """Yield the elements of the top level from ``start`` on, the pixels last, whose end may lie past the file's.

        Args:
            start, encoding: of the stream.
            deep: look also into sequences whose length is told, which otherwise are stepped over.
            group: end before the first element of another group.

        Raises:
            FieldError: the stream ends within an element, is nested too deep, or has too many elements.
        """
        at = start
        for _ in range(MAX_TOP_LEVEL):
            if at + 8 > self.size:
                return
            element = self._element(at, encoding)
            if group is not None and element.tag >> 16 != group:
                return
            if element.tag == 0 and not element.length:
                return  # zeros that fill up a block
            if element.tag in PIXEL_TAGS:
                yield element._replace(end=self._end_of_pixels(element, encoding))
                return
            if element.length == UNDEFINED:
                element = element._replace(end=self._end_of_sequence(element, encoding))
            elif element.end > self.size:
                raise self._damaged("it ends within its header")
            at = element.end
            if deep and element.length not in (0, UNDEFINED) and is_sequence(element):
                try:
                    self._end_of_sequence(element, encoding)
                except FieldError:
                    if self._left < 0 or self._items_left < 0:
                        raise
                    continue  # it costs only itself: where it ends is known
            yield element
        raise self._damaged(f"it has more than {MAX_TOP_LEVEL} elements beside one another")

    def _element(self, at: int, encoding: Encoding) -> Element:
        self._count()
        order = "<" if encoding.little else ">"
        head = self._read(at, 8)
        group, number = struct.unpack(order + "HH", head[:4])
        tag, vr = group << 16 | number, head[4:6]
        if group == 0xFFFE or encoding.implicit or not b"AA" <= vr <= b"ZZ":
            (length,) = struct.unpack(order + "L", head[4:])
            vr, value = b"", at + 8
        elif vr in _LONG:
            (length,) = struct.unpack(order + "L", self._read(at + 8, 4))
            value = at + 12
        else:
            (length,) = struct.unpack(order + "H", head[6:])
            value = at + 8
        return Element(tag, vr, length, at, value, value + length)

    def _end_of_sequence(self, element: Element, encoding: Encoding) -> int:
        """Where a sequence ends, all that is in it walked."""
        if element.vr == b"UN":
            encoding = Encoding(implicit=True)  # PS3.5 6.2.2
        # The sequences and items that are open: where each ends (None: at its delimiter), how its inside is written.
        opened: list[tuple[int | None, Encoding]] = [(None if element.length == UNDEFINED else element.end, encoding)]
        at = element.value
        while opened:
            end, inside = opened[-1]
            if end is not None and at >= end:
                if at > end:
                    raise self._damaged("a sequence ends within an element")
                opened.pop()
                continue
            if at + 8 > self.size:
                raise self._damaged("it ends within a sequence")
            one = self._element(at, inside)
            at = one.value
            if one.tag in (_ITEM_END, _SEQUENCE_END):
                opened.pop()
                if one.tag == _SEQUENCE_END and len(opened) % 2:
                    opened.pop()  # some writers forget the end of the last item
            elif len(opened) % 2:  # in a sequence
                if one.tag != _ITEM:
                    raise self._damaged("a sequence holds something else than items")
                self._items_left -= 1
                if self._items_left < 0:
                    raise self._damaged(f"its sequences have more than {MAX_ITEMS} items")
                opened.append((None if one.length == UNDEFINED else one.end, inside))
            elif one.length == UNDEFINED or (one.length and is_sequence(one)):
                within = Encoding(implicit=True) if one.vr == b"UN" else inside
                opened.append((None if one.length == UNDEFINED else one.end, within))
            else:
                at = one.end
            if len(opened) > 2 * MAX_DEPTH:
                raise self._damaged(f"its sequences are nested more than {MAX_DEPTH} deep")
        return at

    def _end_of_pixels(self, element: Element, encoding: Encoding) -> int:
        """Where the pixels end by what the stream says; past the file's end when some of them are missing."""
        if element.length != UNDEFINED:
            return element.end
        at = element.value
        while at + 8 <= self.size:
            one = self._element(at, encoding)
            if one.tag != _ITEM or one.length == UNDEFINED:
                return at  # the delimiter; without one they end where no fragment follows
            at = one.end
        return at

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        found = self._file.read(count)
        if len(found) < count:
            raise self._damaged("it ends within its header")
        return found

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._damaged(f"it has more than {MAX_ELEMENTS} elements")

    def _damaged(self, why: str) -> FieldError:
        return FieldError(self._name, f"damaged DICOM file ({why})")


def encoding_at(head: bytes) -> Encoding:
    """How a dataset that begins with these bytes is written, which is not always as its file says."""
    if head[4:6] not in _SHORT and head[4:6] not in _LONG:
        return Encoding(implicit=True)
    return Encoding(implicit=False, little=head[:1] != b"\0" or head[1:2] == b"\0")


def is_sequence(element: Element) -> bool:
    """Whether an element holds items; a private one whose VR is not told holds bytes."""
    if element.vr not in (b"", b"UN"):
        return element.vr == b"SQ"
    try:
        return dictionary_VR(element.tag) == "SQ"
    except KeyError:  # private
        return False
