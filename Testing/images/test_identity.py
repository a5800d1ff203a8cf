"""Whose images are shown: what event, manifest and DICOM say is compared, and nothing is shown under another's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from display_desk import Desk, volumes_of
from display_parts import study_uid_of, write_balls, write_phantom
from image_rows import row
from pydicom.uid import generate_uid

from CastLib.study_context import make_study_context

SMALL = (24, 24, 8)
GROUP = "Patients and studies"


def write(folder: Path, **more: Any) -> tuple[str, list[Path]]:
    files = write_phantom(folder, counts=SMALL, spacing=(5.0, 5.0, 12.0), **more)
    return study_uid_of(files[0]), files


def told(desk: Desk) -> list[str]:
    return [item["message"] for item in desk.items("problem")]


def words(desk: Desk) -> list[str]:
    return [item["value"] for item in desk.items("problem")]


def of_patient(context: list[dict[str, Any]], **patient: Any) -> list[dict[str, Any]]:
    return [*context, {"key": "patient", "resource": {"resourceType": "Patient", "id": "constant", **patient}}]


def number(value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"code": "MR"}]}, "value": value}


@row(GROUP, "Files of another accession number, moments after an open by accession number", "refused", "and accession")
def test_an_open_by_accession_waits_for_its_own_files(desk: Desk, tmp_path: Path) -> list[str]:
    mine, right = write(tmp_path / "b", accession="B-1")
    _, wrong = write(tmp_path / "a", accession="A-1")
    ids = [desk.open(accession="B-1"), desk.send_files("dicom-send", wrong)]
    desk.until(lambda: len(desk.session.refused) == 2)  # the files at once, the open when at last nothing came
    assert sorted(desk.session.refused) == sorted(zip(ids, (404, 409), strict=True))
    desk.session.refused.clear()
    sentences = told(desk)
    assert any("accession number A-1 and accession number B-1" in one for one in sentences)
    assert volumes_of(desk) == []
    desk.until_refused(desk.send_files("dicom-send", wrong), 409)  # after the refusal as well
    assert volumes_of(desk) == []
    desk.send_files("dicom-send", right)
    desk.until_shown(mine)
    desk.until_refused(desk.send_files("dicom-send", wrong), 409)
    assert {one.GetAttribute("DICOM.StudyInstanceUID") for one in volumes_of(desk)} == {mine}
    return sentences


def test_files_that_come_with_an_open_must_be_what_it_names(desk: Desk, tmp_path: Path) -> None:
    uid, files = write(tmp_path / "a", accession="A-1")
    for study, both in (
        (make_study_context(accession="B-1")[0]["resource"], "accession number A-1 and accession number B-1"),
        (make_study_context("1.2.3.4.5")[0]["resource"], f"study {uid} and study 1.2.3.4.5"),
        (make_study_context(uid, accession="B-1")[0]["resource"], "accession number A-1 and accession number B-1"),
    ):
        desk.until_refused(desk.send_files("ImagingStudy-open", files, study=study), 409)
        assert both in told(desk)[-1]
        assert volumes_of(desk) == []


@row(GROUP, "Files without an accession number after an open by accession number", "refused", "do not say that they")
def test_files_that_name_nothing_are_not_taken_for_an_accession_number(desk: Desk, tmp_path: Path) -> list[str]:
    _, files = write(tmp_path / "a", accession="")
    id = desk.open(accession="B-1")
    desk.until_refused(id, 404)
    desk.until_refused(desk.send_files("dicom-send", files), 409)
    assert volumes_of(desk) == []
    return told(desk)


@pytest.mark.parametrize("by", ["uid", "accession"])
def test_the_same_resource_id_with_another_study_is_another_study(desk: Desk, folder: Path, by: str) -> None:
    one, _ = write(folder / "a", accession="A-1")
    two, _ = write(folder / "b", accession="B-1")
    names = {"uid": (one, two), "accession": ("A-1", "B-1")}[by]
    for name, uid in zip(names, (one, two), strict=True):
        words = {"study_uid": name} if by == "uid" else {"accession": name}
        desk.send("ImagingStudy-open", make_study_context(**words, resource_id="always-this"))
        desk.until_shown(uid)
    assert {view["studyInstanceUID"] for view in desk.viewports()} == {two}


@row(GROUP, "An open that names a patient, and images of another", "refused", "patient ID P1 and patient ID P2")
def test_an_events_patient_is_compared(desk: Desk, folder: Path) -> list[str]:
    uid, _ = write(folder / "a", PatientID="P1", PatientName="Doe^Anna", PatientBirthDate="19700102")
    context = make_study_context(uid)
    for right in ({"identifier": [number("P1")]}, {"identifier": [{"value": "P9"}]}, {"birthDate": "1970-01-02"}, {}):
        desk.send("ImagingStudy-open", of_patient(context, **right))
        desk.until_shown(uid)
        desk.send("ImagingStudy-close", context)
    desk.send(
        "ImagingStudy-open",
        [{**context[0], "resource": {**context[0]["resource"], "subject": {"reference": "Patient/x"}}}],
    )
    desk.until_shown(uid)
    wrong: tuple[dict[str, Any], ...] = (
        {"birthDate": "1970-01-03"},
        {"name": [{"family": "Roe", "given": ["Anna"]}]},
        {"identifier": [number("P2")]},
    )
    for patient in wrong:
        desk.until_refused(desk.send("ImagingStudy-open", of_patient(context, **patient)), 409)
        assert words(desk) == ["other-patient"] and volumes_of(desk) == []
    return told(desk)


@row(GROUP, "An open by study UID with the accession number of another study", "refused", "accession number A-1 and")
def test_an_events_accession_number_is_compared(desk: Desk, folder: Path) -> list[str]:
    uid, _ = write(folder / "a", accession="A-1")
    desk.until_refused(desk.open(uid, accession="B-1"), 409)
    assert words(desk) == ["other-study"] and volumes_of(desk) == []
    return told(desk)


@row(
    GROUP, "An open that names a series that the study does not have", "refused", "which is asked for, is not in study"
)
def test_an_unknown_series_is_refused(desk: Desk, folder: Path) -> list[str]:
    uid, files = write(folder / "a")
    other, _ = write(folder / "b", study_uid=uid)
    series = str(pydicom.dcmread(files[0]).SeriesInstanceUID)
    study = {"uid": uid, "series": [{"uid": "1.2.3.4.5"}]}
    desk.until_refused(desk.send("ImagingStudy-open", {"study": study}), 409)
    sentences = told(desk)
    assert "1.2.3.4.5" in sentences[-1] and uid in sentences[-1] and volumes_of(desk) == []
    study["series"] = [{"uid": "1.2.3.4.5"}, {"uid": series}]
    desk.send("ImagingStudy-open", {"study": study})
    desk.until_shown(other)
    assert any("1.2.3.4.5" in one for one in told(desk))
    # open already: one that is there is brought up, one that is not is refused
    desk.until_refused(desk.send("ImagingStudy-open", {"study": {"uid": uid, "series": [{"uid": "1.2.3"}]}}), 409)
    second = next(one for one in desk.display.study.series if one != series)  # type: ignore[union-attr]
    desk.send("ImagingStudy-open", {"study": {"uid": uid, "series": [{"uid": second}]}})
    assert {view["seriesInstanceUID"] for view in desk.viewports()} == {second}
    return sentences


@row(GROUP, "Two patients' files under one study UID", "refused", "are of several patients: patient ID")
def test_two_patients_under_one_study_uid(desk: Desk, folder: Path) -> list[str]:
    uid, _ = write(folder / "a", PatientID="P1", PatientName="")
    write(folder / "b", study_uid=uid, PatientID="P2", PatientName="")
    desk.until_refused(desk.open(uid), 409)
    sentences = told(desk)
    assert "P1" in sentences[-1] and "P2" in sentences[-1] and volumes_of(desk) == []
    desk.send("ImagingStudy-open", of_patient(make_study_context(uid), identifier=[number("P2")]))
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    assert words(desk) == ["other-patient"]
    (shown,) = desk.display.study.series.values()  # type: ignore[union-attr]
    assert shown.series.patient.id == "P2" and shown.volume is volume
    return sentences


def test_another_patients_files_are_not_taken_into_an_open_study(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid, files = write(folder / "a", PatientID="P1", PatientName="Doe^Anna")
    desk.open(uid)
    desk.until_shown(uid)
    for number_, who in enumerate(({"PatientID": "P2"}, {"PatientName": "Roe^Anna"})):
        _, others = write(
            tmp_path / str(number_), study_uid=uid, **{"PatientID": "P1", "PatientName": "Doe^Anna", **who}
        )
        desk.until_refused(desk.send_files("dicom-send", others), 409)
        assert words(desk)[-1] == "other-patient"
    same = []
    for file in files:  # the same UIDs to the last, and another patient
        data = pydicom.dcmread(file)
        data.PatientID = "P2"
        same.append(tmp_path / file.name)
        data.save_as(same[-1])
    desk.until_refused(desk.send_files("dicom-send", same), 409)
    assert len(volumes_of(desk)) == 1
    assert {shown.series.patient.id for shown in desk.display.study.series.values()} == {"P1"}  # type: ignore[union-attr]


@row(GROUP, "A segmentation of another patient with this study's UIDs", "refused", "patient ID P1")
def test_a_seg_of_another_patient(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    uid, _ = write(folder / "a", PatientID="P1", PatientName="")
    desk.open(uid)
    desk.until_shown(uid)
    data = pydicom.dcmread(write_balls(folder / "a", tmp_path / "balls.dcm"))
    data.PatientID = "P2"
    data.save_as(tmp_path / "other.dcm")
    desk.until_refused(desk.send_files("dicom-send", [tmp_path / "other.dcm"]), 409)
    assert desk.segmentations() == []
    return told(desk)


@row(GROUP, "Files that are not what the batch's manifest says", "refused", "is not what it was announced as")
def test_a_manifest_that_contradicts_its_files(desk: Desk, tmp_path: Path) -> list[str]:
    _, files = write(tmp_path / "a", PatientID="P1")
    said: tuple[dict[str, Any], ...] = (
        {"PatientID": "P2"},
        {"AccessionNumber": "B-1"},
        {"SeriesInstanceUID": "1.2.3.4.5"},
        {"00100020": {"vr": "LO", "Value": ["P2"]}},
    )
    for metadata in said:
        desk.until_refused(send_with(desk, files, metadata), 409)
        assert volumes_of(desk) == []
    return told(desk)


def send_with(desk: Desk, files: list[Path], metadata: dict[str, Any], **context: Any) -> str:
    entries = []
    for file in files:
        payload = f"payload-{len(desk.session.payloads)}"
        desk.session.payloads[payload] = file
        entries.append({"fileName": file.name, "payloadIds": [payload], "dicomMetadata": metadata})
    return desk.send("ImagingStudy-open", {**context, "files": entries})


def test_of_a_mixed_batch_only_what_is_of_the_study_is_taken_and_the_rest_is_told(desk: Desk, tmp_path: Path) -> None:
    uid, files = write(tmp_path / "a")
    _, others = write(tmp_path / "b")
    desk.send_files("ImagingStudy-open", [*files, *others], tell=True, study={"uid": uid})
    desk.until_shown(uid)
    (sentence,) = told(desk)
    assert sentence.startswith(f"{len(others)} files that were sent are left out: study ")
    assert len(volumes_of(desk)) == 1
    desk.send("ImagingStudy-close", make_study_context(uid))
    desk.send_files("ImagingStudy-open", [*files, *others], study={"uid": uid})  # a manifest that tells nothing
    desk.until_shown(uid)
    (sentence,) = told(desk)
    assert "is left out: study" in sentence and len(volumes_of(desk)) == 1


def test_a_close_that_contradicts_closes_nothing(desk: Desk, folder: Path) -> None:
    uid, _ = write(folder / "a", accession="A-1", PatientID="P1")
    desk.send("ImagingStudy-open", make_study_context(uid, resource_id="r1"))
    desk.until_shown(uid)
    for wrong in (
        make_study_context("1.2.3.4", resource_id="r1"),
        make_study_context(uid, accession="B-1"),
        of_patient(make_study_context(uid), identifier=[number("P2")]),
    ):
        desk.send("ImagingStudy-close", wrong)
        assert desk.display.study is not None
    desk.send("ImagingStudy-close", {"study": {"id": "r1", "accession": "A-1"}})
    assert desk.display.study is None


@row(GROUP, "Images that come again under the same UIDs with other pixels", "shown, with a warning", "came again with")
def test_corrected_images_take_the_place_of_the_former(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    uid, files = write(folder / "a")
    desk.open(uid)
    desk.until_shown(uid)
    desk.send_files("dicom-send", files)  # the same again: no word
    desk.until(lambda: not desk.display.study.busy)  # type: ignore[union-attr]
    assert told(desk) == []
    corrected = []
    for file in files[2:5]:
        data = pydicom.dcmread(file)
        data.PixelData = b"\7\7" * (data.Rows * data.Columns)
        corrected.append(tmp_path / file.name)
        data.save_as(corrected[-1])
    desk.send_files("dicom-send", corrected, tell=True)
    desk.until(lambda: told(desk) and not desk.display.study.busy)  # type: ignore[union-attr]
    (volume,) = volumes_of(desk)
    from CastInterfaceLib.scene.volumes import array_of

    array = array_of(volume)
    assert array.shape[0] == SMALL[2] and [int(plane.max()) for plane in array[2:5]] == [7 * 257] * 3
    assert words(desk) == ["warning"]
    return told(desk)


@row(GROUP, "A segmentation that comes again under the same UID", "shown, with a warning", "came again with other")
def test_a_corrected_seg_takes_the_place_of_the_former(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    uid, _ = write(folder / "a")
    desk.open(uid)
    desk.until_shown(uid)
    first = write_balls(folder / "a", tmp_path / "first.dcm")
    desk.send_files("dicom-send", [first])
    desk.until(desk.segmentations)
    instance = str(pydicom.dcmread(first).SOPInstanceUID)
    second = pydicom.dcmread(
        write_balls(folder / "a", tmp_path / "second.dcm", lambda labels: np.roll(labels, 1, axis=2))
    )
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = instance
    second.save_as(tmp_path / "second.dcm")
    desk.send_files("dicom-send", [tmp_path / "second.dcm"], tell=True)
    desk.until(lambda: told(desk) and not desk.display.study.busy)  # type: ignore[union-attr]
    (shown,) = desk.segmentations()
    assert shown["fileName"] == "second.dcm" and shown["sopInstanceUID"] == instance
    assert desk.host.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    return told(desk)


@row(
    "Segmentations and other results",
    "A NIfTI result that names a series the study does not have",
    "refused",
    "is not in study",
)
def test_a_result_for_an_unknown_series(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    uid, _ = write(folder / "a")
    desk.open(uid)
    desk.until_shown(uid)
    (tmp_path / "labels.nii.gz").write_bytes(b"never read")
    send = [tmp_path / "labels.nii.gz"]
    desk.until_refused(desk.send_files("nifti-send", send, studyInstanceUID=uid, seriesInstanceUID="1.2.3"), 409)
    sentences = told(desk)
    for wrong in ({"patientID": "P-other"}, {"accessionNumber": "B-1"}):
        desk.open(uid, accession="PHANTOM1")
        desk.until_refused(desk.send_files("nifti-send", send, studyInstanceUID=uid, **wrong), 409)
    desk.until_refused(desk.send_files("nifti-send", send, studyInstanceUID="1.2.3"), 409)
    assert "1.2.3" in told(desk)[-1] and uid in told(desk)[-1]
    (volume,) = volumes_of(desk)
    desk.sent.volume = volume  # it answers what was sent from here, and names another
    for wrong in ({"seriesInstanceUID": "1.2.3"}, {"studyInstanceUID": "1.2.3"}, {"patientID": "P-other"}):
        desk.until_refused(desk.send_files("nifti-send", send, **wrong), 409)
    desk.display.close_study()
    own = desk.host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Own")
    own.SetAttribute("DICOM.SeriesInstanceUID", "1.2.4")
    desk.sent.volume = own
    desk.until_refused(desk.send_files("nifti-send", send, seriesInstanceUID="1.2.3"), 409)
    assert "series 1.2.3" in told(desk)[-1] and "series 1.2.4" in told(desk)[-1]
    desk.host.scene.RemoveNode(own)
    desk.open(uid)
    desk.until_shown(uid)
    assert desk.segmentations() == [] and len(volumes_of(desk)) == 1
    return sentences


def test_a_result_that_does_not_say_which_of_two_frames_it_is_in(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid, _ = write(folder / "a")
    write(folder / "b", study_uid=uid)
    desk.open(uid)
    desk.until_shown(uid)
    (tmp_path / "labels.nii.gz").write_bytes(b"never read")
    desk.until_refused(desk.send_files("nifti-send", [tmp_path / "labels.nii.gz"], studyInstanceUID=uid), 409)


def test_local_files_and_sent_ones_of_one_study_are_shown_together(desk: Desk, folder: Path, tmp_path: Path) -> None:
    uid = generate_uid()
    files = write_phantom(tmp_path / "all", counts=SMALL, study_uid=uid)
    folder.mkdir(exist_ok=True)
    for file in files[::2]:
        (folder / file.name).write_bytes(file.read_bytes())
    desk.send_files("ImagingStudy-open", files[1:], study={"uid": uid})
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    assert volume.GetImageData().GetDimensions() == SMALL
