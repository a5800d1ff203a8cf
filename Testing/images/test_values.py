"""What is shown has the values, colours and brightness that the file says, whatever it is stored in."""

from __future__ import annotations

import itertools
from pathlib import Path

import head_phantom
import numpy as np
import pytest
from display_desk import Desk, volumes_of
from image_rows import row
from pixel_parts import HU, SPACING, eight, read, slices_with, store
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from CastInterfaceLib.study.lookup_table import read_table
from CastInterfaceLib.study.modality_values import drawable, joined_kind, rescaled
from CastLib.errors import CastError

# Palettes


def palette(data: Dataset, tables: np.ndarray, first: int = 0, bits: int = 8, segmented: bool = False) -> None:
    """Put three tables (3, entries) into a header."""
    words = np.uint8 if bits == 8 else np.dtype("<u2")
    data.PhotometricInterpretation = "PALETTE COLOR"
    for color, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(data, f"{color}PaletteColorLookupTableDescriptor", [len(table) % 65536, first, bits])
        value = np.asarray(table).astype(words).tobytes()
        if segmented:  # one discrete segment, then what repeats
            value = np.concatenate([[0, len(table)], table]).astype(words).tobytes()
        setattr(data, f"{'Segmented' if segmented else ''}{color}PaletteColorLookupTableData", value)


COLORS = np.stack([np.arange(256), 255 - np.arange(256), (np.arange(256) * 7) % 256])


def test_a_palette_is_shown_in_its_colours(desk: Desk, folder: Path) -> None:
    """Indices not in order of brightness; to the eye: the tissue is dark grey, the marker red."""
    from CastInterfaceLib.scene.volumes import array_of

    tables = np.zeros((3, 256), int)
    tables[:, 100], tables[:, 10], tables[0, 1], tables[1, 250] = 80, 255, 255, 255
    places = {-1000: 3, 5: 250, 40: 100, 900: 10, 2000: 1}

    def edit(data: Dataset, plane: np.ndarray) -> None:
        index = np.zeros(plane.shape, np.uint8)
        for hu, number in places.items():
            index[plane == hu] = number
        store(data, index)
        palette(data, tables)

    uid = head_phantom.save(folder, slices_with("palette", edit))
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    shown = array_of(volume)
    assert shown.dtype == np.uint8
    for hu, number in places.items():
        assert (shown[hu == HU] == tables[:, number]).all(), hu
    assert desk.items("problem") == []


