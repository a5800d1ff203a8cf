"""The scene view: what is shown where, as data with pictures (data type SCENEVIEW, and ``sceneview`` in STATUS).

Keys that existing clients read are those of the protocol. Ours carries more, which they ignore:

- at the top: ``coordinateSystem`` ("RAS": all lengths in mm, x to the patient's right, y anterior, z superior).
- each viewport: ``picture`` (PNG of the view's full size: ``contentType``, base64 ``data``, ``width``, ``height``; left
  out with a sentence in ``pictureOmitted`` when all together would be too much for a socket), ``layoutLabel``,
  ``nodeClass``, ``seriesDescription``, ``studyDate``, ``confirmed`` (whether the hub says that this is what is open),
  ``notConfirmedSince`` (a time of the day), ``warning`` (a few words); ``patient`` (``name``, ``id``) where it may be
  told, which its picture then tells too; ``foreign``, what it draws that is not known to be of its
  ``studyInstanceUID``: a list of ``nodeID``, ``name``, ``class`` and ``studyInstanceUID`` ("" when it is of no study).
- slice views: ``sliceToRAS`` (16 numbers, row by row: from mm in the view to RAS), ``sliceOffset``, ``fieldOfView``
  (3 lengths), ``dimensions`` (3 counts of pixels), ``window``, ``level``, ``missingSlice`` (whether the slice shown was
  never received).
- 3D views: ``camera`` (``position``, ``focalPoint``, ``viewUp``, ``viewAngle`` in degrees, ``parallelProjection``,
  ``parallelScale``).

Without a window on a screen, ``window`` is the rectangle the layout would fill if each view had its picture's size.
"""

from __future__ import annotations

import base64
import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from CastInterfaceLib.scene.foreign_nodes import foreign_in
from CastInterfaceLib.scene.layouts import Rect, arrange, as_items, extent, slots
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.views.annotations import Annotations, annotate
from CastInterfaceLib.views.png import Picture, encode_png, shrink
from CastInterfaceLib.views.viewports import describe, patient_of, view_titles
from CastLib.client import Pump
from CastLib.errors import CastError, TimedOut
from CastSlicerLib.jobs import Cancelled

THUMBNAIL_WIDTH = 160

# Bytes of all pictures before base64: with it and the rest they stay under the 16 MiB that a socket takes.
MAX_PICTURES = 11 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DrawnView:
    """One view as it was drawn: pixels (rows from the top, columns, 3) uint8 without text, and the texts for them."""

    viewport: dict[str, Any]
    pixels: np.ndarray
    annotations: Annotations

    def picture(self, patient_text: bool) -> np.ndarray:
        """The pixels at full size with the texts; those that tell the patient only when asked."""
        return annotate(self.pixels, self._texts(patient_text))

    def thumbnail(self) -> np.ndarray:
        """The pixels made small, with the texts that can be read then. None of them tells the patient."""
        return annotate(shrink(self.pixels, THUMBNAIL_WIDTH), self.annotations.without_patient())

    def _texts(self, patient_text: bool) -> Annotations:
        return self.annotations if patient_text else self.annotations.without_patient()


@dataclass(frozen=True, slots=True)
class Shot:
    """All views at one moment; ``state`` is the scene's, once drawn, ``encoded`` what was made of it so far."""

    scene_view: dict[str, Any]
    views: list[DrawnView]
    state: object
    encoded: dict[bool, dict[str, Any]] = field(default_factory=dict)


