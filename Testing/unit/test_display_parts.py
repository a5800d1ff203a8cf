"""The display's rules that need no engine: directions, layouts, local files, sources, status."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from display_parts import study_uid_of, write_phantom
from hypothesis import given
from hypothesis import strategies as st

from CastInterfaceLib.scene.layouts import Rect, Split, arrange, as_items, extent, layout_name, parse_layout, slots
from CastInterfaceLib.study.batch_files import files_of_study
from CastInterfaceLib.study.identity import Claim
from CastInterfaceLib.study.local_studies import AmbiguousAccession, StudyFiles
from CastInterfaceLib.study.look import look_of
from CastInterfaceLib.study.sources import NotShown, claims_of_batch, missing_study
from CastInterfaceLib.views import scene_view
from CastInterfaceLib.views.anatomy import direction_letters, direction_name, is_oblique, plane_name, position_text
from CastLib.client import Pump
from CastLib.message import make_message, parse_publish
from CastLib.study_context import StudyReference
from CastSlicerLib.jobs import Cancelled, Job, Jobs

FOUR_UP = """<layout type="vertical"><item><layout type="horizontal">
<item><view class="vtkMRMLSliceNode" singletontag="Red"/></item>
<item><view class="vtkMRMLViewNode" singletontag="1"/></item></layout></item>
<item><layout type="horizontal"><item><view class="vtkMRMLSliceNode" singletontag="Green"/></item>
<item><view class="vtkMRMLSliceNode" singletontag="Yellow"/></item></layout></item></layout>"""


@pytest.mark.parametrize(
    ("direction", "letters", "name"),
    [
        ((1, 0, 0), "R", "Right"),
        ((-1, 0, 0), "L", "Left"),
        ((0, 2, 0), "A", "Anterior"),
        ((0, -0.1, 0), "P", "Posterior"),
        ((0, 0, 1), "S", "Superior"),
        ((0.1, 0, -1), "I", "Inferior"),
        ((-0.6, 0.8, 0), "AL", "Anterior"),
        ((0, 0, 0), "", ""),
    ],
)
def test_letters_of_a_direction(direction: tuple[float, float, float], letters: str, name: str) -> None:
    assert (direction_letters(direction), direction_name(direction)) == (letters, name)


@given(st.tuples(*[st.floats(-1, 1)] * 3))
def test_opposite_directions_have_opposite_letters(direction: tuple[float, float, float]) -> None:
    opposite = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}
    there = direction_letters(direction)
    back = direction_letters([-component for component in direction])
    assert sorted(opposite[letter] for letter in there) == sorted(back)
    assert len(there) <= 3


def test_planes_and_positions() -> None:
    assert [plane_name(normal) for normal in ((0, 0, -1), (0, 1, 0.2), (-1, 0, 0))] == ["Axial", "Coronal", "Sagittal"]
    assert not is_oblique((0, 0, 2))
    assert is_oblique((0, math.sin(0.05), math.cos(0.05)))
    assert position_text((5, 6, 12.5), (0, 0, 1)) == "S 12.5 mm"
    assert position_text((5, 6, -12.5), (0, 0, 1)) == "I 12.5 mm"
    assert position_text((-3, 6, -12.5), (1, 0, 0)) == "L 3.0 mm"


def test_layouts_by_name_and_place() -> None:
    assert layout_name("SlicerLayoutFourUpView") == "four-up"
    assert layout_name("SlicerLayoutOneUp3DView") == "one-up-3d"
    assert layout_name("SlicerLayoutOneUpRedSliceView") == "one-up-red-slice"
    assert layout_name("SlicerLayoutDual3DView") == "dual-3d"
    tree = parse_layout(FOUR_UP)
    assert tree is not None
    assert [slot.tag for slot in slots(tree)] == ["Red", "1", "Green", "Yellow"]
    assert extent(tree) == (2, 2)
    rects = arrange(tree, Rect(10, 20, 101, 99))
    assert [rect.as_dict() for rect in rects[:2]] == [
        {"left": 10, "top": 20, "width": 50, "height": 50},
        {"left": 60, "top": 20, "width": 51, "height": 50},
    ]
    assert sum(rect.width * rect.height for rect in rects) == 101 * 99
    assert as_items(tree)["items"][1] == {  # type: ignore[index]
        "type": "layout",
        "direction": "row",
        "items": [{"type": "slot", "slotIndex": 2}, {"type": "slot", "slotIndex": 3}],
    }


def test_layouts_that_cannot_be_drawn() -> None:
    plot = FOUR_UP.replace("vtkMRMLViewNode", "vtkMRMLPlotViewNode")
    many = FOUR_UP.replace("<item><view", '<item multiple="true"><view', 1)
    for description in ("", "<layout", plot, many, '<layout type="tab"/>', FOUR_UP.replace("vertical", "dynamic")):
        assert parse_layout(description) is None
    single = parse_layout('<view class="vtkMRMLSliceNode" singletontag="Red"/>')
    assert isinstance(single, Split)
    uneven = parse_layout(FOUR_UP.replace("<item><layout", '<item splitSize="300"><layout'))
    assert uneven is not None
    assert uneven.shares == (0.5, 0.5)


def test_local_studies_are_found_and_followed(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "deep" / "two"
    first = study_uid_of(write_phantom(one, counts=(8, 8, 3), accession="A1")[0])
    (tmp_path / "image.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"junk that is no header")
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "text.txt").write_text("hello")
    files = StudyFiles([tmp_path, tmp_path / "not there"])
    counts: list[int] = []
    found = files.find(first, looked_at=counts.append)
    assert found is not None
    assert (found.study_uid, found.accession, len(found.files), found.modalities) == (first, "A1", 3, {"MR"})
    assert counts == [0]
    assert files.find("1.2.3") is None
    assert files.find() is None
    later = write_phantom(two, counts=(8, 8, 3), accession="A2")
    found = files.find(accession="A2")
    assert found is not None
    assert sorted(found.files) == sorted(later)
    later[0].unlink()
    found = files.find(accession="A2")
    assert found is not None
    assert len(found.files) == 2
    write_phantom(tmp_path / "three", counts=(8, 8, 1), accession="A2")
    with pytest.raises(AmbiguousAccession):
        files.find(accession="A2")
    assert len(files.studies()) == 3


def test_a_search_can_be_called_off(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.txt").touch()
    job = Job("search")
    files = StudyFiles([tmp_path])

    def looked_at(count: int) -> None:
        if count:
            job.cancel()
        job.check()

    with pytest.raises(Cancelled):
        files.find("1.2.3", looked_at=looked_at)
    assert files.find("1.2.3") is None  # and another one can follow


def test_jobs_end_on_the_pump_whatever_happens() -> None:
    pump = Pump()
    jobs = Jobs(pump)
    ended: list[tuple[Any, Any]] = []

    def fails() -> None:
        raise ValueError("no")

    jobs.start(Job("good"), lambda: 7, lambda value, error: ended.append((value, error)))
    jobs.start(Job("bad"), fails, lambda value, error: ended.append((value, type(error))))
    assert pump.run_until(lambda: len(ended) == 2, 60)
    assert sorted(ended, key=str) == [(7, None), (None, ValueError)]
    assert jobs.current is None


def test_what_comes_after_the_jobs_waits_for_the_slowest_of_them() -> None:
    jobs = Jobs(Pump())
    go, steps, over = threading.Event(), list[str](), threading.Event()

    def stubborn() -> None:
        go.wait(30)
        steps.append("job")

    jobs.start(Job("does not look whether it is wanted"), stubborn, lambda value, error: None)
    jobs.close(0.05, lambda: (steps.append("after"), over.set()))
    assert steps == []
    go.set()
    assert over.wait(30) and steps == ["job", "after"]
    Jobs(Pump()).close(0.0, lambda: steps.append("at once"))
    assert steps[-1] == "at once"


class Meanwhile(Pump):
    """A pump whose main thread does something more before the thread that called goes on."""

    def __init__(self, more: Callable[[], object]) -> None:
        super().__init__()
        self.more = more

        self.main = False

    def on_main_thread(self) -> bool:
        return self.main

    def call(self, function: Callable[[], Any], timeout: float) -> Any:
        value = function()
        self.main = True
        self.more()
        self.main = False
        return value


def in_a_thread(function: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function).result(30)


def test_a_scene_view_is_that_of_its_moment_and_none_of_a_closed_study_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    state = [1]
    monkeypatch.setattr(scene_view, "_scene_state", lambda scene: tuple(state))
    monkeypatch.setattr(scene_view, "draw_views", lambda host, product: scene_view.Shot({}, [], tuple(state)))
    monkeypatch.setattr(scene_view, "encode_views", lambda shot, patient_text: {"of": shot.state[0]})
    pump = Meanwhile(lambda: None)
    views = scene_view.SceneViews(SimpleNamespace(scene=None), "P", pump)  # type: ignore[arg-type]
    assert in_a_thread(lambda: views.current(1)) == views.last == {"of": 1}

    pump.more = views.forget  # after the main thread found that the last one holds, its study is closed
    assert in_a_thread(lambda: views.current(1)) == {"of": 1}
    assert views.last == {}

    def close_and_open() -> None:
        pump.more = lambda: None
        views.forget()
        state[0] = 3
        views.current(1)  # of the next study, on the main thread

    state[0], pump.more = 2, close_and_open
    assert in_a_thread(lambda: views.current(1)) == {"of": 2}
    assert views.last == {"of": 3}


def message(context: Any) -> Any:
    return parse_publish(make_message("dicom-send", "T", context))


def test_whose_files_a_batch_carries() -> None:
    told = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "00080018": {"vr": "UI", "Value": ["1.2.3.9"]}}
    entry = {"fileName": "a.dcm", "byteLength": 3, "payloadIds": ["p"], "dicomMetadata": told}
    plain = {**entry, "dicomMetadata": {"StudyInstanceUID": "1.2.4", "SOPInstanceUID": 7}}
    odd = {**entry, "dicomMetadata": {"0020000D": {"Value": []}}}
    assert named_in({"files": [entry, plain, odd]}) == {"1.2.3", "1.2.4"}
    assert named_in({"files": [odd], "study": {"uid": "urn:oid:1.2.5"}}) == {"1.2.5"}
    assert named_in({"files": [odd], "studyInstanceUID": "1.2.6"}) == {"1.2.6"}
    assert named_in([]) == set()
    wanted, others = files_of_study(message({"files": [entry, plain, odd]}), [Claim("1.2.3")])
    assert ([one.dicom_metadata for one in wanted], sum(others.values())) == ([told, {"0020000D": {"Value": []}}], 1)
    with pytest.raises(NotShown, match=r"study 1\.2\.4 and study 1\.2\.9"):
        files_of_study(message({"files": [plain]}), [Claim("1.2.9")])


def named_in(context: Any) -> set[str]:
    return {claim.study_uid for claim in claims_of_batch(message(context))} - {""}


def test_why_a_study_is_not_shown() -> None:
    assert missing_study(StudyReference(study_uid="1.2")).status == 404
    assert "A7" in str(missing_study(StudyReference(accession="A7")))
    assert missing_study(StudyReference(study_uid="1.2", open_mode="local-dicom")).status == 404
    for mode in ("dicomweb", "dicom-url", "files", "nifti-url", "idc"):
        why = missing_study(StudyReference(study_uid="1.2", open_mode=mode))
        assert (why.status, why.problem) == (422, "form-not-supported")
        assert mode in str(why)


def test_window_and_body_of_a_volume() -> None:
    from pydicom.dataset import Dataset

    array = np.zeros((40, 50, 60), np.int16)
    array[10:30, 5:45, 20:50] = 500
    look = look_of(array, Dataset())
    assert (look.window, look.level, look.inverted) == (500, 250, False)
    assert look.body == ((20, 49), (5, 44), (10, 29))
    header = Dataset()
    header.WindowWidth, header.WindowCenter = "0", "40"  # no window at all
    assert look_of(array, header).window == 500
    header.WindowWidth = "350"
    assert (look_of(array, header).window, look_of(array, header).level) == (350, 40)
    even = look_of(np.full((4, 4, 4), 7, np.uint8), Dataset())
    assert even.window >= 1
    assert even.body == ((0, 3), (0, 3), (0, 3))
