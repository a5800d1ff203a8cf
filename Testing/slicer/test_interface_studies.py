"""Studies that open and close in Slicer by the hub, worked in the panel "Cast Interface"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from display_parts import write_balls, write_phantom
from hub_process import HubProcess
from interface_parts import WIDTHS, InterfacePart, run_cast, study_uid_in


@pytest.fixture
def part(host: Any) -> InterfacePart:
    return InterfacePart(host)


def test_a_study_opens_from_slicers_database_and_closes(part: InterfacePart, hub: HubProcess, tmp_path: Path) -> None:
    import slicer

    write_phantom(tmp_path / "study")
    uid = study_uid_in(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    part.connect(hub.url, "opening")
    assert run_cast("publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", "opening").wait() == 0
    part.until(lambda: part.ui.contentTable.rowCount == 1)
    part.until(lambda: part.ui.studyEdit.text == part.logic.openNow.title != uid)
    assert uid in part.ui.studyEdit.toolTip
    assert not part.ui.contentTable.item(0, 0).icon().isNull()
    assert "Phantom" in part.ui.contentTable.item(0, 0).text()
    part.until(lambda: not part.logic.openNow.doing)
    volume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    shown = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID()
    assert shown == volume.GetID()
    part.pictures("study")
    assert run_cast("publish", "ImagingStudy-close", "--study", uid, "--hub", hub.url, "--user", "opening").wait() == 0
    part.until(lambda: part.ui.studyLabel.text.startswith("Nothing is open."))
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode") is None


def test_a_study_that_is_not_there_is_told(part: InterfacePart, hub: HubProcess) -> None:
    part.connect(hub.url, "missing")
    run_cast("publish", "ImagingStudy-open", "--study", "1.2.3.4.5", "--hub", hub.url, "--user", "missing").wait()
    part.until(lambda: part.ui.openProgress.isVisible())
    assert part.ui.studyEdit.text == "1.2.3.4.5"
    part.pictures("busy", WIDTHS)
    part.click(part.ui.cancelButton)
    part.until(lambda: "cancelled" in part.ui.problemLabel.text)
    assert not part.ui.openProgress.isVisible()
    part.pictures("error", WIDTHS)


def publish_study(event: str, uid: str, hub: HubProcess, user: str) -> None:
    assert run_cast("publish", event, "--study", uid, "--hub", hub.url, "--user", user).wait() == 0


def load_into_scene(part: InterfacePart, folder: Path) -> Any:
    """Load a folder's only series by hand, as a user does; its volume node."""
    import slicer
    from DICOMLib import DICOMUtils

    part.host.import_dicom(folder)
    (series,) = slicer.dicomDatabase.seriesForStudy(study_uid_in(folder))
    return slicer.mrmlScene.GetNodeByID(DICOMUtils.loadSeriesByUID([series])[0])


def volumes_in_scene() -> list[Any]:
    import slicer

    kind = "vtkMRMLScalarVolumeNode"
    scene = slicer.mrmlScene
    return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]


def test_a_worklist_closes_what_it_opened_and_not_what_the_user_loaded(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    from CastInterfaceLib.scene.volumes import name_volume
    from CastLib.dicom.series import read_series

    write_phantom(tmp_path / "study")
    uid = study_uid_in(tmp_path / "study")
    own = load_into_scene(part, tmp_path / "study")
    name_volume(own, read_series([tmp_path / "study"])[0])  # as after a service was tried on it
    part.connect(hub.url, "closing")
    publish_study("ImagingStudy-open", uid, hub, "closing")
    part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing)
    assert len(volumes_in_scene()) == 2
    publish_study("ImagingStudy-close", uid, hub, "closing")
    part.until(lambda: not part.logic.openNow.study_uid)
    assert volumes_in_scene() == [own]

    sent: list[Any] = []  # now he sends it, which makes it the study that is open
    part.logic.sendNode(own, actor="EC", callback=lambda id, error: sent.append(error))
    part.until(lambda: sent)
    assert sent == [None] and part.logic.openNow.study_uid == uid
    publish_study("ImagingStudy-close", uid, hub, "closing")
    part.until(lambda: not part.logic.openNow.study_uid)
    assert volumes_in_scene() == [own]


