"""Nothing of one patient is drawn over another: what the user loaded or drew is hidden, kept, named and shown again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest
from display_desk import Desk, volumes_of
from display_parts import decode, study_uid_of, write_balls, write_phantom
from image_rows import row
from scene_additions import add_model, add_points, add_segmentation, add_volume

from CastLib.study_context import make_study_context

GROUP = "Patients and studies"


def told(desk: Desk) -> list[str]:
    return [item["message"] for item in desk.items("problem")]


def is_red(desk: Desk) -> bool:
    """Whether any view draws something red."""
    for view in desk.viewports():
        pixels = decode(view["picture"])[30:-30, 30:-30]
        if ((pixels[..., 0] > pixels[..., 1] + 60) & (pixels[..., 0] > pixels[..., 2] + 60)).any():
            return True
    return False


def foreign(desk: Desk) -> set[tuple[str, str]]:
    return {(one["name"], one["studyInstanceUID"]) for view in desk.viewports() for one in view["foreign"]}


@row(
    GROUP, "What the user drew or loaded before, when a study opens", "left out", "Hidden, since it is not of the study"
)
def test_what_was_there_before_is_hidden_when_a_study_opens(desk: Desk, folder: Path, scene: Any) -> list[str]:
    own = add_volume(desk, "Own volume")
    label = add_volume(desk, "Own labels", "vtkMRMLLabelMapVolumeNode")
    model, points = add_model(desk, "Own model"), add_points(desk, "Own points")
    drawn = add_segmentation(desk, "Own drawing", own)
    for view in desk.host.slice_views:
        composite = view.logic.GetSliceCompositeNode()
        composite.SetBackgroundVolumeID(own.GetID())
        composite.SetForegroundVolumeID(own.GetID())
        composite.SetForegroundOpacity(0.5)
        composite.SetLabelVolumeID(label.GetID())
    selection = desk.host.application_logic.GetSelectionNode()
    selection.SetActiveLabelVolumeID(label.GetID())
    selection.SetSecondaryVolumeID(own.GetID())
    assert is_red(desk)
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    assert not is_red(desk) and desk.shows(uid) and foreign(desk) == set()
    for view in desk.host.slice_views:
        composite = view.logic.GetSliceCompositeNode()
        assert (composite.GetForegroundVolumeID(), composite.GetLabelVolumeID()) == (None, None)
    assert not any(node.GetDisplayVisibility() for node in (model, points, drawn))
    assert all(node.GetScene() is not None for node in (own, label, model, points, drawn))
    sentences = told(desk)
    assert desk.items("problem")[0]["value"] == "warning"
    assert all(word in sentences[0] for word in ("Own drawing", "Own labels", "and 2 more"))
    return sentences


@pytest.mark.parametrize("how", ["open", "close"])
@row(
    GROUP,
    "What the user drew over a study, when it closes",
    "left out",
    "Hidden and kept, since the study it was made on",
)
def test_what_was_drawn_over_a_study_goes_with_it_and_comes_back(
    desk: Desk, folder: Path, scene: Any, how: str
) -> list[str]:
    one = study_uid_of(write_phantom(folder / "a")[0])
    two = study_uid_of(write_phantom(folder / "b")[0])
    desk.open(one)
    desk.until_shown(one)
    (volume,) = volumes_of(desk)
    drawn, points = add_segmentation(desk, "Drawing", volume), add_points(desk, "Points", volume)
    model, overlay = add_model(desk, "Model"), add_volume(desk, "Filtered")
    for view in desk.host.slice_views:
        view.logic.GetSliceCompositeNode().SetForegroundVolumeID(overlay.GetID())
        view.logic.GetSliceCompositeNode().SetForegroundOpacity(0.5)
    assert is_red(desk)
    # What says itself over which volume it was made is the study's; of the others nobody knows yet.
    assert foreign(desk) == {("Model", ""), ("Filtered", "")}
    desk.send("ImagingStudy-close", make_study_context(one))
    sentences = told(desk)
    if how == "open":
        desk.open(two)
        desk.until_shown(two)
        assert desk.shows(two)
    assert not is_red(desk) and foreign(desk) == set()
    assert not any(node.GetDisplayVisibility() for node in (drawn, points, model))
    assert "Drawing" in sentences[0] and desk.display.problems == told(desk)
    drawn.SetDisplayVisibility(True)  # the user has it shown again: then it is named
    if how == "open":
        assert foreign(desk) == {("Drawing", one)}
    drawn.SetDisplayVisibility(False)
    desk.open(one)
    desk.until_shown(one)
    assert all(node.GetDisplayVisibility() for node in (points, model))
    assert is_red(desk) and foreign(desk) == set()
    return sentences


def test_a_direct_change_from_one_study_to_another_leaves_nothing_behind(desk: Desk, folder: Path, scene: Any) -> None:
    one = study_uid_of(write_phantom(folder / "a")[0])
    two = study_uid_of(write_phantom(folder / "b")[0])
    desk.open(one)
    desk.until_shown(one)
    drawn = add_segmentation(desk, "Drawing", volumes_of(desk)[0])
    desk.open(two)
    desk.until_shown(two)
    assert not is_red(desk) and desk.shows(two) and drawn.GetScene() is not None
    points = add_points(desk, "New points")  # drawn now: it stays while more of this study comes
    desk.send_files("dicom-send", write_phantom(folder.parent / "more", study_uid=two, counts=(24, 24, 8)))
    desk.until(lambda: len(volumes_of(desk)) == 2 and not desk.display.study.busy)  # type: ignore[union-attr]
    assert points.GetDisplayVisibility() and not drawn.GetDisplayVisibility()


def test_a_result_that_the_user_has_changed_is_kept(desk: Desk, folder: Path, tmp_path: Path, scene: Any) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    for change in (False, True):
        desk.open(uid)
        desk.until_shown(uid)
        desk.send_files("dicom-send", [write_balls(folder, tmp_path / f"{change}.dcm")])
        desk.until(desk.segmentations)
        node = desk.host.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
        node.GetDisplayNode().SetOpacity(0.5)
        if change:
            image = node.GetBinaryLabelmapInternalRepresentation(node.GetSegmentation().GetNthSegmentID(0))
            image.GetPointData().GetScalars().SetTuple1(0, 1)
            image.Modified()
        desk.send("ImagingStudy-close", make_study_context(uid))
        assert (node.GetScene() is not None) is change
        assert bool(told(desk)) is change
    # another patient's study of the same UID does not bring it back
    for file in folder.iterdir():
        data = pydicom.dcmread(file)
        data.PatientID = "P2"
        data.save_as(file)
    desk.open(uid)
    desk.until_shown(uid)
    assert not node.GetDisplayVisibility()


def adopt(desk: Desk, folder: Path) -> tuple[str, Any]:
    """A volume of the user's that he has sent out, as the open study."""
    from CastInterfaceLib.scene.volumes import add_volume
    from CastInterfaceLib.study.grids import box_corners  # noqa: F401  (the engine must be there)
    from CastInterfaceLib.study.prepared_volume import prepare_volume
    from CastInterfaceLib.study.voxels import read_voxels
    from CastLib.dicom.series import read_series

    write_phantom(folder)
    (series,) = read_series([folder])
    voxels = read_voxels(series)
    volume = add_volume(desk.host.scene, series, prepare_volume(voxels))
    assert desk.display.adopt(series, volume, voxels.look.body)
    return series.study_uid, volume


