"""A volume that came from no DICOM files as a DICOM series, for software that takes nothing else.

A trial of a service uses it: NRRD would not do, as services read DICOM, and a SEG that one writes needs the headers of
its source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from CastInterfaceLib.study.grids import LPS_TO_RAS
from CastLib.errors import CastError
from CastLib.version import __version__

CT_CLASS, MR_CLASS = UID("1.2.840.10008.5.1.4.1.1.2"), UID("1.2.840.10008.5.1.4.1.1.4")  # PS3.4 B.5

# Only Hounsfield units have values like air's -1000 as a matter of course.
HOUNSFIELD = -200

_SHEARED = 1e-3  # how far from a right angle the axes may be (cosine)
# What is known of a patient here is nothing; the attributes have to be there (type 2).
_UNKNOWN = (
    "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
    "Manufacturer", "PositionReferenceIndicator", "PatientPosition", "Laterality",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeriesUids:
    """The UIDs of a series that is written; new ones by default."""

    study: str = field(default_factory=generate_uid)
    series: str = field(default_factory=generate_uid)
    frame_of_reference: str = field(default_factory=generate_uid)


def series_paths(folder: Path, slices: int) -> list[Path]:
    """The files that `write_series` writes into a folder."""
    return [folder / f"image-{number:04d}.dcm" for number in range(1, slices + 1)]


def write_series(
    folder: Path, array: np.ndarray, ijk_to_ras: np.ndarray, description: str, uids: SeriesUids
) -> list[Path]:
    """Write a volume as one file a slice; on any thread.

    It is CT when it has values below `HOUNSFIELD`, else MR. Whole numbers of 16 bits are kept as they are, others are
    scaled to 16 bits.

    Args:
        folder: an existing folder.
        array: the voxels, (slices, rows, columns).
        ijk_to_ras: 4x4, voxel (column, row, slice) to RAS in mm.
        description: becomes the SeriesDescription.

    Returns:
        the files, see `series_paths`.

    Raises:
        CastError: its axes are not at right angles, or a file cannot be written.
    """
    affine = LPS_TO_RAS @ ijk_to_ras
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / np.where(spacing > 0, spacing, 1.0)
    if not (spacing > 0).all() or np.abs(axes.T @ axes - np.eye(3)).max() > _SHEARED:
        raise CastError(f"{description} cannot be written as DICOM: its axes are not at right angles.")
    stored, slope, intercept = _stored(array)
    low = float(array.min())
    paths = series_paths(folder, len(array))
    for index, path in enumerate(paths):
        image = _image(description, low < HOUNSFIELD, uids, index)
        image.ImagePositionPatient = _decimals(affine[:3, 3] + index * affine[:3, 2])
        image.ImageOrientationPatient = _decimals(np.concatenate([axes[:, 0], axes[:, 1]]))
        image.PixelSpacing = _decimals((spacing[1], spacing[0]))
        image.SliceThickness, image.SpacingBetweenSlices = _decimals((spacing[2], spacing[2]))
        image.RescaleSlope, image.RescaleIntercept = _decimals((slope, intercept))
        _set_pixels(image, stored[index])
        try:
            image.save_as(path, enforce_file_format=True)
        except OSError as error:
            raise CastError(f"{path.name} could not be written: {error.strerror or error}") from None
    return paths


def _stored(array: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The voxels in 16 bits, with slope and intercept of the way back."""
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        for kind in (np.int16, np.uint16):
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                return array.astype(kind), 1.0, 0.0
    values = np.nan_to_num(array.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    darkest = float(values.min())
    slope = (float(values.max()) - darkest) / 65535 or 1.0
    return np.rint((values - darkest) / slope).astype(np.uint16), slope, darkest


def _image(description: str, is_ct: bool, uids: SeriesUids, index: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CT_CLASS if is_ct else MR_CLASS
    meta.MediaStorageSOPInstanceUID = generate_uid()
    image = FileDataset("", pydicom.Dataset(), file_meta=meta, preamble=bytes(128))
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = uids.study, uids.series
    image.FrameOfReferenceUID = uids.frame_of_reference
    image.PatientID, image.PatientName = "TRIAL", "Trial^"
    for keyword in _UNKNOWN:
        setattr(image, keyword, "")
    image.Modality = "CT" if is_ct else "MR"
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if is_ct else "OTHER"]
    image.SeriesDescription = description[:64]
    image.SeriesNumber, image.InstanceNumber = 1, index + 1
    image.ManufacturerModelName, image.SoftwareVersions = "Cast Interface for 3D Slicer", __version__
    if is_ct:
        image.RescaleType = "HU"
        image.KVP = image.AcquisitionNumber = ""
    else:
        image.ScanningSequence, image.SequenceVariant, image.MRAcquisitionType = "RM", "NONE", "3D"
        image.ScanOptions = image.EchoTime = image.EchoTrainLength = image.RepetitionTime = ""
    return image


def _set_pixels(image: FileDataset, pixels: np.ndarray) -> None:
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = int(pixels.dtype.kind == "i")
    image.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def _decimals(values: np.ndarray | tuple[float, ...]) -> list[pydicom.valuerep.DSfloat]:
    """Decimal strings of at most 16 characters (PS3.5 6.2, DS)."""
    return [pydicom.valuerep.DSfloat(float(value), auto_format=True) for value in values]
