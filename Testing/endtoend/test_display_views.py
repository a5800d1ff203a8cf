"""Real views of a phantom: every side where a radiologist expects it, whatever the acquisition and the file names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from display_parts import (
    ABOVE,
    AXIAL,
    FRONT,
    LEFT,
    OFFSET,
    RED,
    SAGITTAL,
    SIGHTS,
    check_sides,
    color_at,
    decode,
    oblique,
    phantom_value,
    write_balls,
    write_phantom,
)
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLSLossless, RLELossless

from CastInterfaceLib.study.segmentation_file import read_segmentation
from CastInterfaceLib.study.voxels import Voxels, read_voxels
from CastLib.dicom.series import Series, read_series
from CastLib.errors import CastError

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer

ORIENTATIONS = {"axial": AXIAL, "sagittal": SAGITTAL, "oblique": oblique(), "from above": AXIAL * [1, -1, -1]}


@pytest.fixture
def host(engine: EngineViewer) -> Iterator[EngineViewer]:
    """The engine, with an empty scene before and after."""
    from CastInterfaceLib.scene.slices_in_3d import hide_slices_in_3d
    from CastInterfaceLib.scene.viewer import nodes_of_class
    from CastInterfaceLib.scene.volumes import remove_node

    yield engine
    for kind in ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode"):
        for node in nodes_of_class(engine.scene, kind):
            remove_node(engine.scene, node)
    hide_slices_in_3d(engine)


def show(host: EngineViewer, series: Series) -> tuple[Any, Voxels, np.ndarray]:
    from CastInterfaceLib.scene.volumes import add_volume, show_volume
    from CastInterfaceLib.study.grids import box_corners
    from CastInterfaceLib.study.prepared_volume import prepare_volume

    voxels = read_voxels(series)
    volume = add_volume(host.scene, series, prepare_volume(voxels))
    body = box_corners(voxels.ijk_to_ras, voxels.look.body)
    show_volume(host, volume, body)
    return volume, voxels, body


def viewports(host: EngineViewer) -> dict[str, dict[str, Any]]:
    from CastInterfaceLib.views.scene_view import make_scene_view

    return {viewport["orientation"]: viewport for viewport in make_scene_view(host, "test")["viewports"]}


def straighten(host: EngineViewer) -> None:
    """Turn the slices to the patient's axes and through the origin, as a person would with an oblique study."""
    for view in host.slice_views:
        view.node.SetOrientationToDefault()
        view.logic.FitSliceToBackground()
        view.logic.SetSliceOffset(0.0)
        width, height = view.size
        view.node.SetFieldOfView(150.0 * width / height, 150.0, 1.0)
        matrix = view.node.GetSliceToRAS()
        for row in range(3):
            matrix.SetElement(row, 3, 0.0)
        view.node.UpdateMatrices()


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


def matrix_of(volume: Any) -> np.ndarray:
    from CastInterfaceLib.scene.volumes import geometry_of

    return geometry_of(volume)


def array_of(volume: Any) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    image = volume.GetImageData()
    return np.asarray(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]))


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


def volumes(host: EngineViewer) -> list[Any]:
    from CastInterfaceLib.scene.viewer import nodes_of_class

    return nodes_of_class(host.scene, "vtkMRMLScalarVolumeNode")


def show_with_segmentation(host: EngineViewer, folder: Path, file: Path) -> Any:
    from CastInterfaceLib.scene.segmentation_source import volume_for
    from CastInterfaceLib.scene.segmentations import show_segmentation
    from CastInterfaceLib.study.prepared_segmentation import prepare_segmentation

    _, _, body = show(host, read_series([folder])[0])
    prepared = prepare_segmentation(file)
    volume = volume_for(volumes(host), prepared.segmentation)
    return show_segmentation(host, prepared, volume, body), volume