def test_the_users_own_volume_with_its_result_gives_way_to_a_study(
    desk: Desk, folder: Path, tmp_path: Path, scene: Any
) -> None:
    _, volume = adopt(desk, tmp_path / "own")
    desk.sent.volume = volume
    desk.send_files("dicom-send", [write_balls(tmp_path / "own", tmp_path / "balls.dcm")])
    desk.until(lambda: scene.GetFirstNodeByClass("vtkMRMLSegmentationNode") is not None)
    desk.until(lambda: desk.items("job")[0]["value"] == "idle")
    assert is_red(desk)
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    assert not is_red(desk) and desk.shows(uid) and foreign(desk) == set()
    assert volume.GetScene() is not None

    # A result for it that comes now is kept in the scene, and does not take the views.
    desk.send_files("dicom-send", [write_balls(tmp_path / "own", tmp_path / "late.dcm")])
    desk.until(lambda: scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2)
    desk.until(lambda: desk.items("job")[0]["value"] == "idle")
    assert not is_red(desk) and desk.shows(uid) and foreign(desk) == set()
    assert any("Hidden" in one for one in told(desk))
    assert desk.segmentations() == []


def test_an_own_volume_of_another_patient_with_the_same_study_uid(
    desk: Desk, folder: Path, tmp_path: Path, scene: Any
) -> None:
    uid = study_uid_of(write_phantom(folder, PatientID="P1")[0])
    own = add_volume(desk, "Other patient")
    own.SetAttribute("DICOM.StudyInstanceUID", uid)
    own.SetAttribute("DICOM.PatientID", "P2")
    desk.open(uid)
    desk.until_shown(uid)
    for volume in volumes_of(desk):
        if volume is not own:
            volume.SetAttribute("DICOM.PatientID", "P1")
    composite = desk.host.slice_views[0].logic.GetSliceCompositeNode()
    composite.SetForegroundVolumeID(own.GetID())
    composite.SetForegroundOpacity(0.3)
    assert foreign(desk) == {("Other patient", uid)}


def test_volume_rendering_and_a_hidden_layout_are_no_way_around(desk: Desk, folder: Path, scene: Any) -> None:
    import slicer

    own = add_volume(desk, "Rendered")
    rendering = scene.AddNode(slicer.vtkMRMLCPURayCastVolumeRenderingDisplayNode())
    own.AddAndObserveDisplayNodeID(rendering.GetID())
    rendering.SetVisibility(True)
    elsewhere = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Elsewhere")
    elsewhere.SetForegroundVolumeID(own.GetID())
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    assert not rendering.GetVisibility() and elsewhere.GetForegroundVolumeID() is None
    rendering.SetVisibility(True)
    assert foreign(desk) == {("Rendered", "")}
