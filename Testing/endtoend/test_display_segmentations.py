"""Segmentations lie over what they segment in real views of a phantom, or are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from display_parts import FRONT, LEFT, OFFSET, RED, color_at, decode, write_balls, write_phantom
from view_parts import ORIENTATIONS, array_of, matrix_of, show, straighten, viewports

from CastInterfaceLib.study.segmentation_file import read_segmentation
from CastLib.dicom.series import read_series
from CastLib.errors import CastError

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer


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
