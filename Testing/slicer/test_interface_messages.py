"""The panel "Cast Interface" asks other displays, sends to services and lists its messages, against real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import ROOT, HubProcess
from interface_parts import WIDTHS, DisplayProcess, InterfacePart, run_cast, study_uid_in
from overhearing import OverhearingRelay
from provider_process import ProviderProcess


@pytest.fixture
def part(host: Any) -> InterfacePart:
    return InterfacePart(host)


BRAIN_TISSUE = ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"


SAMPLE = ROOT / "Resources" / "SampleStudy" / "DICOM"


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
        part.pictures("asked", WIDTHS)
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
    part.pictures("sending")
    part.until(lambda: "The result is shown" in part.ui.sendText.plainText, 90)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    part.until(lambda: part.ui.contentTable.rowCount == 4)
    assert [segment.label for segment in part.logic.openNow.segments] == [
        part.ui.contentTable.item(row, 0).text() for row in (1, 2, 3)
    ]
    part.pictures("result", WIDTHS)


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
    part.pictures("messages", WIDTHS)
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
