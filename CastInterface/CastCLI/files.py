"""Files in and out: which ones a batch takes from the command line, and where those received are put."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from CastLib.dicom.folder_files import files_of, shown_name
from CastLib.errors import CastError, FileRefused
from CastLib.manifest import check_file_name, local_file_name, suffix_of
from CastLib.message import Message

if TYPE_CHECKING:
    from CastCLI.output import Output
    from CastLib.client import Session

_NOT_CARRIED = {"unsupported_file_extension": "of no kind that a batch carries"}
_PICTURE_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg"}


def collect_files(paths: Sequence[str]) -> tuple[list[tuple[Path, str]], str]:
    """Return the files to send, each with the name it travels under, in the order given; folders give all beneath them.

    DICOM files without a suffix travel as ``.dcm``. Files of a folder that a batch cannot carry are left out, and a
    line says how many and why, ``""`` without any. One that is named itself and cannot be carried raises CastError.
    """
    found: list[tuple[Path, str]] = []
    skipped: Counter[str] = Counter()
    for text in paths:
        named = Path(text)
        for path, why, _ in files_of([named]):
            if path == named and why:
                raise CastError(f"{shown_name(path, whole=True)}: {why}")
            name = "" if why else travel_name(path)
            try:
                check_file_name(name or path.name)
            except FileRefused as refused:
                if path == named:
                    raise CastError(f"{shown_name(path, whole=True)}: {refused.reason}") from None
                why = why or _NOT_CARRIED.get(refused.code, "no name that may travel")
            if why:
                skipped[why] += 1
            else:
                found.append((path, name))
    left_out = ", ".join(f"{count} {why}" for why, count in sorted(skipped.items()))
    if not found:
        raise CastError(
            f"{', '.join(paths)}: holds no file that a batch can carry" + (f" ({left_out})" if left_out else "")
        )
    return found, f"left out {skipped.total()} files: {left_out}" if skipped else ""


def travel_name(path: Path) -> str:
    """Return the name a file travels under, its own when the file policy has no suffix for it."""
    name = shown_name(path)
    try:
        return name if suffix_of(name) or not _is_dicom(path) else f"{name}.dcm"
    except OSError:
        return name


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(132)[128:] == b"DICM":
            return True
    try:
        from CastLib.dicom.reading import is_dicom
    except ImportError:  # without pydicom files as old as that are not known
        return False
    return is_dicom(path)


def fetch_batch(session: Session, message: Message, folder: Path, output: Output) -> list[Path]:
    """Download the files an event carries into ``folder``; ``[]`` when it carries none."""
    if not any(entry.payload_ids for entry in message.files):
        return []
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with output.transfer(f"fetching {message.event}") as progress:
        paths = session.fetch_files(message, folder, progress=progress)
    output.say(f"saved {len(paths)} files to {folder}")
    return paths


def save_answer(folder: Path, number: int, answer: dict[str, Any]) -> list[Path]:
    """Write one response to ``folder``: its JSON, and each picture in it as a file of its own that the JSON names.

    Raises CastError when it cannot be written, or a picture is none.
    """
    who = local_file_name(str(answer.get("subscriber") or "unnamed"))
    target = folder / f"{number}-{who}"
    with _told(target):
        target.mkdir(parents=True, exist_ok=True)
        pictures = list(take_pictures(answer, "picture"))
        written = [_write_picture(target, name, picture) for name, picture in pictures]
        path = target / "answer.json"
        path.write_text(json.dumps(answer, indent=1, ensure_ascii=False), encoding="utf-8")
    return [path, *written]


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Raise CastError for what the system says of a folder that is written to."""
    try:
        yield
    except OSError as error:
        raise CastError(f"{folder} cannot be written: {error.strerror or error}") from None


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
