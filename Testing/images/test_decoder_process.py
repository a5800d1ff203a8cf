"""The process that decodes compressed frames: what crashes, hangs or grows there ends there, with a sentence."""

from __future__ import annotations

import os
import signal
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import head_phantom
import numpy as np
import psutil
import pydicom
import pytest
from dicom_encoding import encoded
from display_desk import Desk
from image_rows import row
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame

from CastInterfaceLib.study import frame_decoder
from CastInterfaceLib.study.codestream import declared_size
from CastInterfaceLib.study.frame_decoder import MAX_STARTS, CalledOff, FrameDecoder, NotDecoded
from CastInterfaceLib.study.voxels import read_voxels
from CastLib.dicom.series import read_series
from CastSlicerLib.jobs import Cancelled

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="there is no signal that stops a process")

SIZE, SPACING = (5, 64, 48), (20.0, 4.0, 5.0)
OPTIONS = {
    "rows": 64,
    "columns": 48,
    "samples_per_pixel": 1,
    "bits_allocated": 16,
    "bits_stored": 16,
    "pixel_representation": 0,
    "photometric_interpretation": "MONOCHROME2",
}


def slices(syntax: uid.UID) -> list[Dataset]:
    return [encoded(data, syntax) for data in head_phantom.series("packed", head_phantom.head(*SIZE, SPACING), SPACING)]


def frame_of(data: Dataset) -> bytes:
    return bytes(get_frame(data.PixelData, 0, number_of_frames=1))


def pid_of(decoder: FrameDecoder) -> int:
    assert decoder._process is not None
    return decoder._process.pid


def in_size(frame: bytes, rows: int, columns: int) -> bytes:
    """A JPEG or JPEG 2000 frame that claims another size."""
    if frame[:2] == b"\xff\x4f":
        return frame[:8] + struct.pack(">2I", columns, rows) + frame[16:]
    at = next(i for i in range(len(frame)) if frame[i] == 0xFF and frame[i + 1] in (0xC0, 0xC1, 0xC3, 0xF7))
    return frame[: at + 5] + struct.pack(">2H", rows, columns) + frame[at + 9 :]