def check_balls(host: EngineViewer) -> None:
    """Assert that the red and the green ball are drawn over the bright ones, and nothing at their mirror images."""

    def tint(pixels: np.ndarray, place: tuple[float, float], view: dict[str, Any]) -> str:
        red, green, blue = color_at(pixels, place, view["fieldOfView"][0])
        return "red" if red > green + 20 else "green" if green > red + 20 else "grey" if abs(red - blue) < 12 else "?"

    expected = {
        "Axial": {(OFFSET, 0.0): "red", (-OFFSET, 0.0): "grey", (0.0, OFFSET): "green", (0.0, -OFFSET): "grey"},
        "Coronal": {(OFFSET, 0.0): "red", (-OFFSET, 0.0): "grey", (0.0, OFFSET): "grey", (0.0, -OFFSET): "grey"},
        "Sagittal": {(-OFFSET, 0.0): "green", (OFFSET, 0.0): "grey", (0.0, OFFSET): "grey", (0.0, -OFFSET): "grey"},
    }
    seen = viewports(host)
    for plane, places in expected.items():
        pixels = decode(seen[plane]["picture"])
        assert {place: tint(pixels, place, seen[plane]) for place in places} == places, plane
    threed = decode(seen["3D"]["picture"])
    for strong, weak in ((0, 1), (1, 0)):  # red and green surfaces
        assert (threed[..., strong] > threed[..., weak] + 60).sum() > 100


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_segmentation_lies_over_what_it_segments(host: EngineViewer, tmp_path: Path, orientation: str) -> None:
    write_phantom(tmp_path / "images", direction=ORIENTATIONS[orientation])
    file = write_balls(tmp_path / "images", tmp_path / "seg.dcm")
    node, volume = show_with_segmentation(host, tmp_path / "images", file)
    straighten(host)
    check_balls(host)
    content = node.GetSegmentation()
    array, matrix = array_of(volume), matrix_of(volume)
    for number, name, brightness in ((0, "Left ball", LEFT), (1, "Front ball", FRONT)):
        segment = content.GetNthSegment(number)
        assert segment.GetName() == name
        assert voxels_of(segment, matrix) == {tuple(index) for index in np.argwhere(array == brightness)}
        terminology = segment.GetTerminology() if hasattr(segment, "GetTerminology") else ""
        assert "Mass" in (terminology or tag_of(segment))
    assert np.allclose(np.array(content.GetNthSegment(0).GetColor()) * 255, RED, atol=1)


def tag_of(segment: Any) -> str:
    import slicer
    import vtk

    text = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), text)
    return str(text)