class SceneViews:
    """Makes scene views of a viewer, and draws its views anew only after something changed.

    The main thread draws the views; the thread that asks makes the pictures, and does so for all that ask meanwhile.

    Args:
        viewer: whose views.
        product: the product name to answer with.
        pump: hands over to the main thread.

    Attributes:
        last: the last scene view made, for threads that must not wait; empty before the first. It never tells who the
            patient is.
    """

    def __init__(self, viewer: Viewer, product: str, pump: Pump) -> None:
        self._viewer = viewer
        self._product = product
        self._pump = pump
        self._shot: Shot | None = None
        self._making = threading.Lock()
        self._closed = False
        self.last: dict[str, Any] = {}

    def current(self, patience: float, *, patient_text: bool = False) -> dict[str, Any]:
        """The scene view as it is now. Any thread; the main one does not wait for the others.

        Args:
            patience: seconds to wait for the main thread.
            patient_text: whether data and pictures tell who the patient is.

        Raises:
            Cancelled: it was closed.
            TimedOut: the main thread did not come to it within ``patience`` seconds.
        """
        if self._pump.on_main_thread():
            return self._make(patience, patient_text)
        end = time.monotonic() + patience
        if not self._making.acquire(timeout=max(0.0, patience)):
            raise TimedOut(f"the views were not drawn within {patience:g} s")
        try:
            return self._make(end - time.monotonic(), patient_text)
        finally:
            self._making.release()

    def shot(self, patience: float) -> Shot:
        """The views as they are now, not encoded. Any thread; raises as `current` does."""
        return self._pump.call(self._take, max(0.0, patience))

    def _make(self, patience: float, patient_text: bool) -> dict[str, Any]:
        shot = self.shot(patience)
        if patient_text not in shot.encoded:
            shot.encoded[patient_text] = encode_views(shot, patient_text)
        if self._shot is shot and not patient_text:  # else what it shows was closed meanwhile, or drawn anew
            self.last = shot.encoded[False]
        return shot.encoded[patient_text]

    def _take(self) -> Shot:
        """Draw the views; the last shot where it still holds."""
        if self._closed:
            raise Cancelled("the display was closed")
        if self._shot is None or self._shot.state != _scene_state(self._viewer.scene):
            self._shot = draw_views(self._viewer, self._product)
        return self._shot

    def close(self) -> None:
        """Draw nothing any more."""
        self._closed = True

    def forget(self) -> None:
        """Drop the last scene view at once: what it shows was closed."""
        self.last, self._shot = {}, None


def _scene_state(scene: Any) -> object:
    """A value that is another one when any node was changed, added or removed."""
    nodes = scene.GetNodes()
    times = (nodes.GetItemAsObject(index).GetMTime() for index in range(nodes.GetNumberOfItems()))
    return nodes.GetNumberOfItems(), max(times, default=0)


def make_scene_view(viewer: Viewer, product: str, *, patient_text: bool = False) -> dict[str, Any]:
    """Render every view and tell what it shows; see the module's docstring. Main thread only."""
    return encode_views(draw_views(viewer, product), patient_text)


def draw_views(viewer: Viewer, product: str) -> Shot:
    """Draw every view of the layout. Main thread only. Raises CastError when there is none."""
    name, tree = viewer.layout
    views = {view.name: view for view in itertools.chain(viewer.slice_views, viewer.threed_views)}
    if not views:
        raise CastError("the layout shows no slice view and no 3D view")
    columns, rows = extent(tree)
    width, height = (count * side for count, side in zip((columns, rows), next(iter(views.values())).size, strict=True))
    rects = arrange(tree, Rect(0, 0, width, height))
    titles = view_titles(viewer)
    drawn = []
    for index, (slot, rect) in enumerate(zip(slots(tree), rects, strict=True)):
        view = views[slot.tag]
        viewport, annotations = describe(view, titles[view.node.GetID()])
        viewport |= {
            "foreign": foreign_in(view, viewer.scene.GetNodeByID(viewport["dataID"] or "")),
            "slotIndex": index,
            "nodeClass": slot.node_class,
            "screenRect": rect.as_dict(),
            "layoutRect": rect.as_dict(),
        }
        drawn.append(DrawnView(viewport, view.pixels(), annotations))
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
            "activeViewId": drawn[0].viewport["viewId"],
            "maximized": False,
            "layoutScreenRect": Rect(0, 0, width, height).as_dict(),
            "layoutClientSize": {"width": width, "height": height},
        },
    }
    return Shot(scene_view, drawn, _scene_state(viewer.scene))  # drawing itself touches nodes


def encode_views(shot: Shot, patient_text: bool) -> dict[str, Any]:
    """The scene view with its pictures as PNG, all made at the same time: zlib lets other threads run. Any thread."""

    def encoded(view: DrawnView) -> tuple[Picture, Picture]:
        return encode_png(view.picture(patient_text)), encode_png(view.thumbnail())

    with ThreadPoolExecutor(min(len(shot.views), os.cpu_count() or 1)) as threads:
        pictures = list(threads.map(encoded, shot.views))
    room = MAX_PICTURES
    viewports = []
    for view, (picture, thumbnail) in zip(shot.views, pictures, strict=True):
        viewport = dict(view.viewport)
        if patient_text:
            viewport["patient"] = patient_of(view.annotations.words)
        room -= len(picture.data)
        if room >= 0:
            viewport["picture"] = _as_data(picture)
        else:
            viewport["pictureOmitted"] = "the pictures of all views are too large for one answer"
        viewports.append({**viewport, "thumbnail": _as_data(thumbnail)})
    return {**shot.scene_view, "viewports": viewports}


def _as_data(picture: Picture) -> dict[str, Any]:
    return {
        "contentType": "image/png",
        "data": base64.b64encode(picture.data).decode("ascii"),
        "width": picture.width,
        "height": picture.height,
    }
