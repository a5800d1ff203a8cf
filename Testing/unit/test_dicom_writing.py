"""A volume written as a DICOM series and read again (CastInterfaceLib.study.dicom_writing)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from CastInterfaceLib.study.dicom_writing import SeriesUids, series_paths, write_series
from CastLib.dicom.series import read_series
from CastLib.errors import CastError

OBLIQUE = np.array([[-0.8, 0.36, 0.0, 10.0], [-0.6, -0.48, 0.0, -20.5], [0.0, 0.0, 2.5, 30.25], [0, 0, 0, 1.0]])


def write(folder: Path, array: np.ndarray, ijk_to_ras: np.ndarray = OBLIQUE) -> list[Path]:
    return write_series(folder, array, ijk_to_ras, "Häßlich", SeriesUids())


def voxels(paths: list[Path]) -> np.ndarray:
    images = [pydicom.dcmread(path) for path in paths]
    return np.array([one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in images])


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.uint8, np.int32])
def test_whole_numbers_and_their_place_come_back_exactly(tmp_path: Path, kind: type) -> None:
    array = np.arange(4 * 3 * 5).reshape(4, 3, 5).astype(kind)
    (series,) = read_series(write(tmp_path, array))
    assert (series.modality, series.description, series.warnings) == ("MR", "Häßlich", ())
    assert np.array_equal(voxels(list(series.files)), array)
    assert list(series.files) == series_paths(tmp_path, 4)
    np.testing.assert_allclose(series.spacing, (1.0, 0.6, 2.5))
    np.testing.assert_allclose(series.origin, (-10.0, 20.5, 30.25))


def test_fractions_and_large_numbers_are_scaled(tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(0, 50, (3, 4, 5))
    array[0, 0, 0] = np.nan
    back = voxels(write(tmp_path, array))
    assert np.abs(back - np.nan_to_num(array)).max() <= np.ptp(np.nan_to_num(array)) / 65535
    large = np.array([[[0, 1_000_000]]])
    np.testing.assert_allclose(voxels(write(tmp_path, large)), large, atol=16)
    flat = np.full((2, 2, 2), 7.5)
    assert np.array_equal(voxels(write(tmp_path, flat)), flat)


def test_hounsfield_units_are_ct_and_a_mirrored_volume_keeps_its_voxels(tmp_path: Path) -> None:
    array = np.full((3, 2, 2), -1000, np.int16)
    array[2] = 40
    (series,) = read_series(write(tmp_path, array, np.diag([1.0, 1.0, -3.0, 1.0])))
    assert series.modality == "CT"
    assert sorted(series.files) == series_paths(tmp_path, 3)
    assert voxels(series_paths(tmp_path, 3))[:, 0, 0].tolist() == [-1000, -1000, 40]
    positions = [pydicom.dcmread(path).ImagePositionPatient[2] for path in series_paths(tmp_path, 3)]
    assert positions == [0, -3, -6]


def test_a_segmentation_can_be_made_from_it(tmp_path: Path) -> None:
    from CastServiceProviderLib.segmentation_result import TISSUE, Code, SegmentDescription, write_segmentation

    paths = write(tmp_path, np.zeros((4, 3, 5), np.int16))
    labels = np.ones((4, 3, 5), np.uint8)
    segment = SegmentDescription(1, "All", TISSUE, Code("85756007", "SCT", "Tissue"), (255, 0, 0), "Test")
    made = write_segmentation(
        tmp_path / "seg.dcm", paths, labels, [segment], description="All", product="P", version="1"
    )
    assert pydicom.dcmread(made).Modality == "SEG"


def test_slanting_axes_and_a_folder_that_is_none_are_refused(tmp_path: Path) -> None:
    slanting = np.eye(4)
    slanting[0, 1] = 0.2
    with pytest.raises(CastError, match="right angles"):
        write(tmp_path, np.zeros((2, 2, 2), np.int16), slanting)
    with pytest.raises(CastError, match="could not be written"):
        write(tmp_path / "gone", np.zeros((2, 2, 2), np.int16))
