"""Sample studies from a folder: each folder in it is a study (protocol: endpoints, samples).

``study.json`` in a study's folder may say ``name``, ``description``, ``format``, ``openMode`` and ``files`` (each
with ``fileName`` and perhaps ``label``, ``mimeType``, ``role``, or with a ``url`` of its own); what it does not say is
taken from the folder: the files that a batch could carry, and DICOM files without a suffix.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from CastHubLib import log
from CastLib.errors import FieldError, FileRefused
from CastLib.fields import need_list, need_object, optional_text, parse_json
from CastLib.manifest import check_file_name, guess_mime_type, suffix_of

ORGANIZATION, ORGANIZATION_LABEL = "hub", "Hub samples"
DESCRIPTION_FILE = "study.json"
FILES_PATH = "/api/hub/samples/files"

_DICOM, _BYTES = "application/dicom", "application/octet-stream"
_PREAMBLE, _MAGIC = 128, b"DICM"  # PS3.10, 7.1
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*", re.ASCII)
_FORMATS = {".nii": "NIfTI", ".nii.gz": "NIfTI", ".nrrd": "NRRD"}
_TEXTS = ("openMode", "format", "openDisabledReason", "studyInstanceUID")
_FILE_TEXTS = ("label", "role")


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file of a study: in its folder (``path``), or elsewhere (``url``)."""

    name: str
    mime_type: str
    path: Path | None = None
    size: int = 0
    """Bytes, of a file in the folder."""
    url: str = ""
    more: dict[str, str] = field(default_factory=dict)


class Samples:
    """The studies of one folder; it is read anew for each question, so that studies may be added while a hub runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def catalogue(self, base: str) -> dict[str, Any]:
        """Return the list of studies as the worklist reads it; files' addresses begin with ``base``."""
        studies = [study for folder in self._folders() if (study := _study(folder, base))]
        return {"organization": ORGANIZATION, "organizationLabel": ORGANIZATION_LABEL, "studies": studies}

    def file(self, study: str, name: str) -> SampleFile | None:
        """Return a file in a study's folder; None unless the study lists it."""
        folder = next((each for each in self._folders() if each.name == study), None)
        if folder is None:
            return None
        try:
            return next((each for each in _files(folder, _description(folder), name) if each.path), None)
        except (FieldError, OSError):
            return None  # the catalogue does not list this study, and says why

    def _folders(self) -> list[Path]:
        try:
            return sorted(each for each in self._folder.iterdir() if each.is_dir() and not each.name.startswith("."))
        except OSError as error:
            log.warning("samples", problem=error.strerror or error)
            return []


def _study(folder: Path, base: str) -> dict[str, Any] | None:
    """Return a study of the catalogue; None, and a line in the log, for a folder that holds none."""
    try:
        description = _description(folder)
        files = list(_files(folder, description))
        derived = _derived(files, description)
    except (FieldError, OSError) as error:
        log.warning("sample skipped", study=folder.name, problem=error)
        return None
    if not files:
        return None
    address = f"{base}{FILES_PATH}/{quote(folder.name, safe='')}/"
    return {
        "id": folder.name,
        "name": description.get("name") or folder.name,
        "description": description.get("description") or "",
        "organization": ORGANIZATION,
        **derived,
        **{key: description[key] for key in _TEXTS if description.get(key)},
        **({"openDisabled": True} if description.get("openDisabled") is True else {}),
        "files": [
            {
                "url": each.url or address + quote(each.name, safe=""),
                "fileName": each.name,
                **({"mimeType": each.mime_type} if each.mime_type else {}),
                **each.more,
            }
            for each in files
        ],
    }


def _derived(files: list[SampleFile], description: dict[str, Any]) -> dict[str, str]:
    """Return what the files themselves show: their size together, and of which kind they are if they are of one."""
    if not files or any(each.url for each in files):
        size = description.get("size")
        return {"size": size} if size else {}
    derived = {"size": _in_words(sum(each.size for each in files))}
    formats = {"DICOM" if each.mime_type == _DICOM else _FORMATS.get(suffix_of(each.name), "") for each in files}
    known = formats.pop()
    if known and not formats:
        derived["format"] = known
        if known == "DICOM":
            derived["openMode"] = "dicom-url"
    return derived


def _description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        return {}
    description = need_object(parse_json(path.read_bytes(), DESCRIPTION_FILE), DESCRIPTION_FILE)
    for key in ("name", "description", "size", *_TEXTS):
        optional_text(description, key)
    return description


def _files(folder: Path, description: dict[str, Any], wanted: str | None = None) -> Iterator[SampleFile]:
    """Yield a study's files, or only those of the name that is wanted. Raises FieldError and OSError."""
    with os.scandir(folder) as entries:
        here = {entry.name: entry for entry in entries if _is_to_be_shown(entry, folder)}
    listed = description.get("files")
    if listed is None:
        for name in sorted(here) if wanted is None else here.keys() & {wanted}:
            mime_type = _mime_type(folder / name)
            if mime_type:
                yield SampleFile(name, mime_type, folder / name, here[name].stat().st_size)
        return
    for index, value in enumerate(need_list(listed, "files")):
        where = f"files[{index}]"
        entry = need_object(value, where)
        name, url = optional_text(entry, "fileName", where + "."), optional_text(entry, "url", where + ".")
        mime_type = optional_text(entry, "mimeType", where + ".")
        if mime_type and not _MEDIA_TYPE.fullmatch(mime_type):
            raise FieldError(where + ".mimeType", "is no media type")
        more = {key: text for key in _FILE_TEXTS if (text := optional_text(entry, key, where + "."))}
        if wanted is not None and name != wanted:
            continue
        if url.lower().startswith(("http://", "https://")):
            yield SampleFile(name, mime_type, url=url, more=more)
        elif name in here:
            kind = mime_type or _mime_type(folder / name) or _BYTES
            yield SampleFile(name, kind, folder / name, here[name].stat().st_size, more=more)
        else:
            raise FieldError(where + ".fileName", "is no file in the study's folder")


def _is_to_be_shown(entry: os.DirEntry[str], folder: Path) -> bool:
    """Return whether an entry is a file, not hidden, and no link that leads elsewhere."""
    if entry.name.startswith(".") or entry.name == DESCRIPTION_FILE or not entry.is_file():
        return False
    return not entry.is_symlink() or (folder / entry.name).resolve().parent == folder.resolve()


def _mime_type(path: Path) -> str:
    """Return a file's media type, ``""`` for one that is no imaging file."""
    try:
        check_file_name(path.name)
        return guess_mime_type(path.name)
    except FileRefused:
        pass
    with path.open("rb") as file:
        file.seek(_PREAMBLE)
        return _DICOM if file.read(len(_MAGIC)) == _MAGIC else ""


def _in_words(size: int) -> str:
    """Return a number of bytes as a worklist shows it."""
    for unit, bytes_each in (("GB", 1000**3), ("MB", 1000**2), ("KB", 1000)):
        if size >= bytes_each:
            return f"{size / bytes_each:.3g} {unit}"
    return f"{size} B"