def test_a_study_stands_under_its_patient_and_leaves_nothing_of_him_when_it_is_closed(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    import slicer

    write_phantom(tmp_path / "own", PatientID="P2")
    own = load_into_scene(part, tmp_path / "own")
    write_phantom(tmp_path / "study", PatientName="Other^Person", PatientBirthDate="19700102")
    uid = study_uid_in(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    names = patients(tree)
    part.connect(hub.url, "leaving")
    publish_study("ImagingStudy-open", uid, hub, "leaving")
    part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing)
    assert sorted(patients(tree)) == sorted([*names, "Other^Person"])
    (volume,) = (one for one in volumes_in_scene() if one is not own)
    study = tree.GetItemParent(tree.GetItemByDataNode(volume))
    patient = tree.GetItemParent(study)
    assert tree.GetItemAttribute(study, "DICOM.StudyInstanceUID") == uid
    assert tree.GetItemAttribute(patient, "DICOM.PatientBirthDate") == "19700102"
    assert (tree.GetItemLevel(study), tree.GetItemLevel(patient)) == ("Study", "Patient")
    publish_study("ImagingStudy-close", uid, hub, "leaving")
    part.until(lambda: not part.logic.openNow.study_uid)
    assert patients(tree) == names and volumes_in_scene() == [own]


def patients(tree: Any) -> list[str]:
    """The names at the top of the subject hierarchy."""
    import vtk

    items = vtk.vtkIdList()
    tree.GetItemChildren(tree.GetSceneItemID(), items)
    return [tree.GetItemName(items.GetId(index)) for index in range(items.GetNumberOfIds())]


def test_what_the_user_takes_out_of_the_scene_is_open_no_more(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    import slicer

    write_phantom(tmp_path / "study")
    result = write_balls(tmp_path / "study", tmp_path / "seg.dcm")
    uid = study_uid_in(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    part.connect(hub.url, "deleting")
    publish_study("ImagingStudy-open", uid, hub, "deleting")
    part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing)
    assert run_cast("send", "dicom-send", str(result), "--hub", hub.url, "--user", "deleting").wait() == 0
    part.until(lambda: len(part.logic.openNow.segments) == 2 and not part.logic.openNow.doing)

    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode"))
    assert not part.logic.openNow.segments
    slicer.mrmlScene.RemoveNode(*volumes_in_scene())
    assert part.logic.openNow.awaited and not part.logic.openNow.series
    part.until(lambda: part.ui.studyLabel.text.startswith("Waiting for images"))
    publish_study("ImagingStudy-open", uid, hub, "deleting")
    part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing)
    assert len(volumes_in_scene()) == 1


def test_what_the_hub_opened_goes_with_the_module_and_the_users_own_stays(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    from CastSlicerLib.self_test import add_volume

    write_phantom(tmp_path / "study")
    uid = study_uid_in(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    own = add_volume("Mine", 4, 5, 6)

    def open_and_reload(part: InterfacePart, disconnect: bool) -> InterfacePart:
        part.connect(hub.url, "reloading")
        publish_study("ImagingStudy-open", uid, hub, "reloading")
        part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing)
        assert len(volumes_in_scene()) == 2
        if disconnect:
            part.click(part.ui.connectButton)
        part.host.reload(part.module)
        assert volumes_in_scene() == [own]
        return InterfacePart(part.host)

    again = open_and_reload(open_and_reload(part, False), True)
    assert again.ui.stateLabel.text == "Offline" and again.ui.studyLabel.text.startswith("Nothing is open.")


def test_the_files_of_a_volume_that_came_over_the_hub_are_known(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    written = write_phantom(tmp_path / "study")
    part.connect(hub.url, "receiving")
    study = str(tmp_path / "study")
    with run_cast("send", "ImagingStudy-open", study, "--hub", hub.url, "--user", "receiving") as sending:
        part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing)
        assert sending.wait() == 0
    (volume,) = volumes_in_scene()
    known = part.logic.knownFiles(volume)
    assert sorted(path.read_bytes() for path in known) == sorted(path.read_bytes() for path in written)
    sent: list[Any] = []
    part.logic.sendNode(volume, actor="EC", callback=lambda id, error: sent.append(error))
    part.until(lambda: sent)
    assert part.logic.messages.records()[-1].event == "dicom-send"
    known[0].unlink()
    assert part.logic.knownFiles(volume) == []


def test_the_last_scene_is_forgotten_when_the_scene_is_closed(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    write_phantom(tmp_path / "study")
    uid = study_uid_in(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    part.connect(hub.url, "closing")
    run_cast("publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", "closing").wait()
    part.until(lambda: part.ui.contentTable.rowCount == 1 and not part.logic.openNow.doing)
    part.host.close_scene()
    part.until(lambda: part.ui.studyLabel.text.startswith("Nothing is open."))
    assert part.logic.state.kind == "online"
