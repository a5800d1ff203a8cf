"""Three patients whose identifiers collide, in random order: nothing of one is ever shown under another's name.

One and another share an accession number, one and a third the study UID. Each one's voxels carry a number of their own,
so that what is on the screen is known from the pixels, not from what the display believes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from display_desk import Desk
from display_parts import write_balls, write_phantom
from pydicom.uid import generate_uid

from CastLib.client import State
from CastLib.study_context import make_study_context

SEEDS, SEEDS_LONG, STEPS = 4, 60, 45


@dataclass(frozen=True)
class Person:
    """One patient's study; ``mark`` is the value of its first voxel."""

    mark: int
    id: str
    uid: str
    accession: str
    folder: Path
    files: tuple[Path, ...]
    seg: Path
    seg_uid: str


def make_person(folder: Path, mark: int, uid: str, accession: str) -> Person:
    id = f"P{mark}"
    files = write_phantom(
        folder,
        counts=(24, 24, 8),
        spacing=(5.0, 5.0, 12.0),
        study_uid=uid,
        accession=accession,
        PatientID=id,
        PatientName=f"Name{mark}^",
    )
    for file in files:
        data = pydicom.dcmread(file)
        pixels = data.pixel_array.copy()
        pixels[0, 0] = mark
        data.PixelData = pixels.tobytes()
        data.save_as(file)
    seg = write_balls(folder, folder.parent / f"seg-{mark}.dcm")
    return Person(mark, id, uid, accession, folder, tuple(files), seg, str(pydicom.dcmread(seg).SOPInstanceUID))


