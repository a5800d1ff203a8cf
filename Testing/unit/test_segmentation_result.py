"""Labels to DICOM SEG and back, voxel for voxel (CastServiceProviderLib.segmentation_result)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest

from CastLib.dicom.series import read_series
from CastLib.errors import FieldError
from CastServiceProviderLib.findings import NOTHING_FOUND, empty_segments
from CastServiceProviderLib.segmentation_result import (
    BODY_SUBSTANCE,
    CLUSTER_ANALYSIS,
    TISSUE,
    Code,
    SegmentDescription,
    volumes_ml,
    write_segmentation,
)

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy" / "DICOM"
BRAIN = Code("12738006", "SCT", "Brain")
SEGMENTS = [
    SegmentDescription(
        1, "Fluid", BODY_SUBSTANCE, Code("65216001", "SCT", "Cerebrospinal Fluid"), (85, 188, 255), "test"
    ),
    SegmentDescription(
        2,
        "White",
        TISSUE,
        Code("389080008", "SCT", "White Matter"),
        (250, 10, 20),
        "test",
        "7",
        CLUSTER_ANALYSIS,
        BRAIN,
    ),
]
NAMES = {"description": "Test result", "product": "TEST", "version": "1.2"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Nine slices of the sample, turned to an oblique orientation, 2.5 mm apart, and named in the wrong order."""
    folder = tmp_path_factory.mktemp("source")
    row, column = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.0, -1.0])
    normal = np.cross(row, column)
    paths = []
    for index in range(9):
        ds = pydicom.dcmread(SAMPLE / f"brain-{60 + index:03d}.dcm")
        ds.ImageOrientationPatient = [*row, *column]
        ds.ImagePositionPatient = [f"{value:.6f}" for value in np.array([10, -20, 30]) + index * 2.5 * normal]
        ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [0.9, 1.1], 2.5, 2.5
        paths.append(folder / f"{(index * 4) % 9}.dcm")
        ds.save_as(paths[-1])
    return paths


@pytest.fixture
def labels() -> np.ndarray:
    """Different on every axis, so that any flip or swap shows."""
    array = np.zeros((9, 217, 181), np.uint8)
    array[2:5, 20:60, 100:150] = 1
    array[4:8, 50:190, 30:70] = 2
    array[0, 5, 7] = 1
    return array


def read_back(path: Path, sources: list[Path]) -> np.ndarray:
    seg = hd.seg.segread(path)
    return seg.get_pixels_by_source_instance(
        [pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in read_series(sources)[0].files],
        combine_segments=True,
        ignore_spatial_locations=False,
        assert_missing_frames_are_empty=True,
    )


def test_comes_back_voxel_for_voxel(tmp_path: Path, sources: list[Path], labels: np.ndarray) -> None:
    path = write_segmentation(tmp_path / "seg.dcm", sources, labels, SEGMENTS, **NAMES)
    back = read_back(path, sources)
    assert np.array_equal(back, labels)
    for axis in range(3):
        flipped = write_segmentation(tmp_path / f"{axis}.dcm", sources, np.flip(labels, axis), SEGMENTS, **NAMES)
        assert not np.array_equal(read_back(flipped, sources), labels)


def test_frames_lie_where_their_slices_lie(tmp_path: Path, sources: list[Path], labels: np.ndarray) -> None:
    """By position in space, not by reference: another reader's way to the same voxels."""
    path = write_segmentation(tmp_path / "seg.dcm", sources, labels, SEGMENTS, **NAMES)
    volume = hd.seg.segread(path).get_volume(combine_segments=True)
    geometry = read_series(sources)[0].volume
    direction = np.array(geometry.direction).reshape(3, 3)
    index = np.argwhere(volume.array == 1)[5]
    x, y, z = (np.linalg.inv(direction) @ ((volume.affine @ [*index, 1])[:3] - geometry.origin)) / geometry.spacing
    assert labels[round(z), round(y), round(x)] == 1
    assert (volume.array == 1).sum() == (labels == 1).sum()


@pytest.mark.parametrize("told", [0.5, -2.5, None])
def test_distances_are_those_of_the_positions_whatever_the_sources_tell(
    tmp_path: Path, sources: list[Path], labels: np.ndarray, told: float | None
) -> None:
    odd = []
    for path in sources:
        ds = pydicom.dcmread(path)
        ds.SpacingBetweenSlices = told
        odd.append(tmp_path / path.name)
        ds.save_as(odd[-1])
    seg = hd.seg.segread(write_segmentation(tmp_path / "seg.dcm", odd, labels, SEGMENTS, **NAMES))
    geometry = seg.get_volume_geometry(allow_missing_positions=True)
    assert geometry.spacing == pytest.approx((2.5, 0.9, 1.1))


