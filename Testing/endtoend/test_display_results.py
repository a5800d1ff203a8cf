"""The role Image Display on the real engine: results that come for a study, of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_desk import Desk, volumes_of
from display_parts import decode, study_uid_of, write_balls, write_phantom

from CastLib.study_context import make_study_context


def test_a_result_is_shown_over_its_series_and_goes_with_it(desk: Desk, folder: Path, tmp_path: Path) -> None:
    before = desk.node_count()
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    result = write_balls(folder, tmp_path / "balls.dcm")
    desk.send_files("dicom-send", [result])  # while the study is still being opened
    desk.until(lambda: desk.segmentations())
    (told,) = desk.segmentations()
    assert told["fileName"] == "balls.dcm"
    assert [segment["label"] for segment in told["segments"]] == ["Left ball", "Front ball"]
    assert [round(255 * part) for part in told["segments"][0]["color"]] == [220, 40, 40]
    volume = 4 / 3 * np.pi * 11.0**3
    assert told["segments"][0]["volumeMm3"] == pytest.approx(volume, rel=0.05)
    assert told["sourceSeriesInstanceUID"] == desk.viewports()[0]["seriesInstanceUID"]
    axial = decode(desk.viewports()[0]["picture"])
    assert (axial[..., 0] > axial[..., 1] + 60).sum() > 100
    desk.send_files("dicom-send", [result])  # the same again
    desk.until(lambda: not desk.display.study.busy)  # type: ignore[union-attr]
    assert len(desk.segmentations()) == 1
    desk.send("ImagingStudy-close", make_study_context(uid))
    assert desk.node_count() == before
    assert not desk.session.refused


def test_another_studys_result_is_refused(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    write_phantom(tmp_path / "other")
    write_phantom(tmp_path / "same study", study_uid=uid)
    desk.open(uid)
    desk.until_shown(uid)
    picture = desk.viewports()[0]["picture"]
    for name in ("other", "same study"):
        result = write_balls(tmp_path / name, tmp_path / f"{name[:4]}.dcm")
        desk.until_refused(desk.send_files("dicom-send", [result]), 409)
        desk.until_refused(desk.send_files("dicom-send", [result], tell=True), 409)
    assert desk.segmentations() == []
    assert desk.viewports()[0]["picture"] == picture
    assert {item["value"] for item in desk.items("problem")} == {"other-study"}


def test_what_cannot_be_read_is_refused_and_the_rest_stays(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.until_refused(desk.send_files("dicom-send", [write_balls(folder, tmp_path / "early.dcm")]), 409)
    desk.open(uid)
    desk.until_shown(uid)
    result = write_balls(folder, tmp_path / "seg.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(result[: len(result) - 900])
    (tmp_path / "text.dcm").write_text("no DICOM")
    for name in ("cut.dcm", "text.dcm"):
        desk.until_refused(desk.send_files("dicom-send", [tmp_path / name]), 422)
    desk.until_refused(desk.send("dicom-send", {"files": [{"url": "http://h/a.dcm", "fileName": "a.dcm"}]}), 422)
    desk.until_refused(desk.send("dicom-send", {"files": [{"fileName": 5}]}), 400)
    for odd in ("Patient-open", "annotation-update", "scene-update"):
        desk.send(odd, [])
    assert desk.shows(uid)


def test_a_broken_series_does_not_hide_a_good_one(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder / "good")[0])
    broken = write_phantom(folder / "broken", study_uid=uid, counts=(64, 66, 60))
    content = broken[7].read_bytes()
    broken[7].write_bytes(content[: len(content) // 2])
    desk.open(uid)
    desk.until_shown(uid)
    assert desk.shows(uid)
    assert broken[7].name in desk.items("problem")[0]["message"]


def test_a_study_without_a_volume(desk: Desk, folder: Path) -> None:
    files = write_phantom(folder, counts=(16, 16, 4), ImagePositionPatient=[0, 0, 0])
    desk.until_refused(desk.open(study_uid_of(files[0])), 422)


# Results that are no DICOM


def write_image(path: Path, array: np.ndarray, like: Any) -> Path:
    """An array (slices, rows, columns) with the geometry of a volume node, written by Slicer's storage nodes."""
    import slicer
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True))
    node = slicer.vtkMRMLLabelMapVolumeNode()
    node.SetAndObserveImageData(image)
    matrix = vtk.vtkMatrix4x4()
    like.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    storage = getattr(
        slicer, "vtkMRMLNRRDStorageNode" if path.suffix == ".nrrd" else "vtkMRMLVolumeArchetypeStorageNode"
    )()
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def labels_like(volume: Any) -> np.ndarray:
    columns, rows, slices = volume.GetImageData().GetDimensions()
    labels = np.zeros((slices, rows, columns), np.uint8)
    labels[2:6, 5:15, 5:15] = 1
    labels[6:8, 5:15, 5:15] = 4
    return labels


