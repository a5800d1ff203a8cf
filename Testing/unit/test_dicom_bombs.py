"""Files that would take memory or time out of all proportion: told in a sentence (CastLib.dicom.reading)."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import head_phantom
import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from CastLib.dicom import layout as dicom_layout
from CastLib.dicom.reading import read_header, read_whole
from CastLib.dicom.series import scan
from CastLib.errors import FieldError

MIB = 1024 * 1024
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
UNDEFINED = b"\xff\xff\xff\xff"
PIXELS = b"\xe0\x7f\x10\x00OW\0\0"
BLOB = b"\x09\x00\x10\x00LO\x04\x00ABCD" + b"\x09\x00\x10\x10OB\0\0"  # a private element and its owner


def image(**changes: Any) -> pydicom.Dataset:
    one = head_phantom.series("bomb", np.zeros((1, 8, 8), np.int16))[0]
    for keyword, value in changes.items():
        setattr(one, keyword, value)
    return one


def parts(one: pydicom.Dataset) -> tuple[bytes, bytes, bytes]:
    """The meta header, what stands before the pixels, and the pixels' element."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, one, enforce_file_format=True)
    raw = stream.getvalue()
    begin = 144 + struct.unpack("<L", raw[140:144])[0]
    pixels = raw.index(PIXELS)
    return raw[:begin], raw[begin:pixels], raw[pixels:]


def deflated(folder: Path, pieces: list[bytes]) -> Path:
    """A file whose dataset is these pieces, deflated."""
    one = image()
    meta, _, _ = parts(one)
    syntax = one.file_meta.TransferSyntaxUID.encode()
    told = DeflatedExplicitVRLittleEndian.encode()
    old = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax) + 1) + syntax + b"\0"
    assert old in meta
    deflating = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"".join(map(deflating.compress, pieces)) + deflating.flush()
    path = folder / "deflated.dcm"
    path.write_bytes(meta.replace(old, b"\x02\x00\x10\x00UI" + struct.pack("<H", len(told)) + told) + body)
    return path


def with_more(folder: Path, more: bytes) -> Path:
    """A good image with more before its pixels."""
    meta, header, pixels = parts(image())
    path = folder / "more.dcm"
    path.write_bytes(meta + header + more + pixels)
    return path


def within(most: int, work: Callable[[], Any]) -> Any:
    """What work gives, which may take so many bytes at most."""
    tracemalloc.start()
    try:
        return work()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most, f"{peak / MIB:.0f} MiB"


def nested(depth: int, *, undefined: bool) -> bytes:
    begin = b"\x08\x00\x40\x11SQ\0\0"
    if undefined:
        return (begin + UNDEFINED + ITEM + UNDEFINED) * depth + (ITEM_END + SEQUENCE_END) * depth
    inner = b""
    for _ in range(depth):
        item = ITEM + struct.pack("<L", len(inner)) + inner
        inner = begin + struct.pack("<L", len(item)) + item
    return inner


def test_a_deflated_file_that_inflates_to_gigabytes(tmp_path: Path) -> None:
    _, header, _ = parts(image())
    zeros = bytes(MIB)
    path = deflated(tmp_path, [header + PIXELS + struct.pack("<L", 1024 * MIB), *[zeros] * 1024])
    assert path.stat().st_size < 2 * MIB
    (series,) = within(100 * MIB, lambda: scan([path])).series  # its header is good
    assert series.geometry is not None
    with pytest.raises(FieldError, match="inflates to more than 256 MiB"):
        within(700 * MIB, lambda: read_whole(path))
    path = deflated(tmp_path, [header[:200] + BLOB + struct.pack("<L", 1024 * MIB), *[zeros] * 1024, header[200:]])
    (damaged,) = within(100 * MIB, lambda: scan([path])).damaged
    assert damaged[0] == path


