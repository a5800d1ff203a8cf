"""Files in and out: which ones a batch takes from the command line, and where those received are put."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from CastLib.errors import CastError
from CastLib.manifest import local_file_name, parse_received_manifest, suffix_of
from CastLib.message import Message

if TYPE_CHECKING:
    from CastCLI.output import Output
    from CastLib.client import Session

_PICTURE_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg"}


def collect_files(paths: Sequence[str]) -> list[tuple[Path, str]]:
    """Return the files to send, each with the name it travels under, in the order given; folders give all beneath them.

    DICOM files without a suffix travel as ``.dcm``. Files of a folder that a batch cannot carry are left out; one that
    is named itself and cannot be read or carried raises CastError.
    """
    found: list[tuple[Path, str]] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
            names = [(file, travel_name(file)) for file in inside]
            found += [(file, name) for file, name in names if name]
        elif not path.is_file():
            raise CastError(f"{path}: there is no such file or folder")
        else:
            found.append((path, travel_name(path) or path.name))
    if not found:
        raise CastError(f"{', '.join(paths)}: holds no file that a batch can carry")
    return found


def travel_name(path: Path) -> str:
    """Return the name a file travels under, ``""`` when the file policy has no suffix for it."""
    if suffix_of(path.name):
        return path.name
    with path.open("rb") as file:
        file.seek(128)
        return f"{path.name}.dcm" if file.read(4) == b"DICM" else ""


def fetch_batch(session: Session, message: Message, folder: Path, output: Output) -> list[Path]:
    """Download the files an event carries into ``folder``; ``[]`` when it carries none."""
    if not any(entry.payload_ids for entry in parse_received_manifest(message.context)):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with output.transfer(f"fetching {message.event}") as progress:
        paths = session.fetch_files(message, folder, progress=progress)
    output.say(f"saved {len(paths)} files to {folder}")
    return paths


def save_answer(folder: Path, number: int, answer: dict[str, Any]) -> list[Path]:
    """Write one response to ``folder``: its JSON, and each picture in it as a file of its own that the JSON names."""
    who = local_file_name(str(answer.get("subscriber") or "unnamed"))
    target = folder / f"{number}-{who}"
    target.mkdir(parents=True, exist_ok=True)
    pictures = list(take_pictures(answer, "picture"))
    written = [_write_picture(target, name, picture) for name, picture in pictures]
    path = target / "answer.json"
    path.write_text(json.dumps(answer, indent=1, ensure_ascii=False), encoding="utf-8")
    return [path, *written]


def take_pictures(value: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every picture inside a JSON value (``contentType`` and base64 ``data``) with a name for its file."""
    if isinstance(value, list):
        for item in value:
            yield from take_pictures(item, name)
    elif isinstance(value, dict):
        if value.get("contentType") in _PICTURE_SUFFIXES and isinstance(value.get("data"), str):
            yield name, value
            return
        view = value.get("name") or value.get("viewId")
        prefix = f"{view}-" if isinstance(view, str) else ""
        for key, item in value.items():
            yield from take_pictures(item, prefix + key if prefix else key)


def _write_picture(folder: Path, name: str, picture: dict[str, Any]) -> Path:
    """Write a picture and put the file's name in place of its bytes."""
    suffix = _PICTURE_SUFFIXES[picture["contentType"]]
    try:
        data = base64.b64decode(picture["data"], validate=True)
    except (binascii.Error, ValueError):
        raise CastError(f"the picture {name} is not base64") from None
    stem, number = local_file_name(name), 1
    path = folder / f"{stem}{suffix}"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    path.write_bytes(data)
    picture["data"] = path.name
    return path
