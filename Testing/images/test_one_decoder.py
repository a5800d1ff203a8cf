"""The same pixels and geometry whatever a series is compressed with, in grey and colour, whole, with gaps, or alone."""

from __future__ import annotations

import copy
import functools
import io
from collections.abc import Iterator
from pathlib import Path

import head_phantom
import numpy as np
import pydicom
import pytest
from dicom_encoding import ENCODED, LOSSY, PLAIN, encoded
from display_desk import Desk, volumes_of
from image_rows import row
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from CastInterfaceLib.study import frame_decoder
from CastInterfaceLib.study.frame_decoder import FrameDecoder
from CastInterfaceLib.study.voxels import Voxels, read_voxels
from CastLib.dicom.series import read_series

SLICES, LOST = 7, (2, 4)
SIZE = (SLICES, 40, 32)
SPACING = (10.0, 5.0, 4.0)
TOLERANCE = 12  # of 255, what a loss may change
GREY = ("unsigned 12", "signed 16", "MONOCHROME1", "8 bits", "PALETTE COLOR")
COLOR = ("RGB", "YBR_FULL")
#: JPEG with 8 bits holds no more, and the extended one no sign.
NARROW = {
    uid.JPEGBaseline8Bit: ("8 bits", *COLOR),
    uid.JPEGExtended12Bit: ("unsigned 12", "MONOCHROME1", "8 bits", *COLOR),
}


