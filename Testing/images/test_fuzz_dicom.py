"""Damaged and hostile DICOM files: shown or refused with a sentence, without a crash, a hang or all of the memory."""

from __future__ import annotations

import faulthandler
import functools
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import head_phantom
import numpy as np
import pydicom
import pytest
from dicom_encoding import ENCODED, PLAIN, encoded
from fuzzing import mutated_bytes
from pydicom import uid
from pydicom.dataset import Dataset

from CastInterfaceLib.study.frame_decoder import FrameDecoder
from CastInterfaceLib.study.modality_values import drawable
from CastInterfaceLib.study.prepared_volume import prepare_volume
from CastInterfaceLib.study.voxels import read_voxels
from CastLib.dicom.series import scan
from CastLib.errors import CastError

SYNTAXES = (*ENCODED, *PLAIN, uid.ExplicitVRBigEndian)
COUNT, COUNT_LONG = 1000 // len(SYNTAXES), 4000 // len(SYNTAXES)
GUARD = 60.0  # seconds after which a file is taken for hanging, on a machine that has much else to do
MAX_MEMORY = 1 << 30

SIZES = (0, 1, 2, 7, 255, 4096, 32767, 65535)
NUMBERS = {
    "Rows": SIZES,
    "Columns": SIZES,
    "BitsAllocated": (0, 1, 8, 12, 16, 24, 32, 64, 65535),
    "BitsStored": (0, 1, 7, 12, 16, 33, 65535),
    "HighBit": (0, 1, 7, 15, 63, 65535),
    "PixelRepresentation": (0, 1, 2, 65535),
    "SamplesPerPixel": (0, 1, 2, 3, 4, 65535),
    "PlanarConfiguration": (0, 1, 2),
    "NumberOfFrames": ("0", "1", "2", "2000000000", "-1", "x"),
    "RescaleSlope": ("0", "1e300", "-1e300", "1e-300", "NaN", "inf", "", "x", "1\\2"),
    "RescaleIntercept": ("1e308", "-1e20", "NaN", "", "x"),
    "PhotometricInterpretation": ("", "RGB", "PALETTE COLOR", "YBR_FULL_422", "MONOCHROME1", "CMYK", "YBR_ICT"),
    "WindowWidth": ("0", "-1", "1e-300", "1e300", "NaN", "x", "1\\2\\3"),
    "PixelSpacing": ("0\\0", "1e-30\\1e30", "1", "x\\y"),
    "ImagePositionPatient": ("1e300\\0\\0", "0\\0", "NaN\\0\\0"),
    "PixelPaddingValue": (0, 65535),
}


@functools.cache
def plain() -> Dataset:
    """One small slice."""
    plane = head_phantom.head(3, 24, 20, (30.0, 8.0, 9.0))[1]
    data = head_phantom.dataset("fuzz", 0, ((plane.astype(int) + 1000) // 12).astype(np.int16), [0, 0, 0], intercept=0)
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelData = ((plane.astype(int) + 1000) // 12).astype(np.uint8).tobytes()
    data["PixelData"].VR = "OB"
    return data


def with_other_numbers(data: Dataset, chance: random.Random) -> None:
    for keyword in chance.sample(sorted(NUMBERS), chance.randint(1, 3)):
        value = chance.choice(NUMBERS[keyword])
        tag = pydicom.datadict.tag_for_keyword(keyword)
        kind = pydicom.datadict.dictionary_VR(tag)
        if isinstance(value, str):
            kind = "LO"  # a text that pydicom writes as it is
        data[tag] = pydicom.DataElement(tag, "US" if kind == "US or SS" else kind, value)


def with_other_pixels(data: Dataset, chance: random.Random) -> None:
    value = mutated_bytes(data.PixelData, chance)
    data.PixelData = value if len(value) % 2 == 0 else value + b"\0"


def with_tables(data: Dataset, chance: random.Random) -> None:
    data.PhotometricInterpretation = "PALETTE COLOR"
    for color in ("Red", "Green", "Blue"):
        segmented = chance.choice(("", "Segmented"))
        descriptor = [chance.choice((0, 1, 256, 65535)), chance.choice((0, 5, 65535)), chance.choice((8, 16, 0, 999))]
        setattr(data, f"{color}PaletteColorLookupTableDescriptor", descriptor)
        setattr(data, f"{segmented}{color}PaletteColorLookupTableData", chance.randbytes(2 * chance.randint(0, 300)))


def written(data: Dataset, target: Path) -> bytes:
    data.save_as(target, enforce_file_format=True)
    return target.read_bytes()


def mutated(data: Dataset, chance: random.Random, target: Path) -> bytes:
    """The bytes of a file that differs from the good one in its headers, its pixels, its tables, or anywhere."""
    copied = pydicom.dcmread(target.with_name("good"))
    changes: list[Callable[[Dataset, random.Random], None]] = [with_other_numbers, with_other_pixels, with_tables]
    kind = chance.randrange(5)
    if kind < len(changes):
        changes[kind](copied, chance)
        try:
            return written(copied, target)
        except Exception:  # pydicom does not write everything
            return mutated_bytes(target.with_name("good").read_bytes(), chance)
    raw = target.with_name("good").read_bytes()
    if kind == 3:
        return mutated_bytes(raw, chance)
    return raw[:132] + mutated_bytes(raw[132:], chance)


@pytest.fixture(scope="module")
def decoder() -> Iterator[FrameDecoder]:
    with FrameDecoder() as decoder:
        yield decoder


def peak() -> int:
    """The most bytes that this process has had."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_each_file_is_shown_or_refused(tmp_path: Path, syntax: uid.UID, decoder: FrameDecoder, long: bool) -> None:
    chance = random.Random(f"dicom {syntax}")
    good = encoded(plain(), syntax)
    written(good, tmp_path / "good")
    target = tmp_path / "file.dcm"
    before, shown = peak(), 0
    for number in range(COUNT_LONG if long else COUNT):
        target.write_bytes(mutated(good, chance, target))
        faulthandler.dump_traceback_later(GUARD, exit=True)
        try:
            for series in scan([target]).series:
                shown += shows(series, decoder)
        except CastError as error:
            assert str(error), number
        finally:
            faulthandler.cancel_dump_traceback_later()
    assert peak() - before < MAX_MEMORY
    assert shown  # not all are so bad that nothing is tried


def shows(series: object, decoder: FrameDecoder) -> int:
    """Whether a series could be read; what is read must be fit for VTK."""
    found = read_voxels(series, decoder=decoder)  # type: ignore[arg-type]
    assert found.array.dtype == drawable(found.array).dtype and np.isfinite(found.array).all()
    assert np.isfinite([found.look.window, found.look.level]).all() and found.look.window > 0
    prepare_volume(found)
    return 1
