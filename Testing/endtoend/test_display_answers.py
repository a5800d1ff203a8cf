"""The role Image Display on the real engine: what it answers, what it calls off, and what is gone after a close."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from display_desk import Desk
from display_parts import study_uid_of, write_balls, write_phantom
from pydicom.uid import generate_uid

from CastLib.message import make_message, parse_publish
from CastLib.study_context import make_study_context


def test_status_is_answered_while_the_main_thread_is_busy(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    shown = desk.status()["sceneview"]
    answers: list[tuple[float, dict[str, Any]]] = []

    def ask() -> None:
        began = time.monotonic()
        answer = desk.status()
        answers.append((time.monotonic() - began, answer))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(60.0)  # the main thread does nothing else
    assert answers, "no answer while the main thread was busy"
    assert answers[0][0] < 1.9
    assert answers[0][1]["sceneview"] == shown
    assert answers[0][1]["context"][0]["key"] == "study"


def test_status_tells_the_job_and_the_local_studies(desk: Desk, folder: Path, tmp_path: Path) -> None:
    local = study_uid_of(write_phantom(folder, counts=(16, 16, 4))[0])
    desk.open(local)
    desk.until_shown(local)
    files = write_phantom(tmp_path / "elsewhere", counts=(16, 16, 4))
    desk.session.gate.clear()
    desk.send_files("ImagingStudy-open", files)
    desk.until(lambda: desk.items("job")[0].get("message") == "Fetching files")
    desk.session.gate.set()
    desk.until_shown(study_uid_of(files[0]))
    (told,) = desk.status()["studies"]
    assert told["studyInstanceUID"] == local
    assert (told["organization"], told["openMode"], told["modalities"]) == ("3d-slicer", "local-dicom", ["MR"])


def test_a_fetch_is_called_off_by_a_newer_open(desk: Desk, folder: Path, tmp_path: Path) -> None:
    local = study_uid_of(write_phantom(folder)[0])
    desk.session.gate.clear()
    desk.send_files("ImagingStudy-open", write_phantom(tmp_path / "elsewhere", counts=(16, 16, 4)))
    desk.until(lambda: desk.items("job")[0].get("message") == "Fetching files")
    desk.open(local)
    desk.until_shown(local)
    assert not desk.session.refused


def test_it_follows_the_worklist_when_it_connects(desk: Desk, folder: Path) -> None:
    one = study_uid_of(write_phantom(folder / "a", counts=(16, 16, 4))[0])
    two = study_uid_of(write_phantom(folder / "b", counts=(16, 16, 4))[0])

    def answer(actor: str, uid: str) -> dict[str, Any]:
        return {"actor": actor, "data": {"context.type": "ImagingStudy", "context": make_study_context(uid)}}

    empty = {"actor": "EC", "data": {"source": "status", "items": []}}
    odd = [7, {}, {"data": 7}, {"data": {"context.type": "ImagingStudy", "context": [7]}}]
    desk.session.presence({"responses": [empty, {"data": {"context.type": "", "context": []}}, *odd]})
    desk.session.presence({"responses": None})
    assert desk.display.study is None
    desk.session.presence({"responses": [empty, answer("REPORTING_CLIENT", one), answer("WORKLIST_CLIENT", two)]})
    desk.until_shown(two)
    desk.session.presence({"responses": [answer("WORKLIST_CLIENT", one)]})
    desk.pump.run_until(lambda: False, 0.1)
    assert desk.display.study is not None
    assert desk.display.study.study_uid == two


def test_closing_frees_the_memory(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    desk.send_files("dicom-send", [write_balls(folder, tmp_path / "balls.dcm")])
    desk.until(lambda: desk.segmentations())
    desk.viewports()
    freed: list[str] = []
    for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"):
        desk.host.scene.GetNthNodeByClass(0, kind).AddObserver("DeleteEvent", lambda node, event: freed.append(event))
    desk.send("ImagingStudy-close", make_study_context(uid))
    desk.viewports()
    gc.collect()
    assert len(freed) == 2


def test_a_closed_study_is_never_in_an_answer(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    assert uid in str(desk.status())
    desk.send("ImagingStudy-close", make_study_context(uid))
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(desk.status()))
    thread.start()
    thread.join(60.0)  # the main thread does nothing else
    assert answers[0]["sceneview"] == {}
    assert answers[0]["context"] == []


def test_opening_what_is_open_keeps_it(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    desk.send_files("dicom-send", [write_balls(folder, tmp_path / "balls.dcm")])
    desk.until(lambda: desk.segmentations())
    desk.open(uid)
    desk.pump.run_until(lambda: False, 0.2)
    assert len(desk.segmentations()) == 1


def test_a_scene_view_is_made_anew_only_after_a_change(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.until_shown(uid)
    first = desk.viewports()[0]["picture"]
    assert desk.viewports()[0]["picture"] is first
    view = desk.host.slice_views[0]
    view.logic.SetSliceOffset(view.logic.GetSliceOffset() + 20)
    second = desk.viewports()[0]
    assert second["picture"]["data"] != first["data"]
    assert second["sliceOffset"] == pytest.approx(second["sliceToRAS"][11])


def test_the_scene_view_is_what_clients_read(desk: Desk) -> None:
    scene = desk.session.answers["SCENEVIEW"](parse_publish(make_message("sceneview-request", "T", {"id": "r"})))
    assert (scene["source"], scene["product"]) == ("sceneview", "3DSLICER-ID")
    window, display = scene["window"], scene["display"]
    assert window["outerWidth"] > 0
    assert window["outerHeight"] > 0
    assert {"screenX", "screenY", "frameLeft", "frameTop", "innerWidth", "innerHeight"} < set(window)
    assert display["layout"]["direction"] == "column"
    assert [item["type"] for item in display["layout"]["items"]] == ["layout", "layout"]
    assert display["layout"]["items"][0]["items"][1] == {"type": "slot", "slotIndex": 1}
    assert [view["type"] for view in scene["viewports"]] == ["2D", "3D", "2D", "2D"]
    assert [view["slotIndex"] for view in scene["viewports"]] == [0, 1, 2, 3]
    assert [view["name"] for view in scene["viewports"]] == ["Red", "3D", "Green", "Yellow"]
    assert [view["viewDirection"] for view in scene["viewports"]][::2] == ["Superior", "Posterior"]
    area = sum(view["layoutRect"]["width"] * view["layoutRect"]["height"] for view in scene["viewports"])
    assert area == window["innerWidth"] * window["innerHeight"]


def test_uids_do_not_leave_a_trace_in_other_studies(desk: Desk, folder: Path) -> None:
    """Two studies one after the other: nothing of the first is left when the second is shown."""
    first = study_uid_of(write_phantom(folder / "a")[0])
    second = study_uid_of(write_phantom(folder / "b", study_uid=generate_uid())[0])
    for uid in (first, second, first):
        desk.open(uid)
        desk.until_shown(uid)
        assert desk.shows(uid)
        assert {view["studyInstanceUID"] for view in desk.viewports()} == {uid}