@pytest.mark.parametrize("syntax", [uid.JPEGLossless, uid.JPEGExtended12Bit, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_the_size_is_read_in_every_kind_of_frame(syntax: uid.UID) -> None:
    data = head_phantom.series("sizes", head_phantom.head(*SIZE, SPACING), SPACING)[0]
    data.BitsStored, data.HighBit = 12, 11
    frame = frame_of(encoded(data, syntax))
    assert declared_size(frame) == SIZE[1:]
    assert declared_size(in_size(frame, 65535, 65535)) == (65535, 65535)
    for end in range(60):
        assert declared_size(frame[:end]) in (None, SIZE[1:])


@row(
    "Images", "A compressed image of another size than its header says", "refused", "its compressed image 65535 × 65535"
)
@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_a_frame_that_claims_another_size_is_not_tried(desk: Desk, folder: Path, syntax: uid.UID) -> list[str]:
    packed = slices(syntax)
    for data in packed:
        data.PixelData = encapsulate([in_size(frame_of(data), 65535, 65535)])
    study = head_phantom.save(folder, packed)
    desk.until_refused(desk.open(study), 422)
    return [str(problem) for problem in desk.items("problem")]


@row("Images", "A compressed image larger than is read", "refused", "it declares 65535 × 65535 pixels, more than")
def test_a_size_past_the_limit_is_refused(desk: Desk, folder: Path) -> list[str]:
    packed = slices(uid.JPEG2000Lossless)
    for data in packed:
        data.Rows = data.Columns = 65535
        data.PixelData = encapsulate([in_size(frame_of(data), 65535, 65535)])
    study = head_phantom.save(folder, packed)
    desk.until_refused(desk.open(study), 422)
    return [str(problem) for problem in desk.items("problem")]


def test_one_child_decodes_all_frames_and_ends_with_the_series(tmp_path: Path) -> None:
    frames = [frame_of(data) for data in slices(uid.JPEGLSLossless)]
    with FrameDecoder() as decoder:
        assert decoder._process is None  # for what is not compressed none is started
        found = [decoder.decode(uid.JPEGLSLossless, frame, OPTIONS) for frame in frames]
        child = psutil.Process(pid_of(decoder))
        assert [plane.shape for plane in found] == [SIZE[1:]] * SIZE[0]
    assert not child.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not hold a process to a limit of memory")
def test_a_child_that_wants_too_much_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_decoder, "MAX_MEMORY", 32 << 20)
    options = {**OPTIONS, "rows": 8192, "columns": 8192}
    with FrameDecoder() as decoder:
        header = struct.pack("<16I", 2, 64, 0, *[0] * 13)  # RLE of zeros: few bytes for many
        frame = header + b"\x81\x00" * 10
        with pytest.raises(NotDecoded):
            decoder.decode(uid.RLELossless, frame, options)
        good = frame_of(slices(uid.RLELossless)[2])
        assert decoder.decode(uid.RLELossless, good, OPTIONS).shape == SIZE[1:]


@needs_signals
def test_a_child_that_dies_costs_one_frame_and_too_many_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of(slices(uid.JPEGLSLossless)[2])
    with FrameDecoder() as decoder:
        for _ in range(MAX_STARTS):
            assert decoder.decode(uid.JPEGLSLossless, frame, OPTIONS).shape == SIZE[1:]
            os.kill(pid_of(decoder), signal.SIGSEGV)
            with pytest.raises(NotDecoded, match="made the decoder fail"):
                decoder.decode(uid.JPEGLSLossless, frame, OPTIONS)
        with pytest.raises(NotDecoded, match="too often"):
            decoder.decode(uid.JPEGLSLossless, frame, OPTIONS)
        decoder.begin_series(lambda: None)  # the next series has another chance
        assert decoder.decode(uid.JPEGLSLossless, frame, OPTIONS).shape == SIZE[1:]


@needs_signals
def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of(slices(uid.JPEGLSLossless)[2])
    with FrameDecoder() as decoder:
        decoder.decode(uid.JPEGLSLossless, frame, OPTIONS)
        child = psutil.Process(pid_of(decoder))
        child.suspend()
        monkeypatch.setattr(frame_decoder, "PATIENCE", 0.2)
        with pytest.raises(NotDecoded, match="takes longer than"):
            decoder.decode(uid.JPEGLSLossless, frame, OPTIONS)
        assert not child.is_running()


@needs_signals
def test_a_frame_that_is_not_wanted_any_more_is_not_waited_for(tmp_path: Path) -> None:
    head_phantom.save(tmp_path, slices(uid.JPEGLSLossless))
    (series,) = read_series([tmp_path])
    looks: list[int] = []
    with FrameDecoder() as decoder:
        decoder.decode(uid.JPEGLSLossless, frame_of(pydicom.dcmread(series.files[0])), OPTIONS)
        child = psutil.Process(pid_of(decoder))

        def check(number: int) -> None:
            if number == 2 and number in looks:  # while it is decoded
                raise Cancelled("called off")
            if number == 2:
                child.suspend()
            looks.append(number)

        with pytest.raises(Cancelled):
            read_voxels(series, check, decoder)
        assert not child.is_running()


def test_what_a_check_raises_is_the_cause() -> None:
    decoder = FrameDecoder()
    cause = KeyError("why")

    def check() -> None:
        raise cause

    decoder.begin_series(check)
    frame = frame_of(slices(uid.JPEG2000Lossless)[2])
    with pytest.raises(CalledOff) as caught:
        decoder.decode(uid.JPEG2000Lossless, frame, OPTIONS)  # the child takes longer to start than the first look
    assert caught.value.__cause__ is cause
    assert decoder._process is None


def test_what_lies_in_the_folder_it_is_started_from_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python looks into the current folder first, and gdcm looks for a module ``dl``."""
    for name in ("dl", "pydicom", "numpy", "json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path)
    with FrameDecoder() as decoder:
        frame = frame_of(slices(uid.JPEGLSLossless)[2])
        assert decoder.decode(uid.JPEGLSLossless, frame, OPTIONS).shape == SIZE[1:]


@pytest.mark.parametrize("make", [lambda data: data, lambda data: encoded(data, uid.RLELossless)], ids=["plain", "RLE"])
def test_no_more_than_the_volume_is_in_memory(tmp_path: Path, make: Callable[[Any], Any]) -> None:
    hu = np.tile(head_phantom.head(1, 512, 512, (1.0, 0.5, 0.5)), (40, 1, 1))
    head_phantom.save(tmp_path, [make(data) for data in head_phantom.series("memory", hu, (1.0, 0.5, 0.5))])
    (series,) = read_series([tmp_path])
    tracemalloc.start()
    try:
        found = read_voxels(series)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.array.nbytes == 40 * 512 * 512 * 2
    assert most < 1.6 * found.array.nbytes  # some slices, and a header a slice