@pytest.mark.parametrize(
    ("pixels", "first", "bits"),
    [(np.uint8, 0, 8), (np.uint8, 30, 8), (np.uint8, 0, 16), (np.uint16, 1000, 8), (np.int16, -300, 16)],
)
def test_palettes_of_every_kind(tmp_path: Path, pixels: type, first: int, bits: int) -> None:
    """Index ``first`` has the first entry, whatever has a sign; what lies outside has the nearest entry."""
    for segmented in (False, True) if bits == 16 else (False,):
        tables = COLORS[:, :200] * (257 if bits == 16 else 1)

        def edit(data: Dataset, plane: np.ndarray) -> None:
            store(data, (eight(plane).astype(int) + first // 2).astype(pixels))
            palette(data, tables, first, bits, segmented)  # noqa: B023

        found = read(tmp_path / str(segmented), edit)
        index = np.clip(eight(HU).astype(int) + first // 2 - first, 0, 199)
        assert np.array_equal(found.array, np.moveaxis(COLORS[:, index], 0, -1))


def test_a_palette_of_65536_entries(tmp_path: Path) -> None:
    tables = np.stack([np.arange(65536), 65535 - np.arange(65536), np.arange(65536) // 2])

    def edit(data: Dataset, plane: np.ndarray) -> None:
        store(data, ((plane.astype(int) + 1000) * 21).astype(np.uint16))
        palette(data, tables, 0, 16)

    index = (HU.astype(int) + 1000) * 21
    assert np.array_equal(read(tmp_path, edit).array, np.moveaxis(tables[:, index] >> 8, 0, -1))


def test_eight_bits_of_a_palette_in_words(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        store(data, eight(plane))
        palette(data, COLORS, 0, 16)  # says 16 bits, and uses the lower 8

    assert np.array_equal(read(tmp_path, edit).array, np.moveaxis(COLORS[:, eight(HU)], 0, -1))


def test_segments_of_a_table() -> None:
    """Discrete, linear, and one that repeats both (PS3.3 C.7.9.2)."""
    words = [0, 2, 10, 20, 1, 4, 60, 2, 2, 0, 0]
    data = np.array(words, "<u2").tobytes()
    table = read_table([12, 0, 16], data, signed=False, big_endian=False, segmented=True)
    assert table.entries.tolist() == [10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60]
    words = [0, 2, 10, 20, 1, 4, 60, 2, 2, 0, 0, 0, 0, 0]
    table = read_table([12, 0, 8], bytes(words), signed=False, big_endian=False, segmented=True)
    assert table.entries.tolist() == [10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60]


@pytest.mark.parametrize(
    "words", [[], [0], [7, 7, 7], [1, 5, 9], [2, 1, 0, 0], [0, 65535, 1], [0, 1, 5, 2, 65535, 4, 0]]
)
def test_a_damaged_table_is_refused(words: list[int]) -> None:
    with pytest.raises(CastError):
        read_table([100, 0, 16], np.array(words, "<u2").tobytes(), signed=False, big_endian=False, segmented=True)


def test_no_number_at_all_is_no_table() -> None:
    for descriptor, data in (((1, 2), b"ab"), (None, b"ab"), ((300, 0, 16), b"ab"), ((2, 0, 16), ["x", "y"])):
        with pytest.raises(CastError):
            read_table(descriptor, data, signed=False, big_endian=False)


# Modality values


@pytest.mark.parametrize(
    ("pixels", "slope", "intercept", "kind"),
    [
        (np.uint16, "1", "-1024", np.int16),
        (np.uint16, "2", "0", np.uint16),
        (np.int16, "-50000", "0", np.int32),
        (np.uint32, "1", "-100", np.float64),
        (np.uint32, "1", "5", np.uint32),
        (np.int32, "1000000", "0", np.float64),
        (np.uint16, "1e-6", "0", np.float32),
        (np.uint32, "1e-6", "0", np.float64),
        (np.uint16, "0.001", "-1000000", np.float64),
        (np.uint16, "-0.5", "10", np.float32),
    ],
)
def test_every_value_comes_out_right(pixels: type, slope: str, intercept: str, kind: type) -> None:
    limits = np.iinfo(pixels)
    stored = np.array([0, 1, 7, limits.max // 2, limits.max - 5 if intercept == "5" else limits.max - 1], pixels)
    if slope in ("1", "2") and limits.max < 70000:
        stored = np.minimum(stored, 30000).astype(pixels)
    values = rescaled(stored.reshape(1, -1), float(slope), float(intercept))[0]
    assert values.dtype == kind
    exact = [int(one) * float(slope) + float(intercept) for one in stored]
    assert np.allclose(values.astype(float), exact, rtol=1e-6, atol=abs(float(slope)) / 2)
    assert len(set(values.tolist())) == len(set(stored.tolist()))


def test_kinds_that_are_joined_are_drawn_and_hold_both() -> None:
    kinds = (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64)
    for one, other in itertools.product(map(np.dtype, kinds), repeat=2):
        kind = joined_kind(one, other)
        assert kind in [np.dtype(each) for each in kinds]
        for part in (one, other):
            edges = np.iinfo(part) if part.kind in "iu" else np.finfo(part)
            for edge in (edges.min, edges.max):
                assert float(np.asarray(edge).astype(kind)) == pytest.approx(float(edge), rel=1e-6)


def test_what_vtk_cannot_draw_never_reaches_it() -> None:
    for value, kind in ((5, np.int16), (40000, np.uint16), (-40000, np.int32), (1 << 31, np.uint32), (1 << 40, float)):
        for wide in (np.int64, np.uint64) if value > 0 else (np.int64,):
            found = drawable(np.array([value], wide))
            assert found.dtype == kind and found[0] == value
    assert drawable(np.array([True, False])).dtype == np.uint8
    assert drawable(np.array([1.5], np.float16)).dtype == np.float32
    assert drawable(np.array([1.5], np.longdouble)).dtype == np.float64
    for kind in (complex, object, "U3"):
        with pytest.raises(CastError):
            drawable(np.array(["1"], dtype=kind))


def test_unsigned_32_bits_with_an_intercept_are_right_to_the_value(desk: Desk, folder: Path) -> None:
    from CastInterfaceLib.scene.volumes import array_of

    amount = (HU.astype(np.int64) + 1000) * 2_200_000

    def edit(data: Dataset, plane: np.ndarray) -> None:
        stored = ((plane.astype(np.int64) + 1000) * 2_200_000).astype("<u4")
        store(data, stored, RescaleSlope=1, RescaleIntercept=-100)

    uid = head_phantom.save(folder, slices_with("wide", edit))
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    assert np.array_equal(array_of(volume), amount - 100) and (amount - 100).max() == 4_179_999_900


def test_slopes_that_differ_from_slice_to_slice(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        slope = 1e-8 * (1 + 0.2 * data.InstanceNumber)
        stored = np.round((plane.astype(float) + 1000) * 1e-8 / slope).astype("<u2")
        store(data, stored, RescaleSlope=f"{slope:.6g}", RescaleIntercept=0, WindowWidth="0.00002", WindowCenter="1e-5")

    found = read(tmp_path, edit)
    assert np.allclose(found.array, (HU.astype(float) + 1000) * 1e-8, atol=2e-8)
    assert (found.look.window, found.look.level) == (2e-5, 1e-5)


def test_slices_of_different_kinds_make_one_volume(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        if data.InstanceNumber == 3:
            data.RescaleSlope, data.PixelData = "0.5", ((plane.astype(int) + 1024) * 2).astype("<u2").tobytes()
        if data.InstanceNumber == 5:
            store(data, plane.astype("<i4") * 100, RescaleSlope="0.01", RescaleIntercept=0)

    found = read(tmp_path, edit)
    assert found.array.dtype == np.float32 and np.allclose(found.array, HU, atol=1e-3)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_floating_pixels(tmp_path: Path, kind: str) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        store(data, plane)
        del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
        data.BitsAllocated = 32 if kind == "f4" else 64
        values = plane.astype(kind) / 7
        setattr(data, "FloatPixelData" if kind == "f4" else "DoubleFloatPixelData", values.tobytes())

    found = read(tmp_path, edit)
    assert found.array.dtype == kind and np.array_equal(found.array, HU.astype(kind) / 7)


@row(
    "Images",
    "Floating pixels that are no numbers",
    "shown, with a warning",
    "voxels hold no finite number and are shown as the smallest value of their slice",
)
def test_pixels_that_are_no_numbers(desk: Desk, folder: Path) -> list[str]:
    from CastInterfaceLib.scene.volumes import array_of

    def edit(data: Dataset, plane: np.ndarray) -> None:
        values = plane.astype("<f4")
        if data.InstanceNumber == 2:
            values[0, :3] = np.nan, np.inf, -np.inf
        store(data, plane)
        del data.PixelData
        data.BitsAllocated, data.FloatPixelData = 32, values.tobytes()

    uid = head_phantom.save(folder, slices_with("no numbers", edit))
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    shown = array_of(volume)
    assert np.isfinite(shown).all() and (shown[1, 0, :3] == HU[1].min()).all()
    assert np.array_equal(shown[2:], HU[2:])
    return [str(problem) for problem in desk.items("problem")]


def test_a_modality_table_is_applied_and_slope_and_intercept_are_not(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        store(data, eight(plane).astype("<i2") - 50, RescaleSlope=3, RescaleIntercept=7)
        item = Dataset()
        item.LUTDescriptor, item.ModalityLUTType = [256, -50, 16], "US"
        item.LUTData = (np.arange(256) ** 2).astype("<u2").tobytes()
        item["LUTData"].VR = "OW"
        data.ModalityLUTSequence = Sequence([item])

    assert np.array_equal(read(tmp_path, edit).array, eight(HU).astype(int) ** 2)


@row("Images", "Slices whose slope is no number", "refused", "its RescaleSlope is no number")
def test_one_series_with_a_word_for_a_slope_costs_only_itself(desk: Desk, folder: Path) -> list[str]:
    good = head_phantom.series("good", HU, SPACING)
    bad = head_phantom.series("good", HU, SPACING, series="bad")
    for data in bad:
        data.SeriesNumber = 2
        data["RescaleSlope"]._value = "NONE"
    uid = head_phantom.save(folder / "good", good)
    for number, data in enumerate(bad):
        path = folder / "bad" / f"{number}.dcm"
        path.parent.mkdir(exist_ok=True)
        data.RescaleSlope = "1.0"
        data.save_as(path, enforce_file_format=True)
        raw = path.read_bytes()
        assert raw.count(b"\x28\x00\x53\x10DS\x04\x001.0 ") == 1
        path.write_bytes(raw.replace(b"\x28\x00\x53\x10DS\x04\x001.0 ", b"\x28\x00\x53\x10DS\x04\x00NONE"))
    desk.open(uid)
    desk.until_shown(uid)
    assert len(volumes_of(desk)) == 1
    return [str(problem) for problem in desk.items("problem")]


# Bits


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("stored", "high_bit"), [(12, 11), (12, 15), (10, 12), (16, 15), (9, 8)])
def test_bits_wherever_they_stand_and_overlays_above_and_below(
    tmp_path: Path, stored: int, high_bit: int, signed: bool
) -> None:
    values = eight(HU).astype(np.int16) - (100 if signed else 0)

    def edit(data: Dataset, plane: np.ndarray) -> None:
        here = eight(plane).astype(np.int16) - (100 if signed else 0)
        shift = high_bit + 1 - stored
        mask = ((1 << stored) - 1) << shift
        words = (here.astype(np.uint16) << shift) & mask
        store(data, words | (0xFFFF & ~mask))
        data.BitsStored, data.HighBit, data.PixelRepresentation = stored, high_bit, int(signed)

    assert np.array_equal(read(tmp_path, edit).array, values)


def test_pixels_of_one_bit(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        store(data, eight(plane))
        data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
        data.PixelData = np.packbits(plane > 0, bitorder="little").tobytes()

    found = read(tmp_path, edit)
    assert np.array_equal(found.array, HU > 0) and (found.look.window, found.look.level) == (1, 0.5)


def test_colours_of_16_bits(tmp_path: Path) -> None:
    colors = np.stack([eight(HU), 255 - eight(HU), eight(HU) // 2], axis=-1)

    def edit(data: Dataset, plane: np.ndarray) -> None:
        pixels = np.stack([eight(plane), 255 - eight(plane), eight(plane) // 2], axis=-1).astype("<u2") * 16
        store(data, pixels, PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0)
        data.BitsStored, data.HighBit = 12, 11

    assert np.array_equal(read(tmp_path, edit).array, colors)