class Mixer:
    """Does random things at a desk, and looks after each whether anything stands under another's name."""

    def __init__(self, desk: Desk, people: list[Person], local: Path, seed: int) -> None:
        self.desk, self.people, self.random = desk, people, random.Random(seed)
        self.by_mark = {person.mark: person for person in people}
        self.asked: dict[str, str] = {}  # what the last open said
        self.steps: list[str] = []
        for person in people:
            if self.random.random() < 0.5:
                for file in person.files:
                    (local / f"{person.id}-{file.name}").write_bytes(file.read_bytes())

    def context(self, person: Person) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """An open or close of somebody's study in a random form, and what it says."""
        said = {"uid": person.uid, "accession": person.accession, "patient": person.id}
        keys = self.random.choice((["uid"], ["accession"], ["uid", "patient"], ["uid", "accession"], list(said)))
        said = {key: said[key] for key in keys}
        if self.random.random() < 0.15:
            said["accession"] = self.random.choice(self.people).accession
        context = make_study_context(
            said.get("uid", ""), accession=said.get("accession", ""), resource_id=self.random.choice(("", "constant"))
        )
        context[-1]["resource"]["subject"] = {"reference": "Patient/503824b8"}
        if "patient" in said:
            number = {"type": {"coding": [{"code": "MR"}]}, "value": said["patient"]}
            context.append({"key": "patient", "resource": {"id": "503824b8", "identifier": [number]}})
        return context, said

    def step(self) -> None:
        deeds: list[Callable[[Person], None]] = [
            self.open, self.open, self.open, self.open_with_files, self.close, self.send, self.send, self.send_seg,
            self.send_nifti, self.draw, self.reconnect,
        ]  # fmt: skip
        person, deed = self.random.choice(self.people), self.random.choice(deeds)
        self.steps.append(f"{deed.__name__} {person.id}")
        deed(person)
        self.desk.session.refused.clear()
        if self.random.random() < 0.5:
            self.desk.pump.run_until(lambda: False, self.random.choice((0.0, 0.01, 0.05)))
        else:
            self.desk.pump.run_until(lambda: self.desk.items("job")[0]["value"] == "idle", 10.0)
        self.look()

    def open(self, person: Person) -> None:
        context, self.asked = self.context(person)
        self.desk.send("ImagingStudy-open", context)

    def open_with_files(self, person: Person) -> None:
        context, self.asked = self.context(person)
        study = context[0 if context[0]["key"] == "study" else 1]["resource"]
        more = {item["key"]: item["resource"] for item in context if item["key"] == "patient"}
        other = self.random.choice(self.people) if self.random.random() < 0.3 else person
        tell = self.random.random() < 0.5
        self.desk.send_files("ImagingStudy-open", list(other.files), tell=tell, study=study, **more)

    def close(self, person: Person) -> None:
        self.desk.send("ImagingStudy-close", self.context(person)[0])

    def send(self, person: Person) -> None:
        files = list(person.files)
        if self.random.random() < 0.3:
            files += self.random.choice(self.people).files
        more: dict[str, Any] = {"studyInstanceUID": person.uid} if self.random.random() < 0.3 else {}
        self.desk.send_files("dicom-send", files, tell=self.random.random() < 0.5, **more)

    def send_seg(self, person: Person) -> None:
        self.desk.send_files("dicom-send", [person.seg], tell=self.random.random() < 0.5)

    def send_nifti(self, person: Person) -> None:
        file = person.seg.with_suffix(".nii.gz")
        file.write_bytes(b"never shown")
        series = str(pydicom.dcmread(person.files[0]).SeriesInstanceUID)
        self.desk.send_files(
            "nifti-send", [file], studyInstanceUID=person.uid, seriesInstanceUID=series, patientID=person.id
        )

    def draw(self, person: Person) -> None:
        node = self.desk.host.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"drawn {len(self.steps)}")
        node.CreateDefaultDisplayNodes()
        node.AddControlPoint(0.0, 0.0, 0.0)
        node.SetAttribute("Test.DrawnWhile", str(self.mark_shown()))

    def reconnect(self, person: Person) -> None:
        """The hub was away; the worklist says what is open now."""
        session = self.desk.session
        session.state(State("waiting to reconnect"))
        session.state(State("online", resumed=self.random.random() < 0.3))
        if self.random.random() < 0.3:
            return
        context, said = self.context(person)
        before = self.desk.display.study
        session.presence(
            {"responses": [{"actor": "WORKLIST_CLIENT", "data": {"context.type": "ImagingStudy", "context": context}}]}
        )
        if self.desk.display.study is not before:
            self.asked = said

    # What may be seen

    def mark_shown(self) -> int:
        """The number in the voxels of what lies in the first slice view, 0 for nothing."""
        from CastInterfaceLib.scene.volumes import array_of

        composite = self.desk.host.slice_views[0].logic.GetSliceCompositeNode()
        volume = self.desk.host.scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        return int(array_of(volume)[0, 0, 0]) if volume is not None else 0

    def look(self) -> None:
        from CastInterfaceLib.scene.viewer import nodes_of_class
        from CastInterfaceLib.scene.volumes import array_of

        desk, scene, steps = self.desk, self.desk.host.scene, self.steps
        volumes = nodes_of_class(scene, "vtkMRMLScalarVolumeNode")
        marks = {volume.GetID(): int(array_of(volume)[0, 0, 0]) for volume in volumes}
        assert set(marks.values()) <= self.by_mark.keys() and len(set(marks.values())) <= 1, steps
        status = desk.status()
        told = [status["studyInstanceUID"]] if status["context"] else []
        for view in (*desk.viewports(), *status["sceneview"]["viewports"]):
            shown = self.by_mark[marks[view["dataID"]]] if view["dataID"] else None
            assert view["studyInstanceUID"] == (shown.uid if shown else ""), steps
            assert {one["class"] for one in view["foreign"]} <= {"vtkMRMLMarkupsFiducialNode"}, steps
            assert all(one["studyInstanceUID"] == "" for one in view["foreign"]), steps
        if not marks:
            assert desk.segmentations() == [], steps
        for person in {self.by_mark[mark] for mark in marks.values()}:
            assert told in ([], [person.uid]), steps
            said = {"uid": person.uid, "accession": person.accession, "patient": person.id}
            assert all(said[key] == value for key, value in self.asked.items()), (self.asked, person.id, steps)
            assert {one["sopInstanceUID"] for one in desk.segmentations()} <= {person.seg_uid}, steps
        for node in nodes_of_class(scene, "vtkMRMLMarkupsFiducialNode"):
            if node.GetAttribute("Test.DrawnWhile") not in {str(mark) for mark in marks.values()} and marks:
                assert not node.GetDisplayVisibility(), steps

    def end(self) -> None:
        self.desk.pump.run_until(lambda: self.desk.items("job")[0]["value"] == "idle", 10.0)
        self.look()
        study = self.desk.display.study
        if study is not None:
            self.desk.display.close_study()
        scene = self.desk.host.scene
        while (node := scene.GetFirstNodeByClass("vtkMRMLMarkupsFiducialNode")) is not None:
            scene.RemoveNode(node)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(SEEDS_LONG if metafunc.config.getoption("--long") else SEEDS))


def test_nothing_ever_stands_under_anothers_name(desk: Desk, folder: Path, tmp_path: Path, seed: int) -> None:
    shared_uid, own_uid = generate_uid(), generate_uid()
    people = [
        make_person(tmp_path / "one", 1111, shared_uid, "ACC-1"),
        make_person(tmp_path / "two", 2222, own_uid, "ACC-1"),
        make_person(tmp_path / "three", 3333, shared_uid, "ACC-3"),
    ]
    mixer = Mixer(desk, people, folder, seed)
    for _ in range(STEPS):
        mixer.step()
    mixer.end()
