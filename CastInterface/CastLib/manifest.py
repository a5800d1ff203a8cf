"""The list of files that a batch carries (protocol: binary batches)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from CastLib.errors import FieldError, FileRefused
from CastLib.fields import UNSEEN, kind_of, need_list, need_object, optional_text

CHUNK = 4 * 1024 * 1024  # bytes; a file above this is stored and fetched in chunks of this size
MAX_NAME = 255  # characters of a file name
MAX_LOCAL_NAME = 200  # bytes of one that is made in a folder, where 255 fit: numbers and endings may be added
MAX_FILES = 20_000  # files of one event

#: Suffixes that entries with bytes may have; the longest that fits counts.
SUFFIXES = (
    ".dcm", ".dicom", ".dic", ".nii", ".nii.gz", ".nrrd", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp",
    ".zip", ".tar", ".tar.gz", ".gz", ".bin", ".json", ".igtl", ".mrb", ".stl", ".obj", ".vtk",
)  # fmt: skip

#: Inner suffixes that a desktop might run when the outer one is hidden from the user.
DANGEROUS_SUFFIXES = frozenset(
    "app asp aspx bat cgi cmd com cpl dll dmg exe hta htm html jar js jse jsp lnk mjs msi php pif pl ps1 psm1 py pyc"
    " rb reg scr sh so svg vb vbe vbs wsf xhtml".split()
)

DICOM_TYPE = "application/dicom"
_MIME_TYPES = {
    ".dcm": DICOM_TYPE,
    ".dicom": DICOM_TYPE,
    ".dic": DICOM_TYPE,
    ".nii": "application/vnd.unknown.nifti-1",
    ".nii.gz": "application/vnd.unknown.nifti-1",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".stl": "model/stl",
    ".obj": "model/obj",
}
#: The bytes that pictures of a media type begin with (PNG 5.2; ISO/IEC 10918-1 B.1.1.3: SOI and another marker).
SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_LONGEST_FIRST = tuple(sorted(SUFFIXES, key=len, reverse=True))
_PATH = re.compile(r"[/\\]|^[A-Za-z]:")  # C:a.dcm lies in the folder that is open on another drive
_UNSAFE_LOCALLY = re.compile(r'[<>:"|?*]')
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))})


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a manifest. ``wire`` is the entry untouched; keys nobody knows stay in it.

    ``byte_length`` is None for an entry that is an address only; ``payload_ids`` and ``chunk_lengths`` (bytes) are the
    hub's, in order, empty before it stored the file.
    """

    file_name: str
    byte_length: int | None
    mime_type: str
    url: str
    payload_ids: tuple[str, ...]
    chunk_lengths: tuple[int, ...]
    dicom_metadata: dict[str, Any]
    wire: dict[str, Any]

    @property
    def has_part(self) -> bool:
        """Tell whether the entry's bytes travel in the batch (an http(s) address has no part)."""
        return not self.url


def find_files(context: list[Any] | dict[str, Any]) -> tuple[list[Any], str] | None:
    """Return the list of files of a context and its path, None when there is none.

    It stands at ``files`` of an object context, or in the ``files`` item of a list.
    """
    if isinstance(context, dict):
        if context.get("files") is None:
            return None
        return need_list(context["files"], "event.context.files"), "event.context.files"
    for index, item in enumerate(context):
        if isinstance(item, dict) and str(item.get("key", "")).lower() == "files":
            holder, path = _files_holder(item, f"event.context[{index}]")
            return need_list(holder.get("files"), path), path
    return None


