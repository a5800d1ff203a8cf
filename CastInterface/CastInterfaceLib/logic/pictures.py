"""The pictures in an answer to a request: of views in a scene view, or sent as data of type Image."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}


@dataclass(frozen=True, slots=True)
class PeerPicture:
    """One picture: ``data`` is the file's bytes, ``small`` those of its thumbnail (the same where there is none)."""

    peer: str
    name: str
    ending: str
    data: bytes
    small: bytes

    @property
    def file_name(self) -> str:
        """A name to save it under, safe on every system."""
        return re.sub(r"[^\w]+", "-", f"{self.peer}-{self.name}").strip("-") + self.ending


def pictures_of(answer: dict[str, Any]) -> list[PeerPicture]:
    """The pictures in a collated answer, in its order. What is no picture is left out."""
    found: list[PeerPicture] = []
    responses = answer.get("responses")
    for response in responses if isinstance(responses, list) else ():
        if isinstance(response, dict) and isinstance(response.get("data"), dict):
            found += _in_data(str(response.get("subscriber") or ""), response["data"])
    return found


def _in_data(peer: str, data: dict[str, Any]) -> Iterator[PeerPicture]:
    scene_view = data.get("sceneview") if isinstance(data.get("sceneview"), dict) else data
    assert isinstance(scene_view, dict)
    viewports = scene_view.get("viewports")
    for number, viewport in enumerate(viewports if isinstance(viewports, list) else (), 1):
        if isinstance(viewport, dict):
            yield from _picture(
                peer, str(viewport.get("name") or number), viewport.get("picture"), viewport.get("thumbnail")
            )
    items = data.get("context") if data.get("context.type") == "Image" else None
    for number, item in enumerate(items if isinstance(items, list) else (), 1):
        if isinstance(item, dict):
            yield from _picture(peer, str(number), item.get("resource"), None)


def _picture(peer: str, name: str, full: Any, thumbnail: Any) -> Iterator[PeerPicture]:
    large, ending = _decode(full)
    small, small_ending = _decode(thumbnail)
    if large or small:
        yield PeerPicture(peer, name, ending or small_ending, large or small, small or large)


def _decode(picture: Any) -> tuple[bytes, str]:
    if not isinstance(picture, dict) or not isinstance(picture.get("data"), str):
        return b"", ""
    ending = _ENDINGS.get(str(picture.get("contentType", "")).lower(), "")
    try:
        return (base64.b64decode(picture["data"], validate=True), ending) if ending else (b"", "")
    except binascii.Error:
        return b"", ""


def save_pictures(pictures: list[PeerPicture], folder: Path) -> list[Path]:
    """Write the pictures into a folder under names not yet taken there; return their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in pictures:
        path = folder / picture.file_name
        number = 1
        while path.exists():
            number += 1
            path = folder / f"{Path(picture.file_name).stem}-{number}{picture.ending}"
        path.write_bytes(picture.data)
        paths.append(path)
    return paths
