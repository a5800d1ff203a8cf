"""Files to series: order, geometry and what is refused (CastLib.dicom.series)."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage

from CastLib.dicom.series import read_series, scan
from CastLib.errors import CastError, FieldError

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def write_slice(path: Path, position: tuple[float, ...], number: int, **changes: Any) -> Path:
    """A slice of 4 rows and 3 columns unless ``changes`` says otherwise; None takes an attribute out."""
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = f"2.25.7{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1", "2.25.2"
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription, ds.PatientID = "MR", 3, "T1", "P1"
    ds.Rows, ds.Columns, ds.PixelSpacing = 4, 3, [2.0, 0.5]
    ds.BitsAllocated, ds.SamplesPerPixel, ds.PixelData = 8, 1, bytes(256)
    ds.ImageOrientationPatient = list(AXIAL)
    ds.ImagePositionPatient = [f"{value:.6f}" for value in position]
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def write_stack(folder: Path, heights: list[float], **changes: Any) -> list[Path]:
    return [write_slice(folder / f"{i:03d}.dcm", (0, 0, z), i, **changes) for i, z in enumerate(heights)]


def only_problem(paths: list[Path]) -> str:
    """What is wrong with the only series; read_series must refuse it in the same words."""
    (series,) = scan(paths).series
    assert series.geometry is None
    with pytest.raises(FieldError) as refused:
        read_series(paths)
    assert refused.value.reason == series.problem
    with pytest.raises(FieldError):
        _ = series.spacing
    return series.problem


def rotation(a: float, b: float, c: float) -> list[list[float]]:
    ca, sa, cb, sb, cc, sc = math.cos(a), math.sin(a), math.cos(b), math.sin(b), math.cos(c), math.sin(c)
    return [
        [ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc],
        [sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc],
        [-sb, cb * sc, cb * cc],
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    count=st.integers(2, 9),
    spacing=st.floats(0.3, 8),
    start=st.tuples(*[st.floats(-400, 400)] * 3),
    seed=st.integers(0, 10**6),
)
def test_any_orientation_and_any_names(
    tmp_path_factory: Any, angles: Any, count: int, spacing: float, start: Any, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("series")
    matrix = rotation(*angles)
    row, column, normal = ([matrix[i][j] for i in range(3)] for j in range(3))
    names = [f"{i}.dcm" for i in range(count)]
    random.Random(seed).shuffle(names)
    wanted = []
    for i, name in enumerate(names):
        position = tuple(start[k] + i * spacing * normal[k] for k in range(3))
        orientation = [f"{value:.8f}" for value in row + column]
        wanted.append(write_slice(folder / name, position, i, ImageOrientationPatient=orientation))
    (series,) = read_series([folder])
    assert list(series.files) == wanted
    assert series.spacing == pytest.approx((0.5, 2.0, spacing), abs=1e-5)
    assert series.origin == pytest.approx(start, abs=1e-5)
    assert series.direction == pytest.approx([value for line in matrix for value in line], abs=1e-6)
    assert series.volume.even and not series.warnings


def test_reversed_instance_numbers_and_names_do_not_matter(tmp_path: Path) -> None:
    write_stack(tmp_path, [5.0, 4.0, 3.0, 2.0])
    (series,) = read_series([tmp_path])
    assert [path.name for path in series.files] == ["003.dcm", "002.dcm", "001.dcm", "000.dcm"]
    assert (series.rows, series.columns, series.volume.slices) == (4, 3, 4)
    assert series.instance_uids[0] == "2.25.73"
    assert series.volume.voxel_volume == pytest.approx(1.0)


def test_sample_study_is_one_even_series() -> None:
    found = scan([SAMPLE])
    (series,) = found.series
    assert {path.name for path, _ in found.skipped} >= {"README.md", "__init__.py"}
    assert (series.columns, series.rows, series.volume.slices) == (181, 217, 181)
    assert series.origin == (-90, -91, -71) and series.spacing == (1, 1, 1)
    assert series.accession == "SAMPLE0001" and series.modality == "MR" and series.volume.even


def test_missing_slices_are_told(tmp_path: Path) -> None:
    write_stack(tmp_path, [0, 2, 4, 6, 12, 14])
    (series,) = read_series([tmp_path])
    assert series.warnings == ("2 slices are missing between the first and the last",)
    assert series.spacing[2] == 2 and not series.volume.even


def test_uneven_spacing_is_told(tmp_path: Path) -> None:
    write_stack(tmp_path, [0, 2, 4, 5.1, 7.1])
    (series,) = read_series([tmp_path])
    assert "unevenly spaced: 1.1 to 2 mm" in series.warnings[0]


def test_several_images_at_one_position_are_refused(tmp_path: Path) -> None:
    problem = only_problem(write_stack(tmp_path, [0, 0, 3, 3, 6, 6]))
    assert "3 of its 6 files" in problem and "echoes" in problem


def test_repeated_files_are_left_out(tmp_path: Path) -> None:
    paths = write_stack(tmp_path, [0, 1, 2])
    (tmp_path / "copy.dcm").write_bytes(paths[1].read_bytes())
    (series,) = read_series([tmp_path])
    assert len(series.files) == 3 and series.warnings == ()
    assert series.left_out == ((tmp_path / "copy.dcm", "a copy of 001.dcm"),)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"Rows": 5}, "3 x 5 pixels"),
        ({"PixelSpacing": [1, 1]}, "pixels of 1 x 1 mm"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "coronal"),
        ({"ImagePositionPatient": [0, 1, 3]}, "stack 2"),
        ({"ImagePositionPatient": [0, 0, 900]}, "block 2"),
    ],
)
def test_one_odd_slice_is_a_volume_of_its_own(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    paths = write_stack(tmp_path, [0, 1, 2, 4, 5])
    paths.append(write_slice(tmp_path / "odd.dcm", (0, 0, 3), 9, **changes))
    many, one = scan(paths).series
    assert (many.key, one.key, many.uid, one.uid) == ("2.25.2", "2.25.2#2", "2.25.2", "2.25.2")
    assert (len(many.files), one.files, many.part, one.part) == (5, (paths[-1],), "", part)
    assert many.geometry is not None and many.geometry.places == (0, 1, 2, 4, 5) and one.geometry is not None
    assert "its series makes 2 volumes; this one has 1 of 6 files" in one.warnings[0]
    assert [series.key for series in read_series(paths)] == ["2.25.2"]  # a stray stops nobody


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ImagePositionPatient": [0, 1]}, "ImagePositionPatient: must be 3 numbers"),
        ({"ImagePositionPatient": [0, 1, 1e300]}, "ImagePositionPatient: is more than 100 m away"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "perpendicular"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "perpendicular"),
        ({"PixelSpacing": [0, 1]}, "above 0"),
        ({"PixelSpacing": None}, "PixelSpacing: must be 2 numbers"),
        ({"Columns": None}, "Columns: must be 1 number"),
    ],
)
def test_one_file_without_a_place_is_left_out(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    paths = write_stack(tmp_path, [0, 2, 3])
    paths.append(write_slice(tmp_path / "odd.dcm", (0, 0, 1), 9, **changes))
    (series,) = read_series(paths)
    assert series.volume.places == (0, 2, 3)
    ((path, told),) = series.left_out
    assert path == paths[-1] and why in told
    assert why in only_problem(paths[-1:])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ImagePositionPatient": None}, "it is an image without a position in space (MR)"),
        ({"NumberOfFrames": 7}, "multi-frame images (7 frames in one file) are not read"),
        ({"Rows": None}, "it holds no image (MR)"),
        ({"SOPClassUID": EnhancedMRImageStorage}, "enhanced images (one file with"),
    ],
)
def test_one_file_that_is_no_slice_is_told_beside_the_others(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    paths = write_stack(tmp_path, [0, 1, 2, 3, 4])
    paths.append(write_slice(tmp_path / "odd.dcm", (0, 0, 5), 9, **changes))
    many, one = scan(paths).series
    assert many.geometry is not None and many.geometry.even and not many.warnings and not many.reason_not_shown
    assert one.geometry is None and one.files == (paths[-1],) and reason in one.reason_not_shown
    assert len(read_series(paths)) == 1


def test_a_bad_series_does_not_hide_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_stack(tmp_path / "a", [0, 1])
    write_stack(tmp_path / "b", [0, 0], SeriesInstanceUID="2.25.3", SeriesNumber=1)
    bad, good = scan([tmp_path]).series
    assert bad.problem and good.geometry


def test_objects_without_positions_are_series_without_geometry(tmp_path: Path) -> None:
    path = write_slice(
        tmp_path / "s.dcm", (0, 0, 0), 1, Modality="SEG", SOPClassUID=SegmentationStorage, NumberOfFrames=4
    )
    (series,) = read_series([path])
    assert series.modality == "SEG" and series.geometry is None and not series.problem
    with pytest.raises(FieldError, match="it is a segmentation"):
        _ = series.origin


def test_single_slice_takes_its_thickness(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "s.dcm", (0, 0, 0), 1, SliceThickness=4)
    assert read_series([path])[0].spacing == (0.5, 2.0, 4.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_no_dicom_is_counted(tmp_path: Path) -> None:
    paths = write_stack(tmp_path, [0, 1])
    whole = paths[0].read_bytes()
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "text.dcm").write_text("hello" * 100)
    (tmp_path / "cut.dcm").write_bytes(whole[:200])
    (tmp_path / "noise.dcm").write_bytes(whole[:132] + random.Random(1).randbytes(900))
    found = scan([tmp_path])
    assert len(found.series) == 1
    assert {path.name for path, _ in found.skipped} == {"text.dcm"}
    assert {path.name for path, _ in found.damaged} == {"cut.dcm", "noise.dcm", "empty.dcm"}
    with pytest.raises(FieldError, match=r"cut\.dcm: damaged"):
        read_series([tmp_path])
    (tmp_path / "cut.dcm").unlink()
    (tmp_path / "noise.dcm").unlink()
    (tmp_path / "empty.dcm").unlink()
    assert len(read_series([tmp_path])) == 1
    assert read_series([]) == []
    with pytest.raises(CastError, match="no such file"):
        read_series([tmp_path / "gone.dcm"])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_never_crash(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(write_slice(tmp_path / "s.dcm", (1, 2, 3), 1).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "s.dcm").write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    scan([tmp_path / "s.dcm"])
