"""What a display answers, read as the protocol's data types say that the field's programs read it, and no wider."""

from __future__ import annotations

import base64
from typing import Any


def study_adopted(data: dict[str, Any]) -> dict[str, Any] | None:
    """A reloaded worklist: the study's resource when ``context.type`` says that one is open, else None."""
    if data.get("context.type") != "ImagingStudy":
        return None
    return next(item["resource"] for item in data["context"] if item["key"] == "study")


def segmentation_table(data: dict[str, Any]) -> list[tuple[str, tuple[float, float, float], float]]:
    """A reporting client: label, colour and mm³ of each segment; nothing outside ``resource`` is read."""
    rows = []
    for item in data["context"]:
        if item["key"] != "segmentation":
            continue
        for one in item["resource"]["segmentations"]:
            assert one["modality"] == "SEG" and isinstance(one["sourceSeriesInstanceUID"], str)
            for segment in one["segments"]:
                red, green, blue = segment["color"]
                assert all(0 <= part <= 1 for part in (red, green, blue))
                for word in ("category", "type", "typeModifier", "region"):
                    code = segment["terminology"][word]
                    assert code is None or set(code) == {"scheme", "value", "meaning"}
                assert isinstance(segment["number"], int) and isinstance(segment["voxelCount"], int)
                rows.append((segment["label"], (red, green, blue), segment["volumeMm3"]))
    return rows


def local_studies(data: dict[str, Any]) -> list[str]:
    """A worklist: the studies that it lists as the display's own; the key is there also when there are none."""
    for one in data["studies"]:
        assert one["id"] == f"slicer-dicom:{one['studyInstanceUID']}" and " — " in one["name"]
        assert (one["organization"], one["format"], one["openMode"]) == ("3d-slicer", "DICOM", "local-dicom")
        assert isinstance(one["modalities"], list)
    return [one["studyInstanceUID"] for one in data["studies"]]


def scene_nodes(data: dict[str, Any]) -> dict[str, str]:
    """A reporting client: the type of each node that an operation can name, by id."""
    scenes = [item["resource"]["nodes"] for item in data["context"] if item["key"] == "scene"]
    return {id: node["type"] for nodes in scenes for id, node in nodes.items()}


def thumbnails(scene_view: dict[str, Any]) -> list[bytes]:
    """A worklist that draws the display's window: the picture of each view that has its place in the layout."""
    assert scene_view["source"] == "sceneview"
    window, layout = scene_view["window"], scene_view["display"]["layout"]
    assert window["outerWidth"] > 0 and window["outerHeight"] > 0
    slots = _slots(layout)
    views = {view["slotIndex"]: view for view in scene_view["viewports"]}
    assert sorted(slots) == sorted(views)
    for view in views.values():
        assert view["type"] in ("2D", "3D")
        assert view["layoutRect"] is None or set(view["layoutRect"]) == {"left", "top", "width", "height"}
    pictures = [view["thumbnail"] for view in views.values()]
    assert {one["contentType"] for one in pictures} <= {"image/png", "image/jpeg"}
    return [base64.b64decode(one["data"], validate=True) for one in pictures]


def _slots(layout: dict[str, Any]) -> list[int]:
    assert layout["direction"] in ("row", "column")
    found: list[int] = []
    for item in layout["items"]:
        found += [item["slotIndex"]] if item["type"] == "slot" else _slots(item)
    return found


def picture_nested(data: dict[str, Any]) -> tuple[str, bytes]:
    """OHIF: type and bytes of a picture in an ``image`` item."""
    assert data["context.type"] == "Image"
    (resource,) = [item["resource"] for item in data["context"] if item["key"] == "image"]
    assert resource["resourceType"] == "Binary"
    return resource["contentType"], base64.b64decode(resource["data"], validate=True)


def picture_flat(data: dict[str, Any]) -> tuple[str, bytes]:
    """The reporting client: the same at the top of ``data``."""
    return data["contentType"], base64.b64decode(data["data"], validate=True)
