"""The whole main job through the three panels, by mouse and keyboard, with a worklist and a second display outside.

The study is one in which a flip anywhere shows: in the scene, in Slicer's own views and in the second display's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from interface_parts import DisplayProcess, InterfacePart, run_cast
from one_sided_study import CAVITIES, cavity_is_left, make_one_sided_study, mirrored, viewport
from panel_parts import HubPart, ProviderPart
from PIL import Image, ImageOps

FLUID, GREY, WHITE = "CSF", "Grey matter", "White matter"
SECOND = "SECOND-DISPLAY"


class Round:
    """One Slicer with its three panels, a worklist and a second display, all on one topic."""

    def __init__(self, host: Any, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.study_uid = make_one_sided_study(folder / "study", every=3)
        self.second: DisplayProcess | None = None
        self.where: tuple[str, ...] = ()

    def worklist(self, *arguments: str) -> str:
        """Run ``cast`` outside while Slicer goes on; what it printed."""
        with run_cast(*arguments, *self.where) as process:
            assert self.host.spin(lambda: process.poll() is not None, 120), arguments
            said = process.stdout.read() if process.stdout is not None else ""
        assert process.returncode == 0, said
        return said

    def check_views(self, scene: dict[str, Any], pictures: dict[str, Image.Image]) -> None:
        """Assert that views show the result's colours where they belong; ``pictures`` by the view's name."""
        for orientation, cavity in zip(("Axial", "Coronal"), CAVITIES, strict=True):
            view = viewport(scene, orientation)
            picture = pictures[view["name"]]
            assert cavity_is_left(view, picture, cavity), orientation
            assert not cavity_is_left(view, ImageOps.mirror(picture), cavity), "a flip must show"
        assert len(pictures[viewport(scene, "3D")["name"]].getcolors(1 << 24)) > 1000, "no surface is drawn"


def test_the_main_job_through_the_panels(either_host: Any, tmp_path: Path) -> None:
    this = Round(either_host, tmp_path)
    try:
        play(this, tmp_path)
    finally:
        if this.second is not None:
            this.second.stop()


def play(this: Round, folder: Path) -> None:
    host = this.host

    # A hub, from its panel.
    hub = HubPart(host)
    address = hub.start()
    this.where = ("--hub", address, "--user", "ann")

    # Slicer and a second display connect as ann.
    this.second = DisplayProcess(address, "ann", SECOND)
    slicer_part = InterfacePart(host)
    slicer_part.connect(address, "ann")

    # The worklist says open, and sends the images with it.
    study = {"study": {"resourceType": "ImagingStudy", "id": "s1", "uid": this.study_uid}}
    slicer_part.until(lambda: any(peer.name == SECOND for peer in slicer_part.logic.peers.all()), 60)
    this.worklist(
        "send", "ImagingStudy-open", str(folder / "study"), "--context", json.dumps(study), "--target-actor", "ID"
    )
    wait_for_the_study(slicer_part)
    assert this.study_uid in slicer_part.ui.studyEdit.toolTip

    # A service, from its panel.
    provider = ProviderPart(host)
    assert provider.cell(0, 1) == "BrainTissue"
    provider.start(address)

    # Send: job, result, segmentation.
    host.select("CastInterface")
    send_and_wait(slicer_part)
    check_scene(this.study_uid)
    ui = slicer_part.ui
    assert [ui.contentTable.item(row, 0).text() for row in (1, 2, 3)] == [FLUID, GREY, WHITE]

    # Whoever asks sees it in Slicer's own views.
    this.worklist("request", "SCENEVIEW", "--target-name", slicer_part.logic.name, "--timeout", "30",
                  "--out", str(folder / "views"))  # fmt: skip
    (answer,) = (folder / "views").rglob("answer.json")
    scene = json.loads(answer.read_text())["data"]
    this.check_views(scene, {
        view["name"]: Image.open(answer.parent / view["picture"]["data"]).convert("RGB") for view in scene["viewports"]
    })  # fmt: skip

    # The worklist has the service work for the displays: the second one shows it too, and Ask shows its pictures.
    this.worklist("send", "dicom-send", str(folder / "study"), "--target-product", "BrainTissue")
    ask(this, slicer_part, folder / "asked")

    # The provider's panel tells of both jobs.
    host.select("CastServiceProvider")
    provider.until(lambda: [provider.job(row, 2)[:4] for row in (0, 1)] == ["Done", "Done"])
    provider.click(provider.ui.startButton)
    assert provider.cell(0, 3) == "Off"

    # Closed, disconnected, stopped.
    host.select("CastInterface")
    this.worklist("publish", "ImagingStudy-close", "--study", this.study_uid)
    slicer_part.until(lambda: ui.studyLabel.text.startswith("Nothing is open."))
    import slicer

    for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"):
        assert slicer.mrmlScene.GetNumberOfNodesByClass(kind) == 0, kind
    slicer_part.click(ui.connectButton)
    assert ui.stateLabel.text == "Offline"
    host.select("CastHub")
    hub.wait(lambda: [row[0] for row in hub.rows()] == [SECOND])
    hub.click(hub.ui.startButton)
    hub.wait(lambda: hub.ui.stateLabel.text == "Stopped")


def wait_for_the_study(part: InterfacePart) -> None:
    """Wait until the study is shown, and make sure that its progress was."""
    told = []

    def is_open() -> bool:
        now = part.logic.openNow
        if now.doing:
            part.panel.refresh()
            told.append((part.ui.openProgress.isVisible(), now.fraction))
        return bool(now.series and not now.doing)

    part.until(is_open)
    assert told and all(visible for visible, _ in told)
    assert any(fraction for _, fraction in told)
    part.until(lambda: part.ui.contentTable.rowCount == 1 and not part.ui.openProgress.isVisible())


def send_and_wait(part: InterfacePart) -> None:
    """Send the loaded volume to the service and wait for its result."""
    part.open_section("send")
    part.until(lambda: "BrainTissue" in part.ui.toBox.currentText and part.ui.sendButton.enabled)
    part.click(part.ui.sendButton)
    part.until(lambda: "BrainTissue: " in part.ui.sendText.plainText)
    part.until(lambda: "The result is shown" in part.ui.sendText.plainText, 90)


def ask(this: Round, part: InterfacePart, folder: Path) -> None:
    """Ask the second display for its views until they show a result; check the pictures that the panel saves."""
    from slicer_host import dialogs

    part.open_section("ask")
    part.until(lambda: part.ui.peerBox.count > 1)
    part.choose(part.ui.peerBox, SECOND)
    part.choose(part.ui.dataBox, "STATUS")
    shown = False
    while not shown:
        part.click(part.ui.askButton)
        part.until(lambda: part.ui.askButton.text == "&Query")
        assert SECOND in part.ui.answerLabel.text
        items = json.loads(part.ui.answerText.plainText)["responses"][0]["data"].get("context", [])
        shown = any(item["resource"]["segmentations"] for item in items if item["key"] == "segmentation")
    part.choose(part.ui.dataBox, "SCENEVIEW")
    part.click(part.ui.askButton)
    part.until(lambda: part.ui.pictureList.count == 4 and part.ui.askButton.text == "&Query")
    dialogs.answer_next(str(folder))
    part.click(part.ui.saveButton)
    part.until(lambda: "4 pictures saved" in part.ui.answerLabel.text)
    scene = json.loads(part.ui.answerText.plainText)["responses"][0]["data"]
    this.check_views(scene, {
        view["name"]: Image.open(folder / f"{SECOND}-{view['name']}.png").convert("RGB") for view in scene["viewports"]
    })  # fmt: skip


def check_scene(study_uid: str) -> None:
    """Assert that the segmentation lies on the volume's voxels, with volumes of a brain, left where left is."""
    import slicer

    from CastInterfaceLib.scene.volumes import STUDY, geometry_of

    volume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert volume.GetAttribute(STUDY) == node.GetAttribute(STUDY) == study_uid
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(index) for index in range(segmentation.GetNumberOfSegments())]
    assert [segment.GetName() for segment in segments] == [FLUID, GREY, WHITE]

    fluid, grey, white = (Labelmap(node, index) for index in range(3))
    for one in (fluid, grey, white):
        steps = np.linalg.inv(geometry_of(volume)) @ one.ijk_to_ras
        assert np.allclose(abs(steps[:3, :3]), np.eye(3)) and np.allclose(steps, np.rint(steps)), "not its voxels"
    assert 200 < fluid.millilitres < 600 and 700 < grey.millilitres < 1100 and 450 < white.millilitres < 750
    for cavity in CAVITIES:
        assert fluid.at(cavity) and not white.at(cavity)
        assert white.at(mirrored(cavity)) and not fluid.at(mirrored(cavity))


class Labelmap:
    """One segment's voxels: ``ijk_to_ras`` (4x4, mm), ``millilitres``."""

    def __init__(self, node: Any, index: int) -> None:
        import slicer
        import vtk
        from vtkmodules.util.numpy_support import vtk_to_numpy

        image = slicer.vtkOrientedImageData()
        node.GetBinaryLabelmapRepresentation(node.GetSegmentation().GetNthSegmentID(index), image)
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        self.ijk_to_ras = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        self.first = np.array(image.GetExtent()[::2])
        self.array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        voxel = abs(float(np.linalg.det(self.ijk_to_ras[:3, :3])))
        self.millilitres = np.count_nonzero(self.array) * voxel / 1000

    def at(self, point: tuple[float, float, float]) -> bool:
        """Whether the segment is at a point (RAS, mm)."""
        column, row, layer = np.rint((np.linalg.inv(self.ijk_to_ras) @ [*point, 1.0])[:3]).astype(int) - self.first
        return bool(self.array[layer, row, column])