def test_says_what_and_from_what(tmp_path: Path, sources: list[Path], labels: np.ndarray) -> None:
    seg = hd.seg.segread(write_segmentation(tmp_path / "seg.dcm", reversed(sources), labels, SEGMENTS, **NAMES))
    source = pydicom.dcmread(sources[0])
    assert seg.SegmentationType == "BINARY" and seg.Modality == "SEG" and seg.SeriesDescription == "Test result"
    assert (seg.ManufacturerModelName, seg.SoftwareVersions) == ("TEST", "1.2")
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName", "AccessionNumber"):
        assert seg[keyword].value == source[keyword].value
    (reference,) = seg.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == source.SeriesInstanceUID
    referenced = {item.ReferencedSOPInstanceUID for item in reference.ReferencedInstanceSequence}
    assert referenced == {pydicom.dcmread(path).SOPInstanceUID for path in sources}
    first, second = seg.SegmentSequence
    assert (first.SegmentNumber, first.SegmentLabel) == (1, "Fluid")
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "91720002"
    assert second.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "White Matter"
    assert second.AnatomicRegionSequence[0].CodeValue == "12738006"
    assert second.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "7"
    for item, segment in zip((first, second), SEGMENTS, strict=True):
        color = hd.color.CIELabColor.from_dicom_value(list(item.RecommendedDisplayCIELabValue)).to_rgb()
        assert color == pytest.approx(segment.color, abs=1)


def test_volumes(sources: list[Path], labels: np.ndarray) -> None:
    geometry = read_series(sources)[0].volume
    voxel = 0.9 * 1.1 * 2.5 / 1000
    wanted = {1: ((labels == 1).sum() * voxel), 2: ((labels == 2).sum() * voxel)}
    assert volumes_ml(labels, SEGMENTS, geometry) == pytest.approx(wanted)


def test_sources_without_type_2_attributes(tmp_path: Path, sources: list[Path], labels: np.ndarray) -> None:
    bare = []
    for path in sources:
        ds = pydicom.dcmread(path)
        for keyword in ("PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID", "AccessionNumber"):
            delattr(ds, keyword)
        bare.append(tmp_path / path.name)
        ds.save_as(bare[-1])
    write_segmentation(tmp_path / "seg.dcm", bare, labels, SEGMENTS, **NAMES)


@pytest.mark.parametrize(
    "form",
    [
        lambda labels: labels.astype(np.int64),
        lambda labels: labels.astype(np.uint64),
        lambda labels: labels.astype(">i2"),
        lambda labels: np.asfortranarray(labels),
        lambda labels: np.repeat(labels, 2, axis=2)[:, :, ::2],
        lambda labels: np.ascontiguousarray(labels[::-1])[::-1],
        lambda labels: np.ma.masked_array(labels),
    ],
)
def test_whole_numbers_of_any_kind_and_order_in_memory(
    tmp_path: Path, sources: list[Path], labels: np.ndarray, form: Any
) -> None:
    path = write_segmentation(tmp_path / "seg.dcm", sources, form(labels), SEGMENTS, **NAMES)
    assert np.array_equal(read_back(path, sources), labels)
    geometry = read_series(sources)[0].volume
    assert volumes_ml(form(labels), SEGMENTS, geometry) == volumes_ml(labels, SEGMENTS, geometry)


def test_an_empty_segment_is_a_finding_beside_the_others(
    tmp_path: Path, sources: list[Path], labels: np.ndarray
) -> None:
    """A segmenter of many organs looks for all of them in each image; what is outside the image is not there."""
    labels[labels == 2] = 0
    path = write_segmentation(tmp_path / "seg.dcm", sources, labels, SEGMENTS, **NAMES)
    assert np.array_equal(read_back(path, sources), labels)
    fluid, white = hd.seg.segread(path).SegmentSequence
    assert "SegmentDescription" not in fluid and white.SegmentDescription == NOTHING_FOUND
    assert empty_segments(path) == ["White"]
    frames = pydicom.dcmread(path).PerFrameFunctionalGroupsSequence
    assert {frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber for frame in frames} == {1}


