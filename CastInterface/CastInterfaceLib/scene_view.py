"""The scene view: what is shown where, as data with pictures (data type SCENEVIEW, and ``sceneview`` in STATUS).

Keys that existing clients read are those of the protocol. Ours carries more, which they ignore:

- at the top: ``coordinateSystem`` ("RAS": all lengths in mm, x to the patient's right, y anterior, z superior).
- each viewport: ``picture`` (PNG of the view's full size: ``contentType``, base64 ``data``, ``width``, ``height``; left
  out with a sentence in ``pictureOmitted`` when all together would be too much for a socket), ``layoutLabel``,
  ``nodeClass``.
- slice views: ``sliceToRAS`` (16 numbers, row by row: from mm in the view to RAS), ``sliceOffset``, ``fieldOfView``
  (3 lengths), ``dimensions`` (3 counts of pixels), ``window``, ``level``.
- 3D views: ``camera`` (``position``, ``focalPoint``, ``viewUp``, ``viewAngle`` in degrees, ``parallelProjection``,
  ``parallelScale``).

Without a window on a screen, ``window`` is the rectangle the layout would fill if each view had its picture's size.
"""

from __future__ import annotations

import base64
import itertools
from typing import Any

from CastInterfaceLib.anatomy import direction_name, plane_name
from CastInterfaceLib.host import Host, nodes_of_class
from CastInterfaceLib.layouts import Rect, arrange, as_items, extent, slots
from CastInterfaceLib.offscreen_view import Picture, encode_png, shrink
from CastInterfaceLib.study_loading import SERIES, STUDY

THUMBNAIL_WIDTH = 160

# Bytes of all pictures before base64: with it and the rest they stay under the 16 MiB that a socket takes.
PICTURES_MOST = 11 * 1024 * 1024


class SceneViews:
    """Makes scene views of a host, and makes them anew only after something changed.

    Args:
        host: whose views.
        product: the product name to answer with.

    Attributes:
        last: the last scene view made, for threads that must not touch the scene; empty before the first.
    """

    def __init__(self, host: Host, product: str) -> None:
        self._host = host
        self._product = product
        self._state: object = None
        self.last: dict[str, Any] = {}

    def current(self) -> dict[str, Any]:
        """The scene view as it is now. Renders: main thread only."""
        if not self.last or self._state != _scene_state(self._host.scene):
            self.last = make_scene_view(self._host, self._product)
            self._state = _scene_state(self._host.scene)  # rendering itself touches nodes
        return self.last

    def forget(self) -> None:
        """Drop the last scene view at once: what it shows was closed."""
        self.last, self._state = {}, None


def _scene_state(scene: Any) -> object:
    """A value that is another one when any node was changed, added or removed."""
    nodes = scene.GetNodes()
    times = (nodes.GetItemAsObject(index).GetMTime() for index in range(nodes.GetNumberOfItems()))
    return nodes.GetNumberOfItems(), max(times, default=0)


def make_scene_view(host: Host, product: str) -> dict[str, Any]:
    """Render every view and tell what it shows; see the module's docstring."""
    name, tree = host.layout
    views = {view.name: view for view in itertools.chain(host.slice_views, host.threed_views)}
    width, height = _window_size(tree, list(views.values()))
    rects = arrange(tree, Rect(0, 0, width, height))
    viewports = []
    room = PICTURES_MOST
    for index, (slot, rect) in enumerate(zip(slots(tree), rects, strict=True)):
        view = views[slot.tag]
        viewport = _slice_viewport(view) if slot.node_class == "vtkMRMLSliceNode" else _threed_viewport(view)
        pixels = view.pixels()
        picture = encode_png(pixels)
        room -= len(picture.data)
        if room >= 0:
            viewport["picture"] = _picture(picture)
        else:
            viewport["pictureOmitted"] = "the pictures of all views are too large for one answer"
        viewport["thumbnail"] = _picture(encode_png(shrink(pixels, THUMBNAIL_WIDTH)))
        viewport |= {
            "viewId": view.node.GetID(),
            "slotIndex": index,
            "name": view.name,
            "layoutLabel": view.node.GetLayoutLabel(),
            "nodeClass": slot.node_class,
            "screenRect": rect.as_dict(),
            "layoutRect": rect.as_dict(),
        }
        viewports.append(viewport)
    return {
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