@functools.cache
def slices_of(form: str, smooth: bool = False) -> tuple[Dataset, ...]:
    """The head in one of the forms, uncompressed; without edges, on which a loss would be seen, when it is smooth."""
    hu = head_phantom.head(*SIZE, SPACING)
    if smooth:
        k, j, i = np.indices(SIZE)
        hu = (np.sin(i / 9) * np.cos(j / 8 + k) * 1400 + 500).astype(np.int16)
    eight = ((hu.astype(int) + 1000) * 255 // 3000).astype(np.uint8)
    slices = head_phantom.series(form, hu, SPACING, window=None)
    for data, plane, small in zip(slices, hu, eight, strict=True):
        if form in ("unsigned 12", "MONOCHROME1"):
            data.BitsStored, data.HighBit = 12, 11
            data.PhotometricInterpretation = "MONOCHROME1" if form == "MONOCHROME1" else "MONOCHROME2"
            continue
        if form == "signed 16":
            data.PixelRepresentation, data.PixelData, data.RescaleIntercept = 1, plane.astype("<i2").tobytes(), 0
            continue
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        del data.RescaleSlope, data.RescaleIntercept, data.RescaleType
        pixels = small
        if form in COLOR:
            data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
            pixels = np.stack([small, small // 2, 255 - small], axis=-1)
        if form == "PALETTE COLOR":
            for number, color in enumerate(("Red", "Green", "Blue")):
                setattr(data, f"{color}PaletteColorLookupTableDescriptor", [256, 0, 8])
                table = np.roll(np.arange(256, dtype=np.uint8), 40 * number)
                setattr(data, f"{color}PaletteColorLookupTableData", table.tobytes())
        data.PhotometricInterpretation = "MONOCHROME2" if form == "8 bits" else form
        data.PixelData = pixels.tobytes()
        data["PixelData"].VR = "OB"
    return tuple(slices)


@pytest.fixture(scope="module")
def decoder() -> Iterator[FrameDecoder]:
    """One child for all."""
    with FrameDecoder() as decoder:
        yield decoder


def read(folder: Path, slices: list[Dataset], decoder: FrameDecoder) -> Voxels:
    head_phantom.save(folder, slices)
    return read_voxels(read_series([folder])[0], decoder=decoder)


def check_same(one: Voxels, other: Voxels, tolerance: float) -> None:
    assert one.array.shape == other.array.shape and one.array.dtype == other.array.dtype
    assert np.array_equal(one.ijk_to_ras, other.ijk_to_ras)
    assert (one.missing, one.look.inverted, one.warnings) == (other.missing, other.look.inverted, other.warnings)
    away = np.abs(one.array.astype(float) - other.array.astype(float))
    assert away.max() <= tolerance if not tolerance else np.quantile(away, 0.95) <= tolerance


@pytest.mark.parametrize("form", [*GREY, *COLOR])
@pytest.mark.parametrize("syntax", [*ENCODED, *PLAIN, uid.ExplicitVRBigEndian], ids=lambda syntax: syntax.name)
def test_the_same_whatever_it_is_compressed_with(
    tmp_path: Path, syntax: uid.UID, form: str, decoder: FrameDecoder
) -> None:
    if form not in NARROW.get(syntax, (*GREY, *COLOR)) or (form == "PALETTE COLOR" and syntax in LOSSY):
        pytest.skip("there is no such file")
    whole = slices_of(form, syntax in LOSSY)
    kept = [data for number, data in enumerate(whole) if number not in LOST]
    packed = [encoded(data, syntax) for data in kept]
    grey16 = form in ("unsigned 12", "signed 16", "MONOCHROME1")
    tolerance = (TOLERANCE * (3000 / 255 if grey16 else 1)) if syntax in LOSSY else 0
    plain = read(tmp_path / "plain", kept, decoder)
    check_same(read(tmp_path / "packed", packed, decoder), plain, tolerance)
    assert plain.missing == LOST and plain.array.shape[0] == SLICES
    assert np.array_equal(plain.array.max(axis=(1, 2)), plain.array.max(axis=(1, 2)))
    alone = read(tmp_path / "alone", [packed[2]], decoder)
    check_same(alone, read(tmp_path / "alone plain", [kept[2]], decoder), tolerance)
    assert np.linalg.norm(alone.ijk_to_ras[:3, 2]) == SPACING[0]  # its thickness
    if form == "MONOCHROME1":
        assert plain.look.inverted and (plain.array[list(LOST)] == plain.array.max()).all()  # which is black


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_RCT", "YBR_ICT"])
def test_colours_that_only_compressed_images_have(tmp_path: Path, photometric: str, decoder: FrameDecoder) -> None:
    plain = list(slices_of("RGB", smooth=photometric != "YBR_RCT"))
    packed = []
    for data in plain:
        pixels = np.frombuffer(data.PixelData, np.uint8).reshape(*SIZE[1:], 3)
        stream = io.BytesIO()
        if photometric == "YBR_FULL_422":
            Image.fromarray(pixels).save(stream, "JPEG", quality=98, subsampling="4:2:2")
        else:
            Image.fromarray(pixels).save(stream, "JPEG2000", mct=1, no_jp2=True, irreversible=photometric == "YBR_ICT")
        copied = copy.deepcopy(data)
        copied.PhotometricInterpretation = photometric
        syntaxes = {"YBR_FULL_422": uid.JPEGBaseline8Bit, "YBR_RCT": uid.JPEG2000Lossless, "YBR_ICT": uid.JPEG2000}
        copied.file_meta.TransferSyntaxUID = syntaxes[photometric]
        copied.PixelData = encapsulate([stream.getvalue()])
        packed.append(copied)
    found = read(tmp_path / "packed", packed, decoder)
    check_same(found, read(tmp_path / "plain", plain, decoder), 0 if photometric == "YBR_RCT" else TOLERANCE)


def test_uncompressed_colours_that_share_between_two_pixels(tmp_path: Path, decoder: FrameDecoder) -> None:
    plain = list(slices_of("YBR_FULL"))
    shared = []
    for data in plain:
        pixels = np.frombuffer(data.PixelData, np.uint8).reshape(-1, 2, 3)
        copied = copy.deepcopy(data)
        copied.PhotometricInterpretation = "YBR_FULL_422"
        pairs = np.stack([pixels[:, 0, 0], pixels[:, 1, 0], pixels[:, 0, 1], pixels[:, 0, 2]], axis=-1)
        copied.PixelData = pairs.tobytes()
        shared.append(copied)
    found, wanted = read(tmp_path / "shared", shared, decoder), read(tmp_path / "plain", plain, decoder)
    assert np.array_equal(found.array[:, :, ::2], wanted.array[:, :, ::2])


@pytest.mark.parametrize("form", ["unsigned 12", "RGB", "PALETTE COLOR"])
def test_planes_words_and_bytes_in_either_order(tmp_path: Path, form: str, decoder: FrameDecoder) -> None:
    plain = list(slices_of(form))
    turned = [copy.deepcopy(data) for data in plain]
    for data in turned:
        if form == "RGB":
            pixels = np.frombuffer(data.PixelData, np.uint8).reshape(*SIZE[1:], 3)
            data.PixelData, data.PlanarConfiguration = pixels.transpose(2, 0, 1).tobytes(), 1
        if form != "unsigned 12":
            data["PixelData"].VR = "OW"
    check_same(
        read(tmp_path / "turned", [encoded(data, uid.ExplicitVRBigEndian) for data in turned], decoder),
        read(tmp_path / "plain", plain, decoder),
        0,
    )


OTHERS = Path(pydicom.data.__file__).parent / "test_files"


@pytest.mark.parametrize(
    "name", ["MR_small_jp2klossless", "MR_small_RLE", "MR_small_jpeg_ls_lossless", "MR_small_bigendian"]
)
def test_lossless_files_of_others(name: str, decoder: FrameDecoder) -> None:
    (plain,), (packed,) = (read_series([OTHERS / f"{file}.dcm"]) for file in ("MR_small", name))
    assert np.array_equal(read_voxels(packed, decoder=decoder).array, read_voxels(plain).array)


def test_jpeg_lossless_is_shown_as_it_is_uncompressed(desk: Desk, folder: Path) -> None:
    """What only the engine's reader decoded: inverted brightness black, lost slices stretched, no thickness."""
    from CastInterfaceLib.scene.image_words import MISSING_SLICES
    from CastInterfaceLib.scene.volumes import array_of, geometry_of

    kept = [data for number, data in enumerate(slices_of("MONOCHROME1")) if number not in LOST]
    uid_ = head_phantom.save(folder, [encoded(data, uid.JPEGLosslessSV1) for data in kept])
    desk.open(uid_)
    desk.until_shown(uid_)
    (volume,) = volumes_of(desk)
    assert volume.GetAttribute(MISSING_SLICES) == "2 4"
    assert array_of(volume).shape == SIZE
    assert geometry_of(volume)[2, 2] == SPACING[0]
    assert volume.GetDisplayNode().GetColorNodeID() == "vtkMRMLColorTableNodeInvertedGrey"


@row("Images", "A transfer syntax that is not read (video, HTJ2K)", "refused", "is not read; ask its sender")
def test_an_unknown_syntax_is_refused(desk: Desk, folder: Path) -> list[str]:
    slices = [copy.deepcopy(data) for data in slices_of("8 bits")]
    for data in slices:
        data.file_meta.TransferSyntaxUID = uid.HTJ2KLossless
        data.PixelData = encapsulate([bytes(data.PixelData)])
    study = head_phantom.save(folder, slices)
    desk.until_refused(desk.open(study), 422)
    (problem,) = desk.items("problem")
    assert "High-Throughput JPEG 2000" in str(problem)
    return [str(problem)]


@row(
    "Images", "A compressed image where python-gdcm is not installed", "refused", "needs the Python package python-gdcm"
)
def test_without_the_package_it_is_said_what_to_install(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setattr(frame_decoder.util, "find_spec", lambda name: None)
    study = head_phantom.save(folder, [encoded(data, uid.JPEGLSLossless) for data in slices_of("8 bits")])
    desk.until_refused(desk.open(study), 422)
    (problem,) = desk.items("problem")
    assert "JPEG-LS Lossless" in str(problem)
    return [str(problem)]
