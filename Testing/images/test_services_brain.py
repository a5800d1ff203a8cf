"""BrainTissue: which series it takes of those that came, and which files it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import head_phantom
import numpy as np
import pytest
from brain_parts import ask, coarse_sample, save
from image_rows import row

#: What comes to nothing by its header needs no brain in it, only its size.
EMPTY = np.zeros((60, 90, 90))


def refusal(folder: Path, paths: list[Path], **context: Any) -> list[str]:
    return [ask(paths, folder / "job", **context).error]


@row("Services", "BrainTissue: a T1 beside a longer T2 and an enhanced T1", "shown", "chosen of 2 that would do")
def test_the_plain_t1_is_taken_of_what_a_study_holds(tmp_path: Path) -> list[str]:
    brain = coarse_sample()
    paths = save(tmp_path / "t2", np.pad(EMPTY, ((0, 60), (0, 0), (0, 0))), "t2", SeriesDescription="T2 tse")
    paths += save(tmp_path / "gd", EMPTY, "gd", SeriesDescription="T1 mprage", ContrastBolusAgent="gadobutrol")
    paths += save(tmp_path / "t1", brain, "t1")
    answer = ask(paths, tmp_path / "job")
    assert answer.result is not None, answer.error
    assert answer.result.ReferencedSeriesSequence[0].SeriesInstanceUID == head_phantom.uid("t1")
    fluid, grey, white = answer.volumes
    assert 330 < fluid < 400 and 980 < grey < 1080 and 540 < white < 600
    assert any('T1 by its description "T1 mprage", chosen of 2' in line for line in answer.told)
    return answer.told


@row("Services", "BrainTissue: images of two patients", "refused", "send those of one, or name the series")
def test_two_patients_are_not_mixed(tmp_path: Path) -> list[str]:
    paths = save(tmp_path / "a", EMPTY, "a")
    paths += save(tmp_path / "b", EMPTY, "b", PatientID="P2", StudyInstanceUID=head_phantom.uid("other"))
    (told,) = refusal(tmp_path, paths)
    assert "patient ID P1" in told and "patient ID P2" in told
    return [told]


@pytest.mark.parametrize("form", ["uid", "item", "study"])
def test_a_series_that_the_message_names_is_the_one(tmp_path: Path, form: str) -> None:
    paths = save(tmp_path / "a", EMPTY, "a") + save(tmp_path / "b", EMPTY, "b", PatientID="P2")
    uid = str(head_phantom.uid("b"))
    context: dict[str, Any] = {
        "uid": {"seriesInstanceUID": uid},
        "item": {"series": {"uid": "urn:oid:" + uid}},
        "study": {"study": {"uid": str(head_phantom.uid("brain study")), "series": [{"uid": uid}]}},
    }[form]
    metadata = [{"0020000E": {"vr": "UI", "Value": [str(head_phantom.uid(path.name[0]))]}} for path in paths]
    answer = ask(paths, tmp_path / "job", metadata, **context)
    assert answer.told[1].startswith("Reading 60 slices"), "one patient's is left"
    assert "No brain can be found" in answer.error


@row("Services", "BrainTissue: a series is named that is not among the files", "refused", "of which nothing came")
def test_a_named_series_that_did_not_come(tmp_path: Path) -> list[str]:
    return refusal(tmp_path, save(tmp_path / "a", EMPTY), seriesInstanceUID="1.2.3.4")


@row("Services", "BrainTissue: a study is named that the files are not of", "refused", "images of another came")
def test_a_named_study_that_did_not_come(tmp_path: Path) -> list[str]:
    return refusal(tmp_path, save(tmp_path / "a", EMPTY), studyInstanceUID="1.2.3.4")


@row("Services", "BrainTissue: T1 series of two studies", "refused", "name one of them as seriesInstanceUID")
def test_two_studies_are_not_chosen_from(tmp_path: Path) -> list[str]:
    paths = save(tmp_path / "a", EMPTY, "a", StudyDate="20240102")
    paths += save(tmp_path / "b", EMPTY, "b", StudyDate="20250102", StudyInstanceUID=head_phantom.uid("later"))
    (told,) = refusal(tmp_path, paths)
    assert "of 20240102" in told and "of 20250102" in told
    return [told]


@row("Services", "BrainTissue: series that do not say what they are", "refused", "Several series may be meant")
def test_what_says_nothing_is_not_guessed_among(tmp_path: Path) -> list[str]:
    paths = save(tmp_path / "a", EMPTY, "a", SeriesDescription="head", SeriesNumber="2")
    paths += save(tmp_path / "b", EMPTY, "b", SeriesDescription="head", SeriesNumber="3")
    (told,) = refusal(tmp_path, paths)
    assert 'series 2 "head"' in told and 'series 3 "head"' in told
    return [told]


def refused(what: str, sentence: str, **differs: Any) -> Any:
    return pytest.param(row("Services", f"BrainTissue: {what}", "refused", sentence), differs, id=what)


REFUSED = [
    refused("a T2 series", 'what came is T2 by its description "T2 tse"', SeriesDescription="T2 tse"),
    refused(
        "a FLAIR by its times",
        "FLAIR by its echo time 90 ms, repetition time 9000 ms",
        SeriesDescription="axial",
        EchoTime=90,
        RepetitionTime=9000,
        InversionTime=2500,
    ),
    refused("a series called T1 whose echo time is a T2's", "what came is T2 by its", EchoTime=95, RepetitionTime=4000),
    refused("a localizer", "what came is localizer by its image type", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    refused("an angiogram", "what came is angiography by its description", SeriesDescription="TOF 3D"),
    refused("a CT", "what came is CT", Modality="CT"),
    refused("a knee", "another part of the body, KNEE", BodyPartExamined="KNEE"),
    refused("slices of 5 mm", "not a whole head in slices of 4 mm at most", spacing=(5.0, 2.0, 2.0)),
    refused("a series with slices missing", "where a stack without gaps is needed", leave_out=(20, 21, 40)),
]


@pytest.mark.parametrize(("proves", "differs"), REFUSED)
def test_what_is_no_t1_of_a_head_is_refused(tmp_path: Path, proves: Any, differs: dict[str, Any]) -> None:
    proves(lambda: refusal(tmp_path, save(tmp_path / "x", EMPTY, **differs)))()


def test_a_picture_in_colour_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    (told,) = refusal(
        tmp_path, save(tmp_path / "x", np.repeat(EMPTY, 3, 2), Columns=90, PhotometricInterpretation="RGB")
    )
    assert "a picture in colour" in told
    (told,) = refusal(tmp_path, save(tmp_path / "y", EMPTY, PixelData=b"\0\0"))
    assert "damaged" in told
