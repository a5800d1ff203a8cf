"""What a display tells by itself: the sender why nothing is shown, a reporting client which segments there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from display_desk import Desk
from result_parts import MARKER, Head, seg

from CastLib.message import Sender, Target, make_message, parse_publish
from CastLib.study_context import make_study_context


def told(desk: Desk, event: str) -> list[tuple[Any, Any]]:
    desk.until(lambda: not desk.display._jobs._running)
    return [(context, target) for name, context, target in desk.session.published if name == event]


def send_as(desk: Desk, name: str, event: str, context: Any) -> str:
    message = parse_publish(make_message(event, "T", context, sender=Sender(name=name, product="WKLST")))
    desk.display.handle(message)
    return message.id


def test_the_sender_of_an_open_that_fails_is_told(desk: Desk) -> None:
    id = send_as(desk, "WORKLIST-1", "ImagingStudy-open", make_study_context("1.2.3.4"))
    desk.until_refused(id, 404)
    (line,) = told(desk, "status-update")
    sentence = "No local folder holds study 1.2.3.4, and its images were not sent."
    context = {"message": sentence, "level": "error", "inReplyTo": id}
    assert line == (context, Target(name="WORKLIST-1"))


def test_the_sender_of_a_result_that_is_refused_is_told_once(desk: Desk, folder: Path, tmp_path: Path) -> None:
    head = Head(desk, folder)
    files = [tmp_path / f"{number}.dcm" for number in range(3)]
    for file in files:
        file.write_text("no DICOM")
    head.send(*files)
    assert told(desk, "status-update") == []  # nobody is named
    id = send_as(desk, "SERVICE-1", "nrrd-send", {"studyInstanceUID": "9.9", "files": entries(desk, files[0])})
    ((context, target),) = told(desk, "status-update")
    assert context["inReplyTo"] == id and context["level"] == "error" and "study 9.9" in context["message"]
    assert target == Target(name="SERVICE-1")
    send_as(desk, desk.session.name, "nrrd-send", {"studyInstanceUID": "9.9", "files": entries(desk, files[0])})
    assert len(told(desk, "status-update")) == 1


def entries(desk: Desk, file: Path) -> list[dict[str, Any]]:
    desk.session.payloads["p"] = file
    return [{"fileName": "a.nrrd", "byteLength": file.stat().st_size, "payloadIds": ["p"]}]


def test_the_reporting_client_is_told_of_new_and_changed_segments(desk: Desk, folder: Path, tmp_path: Path) -> None:
    head = Head(desk, folder)
    assert told(desk, "structurereport-update") == []
    head.send(seg(tmp_path / "a.dcm", MARKER, head.slices))
    ((context, target),) = told(desk, "structurereport-update")
    assert context == desk.status()["context"] and target is None
    (item,) = [item["resource"]["segmentations"] for item in context if item["key"] == "segmentation"]
    assert [one["label"] for one in item[0]["segments"]] == ["lesion"]

    color = {"op": "patch", "id": "seg1", "path": "#/segments", "value": [{"number": 1, "color": [1, 0, 0]}]}
    for _ in range(3):  # a client that answers each with the same again
        desk.send("scene-update", {"scene": {"ops": [color]}})
        assert len(told(desk, "structurereport-update")) == 2
    context, _ = told(desk, "structurereport-update")[-1]
    assert context == desk.status()["context"]
    assert context[1]["resource"]["segmentations"][0]["segments"][0]["color"] == [1, 0, 0]
    desk.send("structurereport-update", context)
    head.send(seg(tmp_path / "b.dcm", np.roll(MARKER, 3, 2), head.slices))
    assert len(told(desk, "structurereport-update")) == 3


def test_opens_and_sends_with_addresses_name_the_setting_to_come(desk: Desk) -> None:
    address = {"url": "https://files.example/1.dcm", "fileName": "1.dcm"}
    study = make_study_context("1.2.3.4")
    for event, context in (
        ("ImagingStudy-open", [*study, {"key": "files", "resource": {"files": [address]}}]),
        ("dicom-send", {"files": [address]}),
    ):
        id = send_as(desk, "WORKLIST-1", event, context)
        desk.until_refused(id, 422)
        line, _ = told(desk, "status-update")[-1]
        assert line["inReplyTo"] == id and "allowed_hosts" in line["message"] and line["message"].count(".") == 1
