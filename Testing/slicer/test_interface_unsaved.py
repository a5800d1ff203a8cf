"""What is not saved of the user's work: the panel asks before the hub's next study takes its place."""

from __future__ import annotations

from typing import Any

import pytest
from display_parts import study_uid_of, write_phantom
from hub_process import HubProcess
from interface_parts import InterfacePart, run_cast


@pytest.fixture
def part(host: Any) -> InterfacePart:
    return InterfacePart(host)


def open_study(hub: HubProcess, uid: str) -> None:
    command = ("publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", "unsaved")
    assert run_cast(*command).wait() == 0


@pytest.mark.parametrize("answer", ["keep", "discard", "stay"])
def test_the_panel_asks_what_becomes_of_it(part: InterfacePart, hub: HubProcess, tmp_path: Any, answer: str) -> None:
    import slicer

    uids = []
    for name in ("one", "other"):
        uids.append(study_uid_of(write_phantom(tmp_path / name, counts=(32, 32, 8))[0]))
        part.host.import_dicom(tmp_path / name)
    part.connect(hub.url, "unsaved")
    open_study(hub, uids[0])
    part.until(lambda: part.logic.openNow.study_uid == uids[0] and part.logic.openNow.series)
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Landmarks")
    points.CreateDefaultDisplayNodes()
    points.AddControlPoint(0.0, 0.0, 0.0)
    assert not part.ui.unsavedFrame.visible
    open_study(hub, uids[1])
    part.until(lambda: part.ui.unsavedFrame.visible)
    assert "Landmarks" in part.ui.unsavedLabel.text
    assert part.logic.openNow.study_uid == uids[0]
    part.host.grab(part.module, "cast-interface-unsaved-400.png", 400)
    assert not part.host.scrolls_sideways()
    part.click(getattr(part.ui, f"{answer}Button"))
    if answer != "stay":
        part.until(lambda: part.logic.openNow.study_uid == uids[1] and part.logic.openNow.series)
    assert part.logic.openNow.study_uid == uids[answer != "stay"]
    part.until(lambda: not part.ui.unsavedFrame.visible)
    assert (points.GetScene() is None) == (answer == "discard")
