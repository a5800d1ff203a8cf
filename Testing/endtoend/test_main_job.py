"""The main job between strangers: display, provider and worklist, each in its own empty home and working folder.

They are the commands that a user types, they share the hub's address and nothing else, and the study is one in which a
flip in any of them shows.
"""

import base64
import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from cast_command import CastCommand, end_commands, run_cast
from one_sided_study import CAVITIES, cavity_is_left, make_one_sided_study, mirrored, viewport
from PIL import Image, ImageOps

from CastInterfaceLib.study.segmentation_file import read_segmentation

SCRIPT = Path(__file__).resolve().parents[2] / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"
FLUID, GREY, WHITE = 1, 2, 3


class Place:
    """A hub with a display and a provider, and a worklist's folder to run commands in."""

    def __init__(self, folder, hub):
        self.folder = folder
        self.where = ("--hub", hub.url, "--user", "ann")
        self.display = CastCommand(folder / "display", "display", *self.where, "--size", "512x512")
        self.provider = CastCommand(folder / "provider", "provide", str(SCRIPT), *self.where)
        self.worklist = folder / "worklist"
        self.study_uid = make_one_sided_study(self.worklist / "study")

    def run(self, *arguments, code=0):
        command = run_cast(self.worklist, *arguments, *self.where)
        assert command.process.returncode == code, command.error_text
        return command

    def ask(self, data_type, actor):
        """Return the data that this actor answers, None when nobody does."""
        command = run_cast(
            self.worklist, "request", data_type, "--target-actor", actor, "--timeout", "10", "--json", *self.where
        )
        responses = command.json_lines()[0]["responses"]
        return responses[0]["data"] if responses else None

    def shown_study(self):
        return viewport(self.ask("SCENEVIEW", "ID"), "Axial")["studyInstanceUID"]

    def shows_segmentation(self):
        context = self.ask("STATUS", "ID").get("context", [])
        return any(item["resource"]["segmentations"] for item in context if item["key"] == "segmentation")

    def wait_for(self, question, what):
        end = time.monotonic() + 60
        while not question():
            for command in (self.display, self.provider):
                assert command.process.poll() is None, command.error_text
            assert time.monotonic() < end, f"no {what}:\n{self.display.error_text}\n{self.provider.error_text}"
            time.sleep(0.1)

    def end(self):
        codes = []
        for command in (self.display, self.provider):
            command.process.terminate()
            codes.append(command.finish(20))
        return codes


@pytest.fixture(scope="module")
def place(tmp_path_factory, hub):
    try:
        place = Place(tmp_path_factory.mktemp("main-job"), hub)
        place.wait_for(lambda: place.ask("STATUS", "ID") and place.ask("STATUS", "EC"), "display and provider")
        yield place
        assert place.end() == [0, 0], place.display.error_text + place.provider.error_text
    finally:
        end_commands()


def the_study(place):
    return json.dumps({"study": {"resourceType": "ImagingStudy", "id": "s1", "uid": place.study_uid}})


def test_the_study_opens_from_what_is_sent_with_the_event(place):
    place.run("send", "ImagingStudy-open", "study", "--context", the_study(place), "--target-actor", "ID")
    place.wait_for(lambda: place.shown_study() == place.study_uid, "open study")


def test_the_provider_returns_the_tissue_on_the_right_side(place):
    answered = place.run(
        "send", "dicom-send", "study", "--wait", "--out", "result", "--target-product", "BrainTissue", "--json"
    )
    (saved,) = answered.json_lines()[-1]["saved"]
    labels, ras_to_ijk = label_array(read_segmentation(place.worklist / saved))

    def label_at(point, array):
        column, row, slice_number = np.rint((ras_to_ijk @ [*point, 1.0])[:3]).astype(int)
        return array[slice_number, row, column]

    def right_side(array):
        return all(label_at(at, array) == FLUID and label_at(mirrored(at), array) == WHITE for at in CAVITIES)

    assert right_side(labels)
    assert not right_side(labels[:, :, ::-1]), "a flip must show"
    assert not right_side(np.zeros_like(labels)), "an empty mask must show"
    millilitres = np.bincount(labels.ravel()) / 1000
    assert 200 < millilitres[FLUID] < 600 and 700 < millilitres[GREY] < 1100 and 450 < millilitres[WHITE] < 750


def label_array(segmentation):
    labels = np.zeros(segmentation.shape, np.uint8)
    for segment in segmentation.segments:
        first, count = segment.first, segment.mask.shape
        box = tuple(slice(a, a + n) for a, n in zip(first, count, strict=True))
        labels[box][segment.mask > 0] = segment.number
    return labels, np.linalg.inv(segmentation.ijk_to_ras)


def test_the_display_shows_the_result_on_the_right_side(place):
    place.run("send", "dicom-send", "result", "--target-actor", "ID")
    place.wait_for(place.shows_segmentation, "segmentation in the display's status")
    place.run("request", "SCENEVIEW", "--target-actor", "ID", "--timeout", "10", "--out", "views", "--json")
    (answer,) = (place.worklist / "views").rglob("answer.json")
    scene = json.loads(answer.read_text())["data"]
    for orientation, cavity in zip(("Axial", "Coronal"), CAVITIES, strict=True):
        view = viewport(scene, orientation)
        picture = Image.open(answer.parent / view["picture"]["data"]).convert("RGB")
        assert picture.size == (512, 512)
        assert cavity_is_left(view, picture, cavity)
        assert not cavity_is_left(view, ImageOps.mirror(picture), cavity), "a flip must show"
    in_3d = Image.open(answer.parent / viewport(scene, "3D")["picture"]["data"]).convert("RGB")
    assert len(in_3d.getcolors(512 * 512)) > 1000, "no surface is drawn"


def test_a_segmentation_is_never_shown_over_another_study(place):
    before = place.ask("SCENEVIEW", "ID")
    other = place.folder / "other"
    make_one_sided_study(other / "study")
    one = sorted((other / "study").iterdir())[0]
    place.run("send", "dicom-send", str(one), "--target-actor", "ID")
    time.sleep(1.0)
    after = place.ask("SCENEVIEW", "ID")
    assert [pixels_of(view) for view in after["viewports"]] == [pixels_of(view) for view in before["viewports"]]


def pixels_of(view):
    return Image.open(io.BytesIO(base64.b64decode(view["picture"]["data"]))).tobytes()


def test_the_study_closes(place):
    place.run("publish", "ImagingStudy-close", "--study", place.study_uid)
    place.wait_for(lambda: not place.shown_study(), "closed study")


def test_display_and_provider_leave_nothing_in_their_folders(place):
    for command in (place.display, place.provider):
        left = [path for path in command.work.rglob("*") if path.is_file() and "cache" not in str(path)]
        assert left == [], left


def test_nobody_logs_a_patients_name_or_a_token(place):
    for command in (place.display, place.provider):
        assert "SAMPLE" not in command.error_text and "Bearer" not in command.error_text
        assert "ey" + "J" not in command.error_text
