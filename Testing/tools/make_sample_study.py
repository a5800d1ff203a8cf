"""Make Resources/SampleStudy/DICOM: one person's brain (Colin 27) as a DICOM MR series.

    apt-get download mricron-data && dpkg -x mricron-data_*.deb mricron
    python Testing/tools/make_sample_study.py mricron/usr/share/mricron/templates [FOLDER]

Debian's mricron-data carries the head as an 8-bit NIfTI file of 181 x 217 x 181 voxels of 1 mm (ch2.nii.gz), and the
same with the skull taken off (ch2bet.nii.gz), whose ragged edge is smoothed here. Nothing depends on the clock or on
chance: the same files give the same bytes (pydicom 3). Needs numpy, pydicom and SimpleITK.

The MNI152 template that other packages carry would not do: the usual one is its own mirror image, so that no test could
tell left from right.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, RLELossless

SOURCES = {
    "ch2.nii.gz": "a009051127f64dc3dd554d5f5b589870ea72106d9642c21b4e7093e478cfc309",
    "ch2bet.nii.gz": "592a2d20abdf36eefcb540ca8958428040edffc1bc1a18ba1dcfbabac77c5dd1",
}
DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy" / "DICOM"


def fixed_uid(name: str) -> str:
    """A UID under 2.25 (PS3.5 B.2) that depends on the name only."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, 'cast-sample-study/' + name).int}"


def read_source(folder: Path, name: str) -> sitk.Image:
    path = folder / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SOURCES[name]:
        raise SystemExit(f"{path} is not the file the sample was made from (its SHA-256 is {digest})")
    return sitk.ReadImage(str(path))


def brain_mask(stripped: sitk.Image) -> sitk.Image:
    """The brain with a rim of about 2 mm for the fluid around it: no streaks of the stripping, no holes."""
    mask = sitk.BinaryMorphologicalOpening(stripped > 0, (2, 2, 2))
    mask = sitk.RelabelComponent(sitk.ConnectedComponent(mask)) == 1
    # Padded, since closing and filling must not stick to the volume's border.
    mask = sitk.ConstantPad(mask, (12, 12, 12), (12, 12, 12), 0)
    mask = sitk.BinaryDilate(sitk.BinaryErode(sitk.BinaryDilate(mask, (8, 8, 8)), (8, 8, 8)), (2, 2, 2))
    mask = sitk.BinaryFillhole(mask)
    return sitk.Crop(mask, (12, 12, 12), (12, 12, 12))


def read_brain(folder: Path) -> sitk.Image:
    """The brain, zero elsewhere, on the axes DICOM's axial slices have: columns to the left, rows to the back.

    SimpleITK speaks LPS as DICOM does, whatever the file spoke.
    """
    head = read_source(folder, "ch2.nii.gz")
    mask = brain_mask(read_source(folder, "ch2bet.nii.gz"))
    return sitk.DICOMOrient(sitk.Mask(head, mask), "LPS")


def make_slice(pixels: np.ndarray, index: int, origin: np.ndarray) -> Dataset:
    """One MR Image Storage instance (PS3.3 A.4) with every type 1 and 2 attribute of its mandatory modules."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = fixed_uid(f"instance/{index}")
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = "19980301"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = "120000"
    ds.AccessionNumber = "SAMPLE0001"
    ds.Modality = "MR"
    ds.Manufacturer = "Montreal Neurological Institute"
    ds.ManufacturerModelName = "Colin 27 average"
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = "Sample brain (Colin 27)"
    ds.SeriesDescription = "T1 1 mm axial, brain only"
    ds.DerivationDescription = "Average of 27 registered T1 scans of one person, 8-bit, skull removed"

    ds.PatientName = "SAMPLE^BRAIN"
    ds.PatientID = "SAMPLE-BRAIN"
    ds.PatientBirthDate = ""
    ds.PatientSex = "M"
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "Identity replaced, head outside the brain removed"

    ds.BodyPartExamined = "BRAIN"
    ds.ScanningSequence = "RM"
    ds.SequenceVariant = "NONE"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "3D"
    ds.SliceThickness = "1"
    ds.SpacingBetweenSlices = "1"
    ds.RepetitionTime = ""
    ds.EchoTime = ""
    ds.EchoTrainLength = ""
    ds.PatientPosition = "HFS"

    ds.StudyInstanceUID = fixed_uid("study")
    ds.SeriesInstanceUID = fixed_uid("series")
    ds.StudyID = "1"
    ds.SeriesNumber = "1"
    ds.AcquisitionNumber = "1"
    ds.InstanceNumber = str(index + 1)
    ds.ImagePositionPatient = [f"{origin[0]:g}", f"{origin[1]:g}", f"{origin[2] + index:g}"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.FrameOfReferenceUID = fixed_uid("frame of reference")
    ds.PositionReferenceIndicator = ""

    # Bits Allocated of an MR image is 16 (PS3.3 C.8.3.1.1.4). RLE packs the empty high bytes away.
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.PixelSpacing = ["1", "1"]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.WindowCenter, ds.WindowWidth = "65", "130"
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"

    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = fixed_uid("implementation")
    ds.file_meta.ImplementationVersionName = "CAST_SAMPLE"
    ds.compress(RLELossless, pixels.astype("<u2"), encoding_plugin="pydicom", generate_instance_uid=False)
    return ds


def main(arguments: list[str]) -> None:
    if not 1 <= len(arguments) <= 2:
        raise SystemExit(__doc__)
    folder = Path(arguments[1]) if len(arguments) == 2 else DEFAULT_FOLDER
    brain = read_brain(Path(arguments[0]))
    if brain.GetDirection() != tuple(np.eye(3).ravel()) or brain.GetSpacing() != (1.0, 1.0, 1.0):
        raise SystemExit("the head is expected on the axes, 1 mm each way")
    folder.mkdir(parents=True, exist_ok=True)
    size = 0
    for index, pixels in enumerate(sitk.GetArrayFromImage(brain)):
        path = folder / f"brain-{index + 1:03d}.dcm"
        make_slice(pixels, index, np.array(brain.GetOrigin())).save_as(path, enforce_file_format=True)
        size += path.stat().st_size
    print(f"{brain.GetDepth()} slices, {size / 1e6:.2f} MB in {folder}; first voxel at {brain.GetOrigin()}")


if __name__ == "__main__":
    main(sys.argv[1:])
