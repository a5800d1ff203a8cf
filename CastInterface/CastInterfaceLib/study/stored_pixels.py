"""The stored values of one DICOM file, whatever its transfer syntax and photometric interpretation (PS3.3 C.7.6.3).

Uncompressed pixels are taken apart here, by numpy; compressed ones come from a `FrameDecoder`. Sizes are compared with
the bytes that came before anything is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import get_frame
from pydicom.uid import (
    JPEG2000,
    UID,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from CastInterfaceLib.study.codestream import declared_size
from CastInterfaceLib.study.frame_decoder import FrameDecoder, need_decoder
from CastInterfaceLib.study.lookup_table import read_table
from CastLib.errors import CastError

#: Bytes of one decoded image.
MAX_PLANE = 1 << 28

GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
YBR_422 = "YBR_FULL_422"
COLOR = ("RGB", "YBR_FULL", YBR_422, "YBR_ICT", "YBR_RCT")
_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000)


@dataclass(frozen=True, slots=True)
class PixelForm:
    """How a file says its pixels are stored; ``high_bit`` counts from 0."""

    syntax: UID
    photometric: str
    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    planar: int

    @property
    def big_endian(self) -> bool:
        """Whether words stand with their most significant byte first."""
        return not self.syntax.is_little_endian

    @property
    def color(self) -> bool:
        """Whether the image has colours of its own."""
        return self.photometric not in GREY


def pixel_form(header: pydicom.Dataset) -> PixelForm:
    """What the header says of its pixels; raises CastError for what is not read."""
    if number(header, "NumberOfFrames", 1) > 1:
        raise CastError("it holds several images")
    samples = number(header, "SamplesPerPixel", 1)
    photometric = str(header.get("PhotometricInterpretation") or ("RGB" if samples == 3 else "MONOCHROME2")).strip()
    if (photometric in (*GREY, PALETTE) and samples != 1) or (photometric in COLOR and samples != 3):
        raise CastError(f"it says {photometric} and has {samples} samples per pixel")
    if photometric not in (*GREY, PALETTE, *COLOR):
        raise CastError(f"its photometric interpretation, {photometric[:16]}, is not read")
    rows, columns, allocated = (number(header, keyword, 0) for keyword in ("Rows", "Columns", "BitsAllocated"))
    if rows < 1 or columns < 1:
        raise CastError("it says no size")
    if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
        allocated = 32 if "FloatPixelData" in header else 64
    elif allocated not in (1, 8, 16, 32, 64):
        raise CastError(f"pixels of {allocated} bits are not read")
    if rows * columns * samples * max(allocated, 8) // 8 > MAX_PLANE:
        raise CastError(f"it declares {rows} × {columns} pixels, more than the {MAX_PLANE >> 20} MiB that are read")
    stored = number(header, "BitsStored", allocated)
    stored = stored if 0 < stored <= allocated else allocated
    high_bit = number(header, "HighBit", stored - 1)
    return PixelForm(
        syntax=UID(header.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)),
        photometric=photometric,
        rows=rows,
        columns=columns,
        samples=samples,
        allocated=allocated,
        stored=stored,
        high_bit=high_bit if stored - 1 <= high_bit < allocated else stored - 1,
        signed=number(header, "PixelRepresentation", 0) == 1,
        planar=number(header, "PlanarConfiguration", 0),
    )


def number(header: pydicom.Dataset, keyword: str, default: int) -> int:
    """A whole number of the header; raises CastError when it is none."""
    value = header.get(keyword)
    try:
        return default if value in (None, "") else int(value)
    except (TypeError, ValueError, OverflowError):
        raise CastError(f"its {keyword} is no number") from None


def stored_pixels(header: pydicom.Dataset, decoder: FrameDecoder) -> np.ndarray:
    """The stored values of a file: (rows, columns) of whole or floating numbers, or (rows, columns, 3) uint8 RGB.

    The pixels are taken out of ``header``. Raises CastError.
    """
    form = pixel_form(header)
    for keyword, kind in (("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")):
        if keyword in header:
            values = _words(_taken(header, keyword), np.dtype(kind), form, form.rows * form.columns)
            return values.reshape(form.rows, form.columns)
    if "PixelData" not in header:
        raise CastError("it has no pixels")
    if form.syntax.is_encapsulated:
        return _compressed(header, form, decoder)
    vr = header["PixelData"].VR
    values = _uncompressed(_taken(header, "PixelData"), form, vr)
    if form.samples == 3:
        return _eight_bits(_as_rgb(_in_use(values, form), form.photometric), form.stored)
    return _colored(_in_use(values, form), header, form)


def _taken(header: pydicom.Dataset, keyword: str) -> bytes:
    data = header[keyword].value
    delattr(header, keyword)  # a thousand of these would double the memory
    return data if isinstance(data, bytes) else b""


def _words(data: bytes, kind: np.dtype, form: PixelForm, count: int) -> np.ndarray:
    kind = kind.newbyteorder(">" if form.big_endian else "<")
    if len(data) < count * kind.itemsize:
        raise CastError(f"it is cut short: {len(data)} of {count * kind.itemsize} bytes of pixels are there")
    return np.frombuffer(data, kind, count).astype(kind.newbyteorder("="), copy=False)


def _uncompressed(data: bytes, form: PixelForm, vr: str) -> np.ndarray:
    """The words as they stand: (rows, columns), or (rows, columns, 3) uint."""
    if form.big_endian and form.allocated <= 8 and vr == "OW":  # bytes are swapped within words
        data = np.frombuffer(data[: len(data) // 2 * 2], np.uint16).byteswap().tobytes()
    pixels = form.rows * form.columns
    if form.allocated == 1:
        packed = _words(data, np.dtype(np.uint8), form, -(-pixels * form.samples // 8))
        values = np.unpackbits(packed, count=pixels * form.samples, bitorder="little")
    elif form.photometric == YBR_422:
        if form.columns % 2:
            raise CastError(f"it says {YBR_422} and has an odd number of columns")
        pairs = _words(data, np.dtype(f"u{form.allocated // 8}"), form, pixels * 2).reshape(-1, 4)
        values = pairs[:, [0, 2, 3, 1, 2, 3]].reshape(-1)  # two brightnesses share one colour
        return values.reshape(form.rows, form.columns, 3)
    else:
        values = _words(data, np.dtype(f"u{form.allocated // 8}"), form, pixels * form.samples)
    if form.samples == 1:
        return values.reshape(form.rows, form.columns)
    if form.planar == 1:
        return values.reshape(3, form.rows, form.columns).transpose(1, 2, 0)
    return values.reshape(form.rows, form.columns, 3)


def _compressed(header: pydicom.Dataset, form: PixelForm, decoder: FrameDecoder) -> np.ndarray:
    need_decoder(form.syntax)
    frame = get_frame(_taken(header, "PixelData"), 0, number_of_frames=1)
    size = declared_size(frame)
    if size is not None and size != (form.rows, form.columns):
        raise CastError(
            f"its header says {form.rows} × {form.columns} pixels, its compressed image {size[0]} × {size[1]}"
        )
    options: dict[str, Any] = {
        "rows": form.rows,
        "columns": form.columns,
        "samples_per_pixel": form.samples,
        "bits_allocated": form.allocated,
        "bits_stored": form.stored,
        "pixel_representation": int(form.signed),
        "photometric_interpretation": form.photometric if form.samples > 1 else "MONOCHROME2",  # no palette for it
    }
    if form.samples > 1:
        options["planar_configuration"] = form.planar
    values = decoder.decode(form.syntax, frame, options)
    if values.shape[:2] != (form.rows, form.columns) or values.ndim != (2 if form.samples == 1 else 3):
        raise CastError("its compressed image has another size than its header says")
    if form.samples == 3:
        return _eight_bits(values, form.stored)
    return _colored(_in_range(values, form), header, form)


def _in_use(values: np.ndarray, form: PixelForm) -> np.ndarray:
    """The bits from the high bit down that are used; above them old scanners kept an overlay (PS3.3 2004 C.9.2)."""
    wide = values.dtype.itemsize * 8
    if form.allocated == 1:
        return values
    if form.stored == wide:
        return values.view(f"i{values.dtype.itemsize}") if form.signed else values
    up = wide - 1 - form.high_bit
    shifted = values << values.dtype.type(up)  # also brings the sign to the top, wherever it stood
    shifted = shifted.view(f"i{values.dtype.itemsize}") if form.signed else shifted
    return np.asarray(shifted >> shifted.dtype.type(wide - form.stored))


def _in_range(values: np.ndarray, form: PixelForm) -> np.ndarray:
    """Decoded values as the header's signed or unsigned ones of as many bits as are stored."""
    wide = values.dtype.itemsize * 8
    bits = min(form.stored, wide)
    if form.syntax in _LOSSY and values.dtype.kind == ("i" if form.signed else "u"):
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if form.signed else (0, (1 << bits) - 1)
        return np.clip(values, low, high)  # loss may go over the edge, and must not come back at the other
    words = values.view(f"u{values.dtype.itemsize}") << np.array(wide - bits, f"u{values.dtype.itemsize}")
    words = words.view(f"i{values.dtype.itemsize}") if form.signed else words
    return np.asarray(words >> words.dtype.type(wide - bits))


