"""Inputs made by an outsider to have something shown wrong or silently: people, names of segments, scales."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import head_phantom
import image_rows
import numpy as np
import pytest
from display_desk import Desk
from result_parts import MARKER, Head, nifti, seg

from CastInterfaceLib.study.segmentation_file import read_segmentation
from CastInterfaceLib.study.voxels import read_voxels
from CastLib.dicom.series import read_series
from CastLib.errors import CastError
from CastLib.patient import Patient


@pytest.mark.parametrize(
    "one, other, differ",
    [
        ("=山田^太郎", "=鈴木^花子", True),
        ("=山田^太郎", "=山田^太郎", False),
        ("==やまだ^たろう", "==すずき^はなこ", True),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou=山田^太朗", False),  # spellings of one name
        ("Yamada^Tarou=山田^太郎", "=鈴木^花子", True),
        ("Yamada^Tarou", "=山田^太郎", False),  # nothing to compare
    ],
)
def test_names_without_an_alphabetic_form(one: str, other: str, differ: bool) -> None:
    assert bool(Patient(name=one).contradiction(Patient(name=other))) is differ
    assert bool(Patient(name=other).contradiction(Patient(name=one))) is differ


def twin(data: Any) -> None:
    other = copy.deepcopy(data.SegmentSequence[0])
    other.SegmentLabel = "another"
    data.SegmentSequence.append(other)


@image_rows.row(
    "Segmentations and other results",
    "A SEG that gives two segments one number",
    "refused",
    "it describes several segments under one number",
)
def test_two_segments_of_one_number(tmp_path: Path) -> list[str]:
    path = seg(tmp_path / "seg.dcm", MARKER, head_phantom.series("twin"), change=twin)
    with pytest.raises(CastError) as error:
        read_segmentation(path)
    return [str(error.value)]


@image_rows.row(
    "Segmentations and other results",
    "A SEG whose frames are of a segment that it does not describe",
    "shown, with a warning",
    "it does not say what segment 7 is",
)
def test_frames_of_a_segment_that_is_not_described(tmp_path: Path) -> tuple[str, ...]:
    def renumber(data: Any) -> None:
        for group in (*data.PerFrameFunctionalGroupsSequence, *data.SharedFunctionalGroupsSequence):
            for item in group.get("SegmentIdentificationSequence", ()):
                item.ReferencedSegmentNumber = 7

    found = read_segmentation(seg(tmp_path / "seg.dcm", MARKER, head_phantom.series("seven"), change=renumber))
    assert [(one.label, one.voxels) for one in found.segments] == [("lesion", 0), ("Segment 7", int(MARKER.sum()))]
    return found.warnings


@image_rows.row(
    "Segmentations and other results",
    "A fractional SEG of which nothing reaches one half",
    "shown, with a warning",
    "lesion is shown empty, as all its fractions are below one half",
)
def test_faint_fractions(tmp_path: Path) -> tuple[str, ...]:
    slices = head_phantom.series("faint")
    strong = read_segmentation(seg(tmp_path / "strong.dcm", MARKER * 0.6, slices, kind="FRACTIONAL"))
    assert strong.segments[0].voxels == MARKER.sum() and strong.warnings == ()
    faint = read_segmentation(seg(tmp_path / "faint.dcm", MARKER * 0.4, slices, kind="FRACTIONAL"))
    assert faint.segments[0].voxels == 0
    return faint.warnings


def test_a_slice_without_scale_and_units_that_differ(tmp_path: Path) -> None:
    slices = head_phantom.series("scales")
    del slices[13].RescaleSlope, slices[13].RescaleIntercept
    slices[5].RescaleType = "US"
    head_phantom.save(tmp_path, slices)
    voxels = read_voxels(read_series(sorted(tmp_path.glob("*.dcm")))[0])
    assert np.array_equal(voxels.array[13], head_phantom.head()[13] + 1024)
    assert any("1 of its 24 slices does not say how stored values are scaled" in told for told in voxels.warnings)
    assert any("in different units (HU, US)" in told for told in voxels.warnings)


@image_rows.row(
    "Segmentations and other results",
    "A label map whose marks are all negative, infinite or no numbers",
    "refused",
    "all that it marks is negative or no number",
)
def test_marks_that_are_no_labels_are_not_called_nothing_found(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    head, told = Head(desk, folder), []
    for number, mark in enumerate((np.nan, np.inf, -1.0)):
        path = nifti(tmp_path / f"mask{number}.nii.gz", np.where(MARKER > 0, mark, 0).astype(np.float32))
        outcome = head.send(path)
        assert outcome.names == [] and not outcome.item
        told.append(outcome.refused)
    return told


@image_rows.row(
    "Segmentations and other results",
    "A SEG with two frames of a segment at one place",
    "shown, with a warning",
    "1 of its frames lies at the place of another one of the same segment",
)
def test_two_frames_of_a_segment_at_one_place(tmp_path: Path) -> tuple[str, ...]:
    def move(data: Any) -> None:
        first, second = (data.PerFrameFunctionalGroupsSequence[n].PlanePositionSequence[0] for n in (0, 1))
        first.ImagePositionPatient = list(second.ImagePositionPatient)

    return read_segmentation(seg(tmp_path / "seg.dcm", MARKER, head_phantom.series("onto"), change=move)).warnings