def shown_nodes(desk: Desk, kind: str) -> list[Any]:
    from CastInterfaceLib.scene.viewer import nodes_of_class

    return nodes_of_class(desk.host.scene, kind)


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nrrd", "named.seg.nrrd"])
def test_labels_are_shown_over_the_study_that_they_name_and_go_with_it(
    desk: Desk, folder: Path, tmp_path: Path, name: str
) -> None:
    before = desk.node_count()
    uid = study_uid_of(write_phantom(folder / "a", counts=(32, 32, 12))[0])
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    labels = labels_like(volume)
    if name.endswith(".seg.nrrd"):
        import slicer

        plain = write_image(tmp_path / "plain.nrrd", labels, volume)
        node = desk.host.application_logic.GetModuleLogic("Segmentations").LoadSegmentationFromFile(str(plain), True)
        node.GetSegmentation().GetNthSegment(0).SetName("Liver")
        storage = slicer.vtkMRMLSegmentationStorageNode()
        storage.SetFileName(str(tmp_path / name))
        assert storage.WriteData(node)
        from CastInterfaceLib.scene.volumes import remove_node

        remove_node(desk.host.scene, node)
        file = tmp_path / name
    else:
        file = write_image(tmp_path / name, labels, volume)
    desk.send_files("nrrd-send" if name.endswith("nrrd") else "nifti-send", [file], studyInstanceUID=uid)
    desk.until(lambda: desk.segmentations())
    (item,) = desk.segmentations()
    assert [one["voxelCount"] for one in item["segments"]] == [400, 200]
    spacing = float(np.prod(volume.GetSpacing()))
    assert [one["volumeMm3"] for one in item["segments"]] == [round(400 * spacing, 3), round(200 * spacing, 3)]
    assert (item["segments"][0]["label"] == "Liver") == name.endswith(".seg.nrrd")
    assert desk.sent.came == [([one["label"] for one in item["segments"]], "")]
    (node,) = shown_nodes(desk, "vtkMRMLSegmentationNode")
    assert node.GetStorageNode() is None and volumes_of(desk) == [volume]
    assert not desk.session.refused and not list(desk.display._temporary.path.glob("*/*"))
    desk.send("ImagingStudy-close", make_study_context(uid))
    assert desk.node_count() == before


def test_an_image_that_comes_back_is_laid_over_its_study(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid = study_uid_of(write_phantom(folder / "a", counts=(32, 32, 12))[0])
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    noise = np.random.default_rng(1).integers(0, 900, (12, 32, 32), np.int16)
    desk.send_files("nifti-send", [write_image(tmp_path / "probability.nii", noise, volume)], studyInstanceUID=uid)
    desk.until(lambda: len(volumes_of(desk)) == 2)
    desk.until(lambda: desk.items("job")[0]["value"] == "idle")
    over = next(one for one in volumes_of(desk) if one is not volume)
    composite = desk.host.slice_views[0].logic.GetSliceCompositeNode()
    assert composite.GetForegroundVolumeID() == over.GetID() and composite.GetForegroundOpacity() == 0.5
    assert composite.GetBackgroundVolumeID() == volume.GetID()
    desk.send("ImagingStudy-close", make_study_context(uid))
    assert volumes_of(desk) == []


def test_what_does_not_belong_to_the_open_study_or_is_broken_is_not_shown(
    desk: Desk, folder: Path, tmp_path: Path
) -> None:
    uid = study_uid_of(write_phantom(folder / "a", counts=(32, 32, 12))[0])
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    nodes = desk.node_count()
    file = write_image(tmp_path / "labels.nii.gz", labels_like(volume), volume)
    desk.until_refused(desk.send_files("nifti-send", [file], studyInstanceUID="1.2.3"), 409)
    desk.send_files("nifti-send", [file])  # nobody's: it is not even refused
    volume.SetOrigin(9000.0, 0.0, 0.0)
    far = write_image(tmp_path / "far.nrrd", labels_like(volume), volume)
    volume.SetOrigin(0.0, 0.0, 0.0)
    desk.until_refused(desk.send_files("nrrd-send", [far], studyInstanceUID=uid), 409)
    wholes = {
        f"half{ending}": write_image(tmp_path / f"whole{ending}", labels_like(volume), volume)
        for ending in (".nii", ".nrrd")
    }
    for name in ("broken.nii.gz", "broken.seg.nrrd", "half.nii.gz", "half.nii", "half.nrrd"):
        half = wholes.get(name, file).read_bytes()[:-20]
        broken = tmp_path / name
        broken.write_bytes(half if name.startswith("half") else b"NRRD0004\nnonsense")
        event = "nrrd-send" if name.endswith("nrrd") else "nifti-send"
        desk.until_refused(desk.send_files(event, [broken], studyInstanceUID=uid), 422)
    assert desk.node_count() == nodes and desk.segmentations() == []


def test_a_result_of_a_study_that_was_closed_meanwhile_is_dropped(desk: Desk, folder: Path, tmp_path: Path) -> None:
    before = desk.node_count()
    uid = study_uid_of(write_phantom(folder / "a", counts=(32, 32, 12))[0])
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    file = write_image(tmp_path / "labels.nii.gz", labels_like(volume), volume)
    desk.session.gate.clear()
    desk.send_files("nifti-send", [file], studyInstanceUID=uid)
    desk.send("ImagingStudy-close", make_study_context(uid))
    desk.session.gate.set()
    desk.until(lambda: desk.items("job")[0]["value"] == "idle")
    desk.until(lambda: not list(desk.display._temporary.path.glob("*/*")))
    assert desk.node_count() == before