def test_where_nothing_at_all_is_found_the_file_says_so(
    tmp_path: Path, sources: list[Path], labels: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_segmentation(tmp_path / "seg.dcm", sources, np.zeros_like(labels), SEGMENTS, **NAMES)
    assert not read_back(path, sources).any()
    assert empty_segments(path) == ["Fluid", "White"]
    assert not caplog.records
    assert empty_segments(sources[0]) == []


def change(labels: np.ndarray, what: str) -> Any:
    if what == "unknown":
        labels[0, 0, 0] = 3
    elif what == "negative":
        labels = labels.astype(np.int16)
        labels[0, 0, 0] = -1
    changed = {
        "swapped": labels.transpose(2, 1, 0),
        "float": labels.astype(float),
        "short": labels[1:],
        "one slice": labels[0],
        "mask": labels > 0,
        "list": labels.tolist(),
        "text": labels.astype(str),
        "complex": labels.astype(complex),
    }
    return changed.get(what, labels)


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("unknown", "holds 3, which no segment describes"),
        ("negative", "holds -1"),
        ("swapped", "must have the shape (9, 217, 181)"),
        ("swapped", "write labels.transpose(2, 1, 0)"),
        ("short", "not (8, 217, 181)"),
        ("one slice", "not (217, 181)"),
        ("float", "whole numbers, not float64: write labels.astype(numpy.uint8)"),
        ("mask", "is a mask of true and false: write mask.astype(numpy.uint8)"),
        ("list", "must be a numpy array, not list"),
        ("text", "whole numbers"),
        ("complex", "whole numbers"),
    ],
)
def test_wrong_labels_are_refused(
    tmp_path: Path, sources: list[Path], labels: np.ndarray, what: str, word: str
) -> None:
    with pytest.raises(FieldError) as refused:
        write_segmentation(tmp_path / "seg.dcm", sources, change(labels, what), SEGMENTS, **NAMES)
    assert word in str(refused.value)
    assert not (tmp_path / "seg.dcm").exists()


def test_wrong_segments_and_sources_are_refused(tmp_path: Path, sources: list[Path], labels: np.ndarray) -> None:
    def error(sources: list[Path], segments: list[SegmentDescription]) -> str:
        with pytest.raises(FieldError) as refused:
            write_segmentation(tmp_path / "seg.dcm", sources, labels, segments, **NAMES)
        return str(refused.value)

    assert "numbered 1, 2, 3" in error(sources, SEGMENTS[::-1])
    assert "is empty" in error(sources, [])
    bad = SegmentDescription(2, "x" * 65, TISSUE, BRAIN, (0, 0, 0), "test")
    assert "1 to 64 characters" in error(sources, [SEGMENTS[0], bad])
    bad = SegmentDescription(2, "a\\b", TISSUE, BRAIN, (0, 0, 0), "test")
    assert "segments[2].label" in error(sources, [SEGMENTS[0], bad])
    bad = SegmentDescription(2, "x", TISSUE, BRAIN, (0, 0, 0), "")
    assert "segments[2].algorithm: " in error(sources, [SEGMENTS[0], bad])
    bad = SegmentDescription(2, "x", TISSUE, BRAIN, (0, 0, 256), "test")
    assert "0 to 255" in error(sources, [SEGMENTS[0], bad])
    assert "one series, not of 0" in error([], SEGMENTS)
    assert "missing" in error(sources[:3] + sources[4:], SEGMENTS)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"color": (0.5, 0.2, 0.1)}, "color: must be three whole numbers from 0 to 255"),
        ({"color": None}, "color: must be three"),
        ({"label": None}, "segments[1].label: must have 1 to 64 characters"),
        ({"type": "Liver"}, 'type: must be a Code, as Code("10200004", "SCT", "Liver"), not str'),
        ({"category": None}, "category: must be a Code"),
        ({"type": Code("1", "SCT", "x" * 65)}, "Code.meaning: must be a text of 1 to 64 characters"),
        ({"type": Code("1" * 17, "SCT", "x")}, "Code.value: must be a text of 1 to 16"),
        ({"type": Code("1", "", "x")}, "Code.scheme"),
    ],
)
def test_slips_in_a_description_are_sentences(
    tmp_path: Path, sources: list[Path], labels: np.ndarray, changed: dict[str, Any], word: str
) -> None:
    segments = [replace(SEGMENTS[0], **changed), SEGMENTS[1]]
    with pytest.raises(FieldError) as refused:
        write_segmentation(tmp_path / "seg.dcm", sources, labels, segments, **NAMES)
    assert word in str(refused.value)


def test_slips_in_a_call_are_sentences(tmp_path: Path, sources: list[Path], labels: np.ndarray) -> None:
    def error(*, files: Any = sources, segments: Any = SEGMENTS, **names: Any) -> str:
        with pytest.raises(FieldError) as refused:
            write_segmentation(tmp_path / "seg.dcm", files, labels, segments, **{**NAMES, **names})
        return str(refused.value)

    assert "must be a list of SegmentDescription" in error(segments=SEGMENTS[0])
    assert "must be a list of SegmentDescription" in error(segments=dict(enumerate(SEGMENTS, 1)))
    assert "must be a list of files: write ['x.dcm']" in error(files="x.dcm")
    assert "description: must be text, not NoneType" in error(description=None)
    assert "version: must be text, not int" in error(version=1)