def _files_holder(item: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    resource = item.get("resource")
    if "files" not in item and isinstance(resource, dict):
        return resource, f"{path}.resource.files"
    return item, f"{path}.files"


def replace_files(context: list[Any] | dict[str, Any], files: Sequence[dict[str, Any]]) -> list[Any] | dict[str, Any]:
    """Return a copy of the context with other entries in its list of files; everything else is kept."""
    if isinstance(context, dict):
        return {**context, "files": list(files)}
    replaced: list[Any] = []
    for item in context:
        if isinstance(item, dict) and str(item.get("key", "")).lower() == "files":
            in_resource = "files" not in item and isinstance(item.get("resource"), dict)
            item = (
                {**item, "resource": {**item["resource"], "files": list(files)}}
                if in_resource
                else {**item, "files": list(files)}
            )
        replaced.append(item)
    return replaced


def parse_manifest(context: list[Any] | dict[str, Any], most: int = MAX_FILES) -> tuple[FileEntry, ...]:
    """Return the entries of a batch as its sender wrote them.

    Raises FieldError (FileRefused for names): ``files`` must not be empty nor hold more than ``most``, an entry with
    bytes needs a name of the file policy and a ``byteLength`` over 0.
    """
    found = find_files(context)
    if found is None:
        raise FieldError("event.context.files", "is missing: a batch lists its files")
    files, path = found
    if not files:
        raise FieldError(path, "is empty: a batch has at least one file")
    _check_count(files, path, most)
    entries = tuple(_parse_entry(entry, f"{path}[{index}]") for index, entry in enumerate(files))
    for index, entry in enumerate(entries):
        if entry.has_part:
            check_file_name(entry.wire.get("fileName"), f"{path}[{index}].fileName")
            if entry.byte_length is None:
                raise FieldError(f"{path}[{index}].byteLength", "is missing")
            if entry.byte_length == 0:
                raise FieldError(f"{path}[{index}].byteLength", "must be over 0: an empty file cannot be sent")
    return entries


def parse_received_manifest(context: list[Any] | dict[str, Any]) -> tuple[FileEntry, ...]:
    """Return the entries of an event as a hub sent it, ``()`` when it carries no files.

    Raises FieldError, also when the chunks' lengths do not add up to ``byteLength``. The old single ``payloadId`` is
    read as a list of one.
    """
    found = find_files(context)
    if found is None:
        return ()
    files, path = found
    entries = tuple(_parse_entry(entry, f"{path}[{index}]") for index, entry in enumerate(files))
    for index, entry in enumerate(entries):
        lengths = entry.chunk_lengths
        if lengths and len(lengths) != len(entry.payload_ids):
            raise FieldError(f"{path}[{index}].chunkByteLengths", "must have one length for each of payloadIds")
        if lengths and entry.byte_length is not None and sum(lengths) != entry.byte_length:
            raise FieldError(f"{path}[{index}].chunkByteLengths", f"do not add up to byteLength {entry.byte_length}")
    return entries


def refuse_inline_bytes(context: list[Any] | dict[str, Any], most: int = MAX_FILES) -> None:
    """Raise FieldError when an entry carries its bytes in JSON: they travel as a batch; or when there are too many."""
    found = find_files(context)
    if found is None:
        return
    files, path = found
    _check_count(files, path, most)
    for index, entry in enumerate(files):
        if isinstance(entry, dict) and entry.get("data"):
            raise FieldError(f"{path}[{index}].data", "must be empty: send the bytes as a multipart/related batch")


def check_file_name(name: Any, field: str = "fileName") -> None:
    """Raise FileRefused, with the wire's code, when a name breaks the file policy (protocol: binary batches, names)."""
    if name is None:
        raise FileRefused(field, "is missing", "missing_file_name", "")
    if not isinstance(name, str):
        raise FileRefused(field, f"must be text, not {kind_of(name)}", "invalid_file_name", "")
    if not name.strip():
        raise FileRefused(field, "is empty", "empty_file_name", name)
    if UNSEEN.search(name) or _PATH.search(name) or name in (".", "..") or len(name) > MAX_NAME:
        reason = f"must be a plain name of at most {MAX_NAME} characters, without a path or unseen characters"
        raise FileRefused(field, reason, "invalid_file_name", name[:MAX_NAME])
    suffix = suffix_of(name)
    if not suffix:
        raise FileRefused(field, f"must end in one of {' '.join(SUFFIXES)}", "unsupported_file_extension", name)
    inner = name[: -len(suffix)].lower().split(".")[1:]
    if any(part.strip() in DANGEROUS_SUFFIXES for part in inner):
        raise FileRefused(field, "hides a second suffix that a desktop might run", "double_extension", name)


def suffix_of(name: str) -> str:
    """Return the longest suffix of the file policy that the name ends in, ``""`` when there is none."""
    lowered = name.lower()
    return next((suffix for suffix in _LONGEST_FIRST if lowered.endswith(suffix) and len(name) > len(suffix)), "")


def guess_mime_type(name: str) -> str:
    """Return the media type a file of this name travels as."""
    return _MIME_TYPES.get(suffix_of(name), "application/octet-stream")


def local_file_name(name: str) -> str:
    """Return a name that is safe to create in a folder on any system, as near to ``name`` as can be.

    Systems count its bytes (UTF-8), not its characters; a name that is too long keeps its suffix.
    """
    plain = _UNSAFE_LOCALLY.sub("_", UNSEEN.sub("_", re.split(r"[/\\]", name)[-1])).strip(" .")
    if not plain or plain.split(".")[0].lower() in _RESERVED:
        plain = "_" + plain
    data = plain.encode("utf-8", "replace")
    if len(data) <= MAX_LOCAL_NAME:
        return data.decode()
    suffix = plain[len(plain) - len(suffix_of(plain)) :]
    return data[: MAX_LOCAL_NAME - len(suffix.encode())].decode("utf-8", "ignore").rstrip(" .") + suffix


def _check_count(files: list[Any], path: str, most: int) -> None:
    if len(files) > most:
        raise FieldError(path, f"lists {len(files)} files, an event may have {most}: send several, or one archive")


def _parse_entry(value: Any, path: str) -> FileEntry:
    entry = need_object(value, path)
    dot = path + "."
    url = optional_text(entry, "url", dot) or optional_text(entry, "uri", dot)
    if not url.lower().startswith(("http://", "https://")):
        url = ""
    metadata = entry.get("dicomMetadata")
    return FileEntry(
        file_name=_file_name(entry, dot),
        byte_length=_length(entry.get("byteLength"), dot + "byteLength"),
        mime_type=optional_text(entry, "mimeType", dot),
        url=url,
        payload_ids=_payload_ids(entry, dot),
        chunk_lengths=_chunk_lengths(entry, dot),
        dicom_metadata=need_object(metadata, dot + "dicomMetadata") if metadata is not None else {},
        wire=entry,
    )


def _file_name(entry: dict[str, Any], path: str) -> str:
    name = entry.get("fileName", entry.get("filename"))
    if name is not None and not isinstance(name, str):
        raise FileRefused(path + "fileName", f"must be text, not {kind_of(name)}", "invalid_file_name", "")
    return name or ""


def _payload_ids(entry: dict[str, Any], path: str) -> tuple[str, ...]:
    if entry.get("payloadIds") is None:
        single = optional_text(entry, "payloadId", path)
        return (single,) if single else ()
    ids = need_list(entry["payloadIds"], path + "payloadIds")
    for index, item in enumerate(ids):
        if not isinstance(item, str) or not item:
            raise FieldError(f"{path}payloadIds[{index}]", "must be a payload's id")
    return tuple(ids)


def _chunk_lengths(entry: dict[str, Any], path: str) -> tuple[int, ...]:
    field = path + "chunkByteLengths"
    if entry.get("chunkByteLengths") is None:
        return ()
    lengths = [_length(item, f"{field}[{i}]") for i, item in enumerate(need_list(entry["chunkByteLengths"], field))]
    if any(length is None for length in lengths):
        raise FieldError(field, "must hold numbers only")
    return tuple(length for length in lengths if length is not None)


def _length(value: Any, field: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError(field, f"must be a whole number of bytes, not {kind_of(value)}")
    if not 0 <= value < 2**53:
        raise FieldError(field, "must be a number of bytes from 0 to 2**53")
    return value
