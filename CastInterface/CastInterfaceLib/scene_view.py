"""The scene view: what is shown where, as data with pictures (data type SCENEVIEW, and ``sceneview`` in STATUS).

Keys that existing clients read are those of the protocol. Ours carries more, which they ignore:

- at the top: ``coordinateSystem`` ("RAS": all lengths in mm, x to the patient's right, y anterior, z superior).
- each viewport: ``picture`` (PNG of the view's full size: ``contentType``, base64 ``data``, ``width``, ``height``; left
  out with a sentence in ``pictureOmitted`` when all together would be too much for a socket), ``layoutLabel``,
  ``nodeClass``; ``foreign``, what it draws that is not known to be of its ``studyInstanceUID``: a list of ``nodeID``,
  ``name``, ``class`` and ``studyInstanceUID`` ("" when it is of no study).
- slice views: ``sliceToRAS`` (16 numbers, row by row: from mm in the view to RAS), ``sliceOffset``, ``fieldOfView``
  (3 lengths), ``dimensions`` (3 counts of pixels), ``window``, ``level``.
- 3D views: ``camera`` (``position``, ``focalPoint``, ``viewUp``, ``viewAngle`` in degrees, ``parallelProjection``,
  ``parallelScale``).

Without a window on a screen, ``window`` is the rectangle the layout would fill if each view had its picture's size.
"""

from __future__ import annotations

import base64
import itertools
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from CastInterfaceLib.anatomy import direction_name, plane_name
from CastInterfaceLib.foreign_nodes import foreign_in
from CastInterfaceLib.host import Host, nodes_of_class
from CastInterfaceLib.jobs import Cancelled
from CastInterfaceLib.layouts import Rect, arrange, as_items, extent, slots
from CastInterfaceLib.png import Picture, encode_png, shrink
from CastInterfaceLib.study_loading import SERIES, STUDY
from CastLib.client import Pump
from CastLib.errors import CastError, TimedOut

THUMBNAIL_WIDTH = 160

# Bytes of all pictures before base64: with it and the rest they stay under the 16 MiB that a socket takes.
PICTURES_MOST = 11 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Shot:
    """A scene view whose pictures are still pixels, one for each viewport; ``state`` is the scene's, once drawn."""

    scene_view: dict[str, Any]
    pixels: list[np.ndarray]
    state: object


class SceneViews:
    """Makes scene views of a host, and makes them anew only after something changed.

    The main thread draws the views; the thread that asks makes the pictures, and does so for all that ask meanwhile.

    Args:
        host: whose views.
        product: the product name to answer with.
        pump: hands over to the main thread.

    Attributes:
        last: the last scene view made, for threads that must not wait; empty before the first.
    """

    def __init__(self, host: Host, product: str, pump: Pump) -> None:
        self._host = host
        self._product = product
        self._pump = pump
        self._state: object = None
        self._made: object = None
        self._making = threading.Lock()
        self._closed = False
        self.last: dict[str, Any] = {}

    def current(self, patience: float) -> dict[str, Any]:
        """The scene view as it is now. Any thread; the main one does not wait for the others.

        Raises:
            Cancelled: it was closed.
            TimedOut: the main thread did not come to it within ``patience`` seconds.
        """
        if self._pump.on_main_thread():
            return self._make(patience)
        end = time.monotonic() + patience
        if not self._making.acquire(timeout=max(0.0, patience)):
            raise TimedOut(f"the views were not drawn within {patience:g} s")
        try:
            return self._make(end - time.monotonic())
        finally:
            self._making.release()

    def _make(self, patience: float) -> dict[str, Any]:
        shot = self._pump.call(self._take, max(0.0, patience))
        if not isinstance(shot, _Shot):
            return shot
        made = _encode(shot)
        if self._state is shot.state:  # else what it shows was closed meanwhile, or drawn anew
            self.last, self._made = made, shot.state
        return made

    def _take(self) -> _Shot | dict[str, Any]:
        """Draw the views; the last scene view where it still holds."""
        if self._closed:
            raise Cancelled("the display was closed")
        if self.last and self._made is not None and self._made == _scene_state(self._host.scene):
            return self.last  # this very one: it may be forgotten before the thread that asks looks for it
        shot = _draw(self._host, self._product)
        self._state = shot.state
        return shot

    def close(self) -> None:
        """Draw nothing any more."""
        self._closed = True

    def forget(self) -> None:
        """Drop the last scene view at once: what it shows was closed."""
        self.last, self._state, self._made = {}, None, None


def _scene_state(scene: Any) -> object:
    """A value that is another one when any node was changed, added or removed."""
    nodes = scene.GetNodes()
    times = (nodes.GetItemAsObject(index).GetMTime() for index in range(nodes.GetNumberOfItems()))
    return nodes.GetNumberOfItems(), max(times, default=0)


def make_scene_view(host: Host, product: str) -> dict[str, Any]:
    """Render every view and tell what it shows; see the module's docstring. Main thread only."""
    return _encode(_draw(host, product))


