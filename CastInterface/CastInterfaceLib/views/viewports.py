"""What a scene view tells of each viewport, and what is written into its picture. Main thread only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from CastInterfaceLib.scene.image_words import ImageWords, words_of
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import SERIES, STUDY
from CastInterfaceLib.views.anatomy import direction_name, plane_names
from CastInterfaceLib.views.annotations import Annotations


def view_titles(viewer: Viewer) -> dict[str, str]:
    """What each view is called beside the others, by its node's ID: its plane, "3D", or "3D 2" where there are more."""
    slices, threeds = list(viewer.slice_views), list(viewer.threed_views)
    titles = plane_names([view.normal for view in slices])
    names = [f"3D {number}" for number in range(1, len(threeds) + 1)] if len(threeds) > 1 else ["3D"]
    return {view.node.GetID(): title for view, title in zip([*slices, *threeds], [*titles, *names], strict=True)}


def describe(view: Any, title: str) -> tuple[dict[str, Any], Annotations]:
    """A view as data, without its place in the layout, and the texts for its picture."""
    own = _slice_viewport(view, title) if hasattr(view, "normal") else _threed_viewport(view)
    name = view.name if own["type"] == "2D" else title  # Slicer's own name of the first 3D view is "1"
    label = view.node.GetLayoutLabel() if own["type"] == "2D" else title
    told = {"viewId": view.node.GetID(), "name": name, "layoutLabel": label}
    return {**own, **_image(view.volume), **told}, view.annotations(title)


def patient_of(words: ImageWords) -> dict[str, str]:
    """Who the patient is, for those who may know."""
    return {"name": words.patient_name, "id": words.patient_id}


def _image(volume: Any) -> dict[str, Any]:
    words = words_of(volume)
    return {
        "dataID": volume.GetID() if volume is not None else None,
        "studyInstanceUID": (volume.GetAttribute(STUDY) or "") if volume is not None else "",
        "seriesInstanceUID": (volume.GetAttribute(SERIES) or "") if volume is not None else "",
        "seriesDescription": words.description,
        "studyDate": words.study_date,
        "confirmed": not words.not_confirmed_since,
        "notConfirmedSince": words.not_confirmed_since,
        "warning": words.warning,
    }


def _slice_viewport(view: Any, title: str) -> dict[str, Any]:
    node, volume = view.node, view.volume
    matrix = node.GetSliceToRAS()
    elements = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    right, up = ([elements[row][column] for row in range(3)] for column in range(2))
    display = volume.GetScalarVolumeDisplayNode() if volume is not None else None
    return {
        "type": "2D",
        "orientation": title,
        "viewDirection": direction_name(_into_screen(right, up)),
        "missingSlice": view.shows_missing_slice,
        "sliceToRAS": [element for row in elements for element in row],
        "sliceOffset": view.logic.GetSliceOffset(),
        "fieldOfView": list(node.GetFieldOfView()),
        "dimensions": list(node.GetDimensions()),
        "window": display.GetWindow() if display else None,
        "level": display.GetLevel() if display else None,
    }


def _threed_viewport(view: Any) -> dict[str, Any]:
    camera = view.camera_node
    position, focal_point = list(camera.GetPosition()), list(camera.GetFocalPoint())
    return {
        "type": "3D",
        "orientation": "3D",
        "viewDirection": direction_name([there - here for here, there in zip(position, focal_point, strict=True)]),
        "camera": {
            "position": position,
            "focalPoint": focal_point,
            "viewUp": list(camera.GetViewUp()),
            "viewAngle": camera.GetViewAngle(),
            "parallelProjection": bool(camera.GetParallelProjection()),
            "parallelScale": camera.GetParallelScale(),
        },
    }


def _into_screen(right: Sequence[float], up: Sequence[float]) -> list[float]:
    """Where one looks who sees ``right`` to the right and ``up`` upward."""
    return [
        up[1] * right[2] - up[2] * right[1],
        up[2] * right[0] - up[0] * right[2],
        up[0] * right[1] - up[1] * right[0],
    ]
