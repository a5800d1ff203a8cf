"""Headers with values that are none, and series that are no volume (CastLib.dicom.headers, CastLib.dicom.volumes)."""

from __future__ import annotations

from pathlib import Path

import head_phantom
import pydicom
import pytest
from pydicom.sequence import Sequence
from pydicom.uid import SegmentationStorage
from series_piles import COUNT, found, stack

from CastLib.dicom.series import scan


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("SliceThickness", b"NONE"),
        ("RescaleSlope", b"NONE"),
        ("SeriesNumber", b"A1"),
        ("InstanceNumber", b"1.5"),
        ("SpacingBetweenSlices", b"nan "),
        ("SpacingBetweenSlices", b"1e99"),
        ("AcquisitionNumber", b"9" * 30),
        ("PatientBirthDate", b"yesterday "),
        ("SeriesInstanceUID", b"1.2.3.4\0\0"),
        ("SeriesInstanceUID", b"1.2.3.4 "),
        ("Modality", b""),
        ("Modality", b"CT\\MR "),
        ("EchoTime", b"short "),
        ("SpecificCharacterSet", b"KLINGON "),
    ],
)
def test_a_value_that_is_nonsense_costs_only_itself(tmp_path: Path, tag: str, value: bytes) -> None:
    pile = stack("nonsense")
    odd = pile if tag == "SeriesInstanceUID" else pile[:1]
    for one in odd:
        vr = pydicom.datadict.dictionary_VR(tag)
        number = pydicom.datadict.tag_for_keyword(tag)
        assert number is not None
        one[number] = pydicom.dataelem.RawDataElement(
            pydicom.tag.BaseTag(number), vr, len(value), value, 0, False, True
        )
    head_phantom.save(tmp_path, pile)
    (series,) = scan([tmp_path]).series
    assert series.volume.even and series.volume.slices == COUNT and not series.left_out
    assert series.uid == series.uid.strip(" \0")


def test_directions_that_are_not_of_length_1(tmp_path: Path) -> None:
    (series,) = found(tmp_path, stack("long", orientation=(2, 0, 0, 0, 2.5, 0)))
    assert series.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1) and series.volume.even


def test_every_series_that_is_no_volume_says_why(tmp_path: Path) -> None:
    kinds = {
        "CR": "it is an image without a position in space (CR)",
        "SR": "it holds no image (SR)",
        "SEG": "it is a segmentation",
        "OT": "it is a screen capture or other picture without a position in space (OT)",
        "MR": "multi-frame images (12 frames in 2 files) are not read",
    }
    for modality in kinds:
        for one in stack("why", modality=modality, series=modality)[:2]:
            if modality in ("CR", "OT"):
                del one.ImagePositionPatient
            if modality == "OT":
                one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
            if modality == "SEG":
                one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = SegmentationStorage
            if modality == "SR":
                del one.Rows, one.PixelData
                one.ContentSequence = Sequence()
            if modality == "MR":
                one.NumberOfFrames, one.PixelData = 6, one.PixelData * 6
            head_phantom.save(tmp_path / modality / str(one.InstanceNumber), [one])
    head_phantom.save(tmp_path / "good", stack("why", series="good"))
    pile = scan([tmp_path])
    assert {one.modality: one.reason_not_shown for one in pile.series} == {**kinds, "CT": ""}
    assert not pile.damaged and not pile.skipped