def test_a_good_deflated_file_is_read(tmp_path: Path) -> None:
    _, header, pixels = parts(image())
    path = deflated(tmp_path, [header, pixels])
    assert scan([path]).series[0].geometry is not None
    whole = read_whole(path)
    assert whole.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert whole.pixel_array.shape == (8, 8)
    path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    assert scan([path]).damaged


def test_sequences_thousands_deep(tmp_path: Path) -> None:
    path = with_more(tmp_path, nested(5000, undefined=True))
    (damaged,) = scan([path]).damaged
    assert damaged[1] == f"damaged DICOM file (its sequences are nested more than {dicom_layout.MAX_DEPTH} deep)"
    path = with_more(tmp_path, nested(1000, undefined=False))  # where it ends is told: it costs only itself
    assert scan([path]).series and "ReferencedImageSequence" not in read_whole(path)
    for undefined in (True, False):
        path = with_more(tmp_path, nested(30, undefined=undefined))
        assert scan([path]).series and read_whole(path).to_json_dict()


def test_a_length_of_4_gb_in_a_small_file(tmp_path: Path) -> None:
    path = with_more(tmp_path, BLOB + b"\xfe\xff\xff\xff")
    assert within(MIB, lambda: scan([path])).damaged == ((path, "damaged DICOM file (it ends within its header)"),)
    meta, header, _ = parts(image())
    path.write_bytes(meta + header + PIXELS + b"\xfe\xff\xff\xff" + bytes(100))
    assert "its pixels are cut off: 100 of 128 bytes" in within(MIB, lambda: scan([path])).damaged[0][1]
    with pytest.raises(FieldError, match="pixels are cut off"):
        within(MIB, lambda: read_whole(path))
    path.write_bytes(meta + header + PIXELS[:4] + b"OB\0\0" + UNDEFINED + ITEM + b"\xfe\xff\xff\xff" + bytes(100))
    assert "its pixels are cut off" in within(MIB, lambda: scan([path])).damaged[0][1]


@pytest.mark.parametrize("changes", [{"NumberOfFrames": 5_000_000}, {"Rows": 65535, "Columns": 65535}])
def test_more_pixels_than_the_file_has_bytes(tmp_path: Path, changes: dict[str, int]) -> None:
    path = tmp_path / "declares.dcm"
    pydicom.dcmwrite(path, image(**changes), enforce_file_format=True)
    ((_, why),) = within(MIB, lambda: scan([path])).damaged
    assert "its pixels are cut off: 128 of " in why


def test_a_huge_private_value_before_the_pixels_is_passed_over(tmp_path: Path) -> None:
    path = with_more(tmp_path, BLOB + struct.pack("<L", 200 * MIB) + bytes(200 * MIB))
    for read in (read_header, read_whole):
        header = within(2 * MIB, lambda read=read: read(path))
        assert (0x0009, 0x1010) not in header and header.Rows == 8
    assert within(2 * MIB, lambda: scan([path])).series[0].geometry is not None


def test_more_elements_than_any_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_layout, "MAX_ELEMENTS", 2000)
    monkeypatch.setattr(dicom_layout, "MAX_ITEMS", 500)
    monkeypatch.setattr(dicom_layout, "MAX_TOP_LEVEL", 1000)
    path = with_more(tmp_path, b"\x11\x00\x10\x10LO\x02\x00ab" * 1500)
    assert "more than 1000 elements beside one another" in scan([path]).damaged[0][1]
    items = (ITEM + bytes(4)) * 600
    path = with_more(tmp_path, b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<L", len(items)) + items)
    with pytest.raises(FieldError, match="more than 500 items"):
        read_header(path)
    one = image()
    meta, header, _ = parts(one)
    path.write_bytes(meta + header + PIXELS[:4] + b"OB\0\0" + UNDEFINED + (ITEM + bytes(4)) * 3000 + SEQUENCE_END)
    assert "more than 2000 elements" in scan([path]).damaged[0][1]
