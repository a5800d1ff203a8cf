"""``scene-update``: what another application may change of the scene, and what not; by pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_desk import Desk
from display_parts import color_at, decode
from image_rows import row
from result_parts import MARKER, MARKER_SEEN, Head, seg

WIRE = "What comes over the wire"
MIRRORED = (-MARKER_SEEN[0], MARKER_SEEN[1])


@pytest.fixture
def head(desk: Desk, folder: Path, tmp_path: Path) -> Head:
    head = Head(desk, folder)
    array = np.stack([MARKER, MARKER[..., ::-1]], axis=-1)
    head.send(seg(tmp_path / "a.dcm", array, head.slices, labels=("marker", "mirror")))
    for view in desk.host.slice_views:
        view.node.JumpSliceByOffsetting(0, 0, 40)
    return head


def update(head: Head, *ops: Any) -> str:
    head.desk.session.refused.clear()
    return head.desk.send("scene-update", [{"key": "scene", "resource": {"ops": list(ops)}}])


def patch(id: str, path: str, value: Any) -> dict[str, Any]:
    return {"op": "patch", "id": id, "path": path, "value": value}


def nodes(head: Head) -> dict[str, str]:
    """The ids that STATUS tells, by type."""
    (scene,) = [item["resource"] for item in head.desk.status()["context"] if item["key"] == "scene"]
    return {node["type"]: id for id, node in scene["nodes"].items()}


def color(head: Head, place: tuple[float, float] = MARKER_SEEN) -> np.ndarray:
    """The colour of a place in the axial view."""
    view = next(one for one in head.desk.viewports() if one["orientation"] == "Axial")
    return color_at(decode(view["picture"]), place, view["fieldOfView"][0])


def is_tinted(pixel: np.ndarray) -> bool:
    return bool(pixel.max() > pixel.min() + 8)


@row(WIRE, "scene-update that hides and colours segments and dims the volume", "shown")
def test_the_reporting_clients_operations_are_followed(head: Head) -> None:
    seg1, vol1 = nodes(head)["segmentation"], nodes(head)["volume"]
    assert is_tinted(color(head)) and is_tinted(color(head, MIRRORED))
    segments = [
        {"id": "Segment_1", "name": "marker", "labelValue": 1, "color": [1, 0, 0, 1], "opacity": 1, "visible": False},
        {"id": "Segment_2", "name": "mirror", "labelValue": 2, "color": [1, 0, 0, 1], "opacity": 1, "visible": True},
    ]
    update(
        head,
        patch(seg1, "#/segments", segments),
        patch(seg1, "#/labelsVisible", True),
        patch(seg1, "#/opacity", 1),
        patch(vol1, "#/opacity", 0.5),
    )
    assert not head.desk.session.refused
    assert not is_tinted(color(head))
    red, green, blue = color(head, MIRRORED)
    assert red > green + 20 and red > blue + 20
    assert [one["color"] for one in head.desk.segmentations()[0]["segments"]] == [[1, 0, 0], [1, 0, 0]]
    tissue = color(head, (0, 0)).mean()
    update(head, patch("vol1", "#/opacity", 1.0))
    assert np.isclose(color(head, (0, 0)).mean(), 2 * tissue, atol=3) and tissue > 20
    update(head, patch("seg1", "#/segments", [{"name": "marker", "visible": True, "color": [0, 0, 1]}]))
    assert color(head)[2] > color(head)[1] + 20
    update(head, patch("seg1", "#/opacity", 0))
    assert not is_tinted(color(head)) and not head.desk.session.refused


@row(WIRE, "scene-update of what is not of the open study, or with values that are none", "refused", "no node of the")
def test_what_cannot_be_followed_is_refused_and_changes_nothing(head: Head) -> list[str]:
    other = head.desk.host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "the user's own")
    other.CreateDefaultDisplayNodes()
    before = color(head)
    bad: list[tuple[Any, str]] = [
        (patch(other.GetID(), "#/opacity", 0), "is no node of the study that is open here"),
        (patch("vtkMRMLCameraNode1", "#/opacity", 0), "is no node of the study that is open here"),
        ({**patch("seg1", "#/opacity", 0), "op": "remove"}, 'must be "patch"'),
        (patch("seg1", "#/name", "x"), "cannot be changed here, only #/segments, #/opacity, #/labelsVisible"),
        (patch("vol1", "#/segments", []), "cannot be changed here, only #/opacity"),
        (patch("seg1", "#/segments", [{"id": "Segment_7", "labelValue": 7, "name": "lung"}]), "names no segment"),
        (patch("seg1", "#/segments", [{}]), "neither by id, number nor name"),
        (patch("seg1", "#/labelsVisible", "yes"), "must be true or false"),
        ("hide", "must be an object"),
        *((patch(id, "#/opacity", value), "0 to 1") for id in ("seg1", "vol1") for value in (1.1, -1, True, "1", None)),
        *(
            (patch("seg1", "#/segments", [{"id": "Segment_1", "visible": False}, {"id": "Segment_2", **wrong}]), "must")
            for wrong in ({"color": [1, 0]}, {"color": [1, 0, 2]}, {"opacity": 5}, {"visible": 0}, {"color": "red"})
        ),
    ]
    sentences = []
    for op, sentence in bad:
        id = update(head, op)
        assert head.desk.session.refused == [(id, 422)], op
        sentences.append(head.desk.items("problem")[-1]["message"])
        assert sentence in sentences[-1], op
    assert other.GetDisplayNode().GetOpacity() == 1
    assert np.array_equal(color(head), before)
    head.desk.host.scene.RemoveNode(other)
    return sentences


def test_good_operations_beside_a_wrong_one_are_followed(head: Head) -> None:
    update(head, patch("nobody", "#/opacity", 1), patch("seg1", "#/opacity", 0))
    assert not is_tinted(color(head))
    assert "(1 of the 2 operations were not followed)" in head.desk.items("problem")[-1]["message"]


def test_a_scene_update_without_operations_or_without_a_study(desk: Desk) -> None:
    desk.send("scene-update", {"scene": {"nodes": {}}, "files": []})
    assert not desk.session.refused
    id = desk.send("scene-update", {"scene": {"ops": [patch("seg1", "#/opacity", 1)]}})
    assert desk.session.refused == [(id, 409)]
    id = desk.send("scene-update", {"scene": {"ops": [{}] * 101}})
    assert desk.session.refused[-1] == (id, 400)
