"""DICOM files compressed, with gdcm, in every transfer syntax that the product reads."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import gdcm
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset

#: What gdcm writes here; those that lose something are in `LOSSY`.
ENCODED = {
    uid.JPEGBaseline8Bit: gdcm.TransferSyntax.JPEGBaselineProcess1,
    uid.JPEGExtended12Bit: gdcm.TransferSyntax.JPEGExtendedProcess2_4,
    uid.JPEGLossless: gdcm.TransferSyntax.JPEGLosslessProcess14,
    uid.JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    uid.JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
    uid.JPEGLSNearLossless: gdcm.TransferSyntax.JPEGLSNearLossless,
    uid.JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
    uid.JPEG2000: gdcm.TransferSyntax.JPEG2000,
    uid.RLELossless: gdcm.TransferSyntax.RLELossless,
}
LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000)
PLAIN = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian)


class CannotEncode(Exception):
    """This combination of syntax and pixels cannot be made."""


def encoded(data: Dataset, syntax: uid.UID) -> Dataset:
    """A copy of an uncompressed data set (little endian, explicit) in another transfer syntax."""
    if syntax in PLAIN:
        plain = copy.deepcopy(data)
        plain.file_meta.TransferSyntaxUID = syntax
        return plain
    if syntax == uid.ExplicitVRBigEndian:
        return _big_endian(data)
    with tempfile.TemporaryDirectory() as folder:
        source, target = str(Path(folder) / "a"), str(Path(folder) / "b")
        pydicom.dcmwrite(source, _image_alone(data), enforce_file_format=True)
        reader = gdcm.ImageReader()
        reader.SetFileName(source)
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(ENCODED[syntax]))
        if not reader.Read():
            raise CannotEncode
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise CannotEncode
        writer = gdcm.ImageWriter()
        writer.SetFileName(target)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.GetImage().SetLossyFlag(syntax in LOSSY)
        if not writer.Write():
            raise CannotEncode
        found = pydicom.dcmread(target)
        compressed = copy.deepcopy(data)
        compressed.file_meta.TransferSyntaxUID = syntax
        compressed["PixelData"] = found["PixelData"]
        if data.SamplesPerPixel > 1:
            # gdcm turns colours into brightness and colour differences here, and still calls them RGB.
            is_turned = syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
            compressed.PhotometricInterpretation = "YBR_FULL" if is_turned else found.PhotometricInterpretation
            compressed.PlanarConfiguration = found.PlanarConfiguration
        return compressed


_IMAGE = (
    "SamplesPerPixel PhotometricInterpretation PlanarConfiguration Rows Columns "
    "BitsAllocated BitsStored HighBit PixelRepresentation PixelData SOPInstanceUID"
).split()


def _image_alone(data: Dataset) -> Dataset:
    """The pixels as a secondary capture: what else a CT says gdcm's reader does not bear in an image of colours."""
    alone = Dataset()
    for keyword in _IMAGE:
        if keyword in data:
            alone[keyword] = copy.deepcopy(data[keyword])
    if data.SamplesPerPixel == 1:
        alone.PhotometricInterpretation = "MONOCHROME2"
    alone.SOPClassUID = uid.SecondaryCaptureImageStorage
    alone.file_meta = copy.deepcopy(data.file_meta)
    alone.file_meta.MediaStorageSOPClassUID = alone.SOPClassUID
    return alone


def _big_endian(data: Dataset) -> Dataset:
    swapped = copy.deepcopy(data)
    swapped.file_meta.TransferSyntaxUID = uid.ExplicitVRBigEndian
    for element in swapped:
        if element.VR in ("OB", "OW", "OB or OW"):
            wide = max(2 if element.VR != "OB" else 1, data.BitsAllocated // 8 if element.keyword == "PixelData" else 1)
            value = element.value
            element.value = b"".join(value[at : at + wide][::-1] for at in range(0, len(value), wide))
    return swapped
