"""Real views of a phantom: every side where a radiologist expects it, whatever the acquisition and the file names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pydicom.data
import pytest
from display_parts import (
    ABOVE,
    FRONT,
    LEFT,
    OFFSET,
    SIGHTS,
    check_sides,
    color_at,
    decode,
    oblique,
    phantom_value,
    write_phantom,
)
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLSLossless, RLELossless
from view_parts import ORIENTATIONS, array_of, matrix_of, show, straighten, viewports

from CastInterfaceLib.study.voxels import read_voxels
from CastLib.dicom.series import read_series

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_side_is_where_it_belongs(host: EngineViewer, tmp_path: Path, orientation: str) -> None:
    write_phantom(tmp_path, direction=ORIENTATIONS[orientation])
    show(host, read_series([tmp_path])[0])
    straighten(host)
    seen = viewports(host)
    for plane in SIGHTS:
        view = seen[plane]
        assert view["fieldOfView"][0] == pytest.approx(view["fieldOfView"][1])
        check_sides(decode(view["picture"]), plane, view["fieldOfView"][0], view["window"], view["level"])


def test_slices_follow_an_oblique_acquisition(host: EngineViewer, tmp_path: Path) -> None:
    write_phantom(tmp_path, direction=oblique())
    show(host, read_series([tmp_path])[0])
    seen = viewports(host)
    axes = oblique().T * [-1, -1, 1]  # the volume's own, in RAS
    for plane, right, up in (("Axial", 0, 1), ("Coronal", 0, 2), ("Sagittal", 1, 2)):
        matrix = np.reshape(seen[plane]["sliceToRAS"], (4, 4))
        looks = {0: [-1, 0, 0], 1: [0, 1, 0], 2: [0, 0, 1]}  # left to the right, front and head upward
        for column, axis, patient in ((0, right, looks[right]), (1, up, looks[up])):
            direction = matrix[:3, column]
            assert abs(direction @ axes[axis]) == pytest.approx(1, abs=1e-4)
            sign = -1 if plane == "Sagittal" and column == 0 else 1  # the face looks to the left of the picture
            assert direction @ patient * sign > 0.7
    write_phantom(tmp_path / "straight")
    show(host, read_series([tmp_path / "straight"])[0])
    assert np.allclose(np.reshape(viewports(host)["Axial"]["sliceToRAS"], (4, 4))[:3, :3], np.diag([-1, 1, 1]))


def test_a_mirrored_picture_fails_the_check(host: EngineViewer, tmp_path: Path) -> None:
    write_phantom(tmp_path)
    show(host, read_series([tmp_path])[0])
    for plane, view in viewports(host).items():
        if plane in SIGHTS:
            pixels = decode(view["picture"])
            for wrong in (pixels[:, ::-1], pixels[::-1], pixels.transpose(1, 0, 2), np.zeros_like(pixels)):
                with pytest.raises(AssertionError):
                    check_sides(wrong, plane, view["fieldOfView"][0], view["window"], view["level"])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_geometry_and_voxels_are_exactly_those_of_the_files(
    host: EngineViewer, tmp_path: Path, orientation: str
) -> None:
    files = write_phantom(tmp_path, direction=ORIENTATIONS[orientation], spacing=(1.5, 2.25, 3.0))
    series = read_series([tmp_path])[0]
    volume, _, _ = show(host, series)
    headers = [pydicom.dcmread(file) for file in files]
    matrix = matrix_of(volume)
    array = array_of(volume)
    placed = {}
    for number in range(array.shape[0]):
        corner = (matrix @ [0, 0, number, 1])[:3] * [-1, -1, 1]
        placed[tuple(np.round(corner, 3))] = array[number]
    for header in headers:
        row, column = (np.array(header.ImageOrientationPatient[i : i + 3], float) for i in (0, 3))
        position = tuple(np.round(np.array(header.ImagePositionPatient, float), 3))
        assert np.array_equal(placed[position], header.pixel_array)
        assert np.allclose(matrix[:3, 0] * [-1, -1, 1], row * header.PixelSpacing[1])
        assert np.allclose(matrix[:3, 1] * [-1, -1, 1], column * header.PixelSpacing[0])


def test_missing_slices_leave_a_gap(host: EngineViewer, tmp_path: Path) -> None:
    write_phantom(tmp_path, leave_out=(17, 18, 30))
    series = read_series([tmp_path])[0]
    _, voxels, _ = show(host, series)
    assert voxels.array.shape[0] == 50
    assert not voxels.array[[17, 18, 30]].any()
    assert any("3 slices are missing" in warning for warning in voxels.warnings)
    view = viewports(host)["Coronal"]
    check_sides(decode(view["picture"]), "Coronal", view["fieldOfView"][0], view["window"], view["level"])


@pytest.mark.parametrize("syntax", [RLELossless, DeflatedExplicitVRLittleEndian, JPEGLSLossless])
def test_compressed_files_are_decoded(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    files = write_phantom(tmp_path, counts=(40, 40, 5))
    plain = read_voxels(read_series([tmp_path])[0])
    for file in files:
        data = pydicom.dcmread(file)
        if syntax == DeflatedExplicitVRLittleEndian:
            data.file_meta.TransferSyntaxUID = syntax
        else:
            data.compress(syntax, generate_instance_uid=False)
        data.save_as(file)
    assert np.array_equal(read_voxels(read_series([tmp_path])[0]).array, plain.array)


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_lossless_files_of_others_are_decoded(name: str) -> None:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    (plain,), (packed,) = (read_series([folder / file]) for file in ("MR_small.dcm", name))
    assert np.array_equal(read_voxels(packed).array, read_voxels(plain).array)


def test_inverted_brightness_and_the_files_window(host: EngineViewer, tmp_path: Path) -> None:
    write_phantom(
        tmp_path, PhotometricInterpretation="MONOCHROME1", WindowWidth=[1200, 50], WindowCenter=[500, 25], BitsStored=16
    )
    show(host, read_series([tmp_path])[0])
    view = viewports(host)["Axial"]
    assert (view["window"], view["level"]) == (1200, 500)
    pixels = decode(view["picture"])
    assert color_at(pixels, (OFFSET, 0.0), view["fieldOfView"][0]).mean() < 30  # bright is dark
    assert color_at(pixels, (-OFFSET, 0.0), view["fieldOfView"][0]).mean() > 180


def test_the_empty_view_and_the_look_of_3d(host: EngineViewer, tmp_path: Path) -> None:
    for plane, view in viewports(host).items():
        pixels = decode(view["picture"])
        if plane in SIGHTS:
            assert np.abs(pixels[40:-40]).max() == 0, plane  # only the words in the corners
    write_phantom(tmp_path)
    show(host, read_series([tmp_path])[0])
    threed = decode(viewports(host)["3D"]["picture"])
    assert (threed.min(axis=2) > 120).sum() > 300  # the bright balls on the planes


def test_pictures_have_the_size_asked_for(host: EngineViewer, tmp_path: Path) -> None:
    from CastInterfaceLib.views.scene_view import make_scene_view

    write_phantom(tmp_path)
    show(host, read_series([tmp_path])[0])
    host.resize(320, 200)
    for view in host.slice_views:
        view.fit()
    try:
        scene = make_scene_view(host, "test")
        assert scene["window"]["outerWidth"] == 640
        assert scene["window"]["outerHeight"] == 400
        for view in scene["viewports"]:
            assert decode(view["picture"]).shape == (200, 320, 3)
            assert (view["thumbnail"]["width"], view["thumbnail"]["height"]) == (160, 100)
        for view in scene["viewports"]:
            if view["orientation"] in SIGHTS:
                fov = view["fieldOfView"]
                assert fov[0] / 320 == pytest.approx(fov[1] / 200)
                check_sides(decode(view["picture"]), view["orientation"], fov[0], view["window"], view["level"])
    finally:
        host.resize(256, 256)


def test_phantom_and_checks_agree_on_the_patient() -> None:
    assert phantom_value(np.array([[-OFFSET, 0, 0], [0, OFFSET, 0], [0, 0, OFFSET]])).tolist() == [LEFT, FRONT, ABOVE]
