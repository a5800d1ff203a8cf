"""RT structure sets: each region is drawn where its contours are, over the series that it is of, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_desk import Desk
from display_parts import BRIGHT, FRONT, LEFT, RADIUS, oblique, study_uid_of, write_phantom
from image_rows import row
from pydicom.dataset import Dataset
from structure_sets import write_structures

GROUP = "Segmentations and other results"


def read(folder: Path, target: Path, **more: Any) -> Any:
    from CastInterfaceLib.study.source_grids import source_of
    from CastInterfaceLib.study.structure_file import read_structures
    from CastLib.dicom.series import read_series

    return read_structures(write_structures(folder, target, **more), [source_of(read_series([folder])[0])])


@pytest.mark.parametrize("direction", [np.eye(3), oblique()], ids=["axial", "oblique"])
def test_the_voxels_are_those_of_the_balls(tmp_path: Path, direction: np.ndarray) -> None:
    write_phantom(tmp_path / "images", direction=direction)
    found = read(tmp_path / "images", tmp_path / "structures.dcm")
    assert [segment.label for segment in found.segments] == ["Left ball", "Front ball"] and not found.warnings
    k, j, i = np.indices(found.shape)
    ras = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ found.ijk_to_ras.T
    for segment, brightness in zip(found.segments, (LEFT, FRONT), strict=True):
        distance = np.linalg.norm(ras[..., :3] - np.array(BRIGHT[brightness]), axis=-1)
        sure = np.abs(distance - RADIUS) > 0.05  # the circles have corners
        assert ((segment.layer == segment.value) == (distance < RADIUS))[sure].all()


@row(GROUP, "An RT structure set over the series that it references", "shown", "")
def test_a_structure_set_is_shown_over_its_series(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    desk.send_files("dicom-send", [write_structures(folder, tmp_path / "structures.dcm")])
    desk.until(desk.segmentations)
    [told] = desk.segmentations()
    assert told["modality"] == "RTSTRUCT" and [one["label"] for one in told["segments"]] == ["Left ball", "Front ball"]
    ball = 4 / 3 * np.pi * RADIUS**3
    assert all(abs(one["volumeMm3"] / ball - 1) < 0.05 for one in told["segments"])
    return [item["message"] for item in desk.items("problem")]


def test_one_that_lies_beside_the_images_is_opened_with_them(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    write_structures(folder, folder / "structures.dcm")
    desk.open(uid)
    desk.until_shown(uid)
    assert len(desk.segmentations()) == 1


def only_points(data: Dataset) -> None:
    data.ROIContourSequence[0].ContourSequence[0].ContourGeometricType = "POINT"


def in_another_frame(data: Dataset) -> None:
    data.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"


def without_contours(data: Dataset) -> None:
    del data.ROIContourSequence[0].ContourSequence


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"every": 2}, "has contours on one of about 2 slices only"),
        ({"beside": 0.9}, "lie up to 0.36 of a slice beside"),
        ({"change": only_points}, "1 of the contours of Left ball are points or open lines"),
        ({"change": in_another_frame}, "Left ball is shown empty: it lies in another frame of reference"),
        ({"kind": "OPEN_PLANAR"}, "are points or open lines, which have no inside"),
    ],
)
def test_what_is_odd_is_told(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    write_phantom(tmp_path / "images")
    assert words in "; ".join(read(tmp_path / "images", tmp_path / "structures.dcm", **more).warnings)


def test_a_region_without_contours_is_a_region_without_voxels(tmp_path: Path) -> None:
    write_phantom(tmp_path / "images")
    found = read(tmp_path / "images", tmp_path / "structures.dcm", change=without_contours)
    assert [segment.voxels > 0 for segment in found.segments] == [False, True] and not found.warnings


def of_another_series(data: Dataset) -> None:
    frame = data.ReferencedFrameOfReferenceSequence[0]
    frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3.4"


def of_another_study(data: Dataset) -> None:
    data.StudyInstanceUID = "1.2.3.4"


def of_another_patient(data: Dataset) -> None:
    data.PatientID = "P2"


def damaged(data: Dataset) -> None:
    data.ROIContourSequence[0].ContourSequence[0].ContourData = ["1.0", "2.0", "3.0", "4.0"]


@pytest.mark.parametrize(
    ("change", "status"), [(of_another_series, 422), (of_another_study, 409), (of_another_patient, 409), (damaged, 422)]
)
def test_what_is_not_of_the_study_or_damaged_is_refused(
    desk: Desk, folder: Path, tmp_path: Path, change: Any, status: int
) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    id = desk.send_files("dicom-send", [write_structures(folder, tmp_path / "structures.dcm", change=change)])
    desk.until_refused(id, status)
    assert not desk.segmentations()
