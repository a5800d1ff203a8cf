"""Files without preamble or meta header, as old archives keep them; and what must never be taken for one."""

from __future__ import annotations

import io
from pathlib import Path

import head_phantom
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.errors import InvalidDicomError

from CastCLI.files import collect_files
from CastInterfaceLib.study.local_studies import StudyFiles
from CastLib.dicom.reading import is_dicom, read_whole
from CastLib.dicom.series import scan


def slices(name: str) -> list[pydicom.Dataset]:
    return head_phantom.series(name, np.arange(5 * 6 * 7).reshape(5, 6, 7).astype(np.int16))


def save_bare(folder: Path, datasets: list[pydicom.Dataset], form: str) -> None:
    """Without preamble and meta header: implicit, explicit or big endian; or with a meta header but no preamble."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(datasets):
        path = folder / f"IM{number:04d}"
        if form in ("meta", "prefix"):
            whole = io.BytesIO()
            pydicom.dcmwrite(whole, one, enforce_file_format=True)
            path.write_bytes(whole.getvalue()[132 if form == "meta" else 128 :])
            continue
        del one.file_meta
        little = form != "big"
        if not little:
            one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()
        pydicom.dcmwrite(path, one, implicit_vr=form == "implicit", little_endian=little)


@pytest.mark.parametrize("form", ["implicit", "explicit", "big", "meta", "prefix"])
@pytest.mark.parametrize("bare", [5, 2])
def test_files_without_preamble_are_read_like_all_others(tmp_path: Path, form: str, bare: int) -> None:
    whole = slices("bare")
    if bare < len(whole):
        head_phantom.save(tmp_path / "whole", whole[bare:])
    save_bare(tmp_path / "bare", slices("bare")[:bare], form)
    (series,) = scan([tmp_path]).series
    assert series.volume.even and series.volume.slices == 5
    for path, wanted in zip(series.files, whole, strict=True):
        assert np.array_equal(read_whole(path).pixel_array, wanted.pixel_array)
    found = StudyFiles([tmp_path]).find(str(whole[0].StudyInstanceUID))
    assert found is not None and len(found.files) == 5
    files, left_out = collect_files([str(tmp_path)])
    assert len(files) == 5 and not left_out
    assert {name for _, name in files} >= {f"IM{number:04d}.dcm" for number in range(bare)}


def never(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert not is_dicom(path)
    with pytest.raises(InvalidDicomError):
        read_whole(path)


def test_other_files_are_never_taken_for_dicom(tmp_path: Path) -> None:
    path = tmp_path / "file"
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    for kind in ("JPEG", "PNG", "TIFF", "BMP", "GIF"):
        out = io.BytesIO()
        picture.save(out, kind)
        never(path, out.getvalue())
    for text in ("1.2.840.10008.5.1.4.1.1.2\n" * 40, "DICM\n" * 100, "{}", "\b" * 500, "\ufeffhello " * 90):
        never(path, text.encode())
    for start in (b"\x08\0\x16\0", b"\x08\0\x05\0", b"\x02\0\0\0UL\x04\0", b"\0\x08\0\x16UI", b"DICM", bytes(132)):
        never(path, start)
        never(path, start + bytes(500))
        never(path, start + b"\xff" * 500)
        never(path, start + b"1.2.840.10008.5.1.4.1.1.2" * 20)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([b"", b"\x08\0\x16\0", b"\x08\0\x18\0UI", b"\x02\0\0\0UL\x04\0", b"\0\x08\0\x16UI", b"DICM"]),
    rest=st.binary(max_size=400),
)
def test_random_bytes_are_never_taken_for_dicom(tmp_path: Path, start: bytes, rest: bytes) -> None:
    never(tmp_path / "random", start + rest)
