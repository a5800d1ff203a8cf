"""What a display answers to those who ask for its views: the scene view, or one view as a picture.

``PNGFULLSIZE``, ``JPGFULLSIZE``, ``PNGTHUMBNAIL`` and ``JPGTHUMBNAIL`` are answered with the active view, or with the
one that the asker's ``context.viewId`` names. ``context.patientText: true`` asks for pictures that name the patient:
whether they may is the operator's setting. Any thread.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from CastInterfaceLib.views.png import encode_png
from CastInterfaceLib.views.scene_view import DrawnView, SceneViews, Shot
from CastLib.client import Session
from CastLib.errors import CastError
from CastLib.events import data_type_of_event
from CastLib.message import Message

# Seconds that an answer waits for the main thread; askers who want to wait for a busy display name a long time.
PATIENCE = 60.0

JPEG_QUALITY = 90

NOT_ALLOWED = "This display does not tell who the patient is; its operator can allow it."

_KINDS = {
    f"{name}{size}": (content_type, size == "FULLSIZE")
    for name, content_type in (("PNG", "image/png"), ("JPG", "image/jpeg"))
    for size in ("FULLSIZE", "THUMBNAIL")
}


def answer_pictures(session: Session, views: SceneViews, patient_text_allowed: bool) -> None:
    """Have requests for the scene view and for pictures answered.

    Args:
        session: where they come from.
        views: what is asked for.
        patient_text_allowed: whether askers who want it are told who the patient is.
    """

    def scene_view(message: Message) -> dict[str, Any]:
        wanted = _wants_patient(message)
        told = views.current(PATIENCE, patient_text=wanted and patient_text_allowed)
        return {**told, "patientTextRefused": NOT_ALLOWED} if wanted and not patient_text_allowed else told

    def picture(content_type: str, full: bool) -> Callable[[Message], dict[str, Any]]:
        def answer(message: Message) -> dict[str, Any]:
            wanted = _wants_patient(message)
            view = _asked_view(views.shot(PATIENCE), message)
            made = view_picture(view, content_type, full, patient_text=wanted and patient_text_allowed)
            return {**made, "patientTextRefused": NOT_ALLOWED} if wanted and not patient_text_allowed else made

        return answer

    session.on_request("SCENEVIEW", scene_view, True)
    for data_type, kind in _KINDS.items():
        session.on_request(data_type, picture(*kind), True)


def not_answered(message: Message) -> dict[str, Any]:
    """The answer to a request for what a display does not have: nobody waits for it until his time is over."""
    return {"error": f"This display does not answer {data_type_of_event(message.key)}."}


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


def _asked_view(shot: Shot, message: Message) -> DrawnView:
    wanted = message.context.get("viewId") if isinstance(message.context, dict) else None
    wanted = wanted or shot.scene_view["display"]["activeViewId"]
    for view in shot.views:
        if wanted in (view.viewport["viewId"], view.viewport["name"]):
            return view
    names = ", ".join(view.viewport["name"] for view in shot.views)
    raise CastError(f"There is no such view here; viewId may be one of {names}.")


def _wants_patient(message: Message) -> bool:
    return isinstance(message.context, dict) and message.context.get("patientText") is True


def _encode_jpeg(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()
