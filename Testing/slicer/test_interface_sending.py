"""Several batches at once from the panel "Cast Interface": what services tell and bring back stays apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_process import HubProcess
from interface_parts import InterfacePart
from provider_process import Asker, ProviderProcess

from CastLib.message import Target

#: Sends back the voxels that came, after it has told of the file's name.
ECHO = '''"""Sends back what came."""

def onMessage(message, context):
    (path,) = context.files()
    context.progress(f"works on {path.name}", 0.5)
    context.send_files([path], event="nrrd-send")
'''
RAISES = 'def onMessage(message, context):\n    raise ValueError("No brain was found")\n'


@pytest.fixture
def part(host: Any, hub: HubProcess) -> InterfacePart:
    part = InterfacePart(host)
    part.connect(hub.url, "several")
    part.open_section("send")
    return part


@pytest.fixture
def start_service(hub: HubProcess, tmp_path: Path) -> Iterator[Callable[[str, str], ProviderProcess]]:
    running: list[ProviderProcess] = []

    def start(name: str, text: str = ECHO) -> ProviderProcess:
        script = tmp_path / f"{name}.py"
        script.write_text(text)
        running.append(ProviderProcess(script, hub.url, tmp_path / name))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def add_volume(name: str, at: int) -> Any:
    """A small volume of labels."""
    import slicer

    array = np.zeros((8, 10, 12), np.uint8)
    array[2:6, 2:8, at : at + 3] = 2
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(volume, array)
    volume.CreateDefaultDisplayNodes()
    return volume


def send(part: InterfacePart, volume: Any, service: ProviderProcess) -> Any:
    """Choose and press Send; the panel's own note of it."""
    part.until(lambda: any(service.product in part.ui.toBox.itemText(row) for row in range(part.ui.toBox.count)))
    texts = [part.ui.toBox.itemText(row) for row in range(part.ui.toBox.count)]
    part.choose(part.ui.whatBox, volume.GetID())
    index = next(row for row, text in enumerate(texts) if service.product in text)
    part.ui.toBox.setCurrentIndex(index)
    part.panel.send._choose()
    part.click(part.ui.sendButton)
    return part.panel.send._sent[0]


def segmentations_of(volume: Any) -> list[Any]:
    import slicer

    scene, kind = slicer.mrmlScene, "vtkMRMLSegmentationNode"
    nodes = [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]
    return [one for one in nodes if one.GetNodeReferenceID("referenceImageGeometryRef") == volume.GetID()]


@pytest.mark.parametrize("same", [False, True], ids=["two services", "one service"])
def test_two_sends_at_once_do_not_mix(part: InterfacePart, start_service: Any, same: bool) -> None:
    first = start_service("First")
    second = first if same else start_service("Second")
    one, two = add_volume("One", 1), add_volume("Two", 6)
    sent_one, sent_two = send(part, one, first), send(part, two, second)
    part.until(lambda: sent_one.state == sent_two.state == "Shown")
    for sent, volume, service, other in ((sent_one, one, first, "Two"), (sent_two, two, second, "One")):
        text = "\n".join(sent.lines)
        name = volume.GetName()
        assert f"{service.product}: works on {name}.nrrd" in text and f"{other}.nrrd" not in text
        assert text.count("The result is shown") == 1
        (node,) = segmentations_of(volume)
        assert node.GetSegmentation().GetNumberOfSegments() == 1
    # The newest is selected; the other one's lines are a click away.
    assert part.ui.sendText.plainText == "\n".join(sent_two.lines)
    part.ui.sendsTable.selectRow(1)
    assert part.ui.sendText.plainText == "\n".join(sent_one.lines)
    states = [part.ui.sendsTable.item(row, 2).text() for row in (0, 1)]
    assert states == ["Shown", "Shown"] and not part.ui.sendProgress.isVisible()
    part.host.grab(part.module, "cast-interface-two-sent-400.png", 400)
    assert not part.host.scrolls_sideways()


def test_a_service_that_fails_says_why(part: InterfacePart, start_service: Any) -> None:
    sent = send(part, add_volume("One", 1), start_service("Failing", RAISES))
    part.until(lambda: sent.state == "Failed")
    assert "No brain was found" in part.ui.sendText.plainText
    assert not part.ui.sendProgress.isVisible() and part.ui.sendButton.enabled
    part.host.grab(part.module, "cast-interface-send-failed-400.png", 400)


def test_a_service_that_tells_a_very_long_line_does_not_hold_the_window(part: InterfacePart, hub: HubProcess) -> None:
    peer = Asker(hub.url, topic="several", actors=("EC",), name="LONG")
    peer.session.announce()
    add_volume("One", 1)
    part.until(lambda: "LONG" in part.ui.toBox.currentText and part.ui.sendButton.enabled)
    part.click(part.ui.sendButton)
    sent = part.panel.send._sent[0]
    part.until(lambda: sent.waiting)
    for level in ("info", "error"):
        told = {"message": level * 100_000, "level": level, "fraction": 1e308}
        peer.session.publish("status-update", told, target=Target(name=part.logic.name))
    part.until(lambda: sent.state == "Failed")
    assert sent.fraction == 1.0
    assert max(map(len, sent.lines)) < 1000 and "characters)" in sent.lines[-1]
    peer.close()


def test_a_service_that_does_not_say_what_it_speaks_of(part: InterfacePart, hub: HubProcess, tmp_path: Path) -> None:
    """Other makers' services name the asker and no batch: a result is taken only when it can be of one volume alone."""
    service = Asker(hub.url, "several", name="THEIRS", product="THEIRS", actors=("EC",))
    one, two = add_volume("One", 1), add_volume("Two", 6)
    me = Target(name=part.logic.name)
    told: dict[str, list[str]] = {"One": [], "Two": []}
    results: list[Any] = []

    def to_service(volume: Any) -> Any:
        name = volume.GetName()
        came = len(service.events)
        part.logic.sendNode(
            volume,
            peer="THEIRS",
            progress=lambda text, fraction: told[name].append(text),
            result=lambda names, problem: results.append((name, tuple(names), problem)),
        )
        return came

    def at_service(count: int) -> None:
        part.until(lambda: (service.pump.drain(), len([e for e in service.events if e.key == "nrrd-send"]) >= count)[1])

    try:
        to_service(one)
        at_service(1)
        (sent,) = [event for event in service.events if event.key == "nrrd-send"]
        files = service.session.fetch_files(sent, tmp_path / "got")
        service.session.publish("status-update", {"message": "on it", "level": "info"}, target=me)
        part.until(lambda: told["One"])
        assert told["One"] == ["THEIRS: on it"]
        service.session.send_files("nrrd-send", files, target=me)
        part.until(lambda: results)
        assert results[0][0] == "One" and results[0][2] == "" and len(segmentations_of(one)) == 1

        results.clear()
        to_service(one)
        to_service(two)
        at_service(3)
        service.session.send_files("nrrd-send", files, target=me)  # of which of the two?
        part.until(lambda: results)
        assert "do not say" in results[0][2]
        assert len(segmentations_of(one)) == 1 and not segmentations_of(two)
    finally:
        service.close()


def test_slicers_log_which_takes_everything_is_not_filled(part: InterfacePart, start_service: Any) -> None:
    part.host.log.clear()
    sent = send(part, add_volume("Logged", 2), start_service("LOGGED"))
    part.until(lambda: sent.state == "Shown")
    rows = list(part.host.log)
    assert rows and not [row for row in rows if row.startswith("DEBUG") or "urllib3" in row], rows
    assert len(rows) < 30, "a few for a study that is sent, none for a request or a frame"