def voxels_of(segment: Any, matrix: np.ndarray) -> set[tuple[int, ...]]:
    """Slice, row and column in the volume of each voxel of a segment, by way of its place in the patient."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    image = segment.GetRepresentation("Binary labelmap")
    mask = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    to_world = vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_world)
    own = np.array([[to_world.GetElement(row, column) for column in range(4)] for row in range(4)])
    first = np.array(image.GetExtent())[::2]
    indices = np.argwhere(mask == segment.GetLabelValue())[:, ::-1] + first
    places = np.column_stack([indices, np.ones(len(indices))]) @ own.T
    found = places @ np.linalg.inv(matrix).T
    assert np.allclose(found, np.round(found), atol=1e-3)
    return {(int(k), int(j), int(i)) for i, j, k in np.round(found[:, :3])}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_segmentation_fails_the_check(host: EngineViewer, tmp_path: Path, axis: int) -> None:
    write_phantom(tmp_path / "images")
    swapped = {0: lambda labels: labels.transpose(0, 1, 2)[::-1, ::-1], 1: lambda labels: labels[:, ::-1]}
    change = swapped.get(axis, lambda labels: labels[:, :, ::-1])
    file = write_balls(tmp_path / "images", tmp_path / "seg.dcm", change)
    show_with_segmentation(host, tmp_path / "images", file)
    with pytest.raises(AssertionError):
        check_balls(host)


def test_an_empty_mask_fails_the_check(host: EngineViewer, tmp_path: Path) -> None:
    def nearly_empty(labels: np.ndarray) -> np.ndarray:
        labels = np.zeros_like(labels)
        labels[0, 0, :2] = (1, 2)
        return labels

    write_phantom(tmp_path / "images")
    file = write_balls(tmp_path / "images", tmp_path / "seg.dcm", nearly_empty)
    show_with_segmentation(host, tmp_path / "images", file)
    with pytest.raises(AssertionError):
        check_balls(host)


def test_a_segmentation_is_shown_over_its_own_series_only(host: EngineViewer, tmp_path: Path) -> None:
    from CastInterfaceLib.scene.segmentation_source import volume_for
    from CastInterfaceLib.study.prepared_segmentation import prepare_segmentation

    first = write_phantom(tmp_path / "one")
    write_phantom(tmp_path / "two", study_uid=str(pydicom.dcmread(first[0]).StudyInstanceUID))
    write_phantom(tmp_path / "three")
    file = write_balls(tmp_path / "one", tmp_path / "seg.dcm")
    decoded = prepare_segmentation(file).segmentation
    for other, reason in (("three", "not open"), ("two", "references none")):
        show(host, read_series([tmp_path / other])[0])
        with pytest.raises(CastError, match=reason):
            volume_for(volumes(host), decoded)
    volume, _, _ = show(host, read_series([tmp_path / "one"])[0])
    assert volume_for(volumes(host), decoded) is volume


@pytest.mark.parametrize("kind", ["fractional", "labelmap"])
def test_other_kinds_of_segmentation(tmp_path: Path, kind: str) -> None:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    write_phantom(tmp_path / "images")
    series = read_series([tmp_path / "images"])[0]
    sources = [pydicom.dcmread(file) for file in series.files]
    array = np.stack([source.pixel_array for source in sources])
    description = hd.seg.SegmentDescription(
        1, "Left", codes.SCT.Tissue, codes.SCT.Mass, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    )
    mask = array == LEFT
    result = hd.seg.Segmentation(
        sources,
        mask.astype(np.float32) * 0.9 + (array == FRONT) * 0.2 if kind == "fractional" else mask.astype(np.uint8),
        hd.seg.SegmentationTypeValues(kind.upper()),
        [description],
        hd.UID(),
        1,
        hd.UID(),
        1,
        "test",
        "test",
        "1",
        "1",
    )
    result.save_as(tmp_path / "seg.dcm")
    decoded = read_segmentation(tmp_path / "seg.dcm")
    assert [segment.label for segment in decoded.segments] == ["Left"]
    assert decoded.segments[0].voxels == mask.sum()
    assert decoded.source_series == (series.uid,)


def test_what_is_no_segmentation_is_refused(tmp_path: Path) -> None:
    image = write_phantom(tmp_path / "images", counts=(8, 8, 2))[0]
    write_phantom(tmp_path / "more", counts=(64, 66, 50))
    good = write_balls(tmp_path / "more", tmp_path / "seg.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.dcm").write_text("no DICOM at all")
    for file in (image, tmp_path / "cut.dcm", tmp_path / "text.dcm"):
        with pytest.raises(CastError, match=file.name):
            read_segmentation(file)


def test_a_small_result_off_the_slices_is_brought_into_view(host: EngineViewer, tmp_path: Path) -> None:
    def only_a_corner(labels: np.ndarray) -> np.ndarray:
        labels = np.zeros_like(labels)
        labels[40:44, 50:54, 10:14], labels[44, 50, 10] = 1, 2
        return labels

    write_phantom(tmp_path / "images")
    file = write_balls(tmp_path / "images", tmp_path / "seg.dcm", only_a_corner)
    show_with_segmentation(host, tmp_path / "images", file)
    pixels = decode(viewports(host)["Axial"]["picture"])
    assert (pixels[..., 0] > pixels[..., 1] + 60).sum() > 5


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
