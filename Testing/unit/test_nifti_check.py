"""A NIfTI file that ends too early is no image."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from CastInterfaceLib.nifti_check import bytes_told, is_whole


def header(kind: int, order: str, sides: tuple[int, ...], bits: int) -> bytes:
    made = bytearray(kind + 4)
    dims = (len(sides), *sides, *[1] * (7 - len(sides)))
    struct.pack_into(order + "i", made, 0, kind)
    if kind == 348:
        struct.pack_into(order + "8h", made, 40, *dims)
        struct.pack_into(order + "h", made, 72, bits)
        struct.pack_into(order + "f", made, 108, kind + 4)
    else:
        struct.pack_into(order + "8q", made, 16, *dims)
        struct.pack_into(order + "h", made, 14, bits)
        struct.pack_into(order + "q", made, 168, kind + 4)
    return bytes(made)


@pytest.mark.parametrize("kind", [348, 540])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_only_whole_files_are(tmp_path: Path, kind: int, order: str, name: str) -> None:
    path, whole = tmp_path / name, header(kind, order, (7, 5, 3), 16) + bytes(7 * 5 * 3 * 2)
    pack = gzip.compress if name.endswith(".gz") else bytes
    for data, expected in ((whole, True), (whole + b"more", True), (whole[:-1], False), (whole[:300], False)):
        path.write_bytes(pack(data))
        assert is_whole(path) is expected
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(whole)[:-9])
        assert not is_whole(path)
    assert not is_whole(tmp_path / "absent.nii")


@given(st.binary(max_size=600))
def test_nonsense_is_refused_or_measured(data: bytes) -> None:
    try:
        assert isinstance(bytes_told(data), int)
    except (ValueError, struct.error, OverflowError):
        pass
