"""What was found and is not on the screen stands in STATUS, counted and with why; one bad thing costs only itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import head_phantom
import pydicom
import pytest
from display_desk import Desk, volumes_of
from display_parts import study_uid_of, write_balls, write_phantom
from image_rows import row

from CastInterfaceLib.display.problems import MAX_PROBLEMS, Problems, problem_item
from CastInterfaceLib.study import reader
from CastInterfaceLib.study.batch_files import MAX_KEPT
from CastInterfaceLib.study.left_out import left_out_sentences

SMALL = (24, 24, 8)


def told(desk: Desk) -> list[str]:
    return [item["message"] for item in desk.items("problem")]


@row("Images", "A study of several series", "shown, with a warning", "loaded, but in no view")
def test_each_series_of_a_study_is_on_the_screen_or_told(desk: Desk, folder: Path) -> list[str]:
    uid = study_uid_of(write_phantom(folder / "ct")[0])
    write_phantom(folder / "phase", study_uid=uid, counts=SMALL, description="Phase 2")
    flat = write_phantom(folder / "capture", study_uid=uid, counts=(24, 24, 1), description="Capture", Modality="OT")
    for file in flat:
        data = pydicom.dcmread(file)
        del data.ImagePositionPatient, data.ImageOrientationPatient
        data.save_as(file)
    desk.open(uid)
    desk.until_shown(uid)
    sentences = told(desk)
    assert "Series Capture (OT, 1 file) is not shown: it is an image without a position in space (OT)." in sentences
    assert any("1 series is loaded, but in no view: Phase 2 (MR, 8 files)." in one for one in sentences)
    assert {item["value"] for item in desk.items("problem")} == {"not-shown"}
    series = desk.status()["series"]
    assert {one["description"]: one["onScreen"] for one in series} == {"Phantom": True, "Phase 2": False}
    assert desk.display.problems == sentences
    return sentences


@row("Images", "A series with missing slices", "shown, with a warning", "slices are missing")
def test_a_warning_is_called_a_warning(desk: Desk, folder: Path) -> list[str]:
    uid = study_uid_of(write_phantom(folder, leave_out=(7, 20))[0])
    desk.open(uid)
    desk.until_shown(uid)
    assert {item["value"] for item in desk.items("problem")} == {"warning"}
    return told(desk)


@row("Files and folders", "Damaged files and files that are no DICOM among those sent", "left out", "no DICOM file")
def test_what_is_left_out_of_a_batch_is_counted(desk: Desk, tmp_path: Path) -> list[str]:
    files = write_phantom(tmp_path / "a", counts=SMALL)
    bad = []
    for number in range(12):
        bad.append(tmp_path / f"notes-{number}.dcm")
        bad[-1].write_text("no DICOM")
    desk.send_files("ImagingStudy-open", [*files, *bad])
    desk.until_shown(study_uid_of(files[0]))
    (sentence,) = told(desk)
    assert "(12 files) are left out" in sentence and "and 9 more" in sentence
    return told(desk)


@row("Images", "A good series beside one whose reading fails in an unforeseen way", "left out", "cannot be read")
def test_one_bad_series_or_segmentation_costs_only_itself(
    desk: Desk, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    uid = study_uid_of(write_phantom(folder / "good")[0])
    write_phantom(folder / "odd", study_uid=uid, counts=(24, 24, 60), description="Odd")
    read, prepare = reader.read_voxels, reader.prepare_segmentation

    def read_or_fail(series: Any, *more: Any) -> Any:
        if series.description == "Odd":
            raise AttributeError("Doe^Anna")
        return read(series, *more)

    def prepare_or_fail(path: Path, *more: Any) -> Any:
        if path.name.startswith("odd"):
            raise MemoryError
        return prepare(path, *more)

    monkeypatch.setattr(reader, "read_voxels", read_or_fail)
    monkeypatch.setattr(reader, "prepare_segmentation", prepare_or_fail)
    desk.open(uid)
    desk.until_shown(uid)
    assert desk.shows(uid) and len(volumes_of(desk)) == 1
    assert told(desk) == ["Series Odd cannot be read: an unexpected AttributeError came up."]
    seg = write_balls(folder / "good", tmp_path / "balls.dcm")
    (tmp_path / "odd.dcm").write_bytes(write_balls(folder / "good", tmp_path / "second.dcm").read_bytes())
    desk.send_files("dicom-send", [tmp_path / "odd.dcm", seg])
    desk.until(lambda: desk.segmentations() and not desk.display.study.busy)  # type: ignore[union-attr]
    assert told(desk)[-1] == "odd.dcm cannot be read: an unexpected MemoryError came up."
    assert not desk.session.refused
    return told(desk)


def test_all_that_fails_is_told_not_only_the_first(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = head_phantom.save(folder / "one", head_phantom.series("told"))
    write_phantom(folder / "two", study_uid=uid, counts=SMALL, PatientName="Invented^Person", PatientID="INV-1")

    def fail(*_: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(reader, "read_voxels", fail)
    desk.until_refused(desk.open(uid), 422)
    assert "head told" in told(desk)[0] and "Phantom" in told(desk)[0]


def test_problems_are_counted_and_never_dropped() -> None:
    problems = Problems()
    for number in range(MAX_PROBLEMS + 30):
        problems.add(problem_item("warning" if number % 2 else "unreadable", f"Number {number}.", "1.2"))
    problems.add(problem_item("warning", "Number 49.", "1.2"))
    items = problems.items("1.2")
    assert len(items) == MAX_PROBLEMS + 2
    assert [item["message"] for item in items[:2]] == ["15 more of this kind came before these."] * 2
    assert {item["value"] for item in items[:2]} == {"warning", "unreadable"}
    assert items[-1]["message"] == "Number 49. (2 times)"
    problems.mark("10:32:05")
    assert problems.items("1.2")[-1] | {"message": ""} == problem_item("not-confirmed", "", "1.2")
    assert "10:32:05" in problems.items("1.2")[-1]["message"]
    problems.clear()
    assert problems.items("") == []


def test_files_left_out_for_one_reason_are_one_sentence() -> None:
    paths = [(Path("/home/doe") / f"{number}.dcm", "cut short") for number in range(5)]
    assert left_out_sentences([*paths[:1], (Path("x.dcm"), "twice")]) == [
        "0.dcm is left out: cut short.",
        "x.dcm is left out: twice.",
    ]
    assert left_out_sentences(paths) == ["0.dcm, 1.dcm, 2.dcm and 2 more (5 files) are left out: cut short."]


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("/home/doe anna/images/a.dcm: cut short", "a.dcm: cut short"),
        ("cannot read '/tmp/x/y.dcm'", "cannot read 'y.dcm'"),
        (r"C:\Users\doe\a.dcm is damaged", "a.dcm is damaged"),
        ("read/written at 5 mm/s from https://host/a/b", "read/written at 5 mm/s from https://host/a/b"),
        ("Series ax / t1 / post: left/right", "Series ax / t1 / post: left/right"),
    ],
)
def test_a_path_is_told_by_its_name_alone(sentence: str, shown: str) -> None:
    assert problem_item("unreadable", sentence, "")["message"] == shown


def test_files_that_are_only_addresses_beside_others_are_told(desk: Desk, tmp_path: Path) -> None:
    files = write_phantom(tmp_path / "a", counts=SMALL)
    entries: list[dict[str, Any]] = [{"fileName": "far.dcm", "url": "http://h/far.dcm"}]
    for file in files:
        desk.session.payloads[file.name] = file
        entries.append({"fileName": file.name, "payloadIds": [file.name]})
    desk.send("ImagingStudy-open", {"files": entries})
    desk.until_shown(study_uid_of(files[0]))
    assert told(desk) == ["1 files are only addresses, which this display does not fetch yet."]


def test_batches_that_are_not_kept_any_more_are_told(desk: Desk, tmp_path: Path) -> None:
    for number in range(MAX_KEPT + 1):
        (tmp_path / "a.dcm").write_bytes(b"x")
        desk.send_files("dicom-send", [tmp_path / "a.dcm"], studyInstanceUID=f"1.2.3.{number}")
    assert told(desk) == [f"Files of study 1.2.3.0 are not kept any more: only the last {MAX_KEPT} batches are."]


def test_what_was_read_before_an_open_is_called_off_stays_open(desk: Desk, folder: Path) -> None:
    uid = study_uid_of(write_phantom(folder / "large")[0])
    write_phantom(folder / "small", study_uid=uid, counts=SMALL)
    add_series = desk.display._reader._sink.add_series

    def add_and_call_off(*arguments: Any) -> None:
        add_series(*arguments)
        desk.display.cancel()

    desk.display._reader._sink.add_series = add_and_call_off  # type: ignore[method-assign]
    desk.open(uid)
    desk.until(lambda: desk.display.study and not desk.display.study.busy)
    study = desk.display.study
    assert study is not None and study.series and study.state == "shown"
    assert desk.status()["studyInstanceUID"] == uid
