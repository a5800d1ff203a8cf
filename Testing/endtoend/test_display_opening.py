"""The role Image Display on the real engine: which studies it opens, in which forms, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest
from display_desk import Desk, volumes_of
from display_parts import study_uid_of, write_phantom

from CastInterfaceLib.study import reader
from CastLib.study_context import make_study_context


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
    assert len(desk.status()["series"]) == 2


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
def test_images_sent_after_the_open(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: bool, late: bool
) -> None:
    if not late:
        monkeypatch.setattr(reader, "PAYLOAD_GRACE", 20.0)  # the machine may be slow
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
