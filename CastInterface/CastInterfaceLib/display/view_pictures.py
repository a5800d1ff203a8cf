"""One view of a display as a picture, for those who ask for it. Any thread."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from CastInterfaceLib.views.png import encode_png
from CastInterfaceLib.views.scene_view import DrawnView, Shot
from CastLib.errors import CastError
from CastLib.message import Message

JPEG_QUALITY = 90


def view_picture(view: DrawnView, content_type: str, full: bool, *, patient_text: bool) -> dict[str, Any]:
    """One view as data of type Image, in both forms that the field reads: nested, and at the top of ``data``."""
    pixels = view.picture(patient_text) if full else view.thumbnail()
    encoded = encode_png(pixels).data if content_type == "image/png" else _encode_jpeg(pixels)
    data = base64.b64encode(encoded).decode("ascii")
    resource = {"resourceType": "Binary", "contentType": content_type, "data": data}
    return {
        "context.type": "Image",
        "context": [{"key": "image", "resource": resource}],
        "contentType": content_type,
        "data": data,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "viewId": view.viewport["viewId"],
        "name": view.viewport["name"],
    }


def asked_view(shot: Shot, message: Message) -> DrawnView:
    """The view that the asker's ``context.viewId`` names, else the active one. Raises CastError when it is none."""
    wanted = message.context.get("viewId") if isinstance(message.context, dict) else None
    wanted = wanted or shot.scene_view["display"]["activeViewId"]
    for view in shot.views:
        if wanted in (view.viewport["viewId"], view.viewport["name"]):
            return view
    names = ", ".join(view.viewport["name"] for view in shot.views)
    raise CastError(f"There is no such view here; viewId may be one of {names}.")


def _encode_jpeg(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()
