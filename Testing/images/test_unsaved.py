"""Work that is not saved does not vanish with its study: the user is asked, or it is kept or discarded by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from display_desk import Desk, volumes_of
from display_parts import study_uid_of, write_balls, write_phantom
from scene_additions import add_model, add_points, add_segmentation, add_volume

from CastInterfaceLib.display.unsaved_question import ASK, DISCARD, KEEP, STAY, UnsavedQuestion
from CastLib.study_context import make_study_context

Rule = Callable[[str], None]


@pytest.fixture
def two(desk: Desk, folder: Path) -> tuple[str, str]:
    """The study that is open, and another."""
    one = study_uid_of(write_phantom(folder / "a")[0])
    other = study_uid_of(write_phantom(folder / "b")[0])
    desk.open(one)
    desk.until_shown(one)
    return one, other


@pytest.fixture
def rule(desk: Desk) -> Iterator[Callable[[str], None]]:
    """Sets what becomes of unsaved work."""

    def set_rule(rule: str) -> None:
        desk.display._unsaved = UnsavedQuestion(rule)

    yield set_rule
    set_rule(KEEP)


def is_marked(desk: Desk) -> bool:
    return not all(view["confirmed"] for view in desk.viewports() if view["studyInstanceUID"])


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("answer", [KEEP, DISCARD, STAY])
@pytest.mark.parametrize("how", ["open", "close"])
def test_who_works_at_the_screen_is_asked(desk: Desk, two: tuple[str, str], rule: Rule, how: str, answer: str) -> None:
    rule(ASK)
    one, other = two
    drawn = add_segmentation(desk, "Drawing", volumes_of(desk)[0])
    id = desk.open(other) if how == "open" else desk.send("ImagingStudy-close", make_study_context(one))
    desk.until_refused(id, 409)
    assert desk.shows(one) and is_marked(desk)
    assert desk.display.unsaved == ("Drawing",)
    [problem] = [item for item in desk.items("problem") if item["value"] == "unsaved-work"]
    assert "Drawing is not saved" in problem["message"]
    desk.display.answer_unsaved(answer)
    assert desk.display.unsaved == ()
    if answer == STAY:
        assert desk.shows(one) and is_marked(desk) and drawn.GetDisplayVisibility()
    elif how == "open":
        desk.until_shown(other)
        assert desk.shows(other) and not is_marked(desk)
    else:
        assert desk.display.study is None
    assert (drawn.GetScene() is None) == (answer == DISCARD)
    assert answer != KEEP or not drawn.GetDisplayVisibility()


@pytest.mark.usefixtures("scene")
def test_an_open_of_what_is_shown_takes_the_question_back(desk: Desk, two: tuple[str, str], rule: Rule) -> None:
    rule(ASK)
    one, other = two
    add_points(desk, "Points")
    desk.until_refused(desk.open(other), 409)
    desk.open(one)
    assert desk.display.unsaved == () and desk.shows(one) and not is_marked(desk)
    desk.display.answer_unsaved(DISCARD)  # a late click
    assert desk.shows(one)


@pytest.mark.usefixtures("scene")
def test_the_newest_event_is_followed_after_the_answer(
    desk: Desk, two: tuple[str, str], rule: Rule, folder: Path
) -> None:
    rule(ASK)
    third = study_uid_of(write_phantom(folder / "c")[0])
    add_points(desk, "Points")
    desk.until_refused(desk.open(two[1]), 409)
    desk.until_refused(desk.open(third), 409)
    desk.display.answer_unsaved(KEEP)
    desk.until_shown(third)


@pytest.mark.usefixtures("scene")
def test_what_is_saved_or_empty_or_not_of_the_study_is_no_work(desk: Desk, two: tuple[str, str], rule: Rule) -> None:
    rule(ASK)
    scene = desk.host.scene
    scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "No points")
    scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "No segments")
    add_points(desk, "Not to be saved").SetSaveWithScene(False)  # what Slicer would not offer to save either
    desk.open(two[1])
    desk.until_shown(two[1])
    assert not desk.session.refused


@pytest.mark.usefixtures("scene")
def test_a_file_that_was_written_is_saved(desk: Desk, two: tuple[str, str], rule: Rule, tmp_path: Path) -> None:
    rule(ASK)
    points = add_points(desk, "Points")
    points.AddDefaultStorageNode()
    storage = points.GetStorageNode()
    storage.SetFileName(str(tmp_path / "points.mrk.json"))
    assert storage.WriteData(points)
    desk.open(two[1])
    desk.until_shown(two[1])
    assert points.GetScene() is not None and not points.GetDisplayVisibility()


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("which", [KEEP, DISCARD])
def test_a_display_with_nobody_in_front_of_it_goes_by_its_rule(
    desk: Desk, two: tuple[str, str], rule: Rule, which: str
) -> None:
    rule(which)
    made: list[Any] = [
        add_segmentation(desk, "Drawing", volumes_of(desk)[0]),
        add_points(desk, "Points"),
        add_model(desk, "Model"),
        add_volume(desk, "Filtered"),
    ]
    desk.open(two[1])
    desk.until_shown(two[1])
    assert [node.GetScene() is None for node in made] == [which == DISCARD] * 4
    assert not desk.session.refused


@pytest.mark.usefixtures("scene")
def test_a_result_that_was_drawn_in_is_work(
    desk: Desk, two: tuple[str, str], rule: Rule, folder: Path, tmp_path: Path
) -> None:
    rule(ASK)
    desk.send_files("dicom-send", [write_balls(folder / "a", tmp_path / "result.dcm")])
    desk.until(desk.segmentations)
    node = desk.host.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap").Modified()
    desk.until_refused(desk.open(two[1]), 409)
    assert desk.display.unsaved == (node.GetName(),)
    desk.display.answer_unsaved(DISCARD)
    desk.until_shown(two[1])
    assert node.GetScene() is None


def test_a_worklist_that_says_nothing_is_open_asks_too(
    desk: Desk, two: tuple[str, str], rule: Rule, scene: Any
) -> None:
    rule(ASK)
    add_points(desk, "Points")
    says = {"responses": [{"actor": "WORKLIST_CLIENT", "data": {"context.type": "", "context": []}}]}
    desk.display._confirmation.follow(says)
    assert desk.display.unsaved == ("Points",) and desk.shows(two[0])
    desk.session.refused.clear()
    desk.display.answer_unsaved(KEEP)
    assert desk.display.study is None