def _as_rgb(values: np.ndarray, photometric: str) -> np.ndarray:
    """Full-range YCbCr to RGB (PS3.3 C.7.6.3.1.2)."""
    if photometric not in ("YBR_FULL", YBR_422):
        return values
    if values.dtype != np.uint8:
        raise CastError(f"it says {photometric} with more than 8 bits, which is not read")
    y, blue, red = (values[..., channel].astype(np.float32) for channel in range(3))
    blue, red = blue - 128, red - 128
    rgb = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=-1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _eight_bits(values: np.ndarray, stored: int) -> np.ndarray:
    if values.dtype == np.uint8 and stored <= 8:
        return values << np.uint8(8 - stored) if stored < 8 else values
    return (values.view(f"u{values.dtype.itemsize}") >> values.dtype.type(max(0, stored - 8))).astype(np.uint8)


def _colored(values: np.ndarray, header: pydicom.Dataset, form: PixelForm) -> np.ndarray:
    """The colours that a palette gives to stored values (PS3.3 C.7.6.3.1.5); grey values as they are."""
    if form.photometric != PALETTE:
        return values
    tables = []
    for color in ("Red", "Green", "Blue"):
        segmented = f"Segmented{color}PaletteColorLookupTableData" in header
        keyword = f"{'Segmented' if segmented else ''}{color}PaletteColorLookupTableData"
        descriptor = header.get(f"{color}PaletteColorLookupTableDescriptor")
        if descriptor is None or header.get(keyword) is None:
            raise CastError(f"it says {PALETTE} and has no whole palette")
        data = header[keyword].value
        table = read_table(descriptor, data, signed=form.signed, big_endian=form.big_endian, segmented=segmented)
        tables.append(table)
    # Some write 8 bits into 16: their palettes would be all black.
    shift = 8 if max(int(table.entries.max()) for table in tables) > 255 else 0
    return np.stack([table.apply(values) >> shift for table in tables], axis=-1).astype(np.uint8)
