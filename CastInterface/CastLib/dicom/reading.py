"""The one way DICOM files are read: quietly, within bounds, and old files without preamble like all others.

pydicom warns of odd values and quotes them, which puts patient data into whatever log the host keeps. Nothing here
depends on those warnings: what is wrong with a file is told by the readers, without its values. It also believes every
length: so the stream is walked first (`CastLib.dicom.layout`), and pydicom gets only elements that are whole.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag
from pydicom.uid import UID

from CastLib.dicom.folder_files import why_no_file
from CastLib.dicom.layout import PIXEL_TAGS, UNDEFINED, Element, is_sequence
from CastLib.dicom.stream import MAX_HEADER, DicomStream, open_stream
from CastLib.errors import FieldError

# For the whole process: values are decoded when they are asked for, long after reading, on any thread.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom(\.|$)")

#: Bytes of one value before the pixels; a longer one (a scanner's raw data in a private element) is passed over.
MAX_VALUE = 16 * 1024 * 1024

#: What tells how many bytes the pixels of an image take.
_EXTENT = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "NumberOfFrames", "PhotometricInterpretation")
_CHARACTER_SET, _SPECTROSCOPY = 0x00080005, 0x56000020
_BUFFER = 32 * 1024  # bytes: most headers in one read


def read_header(file: str | os.PathLike[str], keywords: Sequence[str] | None = None) -> pydicom.FileDataset:
    """Return what stands before the pixels, all of it or the ``keywords`` named.

    Raises InvalidDicomError for a file that is no DICOM, OSError when it cannot be read, FieldError for one that is
    damaged or would take memory out of all proportion. A value that is nonsense raises whatever pydicom runs into when
    it is asked for.
    """
    with _opened(file) as stream:
        return _parse(stream, list(stream.elements(deep=keywords is None)), keywords)


def read_image_header(file: str | os.PathLike[str], keywords: Sequence[str]) -> tuple[pydicom.FileDataset, str]:
    """Return the ``keywords`` as ``read_header`` does, and why the pixels that follow are not all there, or ``""``."""
    with _opened(file) as stream:
        elements = list(stream.elements(deep=False))
        header = _parse(stream, elements, [*keywords, *_EXTENT])
        return header, "" if stream.cut_short else _why_not_whole(header, elements, stream.size)


def read_whole(file: str | os.PathLike[str]) -> pydicom.FileDataset:
    """Return a file with its pixels, not decoded; raises as ``read_header`` does, and FieldError for cut pixels."""
    with _opened(file, whole=True) as stream:
        elements = list(stream.elements(deep=True))
        dataset = _parse(stream, elements, None)
        for one in elements:
            if one.tag in PIXEL_TAGS:
                if one.end > stream.size:
                    raise FieldError(stream.name, "damaged DICOM file (its pixels are cut off)")
                vr = one.vr.decode() or None
                tag, little = BaseTag(one.tag), stream.encoding.little
                value = stream.read(one.value, one.end)
                dataset[tag] = RawDataElement(tag, vr, one.length, value, one.value, stream.encoding.implicit, little)
        return dataset


def is_dicom(file: str | os.PathLike[str]) -> bool:
    """Tell whether a file begins as DICOM, with a preamble or without; raises OSError when it cannot be read."""
    try:
        with _opened(file):
            return True
    except InvalidDicomError:
        return False
    except FieldError:
        return True  # and damaged


@contextmanager
def _opened(file: str | os.PathLike[str], *, whole: bool = False) -> Iterator[DicomStream]:
    path = Path(file)
    why = why_no_file(path.stat())  # before it is opened: a pipe would wait for its writer
    if why:
        raise InvalidDicomError(f"{path.name}: {why}")
    with path.open("rb", buffering=_BUFFER) as opened:
        yield open_stream(opened, os.fstat(opened.fileno()).st_size, path.name, whole=whole)


def _parse(stream: DicomStream, elements: list[Element], keywords: Sequence[str] | None) -> pydicom.FileDataset:
    """What pydicom makes of the elements before the pixels, or of those with these keywords."""
    tags = None if keywords is None else {_CHARACTER_SET, *(tag_for_keyword(keyword) for keyword in keywords)}
    wanted = {}
    for one in elements:
        if one.tag not in PIXEL_TAGS and (tags is None or one.tag in tags):
            standard_sequence = not one.tag >> 16 & 1 and (one.length == UNDEFINED or is_sequence(one))
            if standard_sequence or one.end - one.start <= MAX_VALUE:
                wanted[one.tag] = one  # where a tag comes twice, the later one counts, as for pydicom
    size = sum(one.end - one.start for one in wanted.values())
    if size > MAX_HEADER:
        raise FieldError(stream.name, f"damaged DICOM file (its header is longer than {MAX_HEADER >> 20} MiB)")
    parts = [stream.read(one.start, one.end) for one in wanted.values()]
    try:
        dataset = pydicom.dcmread(io.BytesIO(b"".join((stream.meta, *parts))))
    except Exception as error:  # bytes that are damaged in other ways raise whatever they happen to run into
        raise FieldError(stream.name, f"damaged DICOM file ({type(error).__name__})") from None
    dataset.buffer = None  # or it would hold all of this once more
    if stream.transfer_syntax:
        dataset.file_meta.TransferSyntaxUID = UID(stream.transfer_syntax)
    return dataset


def _why_not_whole(header: pydicom.FileDataset, elements: list[Element], size: int) -> str:
    try:
        rows, columns, samples, bits, frames = (int(header.get(keyword) or 1) for keyword in _EXTENT[:5])
    except Exception:  # what is nonsense there is told by who needs the number
        return ""
    if not header.get("Rows"):
        return ""
    pixels = next((one for one in elements if one.tag in PIXEL_TAGS), None)
    if pixels is None:
        spectra = any(one.tag == _SPECTROSCOPY for one in elements)
        return "" if spectra else "damaged DICOM file (it has no pixels)"
    if pixels.length == UNDEFINED:
        return "damaged DICOM file (its pixels are cut off)" if pixels.end > size else ""
    present = min(pixels.end, size) - pixels.value
    needed = (rows * columns * samples * bits * frames + 7) // 8
    if str(header.get("PhotometricInterpretation")) == "YBR_FULL_422":
        needed = needed * 2 // 3  # PS3.3 C.7.6.3.1.2
    if present < needed:
        return f"damaged DICOM file (its pixels are cut off: {present} of {needed} bytes)"
    return ""
