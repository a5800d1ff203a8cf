"""Odd but readable pixels: files of other makers against pydicom's own values, and what scanners and archives write."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import head_phantom
import numpy as np
import pydicom
import pytest
from dicom_encoding import encoded
from pixel_parts import HU, SPACING, eight, read, store
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import pixel_array

from CastInterfaceLib.study.frame_decoder import FrameDecoder
from CastInterfaceLib.study.stored_pixels import stored_pixels
from CastInterfaceLib.study.voxels import read_voxels
from CastLib.dicom.reading import read_whole
from CastLib.dicom.series import read_series

OTHERS = Path(pydicom.data.__file__).parent / "test_files"
#: Not to be compared: several frames, more than 8 bits a colour, colours of a palette.
APART = (
    "2frame",
    "rle_16bit",
    "rle_32bit",
    "palette",
    "examples_ybr",
    "rtdose.dcm",
    "rtdose_expb.dcm",
    "rtdose_rle.dcm",
)


@pytest.fixture(scope="module")
def decoder() -> Iterator[FrameDecoder]:
    with FrameDecoder() as decoder:
        yield decoder


@pytest.mark.parametrize("path", sorted(OTHERS.glob("*.dcm")), ids=lambda path: path.stem)
def test_files_of_others_have_the_values_that_pydicom_finds(path: Path, decoder: FrameDecoder) -> None:
    if any(part in path.name for part in APART):
        pytest.skip("told otherwise")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = pixel_array(path)
    except Exception:
        pytest.skip("pydicom finds no pixels")
    assert np.array_equal(stored_pixels(read_whole(path), decoder), wanted)


@pytest.mark.parametrize("name", ["JPGExtended", "JPEG-lossy"])
def test_twelve_bits_of_jpeg_extended(name: str, decoder: FrameDecoder) -> None:
    found = stored_pixels(read_whole(OTHERS / f"{name}.dcm"), decoder)
    assert found.shape == (1024, 256) and (found.min(), found.max()) == (0, 264)


def packed(tmp_path: Path, syntax: uid.UID, change: object) -> np.ndarray:
    """The head, compressed and then changed by ``change(data, frame)``."""
    slices = [encoded(data, syntax) for data in head_phantom.series("odd", HU, SPACING)]
    for data in slices:
        change(data, bytes(get_frame(data.PixelData, 0, number_of_frames=1)))  # type: ignore[operator]
    head_phantom.save(tmp_path, slices)
    return read_voxels(read_series([tmp_path])[0]).array


def in_fragments(data: Dataset, frame: bytes) -> None:
    data.PixelData = encapsulate([frame], fragments_per_frame=3)


def without_offsets(data: Dataset, frame: bytes) -> None:
    data.PixelData = encapsulate([frame], has_bot=False)


def with_bytes_behind(data: Dataset, frame: bytes) -> None:
    data.PixelData = encapsulate([frame + bytes(64)])


def says_inverted_order(data: Dataset, frame: bytes) -> None:
    data.PlanarConfiguration = 1  # of one sample it says nothing


def says_one_frame(data: Dataset, frame: bytes) -> None:
    data.NumberOfFrames = 1


@pytest.mark.parametrize(
    "change", [in_fragments, without_offsets, with_bytes_behind, says_inverted_order, says_one_frame]
)
@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless])
def test_compressed_frames_however_they_are_wrapped(tmp_path: Path, syntax: uid.UID, change: object) -> None:
    assert np.array_equal(packed(tmp_path, syntax, change), HU)


def test_pixels_with_more_bytes_than_needed(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        data.PixelData += bytes(100)

    assert np.array_equal(read(tmp_path, edit).array, HU)


def test_headers_that_leave_out_what_can_be_told(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        del data.PhotometricInterpretation, data.SamplesPerPixel, data.HighBit, data.BitsStored

    assert np.array_equal(read(tmp_path, edit).array, HU)


def test_signed_bytes_and_long_words(tmp_path: Path) -> None:
    for number, kind in enumerate((np.int8, np.int32, np.uint64, np.int64)):

        def edit(data: Dataset, plane: np.ndarray) -> None:
            store(data, (eight(plane) // 2).astype(kind) - (100 if kind == np.int8 else 0))  # noqa: B023

        found = read(tmp_path / str(number), edit).array
        assert np.array_equal(found, (eight(HU) // 2).astype(int) - (100 if kind == np.int8 else 0))
        assert found.dtype.itemsize <= 4


def test_rows_and_columns_of_their_own_numbers(tmp_path: Path) -> None:
    slices = [copy.deepcopy(data) for data in head_phantom.series("strip", HU[:, :, :9], SPACING)]
    head_phantom.save(tmp_path, [encoded(data, uid.JPEG2000Lossless) for data in slices])
    assert np.array_equal(read_voxels(read_series([tmp_path])[0]).array, HU[:, :, :9])


@pytest.mark.parametrize("windows", [("400\\80", "40\\600"), ("400", "40\\600"), ("400 ", " 40")])
def test_the_first_of_several_windows(tmp_path: Path, windows: tuple[str, str]) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        data.WindowWidth, data.WindowCenter = (text.split("\\") if "\\" in text else text for text in windows)

    look = read(tmp_path, edit).look
    assert (look.window, look.level) == (400, 40)
