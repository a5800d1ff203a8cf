"""``scene-update``: operations of another application on what is shown of the open study. Main thread only.

An operation is ``{"op": "patch", "id": NODE, "path": PATH, "value": …}``. NODE is a node that STATUS names in its
``scene`` item, or ``seg1`` and ``vol1``: the first segmentation and the first volume. Of a segmentation the paths are
``#/segments`` (a list of segments, each told by ``id``, else ``labelValue`` or ``number``, else ``name``, with
``color``, ``opacity``, ``visible``), ``#/opacity`` and ``#/labelsVisible`` (taken, and without effect: no names are
written beside segments here); of a volume ``#/opacity``, over black.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import vtk

from CastInterfaceLib.scene.segmentations import OPACITY_3D, SEGMENT_NUMBER
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.study.open_study import SHOWN, OpenStudy
from CastInterfaceLib.study.sources import NotShown
from CastLib.errors import FieldError
from CastLib.fields import kind_of, need_list, need_object, need_text
from CastLib.message import Message

log = logging.getLogger("cast.display")

# Operations of one message that are followed: each takes the main thread for a moment.
MAX_OPS = 100

_Segment = Mapping[str, Any]


def operations(message: Message) -> list[Any] | None:
    """The operations in a message, None when it carries none. Raises FieldError for what is no list."""
    for item in message.items():
        resource = item.get("resource")
        if item.get("key") == "scene" and isinstance(resource, dict) and "ops" in resource:
            ops = need_list(resource["ops"], "event.context.scene.ops")
            if len(ops) > MAX_OPS:
                raise FieldError("event.context.scene.ops", f"has more than {MAX_OPS} operations: send fewer at once")
            return ops
    return None


def follow(viewer: Viewer, study: OpenStudy | None, message: Message) -> None:
    """Follow each operation of a message that can be followed; a message without any is ignored.

    Raises:
        FieldError: its operations are no list.
        NotShown: something of it could not be followed, with the first reason and how many there are.
    """
    ops = operations(message)
    if ops is None:
        log.debug("%s without operations ignored: id %s", message.event, message.id)
        return
    if study is None or study.state != SHOWN:
        raise NotShown(409, "other-study", "No study is open here whose scene could be changed.")
    failures: list[str] = []
    for number, one in enumerate(ops):
        try:
            _follow_one(viewer, study, one, f"ops[{number}]")
        except FieldError as error:
            failures.append(str(error))
    if failures:
        more = f" ({len(failures)} of the {len(ops)} operations were not followed)" if len(ops) > 1 else ""
        raise NotShown(422, "not-followed", f"The scene was not changed as asked: {failures[0]}{more}.")


def _follow_one(viewer: Viewer, study: OpenStudy, op: Any, where: str) -> None:
    fields = need_object(op, where)
    if fields.get("op") != "patch":
        raise FieldError(f"{where}.op", 'must be "patch", the only operation that is known here')
    id, path = need_text(fields, "id", f"{where}."), need_text(fields, "path", f"{where}.")
    value, where = fields.get("value"), f"{where}.value"
    segmentations = {node.GetID(): (node, told) for node, told in study.results}
    volumes = {one.node_id: one.volume for one in study.series.values()}
    if id == "seg1":
        id = next(iter(segmentations), id)
    elif id == "vol1":
        id = next(iter(volumes), id)
    steps: dict[str, Callable[[], object]] = {}
    if id in segmentations:
        node, told = segmentations[id]
        steps = {
            "#/segments": lambda: _change_segments(node, told, need_list(value, where), where),
            "#/opacity": lambda: node.GetDisplayNode().SetOpacity(_share(value, where)),
            "#/labelsVisible": lambda: _flag(value, where),
        }
    elif id in volumes:
        steps = {"#/opacity": lambda: _set_opacity(viewer, volumes[id], _share(value, where))}
    else:
        raise FieldError(where.replace(".value", ".id"), f"{id[:80]!r} is no node of the study that is open here")
    if path not in steps:
        known = ", ".join(steps)
        raise FieldError(where.replace(".value", ".path"), f"{path[:80]!r} cannot be changed here, only {known}")
    steps[path]()


def _set_opacity(viewer: Viewer, volume: Any, opacity: float) -> None:
    if not all(view.draws_opacity for view in viewer.slice_views):
        raise FieldError("opacity", "Slicer's own views draw a volume opaque")
    volume.GetDisplayNode().SetOpacity(opacity)


def _change_segments(node: Any, told: dict[str, Any], values: list[Any], where: str) -> None:
    """Change every segment of the list, or none when something of it is wrong."""
    content, display = node.GetSegmentation(), node.GetDisplayNode()
    checked = [_checked(content, value, f"{where}[{number}]") for number, value in enumerate(values)]
    showing = display.StartModify()
    try:
        for id, value in checked:
            _change_segment(content.GetSegment(id), id, display, value)
            for one in told.get("segments", ()) if "color" in value else ():
                if str(one.get("number")) == _tag(content.GetSegment(id), SEGMENT_NUMBER):
                    one["color"] = [round(part, 4) for part in value["color"]]
    finally:
        display.EndModify(showing)


def _change_segment(segment: Any, id: str, display: Any, value: _Segment) -> None:
    if "color" in value:
        segment.SetColor(*value["color"])
    if "visible" in value:
        display.SetSegmentVisibility(id, value["visible"])
    if "opacity" in value:
        display.SetSegmentOpacity2DFill(id, value["opacity"])
        display.SetSegmentOpacity2DOutline(id, value["opacity"])
        # what others lie in stays as clear beside them as it was
        display.SetSegmentOpacity3D(id, value["opacity"] * float(_tag(segment, OPACITY_3D) or 1))


def _checked(content: Any, value: Any, where: str) -> tuple[str, _Segment]:
    """The id of a segment, and what is to be changed of it: ``color`` (r, g, b), ``opacity``, ``visible``."""
    fields = need_object(value, where)
    id = _segment_id(content, fields, where)
    changes: dict[str, Any] = {}
    if fields.get("color") is not None:
        color = need_list(fields["color"], f"{where}.color")
        if len(color) not in (3, 4):
            raise FieldError(f"{where}.color", f"must be three or four numbers, not {len(color)}")
        changes["color"] = [_share(part, f"{where}.color") for part in color][:3]
    if fields.get("opacity") is not None:
        changes["opacity"] = _share(fields["opacity"], f"{where}.opacity")
    if fields.get("visible") is not None:
        changes["visible"] = _flag(fields["visible"], f"{where}.visible")
    return id, changes


def _segment_id(content: Any, fields: Mapping[str, Any], where: str) -> str:
    """Slicer's id of the segment that is meant: by its id, else its number, else its name."""
    segments = {str(id): content.GetSegment(id) for id in map(content.GetNthSegmentID, _numbers(content))}
    named = ("id", "labelValue", "number", "name")
    for key in named:
        found = [id for id, one in segments.items() if _called(key, id, one) == str(fields.get(key, ""))]
        if len(found) == 1 and found[0]:
            return found[0]
    words = " ".join(str(fields[key]) for key in named if fields.get(key) is not None)
    raise FieldError(where, f"names no segment that is shown: {words[:80] or 'neither by id, number nor name'}")


def _numbers(content: Any) -> range:
    return range(content.GetNumberOfSegments())


def _called(key: str, id: str, segment: Any) -> str:
    """What a segment is called by one of the keys that tell it."""
    if key == "id":
        return id
    return str(segment.GetName()) if key == "name" else _tag(segment, SEGMENT_NUMBER)


def _tag(segment: Any, name: str) -> str:
    """A tag of a ``vtkSegment``, "" when it has none."""
    value = vtk.mutable("")
    return str(value) if segment.GetTag(name, value) else ""


def _share(value: Any, where: str) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(where, f"must be a number from 0 to 1, not {kind_of(value)}")
    if not 0 <= value <= 1:
        raise FieldError(where, "must be a number from 0 to 1")
    return float(value)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise FieldError(where, f"must be true or false, not {kind_of(value)}")
    return value
