"""The field's messages at a display, and its answers as the field's programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import contract
import field_readers
import pytest
from display_desk import Desk
from result_parts import MARKER, MARKER_MM3, Head, nifti, seg

from CastLib.message import make_message, parse_message, parse_publish

DATA = Path(__file__).parents[1] / "data" / "field_messages.json"
MESSAGES: dict[str, Any] = json.loads(DATA.read_text("utf-8"))
OPENS = [name for name in MESSAGES if name.startswith("open: ") and isinstance(MESSAGES[name], list)]


def ask(desk: Desk, data_type: str) -> Any:
    return desk.session.answers[data_type](
        parse_publish(make_message(f"{data_type.lower()}-request", "T", {"id": "r"}))
    )


def test_every_form_of_open_is_shown_or_refused_with_a_sentence(desk: Desk) -> None:
    for name in OPENS:
        id = desk.send("ImagingStudy-open", MESSAGES[name])
        desk.until_refused(id, 404 if name == "open: local-dicom" else 422)
        sentence = desk.items("problem")[-1]["message"]
        assert ("allowed_hosts" in sentence) == (name != "open: local-dicom"), (name, sentence)
        assert field_readers.study_adopted(ask(desk, "STATUS")) is None


def test_whole_messages_are_read(desk: Desk) -> None:
    sends = MESSAGES["sends: OHIF TotalSegmentator dialog and the address send"]
    for body in sends:
        message = parse_message({"id": "field-1", **body})
        desk.display.handle(message)
        desk.until_refused(message.id, 422)
    message = parse_message({"id": "field-2", **MESSAGES["open: as the worklist posts it"]})
    desk.display.handle(message)
    desk.until_refused(message.id, 404)


@pytest.fixture
def head(desk: Desk, folder: Path, tmp_path: Path) -> Head:
    head = Head(desk, folder)
    head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, labels=("Liver",)))
    return head


def test_answers_are_read_as_the_fields_programs_read_them(desk: Desk, head: Head) -> None:
    status = ask(desk, "STATUS")
    assert field_readers.study_adopted(status) is not None
    ((label, _, volume),) = field_readers.segmentation_table(status)
    assert (label, volume) == ("Liver", MARKER_MM3)
    assert sorted(field_readers.scene_nodes(status).values()) == ["segmentation", "volume"]
    assert field_readers.local_studies(status) == [head.uid]
    for view in (status["sceneview"], ask(desk, "SCENEVIEW")):
        assert len(field_readers.thumbnails(view)) == 4
    for kind in ("PNGFULLSIZE", "JPGFULLSIZE", "PNGTHUMBNAIL", "JPGTHUMBNAIL"):
        data = ask(desk, kind)
        assert field_readers.picture_nested(data) == field_readers.picture_flat(data)


def check_answers(desk: Desk) -> dict[str, Any]:
    """Against the schemas that the hub serves, which name every member; return STATUS."""
    status: dict[str, Any] = ask(desk, "STATUS")
    contract.check("status-of-display", status, whole=True)
    contract.check("scene-view", ask(desk, "SCENEVIEW"), whole=True)
    for kind in ("PNGFULLSIZE", "JPGTHUMBNAIL"):
        contract.check("picture", ask(desk, kind), whole=True)
    return status


def test_answers_are_those_of_the_contract(desk: Desk, folder: Path, tmp_path: Path) -> None:
    assert check_answers(desk)["context"] == []
    head = Head(desk, folder)
    assert "ImagingStudy" == check_answers(desk)["context.type"]
    head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, labels=("Liver",)))
    head.send(nifti(tmp_path / "b.nii.gz", MARKER))
    assert len(field_readers.segmentation_table(check_answers(desk))) == 2
    desk.until_refused(desk.send("scene-update", [{"key": "scene", "resource": {"ops": [{"op": "drop"}]}}]), 422)
    assert check_answers(desk)["items"][-1]["key"] == "problem"
    wants = parse_publish(make_message("sceneview-request", "T", {"id": "r", "patientText": True}))
    contract.check("scene-view", desk.session.answers["SCENEVIEW"](wants), whole=True)
    desk.display.close_study()
    assert "context.type" not in check_answers(desk)


def test_the_recorded_scene_update_is_followed_where_it_names_what_is_there(desk: Desk, head: Head) -> None:
    name = next(name for name in MESSAGES if name.startswith("scene-update"))
    message = parse_message({"id": "field-3", **MESSAGES[name]})
    desk.session.refused.clear()
    desk.display.handle(message)
    # the recording names a second segment, which this result has not
    assert desk.session.refused == [("field-3", 422)]
    assert "names no segment that is shown: Segment_2 2 Spleen" in desk.items("problem")[-1]["message"]
    assert "(1 of the 4 operations were not followed)" in desk.items("problem")[-1]["message"]