def _draw(host: Host, product: str) -> _Shot:
    name, tree = host.layout
    views = {view.name: view for view in itertools.chain(host.slice_views, host.threed_views)}
    if not views:
        raise CastError("the layout shows no slice view and no 3D view")
    width, height = _window_size(tree, list(views.values()))
    rects = arrange(tree, Rect(0, 0, width, height))
    viewports, pixels = [], []
    for index, (slot, rect) in enumerate(zip(slots(tree), rects, strict=True)):
        view = views[slot.tag]
        viewport = _slice_viewport(view) if slot.node_class == "vtkMRMLSliceNode" else _threed_viewport(view)
        pixels.append(view.pixels())
        viewport |= {
            "foreign": foreign_in(view, host.scene.GetNodeByID(viewport["dataID"] or "")),
            "viewId": view.node.GetID(),
            "slotIndex": index,
            "name": view.name,
            "layoutLabel": view.node.GetLayoutLabel(),
            "nodeClass": slot.node_class,
            "screenRect": rect.as_dict(),
            "layoutRect": rect.as_dict(),
        }
        viewports.append(viewport)
    scene_view = {
        "source": "sceneview",
        "product": product,
        "coordinateSystem": "RAS",
        "window": {
            "screenX": 0,
            "screenY": 0,
            "frameLeft": 0,
            "frameTop": 0,
            "outerWidth": width,
            "outerHeight": height,
            "innerWidth": width,
            "innerHeight": height,
        },
        "display": {
            "layoutName": name,
            "layout": as_items(tree),
            "activeViewId": viewports[0]["viewId"],
            "maximized": False,
            "layoutScreenRect": Rect(0, 0, width, height).as_dict(),
            "layoutClientSize": {"width": width, "height": height},
        },
        "viewports": viewports,
    }
    return _Shot(scene_view, pixels, _scene_state(host.scene))  # drawing itself touches nodes


def _encode(shot: _Shot) -> dict[str, Any]:
    """The scene view with its pictures as PNG. Any thread."""
    room = PICTURES_MOST
    viewports = []
    for viewport, pixels in zip(shot.scene_view["viewports"], shot.pixels, strict=True):
        picture = encode_png(pixels)
        room -= len(picture.data)
        shown = (
            {"picture": _picture(picture)}
            if room >= 0
            else {"pictureOmitted": "the pictures of all views are too large for one answer"}
        )
        thumbnail = _picture(encode_png(shrink(pixels, THUMBNAIL_WIDTH)))
        viewports.append({**viewport, **shown, "thumbnail": thumbnail})
    return {**shot.scene_view, "viewports": viewports}


def _window_size(tree: Any, views: list[Any]) -> tuple[int, int]:
    columns, rows = extent(tree)
    width, height = views[0].size
    return columns * width, rows * height


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "contentType": "image/png",
        "data": base64.b64encode(picture.data).decode("ascii"),
        "width": picture.width,
        "height": picture.height,
    }


def _slice_viewport(view: Any) -> dict[str, Any]:
    node = view.node
    matrix = node.GetSliceToRAS()
    elements = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    right, up, normal = ([elements[row][column] for row in range(3)] for column in range(3))
    composite = view.logic.GetSliceCompositeNode()
    volume = node.GetScene().GetNodeByID(composite.GetBackgroundVolumeID() or "")
    display = volume.GetScalarVolumeDisplayNode() if volume is not None else None
    return {
        "type": "2D",
        "orientation": plane_name(normal),
        "viewDirection": direction_name(_into_screen(right, up)),
        "dataID": volume.GetID() if volume is not None else None,
        "studyInstanceUID": (volume.GetAttribute(STUDY) or "") if volume is not None else "",
        "seriesInstanceUID": (volume.GetAttribute(SERIES) or "") if volume is not None else "",
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
    volume = _shown_volume(view.node.GetScene())
    return {
        "type": "3D",
        "orientation": "3D",
        "viewDirection": direction_name([there - here for here, there in zip(position, focal_point, strict=True)]),
        "dataID": volume.GetID() if volume is not None else None,
        "studyInstanceUID": (volume.GetAttribute(STUDY) or "") if volume is not None else "",
        "seriesInstanceUID": (volume.GetAttribute(SERIES) or "") if volume is not None else "",
        "camera": {
            "position": position,
            "focalPoint": focal_point,
            "viewUp": list(camera.GetViewUp()),
            "viewAngle": camera.GetViewAngle(),
            "parallelProjection": bool(camera.GetParallelProjection()),
            "parallelScale": camera.GetParallelScale(),
        },
    }


def _shown_volume(scene: Any) -> Any:
    for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode"):
        volume = scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if volume is not None:
            return volume
    return None


def _into_screen(right: list[float], up: list[float]) -> list[float]:
    """Where one looks who sees ``right`` to the right and ``up`` upward."""
    return [
        up[1] * right[2] - up[2] * right[1],
        up[2] * right[0] - up[0] * right[2],
        up[0] * right[1] - up[1] * right[0],
    ]
