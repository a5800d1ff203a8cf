"""The role Image Display on the real engine: what it opens, refuses, closes, shows and answers. The hub is faked."""

from __future__ import annotations

import gc
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from display_parts import SIGHTS, decode, study_uid_of, write_balls, write_phantom
from pydicom.uid import generate_uid

from CastInterfaceLib import study_reading
from CastInterfaceLib.study_files import StudyFiles
from CastLib.client import Pump
from CastLib.errors import TransferError
from CastLib.message import Message, make_message, parse_publish
from CastLib.study_context import make_study_context

if TYPE_CHECKING:
    from CastInterfaceLib.host_engine import EngineHost
    from CastInterfaceLib.image_display import ImageDisplay

PATIENCE = 20.0


class FakeSession:
    """What a display asks of a session; payloads are files on this machine."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(product="3DSLICER-ID")
        self.topic = "T"
        self.refused: list[tuple[str, int]] = []
        self.answers: dict[str, Callable[[Message], Any]] = {}
        self.payloads: dict[str, Path] = {}
        self.name = "DISPLAY-1"
        self.gate = threading.Event()
        self.gate.set()

    def on_event(self, handler: Any) -> None:
        self.event = handler

    def on_presence(self, handler: Any) -> None:
        self.presence = handler

    def on_request(self, data_type: str, answer: Callable[[Message], Any], in_background: bool = False) -> None:
        self.answers[data_type] = answer
        assert in_background  # pictures are made while the main thread does something else

    def refuse(self, message: Message, status: int, reason: str) -> None:
        assert reason
        self.refused.append((message.id, status))

    def fetch_files(
        self, message: Message, directory: Path, *, choose: Any, progress: Any, cancelled: Any
    ) -> list[Path]:
        from CastLib.manifest import parse_received_manifest

        entries = [entry for entry in parse_received_manifest(message.context) if choose(entry)]
        while not self.gate.wait(0.01):
            if cancelled():
                raise TransferError("called off")
        directory.mkdir(parents=True)
        for done, entry in enumerate(entries):
            shutil.copy(self.payloads[entry.payload_ids[0]], directory / entry.file_name)
            progress(done, len(entries))
        return [directory / entry.file_name for entry in entries]


class Desk:
    """A display on the engine, its fake session, and what a test does with them."""

    def __init__(self, host: EngineHost, display: ImageDisplay, session: FakeSession, pump: Pump) -> None:
        self.host, self.display, self.session, self.pump = host, display, session, pump

    def send(self, event: str, context: Any) -> str:
        message = parse_publish(make_message(event, "T", context))
        self.display.handle(message)
        return message.id

    def open(self, uid: str = "", **more: str) -> str:
        return self.send("ImagingStudy-open", make_study_context(uid, **more))

    def send_files(self, event: str, files: list[Path], *, tell: bool = False, **more: Any) -> str:
        entries = []
        for file in files:
            payload = f"payload-{len(self.session.payloads)}"
            self.session.payloads[payload] = file
            entry: dict[str, Any] = {"fileName": file.name, "byteLength": file.stat().st_size, "payloadIds": [payload]}
            if tell:
                header = pydicom.dcmread(file, stop_before_pixels=True)
                entry["dicomMetadata"] = {
                    "0020000D": {"vr": "UI", "Value": [str(header.StudyInstanceUID)]},
                    "00080018": {"vr": "UI", "Value": [str(header.SOPInstanceUID)]},
                }
            entries.append(entry)
        return self.send(event, {**more, "files": entries})

    def until(self, done: Callable[[], object]) -> None:
        assert self.pump.run_until(done, PATIENCE), self.status()

    def until_shown(self, uid: str) -> None:
        self.until(lambda: self.display.study and self.display.study.state == "shown" and not self.display.study.busy)
        assert self.display.study is not None
        assert self.display.study.study_uid == uid

    def until_refused(self, id: str, status: int) -> None:
        self.until(lambda: self.session.refused)
        assert self.session.refused.pop(0) == (id, status)
        assert not self.session.refused

    def status(self) -> dict[str, Any]:
        return dict(self.session.answers["STATUS"](parse_publish(make_message("status-request", "T", {"id": "r1"}))))

    def items(self, key: str) -> list[dict[str, Any]]:
        return [item for item in self.status()["items"] if item["key"] == key]

    def segmentations(self) -> list[dict[str, Any]]:
        found = [item["segmentations"] for item in self.status()["context"] if item["key"] == "segmentation"]
        return found[0] if found else []

    def viewports(self) -> list[dict[str, Any]]:
        answer = self.session.answers["SCENEVIEW"](parse_publish(make_message("sceneview-request", "T", {"id": "r"})))
        return list(answer["viewports"])

    def shows(self, uid: str) -> bool:
        """Whether every slice view shows bright pixels of this study."""
        views = [view for view in self.viewports() if view["orientation"] in SIGHTS]
        bright = [bool((decode(view["picture"])[40:-40] > 200).any()) for view in views]
        assert len(set(bright)) == 1
        return bright[0] and {view["studyInstanceUID"] for view in views} == {uid}

    def node_count(self) -> int:
        return int(self.host.scene.GetNumberOfNodes())


def volumes_of(desk: Desk) -> list[Any]:
    from CastInterfaceLib.host import nodes_of_class

    return nodes_of_class(desk.host.scene, "vtkMRMLScalarVolumeNode")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "studies"


@pytest.fixture
def desk(engine: EngineHost, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    from CastInterfaceLib.image_display import ImageDisplay

    monkeypatch.setattr(study_reading, "PAYLOAD_GRACE", 0.1)
    folder.mkdir()
    session, pump = FakeSession(), Pump()
    display = ImageDisplay(engine, session, pump, StudyFiles([folder]))  # type: ignore[arg-type]
    desk = Desk(engine, display, session, pump)
    desk.until(lambda: desk.items("job") == [{"key": "job", "value": "idle"}])
    yield desk
    study = display.study
    if study is not None and study.study_uid:
        desk.send("ImagingStudy-close", make_study_context(study.study_uid))
    folder_of_payloads = display._temporary
    display.close()
    assert not folder_of_payloads.exists()


def test_a_local_study_opens_by_uid_and_closes(desk: Desk, folder: Path) -> None:
    before = desk.node_count()
    uid = study_uid_of(write_phantom(folder / "a")[0])
    (folder / "notes.txt").write_text("no DICOM")
    desk.open(uid)
    assert desk.items("job")[0]["value"] == "running"
    desk.until_shown(uid)
    assert desk.shows(uid)
    desk.send("ImagingStudy-close", make_study_context("1.2.3.4.5"))
    assert desk.shows(uid)
    desk.send("ImagingStudy-close", make_study_context(uid))
    assert not desk.shows(uid)
    assert desk.status()["context"] == []
    assert desk.node_count() == before
    assert not desk.session.refused


@pytest.mark.parametrize("form", ["oid", "accession", "object", "uid", "id"])
def test_every_form_that_names_a_local_study(desk: Desk, folder: Path, form: str) -> None:
    uid = study_uid_of(write_phantom(folder, counts=(32, 32, 12), accession="ACC-7")[0])
    oid = {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}
    contexts: dict[str, Any] = {
        "oid": [{"key": "study", "resource": {"identifier": [oid]}}],
        "accession": make_study_context(accession="ACC-7"),
        "object": {"study": {"identifier": [{"system": "URN:DICOM:UID", "value": uid}]}},
        "uid": {"study": {"uid": uid, "identifier": [{"system": "urn:cast:open-mode", "value": "local-dicom"}]}},
        "id": [{"key": "study", "resource": {"id": uid}}],
    }
    desk.send("imagingstudy-OPEN", contexts[form])
    desk.until_shown(uid)
    desk.send("ImagingStudy-close", contexts[form])
    assert desk.display.study is None


def test_a_series_that_is_asked_for_is_the_one_shown(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder / "long")[0])
    short = write_phantom(folder / "short", study_uid=uid, counts=(40, 40, 10))
    wanted = str(pydicom.dcmread(short[0]).SeriesInstanceUID)
    desk.send("ImagingStudy-open", {"study": {"uid": uid, "series": [{"uid": wanted}]}})
    desk.until_shown(uid)
    assert {view["seriesInstanceUID"] for view in desk.viewports()} == {wanted}
    assert len(desk.status()["context"][0]["resource"]["series"]) == 2


def test_a_newer_open_overtakes(desk: Desk, folder: Path) -> None:
    one = study_uid_of(write_phantom(folder / "a")[0])
    two = study_uid_of(write_phantom(folder / "b")[0])
    for _ in range(3):
        desk.open(one)
        desk.open(two)
    desk.until_shown(two)
    desk.pump.run_until(lambda: False, 0.3)
    assert desk.shows(two)
    assert len(volumes_of(desk)) == 1
    assert not desk.session.refused


def test_a_close_overtakes_an_open(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder)[0])
    desk.open(uid)
    desk.send("ImagingStudy-close", make_study_context(uid))
    desk.pump.run_until(lambda: False, 0.5)
    assert desk.display.study is None
    assert not desk.shows(uid)


def form_of_open(system: str, value: str) -> dict[str, Any]:
    return {"study": {"uid": "1.2.3.4.5", "identifier": [{"system": system, "value": value}]}}


FORMS: dict[str, dict[str, Any]] = {
    "dicomweb": form_of_open("urn:cast:dicomweb-root", "http://h/d"),
    "dicom-url": form_of_open("urn:cast:open-mode", "dicom-url"),
    "idc": form_of_open("urn:cast:open-mode", "IDC"),
    "nifti-url": form_of_open("urn:cast:nifti-url", "https://h/a.nii"),
    "files": {"files": [{"url": "s3://bucket/key.dcm", "fileName": "volume"}]},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_not_yet_supported_is_refused_and_told(desk: Desk, form: str) -> None:
    desk.until_refused(desk.send("ImagingStudy-open", FORMS[form]), 422)
    problem = desk.items("problem")[0]
    assert problem["value"] == "form-not-supported"
    assert form in problem["message"]


@pytest.mark.parametrize("form", ["dicomweb", "idc"])
def test_local_folders_come_first_whatever_the_form(desk: Desk, folder: Path, form: str) -> None:
    write_phantom(folder, study_uid="1.2.3.4.5")
    desk.send("ImagingStudy-open", FORMS[form])
    desk.until_shown("1.2.3.4.5")


def test_a_study_that_is_not_there(desk: Desk, folder: Path) -> None:
    shown = study_uid_of(write_phantom(folder)[0])
    desk.open(shown)
    desk.until_shown(shown)
    desk.until_refused(desk.open("1.2.3.4"), 404)
    assert "1.2.3.4" in desk.items("problem")[0]["message"]
    assert not desk.shows(shown)  # the context has moved on: the former study must not stand there
    desk.open(shown)
    desk.until_shown(shown)
    assert desk.items("problem") == []


def test_an_open_that_names_nothing(desk: Desk) -> None:
    for context in ([], {}, {"study": {}}, [{"key": "patient", "resource": {"id": "P"}}]):
        desk.until_refused(desk.send("ImagingStudy-open", context), 400)
    desk.until_refused(desk.send("ImagingStudy-open", [{"key": "study", "resource": 7}]), 400)


def test_an_accession_number_of_two_studies(desk: Desk, folder: Path) -> None:
    write_phantom(folder / "a", counts=(16, 16, 4))
    write_phantom(folder / "b", counts=(16, 16, 4))
    desk.until_refused(desk.open(accession="PHANTOM1"), 409)


def test_images_sent_with_the_open(desk: Desk, tmp_path: Path) -> None:
    files = write_phantom(tmp_path / "elsewhere")
    desk.send_files("ImagingStudy-open", files)
    desk.until_shown(study_uid_of(files[0]))
    assert desk.shows(study_uid_of(files[0]))


def test_images_sent_with_the_open_of_another_study(desk: Desk, tmp_path: Path) -> None:
    files = write_phantom(tmp_path / "elsewhere", counts=(16, 16, 4))
    desk.until_refused(desk.send_files("ImagingStudy-open", files, study={"uid": "1.2.3"}), 409)


@pytest.mark.parametrize("tell", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_images_sent_after_the_open(desk: Desk, tmp_path: Path, tell: bool, late: bool) -> None:
    files = write_phantom(tmp_path / "elsewhere")
    uid = study_uid_of(files[0])
    id = desk.open(uid)
    if late:
        desk.until_refused(id, 404)
    desk.send_files("dicom-send", files, tell=tell)
    desk.until_shown(uid)
    assert desk.shows(uid)
    assert not desk.session.refused


def test_images_sent_just_before_the_open(desk: Desk, tmp_path: Path) -> None:
    files = write_phantom(tmp_path / "elsewhere")
    uid = study_uid_of(files[0])
    desk.send_files("dicom-send", files, tell=True)
    desk.open(uid)
    desk.until_shown(uid)


def test_more_slices_complete_a_series(desk: Desk, tmp_path: Path) -> None:
    files = write_phantom(tmp_path / "elsewhere")
    uid = study_uid_of(files[0])
    desk.send_files("ImagingStudy-open", files[::2])
    desk.until_shown(uid)
    desk.send_files("dicom-send", files[1::2])
    desk.send_files("dicom-send", files[:4])  # sent again: nothing new
    desk.until(lambda: not desk.display.study.busy)  # type: ignore[union-attr]
    (volume,) = volumes_of(desk)
    assert volume.GetImageData().GetDimensions() == (64, 66, 50)
    assert desk.shows(uid)


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
    assert told["segments"][0]["color"] == "#dc2828"
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
    thread.join(5.0)  # the main thread does nothing else
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
    thread.join(5.0)  # the main thread does nothing else
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
    assert [view["name"] for view in scene["viewports"]] == ["Red", "1", "Green", "Yellow"]
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
    from CastInterfaceLib.host import nodes_of_class

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
        from CastInterfaceLib.study_loading import remove_node

        remove_node(desk.host.scene, node)
        file = tmp_path / name
    else:
        file = write_image(tmp_path / name, labels, volume)
    told: list[Any] = []
    desk.display.results.told_result = lambda message, names, problem: told.append((list(names), problem))
    desk.send_files("nrrd-send" if name.endswith("nrrd") else "nifti-send", [file], studyInstanceUID=uid)
    desk.until(lambda: desk.segmentations())
    (item,) = desk.segmentations()
    assert [one["voxelCount"] for one in item["segments"]] == [400, 200]
    spacing = float(np.prod(volume.GetSpacing()))
    assert [one["volumeMm3"] for one in item["segments"]] == [round(400 * spacing, 3), round(200 * spacing, 3)]
    assert (item["segments"][0]["label"] == "Liver") == name.endswith(".seg.nrrd")
    assert told == [([one["label"] for one in item["segments"]], "")]
    (node,) = shown_nodes(desk, "vtkMRMLSegmentationNode")
    assert node.GetStorageNode() is None and volumes_of(desk) == [volume]
    assert not desk.session.refused and not list(desk.display._temporary.glob("*/*"))
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
    desk.until(lambda: not list(desk.display._temporary.glob("*/*")))
    assert desk.node_count() == before
