"""The panel "Cast Interface" worked by mouse and keyboard, against real hubs and real applications."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from display_parts import write_balls, write_phantom
from hub_process import ROOT, HubProcess
from interface_parts import DisplayProcess, InterfacePart, run_cast, study_uid_in
from overhearing import OverhearingRelay
from provider_process import ProviderProcess

BRAIN_TISSUE = ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"
SAMPLE = ROOT / "Resources" / "SampleStudy" / "DICOM"
WIDTHS = (400, 800, 1600)


@pytest.fixture
def part(host: Any) -> InterfacePart:
    return InterfacePart(host)


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def pictures(part: InterfacePart, name: str, widths: tuple[int, ...] = (400,)) -> None:
    """Take pictures of the panel, and make sure that nothing has to be scrolled sideways."""
    for width in widths:
        part.host.grab(part.module, f"cast-interface-{name}-{width}.png", width)
        assert not part.host.scrolls_sideways(), (name, width)
    if len(widths) > 1:
        part.host.set_dark(True)
        part.panel.refresh()
        part.panel.connection.show_state()
        part.host.grab(part.module, f"cast-interface-{name}-dark.png", 500)
        part.host.set_dark(False)
        part.panel.refresh()


# Connection


def test_offline_at_first_and_no_connection_without_an_address(part: InterfacePart) -> None:
    assert part.ui.stateLabel.text == "Offline"
    assert not part.ui.connectButton.enabled and not part.ui.testButton.enabled
    assert not part.ui.askButton.enabled and not part.ui.sendButton.enabled
    assert part.ui.studyLabel.text.startswith("Nothing is open.")
    for name in ("ask", "send", "messages"):
        part.open_section(name)
    pictures(part, "offline", WIDTHS)


def test_a_hub_on_this_machine_is_found_by_itself(part: InterfacePart, hub: HubProcess) -> None:
    part.panel.connection._local_hub = hub.url
    part.panel.connection._looked_at -= 60
    part.until(lambda: part.ui.hubBox.currentText == hub.url)
    assert hub.url in part.ui.hubLabel.text
    assert part.logic.state.kind == "offline"  # found, not connected
    pictures(part, "found")


def test_the_test_button_tells_whether_a_hub_answers(part: InterfacePart, hub: HubProcess) -> None:
    part.type(part.ui.hubBox, hub.url)
    part.click(part.ui.testButton)
    part.until(lambda: "answers" in part.ui.hubLabel.text)
    assert "Cast Hub" in part.ui.hubLabel.text
    part.type(part.ui.hubBox, f"http://127.0.0.1:{closed_port()}")
    assert part.ui.hubLabel.text.strip() == ""
    part.click(part.ui.testButton)
    part.until(lambda: part.ui.testButton.enabled and part.ui.hubLabel.text.strip())
    assert "no hub answers" in part.ui.hubLabel.text
    pictures(part, "tested")


def test_colours_follow_when_slicer_turns_dark(part: InterfacePart, hub: HubProcess) -> None:
    from CastSlicerLib.palette import BAD, BUSY

    part.connect(hub.url, "dark")
    part.open_section("ask")
    part.click(part.ui.askButton)
    part.until(lambda: "Nobody answered" in part.ui.answerLabel.text)
    part.click(part.ui.connectButton)
    part.type(part.ui.hubBox, f"http://127.0.0.1:{closed_port()}")
    part.click(part.ui.testButton)
    part.until(lambda: "no hub answers" in part.ui.hubLabel.text)
    for dark in (0, 1, 0):
        part.host.set_dark(bool(dark))
        for label, pair in ((part.ui.hubLabel, BAD), (part.ui.answerLabel, BUSY)):
            part.until(lambda label=label, pair=pair: pair[dark] in label.styleSheet)  # type: ignore[misc]  # noqa: B023


def test_enter_connects_and_the_hub_is_kept(part: InterfacePart, hub: HubProcess) -> None:
    part.type(part.ui.hubBox, hub.url)
    part.type(part.ui.userEdit, "anna")
    part.press(part.ui.userEdit, "Return")
    part.until(lambda: part.logic.state.kind == "online")
    assert part.ui.stateLabel.text == f"Online as {part.logic.name}, topic anna"
    assert part.ui.connectButton.text == "Dis&connect" and not part.ui.hubBox.enabled
    pictures(part, "online", WIDTHS)
    part.click(part.ui.connectButton)
    assert part.ui.stateLabel.text == "Offline"
    # A new panel offers the hub and the user again; what is forgotten is not offered.
    part.host.reload(part.module)
    again = InterfacePart(part.host)
    assert again.ui is not part.ui
    assert (again.ui.hubBox.currentText, again.ui.userEdit.text) == (hub.url, "anna")
    again.click(again.ui.forgetButton)
    assert again.ui.hubBox.count == 0


def test_a_connection_that_other_code_made_is_the_one_shown_and_kept(part: InterfacePart, hub: HubProcess) -> None:
    part.ui.hubBox.setEditText("http://typed.example:1")
    part.ui.userEdit.text = "typed"
    part.logic.connect(hub.url, "scripted", "tumour board")
    part.until(lambda: part.logic.state.kind == "online")
    part.until(lambda: "tumour board" in part.ui.stateLabel.text.replace("\u200b", ""))
    shown = part.ui.hubBox.currentText, part.ui.userEdit.text, part.ui.topicEdit.text
    assert shown == (hub.url, "scripted", "tumour board")
    from CastSlicerLib.user_settings import SavedHubs

    assert SavedHubs().last() == shown and "http://typed.example:1" not in SavedHubs().addresses()


def test_a_wrong_address_is_told_in_a_sentence(part: InterfacePart) -> None:
    part.type(part.ui.hubBox, "ftp://nowhere")
    part.click(part.ui.connectButton)
    assert part.host.messages[-1].text.endswith("The hub's address must begin with http:// or https://, not ftp://.")
    assert part.host.messages[-1].details == "" and not part.host.slot_errors, "a sentence, and no traceback"
    assert part.logic.state.kind == "offline"


def test_it_waits_for_a_hub_that_is_not_there_and_can_be_stopped(part: InterfacePart) -> None:
    part.type(part.ui.hubBox, f"http://127.0.0.1:{closed_port()}")
    part.click(part.ui.connectButton)
    part.until(lambda: "Reconnecting in" in part.ui.stateLabel.text)
    pictures(part, "reconnecting", WIDTHS)
    part.click(part.ui.connectButton)
    assert part.ui.stateLabel.text == "Offline"


def test_connecting_is_told_and_can_be_stopped(part: InterfacePart) -> None:
    with socket.socket() as silent:  # takes the connection and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        part.type(part.ui.hubBox, address)
        part.click(part.ui.connectButton)
        assert part.ui.stateLabel.text.replace("\u200b", "") == f"Connecting to {address} …"
        assert part.ui.connectButton.text == "Dis&connect" and not part.ui.hubBox.enabled
        pictures(part, "connecting", WIDTHS)
        part.click(part.ui.connectButton)
        assert part.ui.stateLabel.text == "Offline"


def test_a_refusal_says_why(part: InterfacePart, hub: HubProcess) -> None:
    part.type(part.ui.hubBox, hub.url)
    part.type(part.ui.topicEdit, "*")
    part.click(part.ui.connectButton)
    part.until(lambda: part.logic.state.kind == "refused")
    assert part.ui.stateLabel.text.startswith("Refused: ") and part.ui.stateLabel.text.lower().count("refused") == 1
    assert part.ui.connectButton.text == "&Connect" and part.ui.topicEdit.enabled
    pictures(part, "refused", WIDTHS)
    part.type(part.ui.topicEdit, "")
    part.click(part.ui.connectButton)
    part.until(lambda: part.logic.state.kind == "online")


def test_it_reconnects_by_itself(either_host: Any, start_hub: Callable[..., HubProcess]) -> None:
    part = InterfacePart(either_host)
    hub = start_hub()
    port = hub.url.rpartition(":")[2]
    part.connect(hub.url, "anna")
    hub.stop()
    part.until(lambda: part.logic.state.kind == "waiting to reconnect")
    part.until(lambda: "Reconnecting" in part.ui.stateLabel.text)
    start_hub("--port", port, folder=hub.log.parent)
    part.until(lambda: part.logic.state.kind == "online")
    part.click(part.ui.connectButton)
    assert part.logic.state.kind == "offline"


# Open now


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
    pictures(part, "study")
    assert run_cast("publish", "ImagingStudy-close", "--study", uid, "--hub", hub.url, "--user", "opening").wait() == 0
    part.until(lambda: part.ui.studyLabel.text.startswith("Nothing is open."))
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode") is None


def test_a_study_that_is_not_there_is_told(part: InterfacePart, hub: HubProcess) -> None:
    part.connect(hub.url, "missing")
    run_cast("publish", "ImagingStudy-open", "--study", "1.2.3.4.5", "--hub", hub.url, "--user", "missing").wait()
    part.until(lambda: part.ui.openProgress.isVisible())
    assert part.ui.studyEdit.text == "1.2.3.4.5"
    pictures(part, "busy", WIDTHS)
    part.click(part.ui.cancelButton)
    part.until(lambda: "cancelled" in part.ui.problemLabel.text)
    assert not part.ui.openProgress.isVisible()
    pictures(part, "error", WIDTHS)


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


# Ask


def test_the_pictures_of_another_display_are_seen_and_saved(
    part: InterfacePart, hub: HubProcess, tmp_path: Path
) -> None:
    from slicer_host import dialogs

    part.connect(hub.url, "asking")
    part.open_section("ask")
    display = DisplayProcess(hub.url, "asking", "OTHER-DISPLAY")
    try:
        part.until(lambda: any(peer.name == "OTHER-DISPLAY" for peer in part.logic.peers.all()), 60)
        part.until(lambda: part.ui.peerBox.count == 2)
        part.choose(part.ui.peerBox, "OTHER-DISPLAY")
        part.choose(part.ui.dataBox, "SCENEVIEW")
        part.click(part.ui.askButton)
        assert part.ui.askButton.text == "Stop w&aiting"
        part.until(lambda: "OTHER-DISPLAY" in part.ui.answerLabel.text)
        assert part.ui.pictureList.count == 4
        part.click(part.ui.jsonButton)
        assert json.loads(part.ui.answerText.plainText)["ok"] is True
        pictures(part, "asked", WIDTHS)
        folder = tmp_path / "pictures"
        dialogs.answer_next(str(folder))
        part.click(part.ui.saveButton)
        part.until(lambda: "4 pictures saved" in part.ui.answerLabel.text)
        assert len(list(folder.glob("OTHER-DISPLAY-*.png"))) == 4
        part.ui.pictureList.setCurrentRow(0)
        part.press(part.ui.pictureList, "Return")
        assert part.panel.ask._window.pixmap.width() == 256
    finally:
        display.stop()
    part.until(lambda: part.ui.peerBox.count == 1)


def test_a_peer_that_does_not_answer_is_named_and_waiting_can_be_stopped(part: InterfacePart, hub: HubProcess) -> None:
    part.connect(hub.url, "alone")
    part.open_section("ask")
    part.click(part.ui.askButton)
    part.until(lambda: part.ui.answerLabel.text == "Nobody answered.")


# Send


@pytest.fixture
def service(hub: HubProcess, tmp_path: Path) -> Iterator[ProviderProcess]:
    provider = ProviderProcess(BRAIN_TISSUE, hub.url, tmp_path / "provider")
    yield provider
    provider.stop()


def test_a_loaded_volume_goes_to_a_service_and_its_result_comes_into_the_scene(
    part: InterfacePart, hub: HubProcess, service: ProviderProcess
) -> None:
    import slicer
    from DICOMLib import DICOMUtils

    part.host.import_dicom(SAMPLE)
    (series,) = slicer.dicomDatabase.seriesForStudy(study_uid_in(SAMPLE))
    DICOMUtils.loadSeriesByUID([series])
    part.connect(hub.url, "sending")
    part.open_section("send")
    part.until(lambda: part.ui.toBox.count == 2 and part.ui.sendButton.enabled)
    assert service.product in part.ui.toBox.currentText
    part.click(part.ui.sendButton)
    assert "Sending" in part.ui.sendText.plainText
    part.until(lambda: "The hub has it" in part.ui.sendText.plainText)
    part.until(lambda: service.product in part.ui.sendText.plainText)
    pictures(part, "sending")
    part.until(lambda: "The result is shown" in part.ui.sendText.plainText, 90)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    part.until(lambda: part.ui.contentTable.rowCount == 4)
    assert [segment.label for segment in part.logic.openNow.segments] == [
        part.ui.contentTable.item(row, 0).text() for row in (1, 2, 3)
    ]
    pictures(part, "result", WIDTHS)


def test_a_volume_without_dicom_files_goes_as_nrrd(part: InterfacePart, hub: HubProcess, tmp_path: Path) -> None:
    from CastSlicerLib.self_test import add_volume

    add_volume("Made here", 8, 9, 10)
    part.connect(hub.url, "nrrd")
    part.open_section("send")
    part.until(lambda: part.ui.sendButton.enabled)
    part.click(part.ui.sendButton)
    part.until(lambda: "The hub has it" in part.ui.sendText.plainText)
    assert "no service is known" in part.ui.sendText.plainText and not part.ui.sendProgress.isVisible()
    sent = part.logic.messages.records()[-1]
    assert sent.event == "nrrd-send" and sent.target == "EC"
    assert sent.wire["event"]["context"]["files"][0]["fileName"] == "Made-here.nrrd"


def test_a_volume_with_a_name_longer_than_a_files_may_be_is_written(host: Any, tmp_path: Path) -> None:
    from CastInterfaceLib.scene.volume_files import files_of_node
    from CastSlicerLib.self_test import add_volume

    for ending, event in ((".nrrd", "nrrd-send"), (".nii.gz", "nifti-send")):
        (path,) = files_of_node(add_volume("脳" * 300, 4, 5, 6), event, tmp_path).paths
        assert path.name.endswith(f"脳{ending}") and path.stat().st_size > 0


# Messages


def test_messages_are_listed_filtered_and_read(part: InterfacePart, hub: HubProcess) -> None:
    part.connect(hub.url, "reading")
    part.open_section("messages")
    table = part.ui.messagesTable
    for number in range(30):
        part.logic.publish("Home-open", {"number": number})
    patient = json.dumps([{"key": "patient", "resource": {"resourceType": "Patient", "id": "P1"}}])
    run_cast("publish", "Patient-open", "--context", patient, "--hub", hub.url, "--user", "reading").wait()

    def contexts(event: str) -> list[Any]:
        return [one.wire["event"]["context"] for one in part.logic.messages.records() if one.event == event]

    part.until(lambda: len(contexts("Home-open")) == 30 and contexts("Patient-open"))  # each has a way of its own
    part.until(lambda: table.rowCount == len(part.logic.messages.records()))
    assert [context["number"] for context in contexts("Home-open")] == list(range(30))
    part.type(part.ui.filterEdit, "patient")
    shown = [row for row in range(table.rowCount) if not table.isRowHidden(row)]
    assert [table.item(row, 2).text() for row in shown] == ["Patient-open"]
    table.selectRow(shown[0])
    part.until(lambda: part.ui.messageText.isVisible())
    assert json.loads(part.ui.messageText.plainText)["event"]["hub.event"] == "Patient-open"
    part.type(part.ui.filterEdit, "home")  # the row is not seen any more, nor is its message
    assert not part.ui.messageText.isVisible() and not table.selectedItems()
    part.type(part.ui.filterEdit, "")
    pictures(part, "messages", WIDTHS)
    part.click(part.ui.clearButton)
    assert table.rowCount == 0 and not part.ui.messageText.isVisible()


def test_what_was_sent_is_shown_as_the_hub_got_it(part: InterfacePart, hub: HubProcess) -> None:
    part.open_section("messages")
    table = part.ui.messagesTable
    with OverhearingRelay(int(hub.url.rsplit(":", 1)[1])) as relay:
        part.connect(f"http://127.0.0.1:{relay.port}", "overheard")
        part.logic.publish("Home-open", {"name": "Müller 🙂", "small": 1e-7, "whole": 1.0, "large": 2**70})
        part.logic.request("SCENEVIEW", lambda answer, error: None, timeout=0.1)
        run_cast("request", "STATUS", "--hub", hub.url, "--user", "overheard").wait()
        part.until(lambda: "status-response" in [one.event for one in part.logic.messages.records()])
        part.until(lambda: any(b'"status-response"' in text for text in relay.messages))
        heard = [json.loads(text) for text in relay.messages if b'"event"' in text]
        part.click(part.ui.connectButton)
        part.until(lambda: part.logic.state.kind == "offline")
    sent = [row for row in range(table.rowCount) if table.item(row, 1).text() == "→"]
    shown = []
    for row in sent:
        table.selectRow(row)
        shown.append(part.ui.messageText.plainText)
    assert sorted(shown) == sorted(json.dumps(wire, indent=2, ensure_ascii=False) for wire in heard)
    assert sorted(wire["event"]["hub.event"] for wire in heard) == [
        "Home-open",
        "sceneview-request",
        "status-request",
        "status-response",
    ]


def test_only_the_last_500_messages_are_kept(part: InterfacePart) -> None:
    from CastLib.message import make_message, parse_publish

    part.open_section("messages")
    for number in range(700):
        part.logic.messages.add("in", parse_publish(make_message(f"event-{number}", "t", {})))
    part.until(lambda: part.ui.messagesTable.rowCount == 500)
    part.until(lambda: part.ui.messagesTable.item(499, 2).text() == "event-699")
    assert part.ui.messagesTable.item(0, 2).text() == "event-200"


# The module


def test_no_handler_holds_the_main_thread(part: InterfacePart, hub: HubProcess, tmp_path: Path) -> None:
    from CastSlicerLib.pump_timer import slicer_pump
    from CastSlicerLib.slow_calls import longest_calls

    write_phantom(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    part.connect(hub.url, "holding")
    pump = slicer_pump()
    pump.main_thread.reset()
    uid = study_uid_in(tmp_path / "study")
    run_cast("publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", "holding").wait()
    part.until(lambda: part.ui.contentTable.rowCount == 1)
    with run_cast("request", "SCENEVIEW", "--hub", hub.url, "--user", "holding", "--timeout", "20") as asking:
        part.until(lambda: asking.poll() is not None)
    print(f"longest handler: {pump.main_thread}; calls to Slicer and VTK:")
    for name, seconds in sorted(longest_calls().items()):
        print(f"  {name}: {seconds * 1000:.0f} ms")


def test_nothing_stays_running_after_disconnecting(either_host: Any, hub: HubProcess) -> None:
    from CastSlicerLib.pump_timer import slicer_timer

    part = InterfacePart(either_host)
    part.connect(hub.url, "leaving")
    part.click(part.ui.connectButton)
    part.until(lambda: not slicer_timer().running)
    part.host.select("")
    assert slicer_timer().users == 0


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


def test_missing_packages_are_offered_and_not_installed_by_themselves(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packaging.requirements import Requirement

    import CastSlicerLib.module_frame as dependencies

    present: list[bool] = []
    real = dependencies.missing_requirements

    def missing(path: Path) -> list[Requirement]:
        return real(path) if present else [Requirement("websocket-client>=1.7")]

    monkeypatch.setattr(dependencies, "missing_requirements", missing)
    module = host.load_module("CastInterface")
    assert "websocket-client" in module.widget.frame.missing.text and host.installs == []
    host.grab(module, "cast-interface-missing-400.png", 400)
    host.answer("Ok", "Yes")
    present_after = module.widget.frame.install_button
    monkeypatch.setattr(dependencies, "install_requirements", lambda path, name: present.append(True) or True)
    present_after.click()
    assert module.widget.panel is not None


def test_the_self_test_passes(host: Any) -> None:
    host.load_module("CastInterface").test()


def test_every_control_has_a_tooltip_and_can_be_reached_by_keyboard(part: InterfacePart) -> None:
    part.check_controls()
