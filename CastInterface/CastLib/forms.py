"""Reading the fields that a form carries, in whichever way its sender has written them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from email.message import Message as HeaderBlock
from typing import Any
from urllib.parse import parse_qsl

from CastLib.errors import FieldError
from CastLib.fields import need_object, parse_json

FORM = "application/x-www-form-urlencoded"
FORM_DATA = "multipart/form-data"  # what a browser's FormData becomes

_MAX_FIELDS = 200
_MAX_HEAD = 2048  # bytes of one field's headers
_MAX_BOUNDARY = 200  # characters


def parse_fields(body: bytes, content_type: str, known: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a subscribe or sign-in body, a form or a JSON object.

    JSON is known by its bracket too, for scripts send it as text when they forget its type. Raises FieldError for a
    field that is given twice (``known`` are those of another place) or is a file, bad UTF-8, or JSON that is no object.
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind.endswith("json") or body.lstrip()[:1] in (b"{", b"["):
        return need_object(parse_json(body), "body")
    fields: dict[str, Any] = {}
    for key, value in _form_data(body, content_type) if kind == FORM_DATA else _urlencoded(body):
        if key in fields or key in known:
            raise FieldError("body", f"{key[:80]!r} is given twice")
        fields[key] = value
    return fields


def _urlencoded(body: bytes) -> Iterable[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except UnicodeDecodeError:
        raise FieldError("body", "is not UTF-8") from None
    except ValueError:
        raise FieldError("body", "has too many fields") from None


def _form_data(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the fields of a multipart form (RFC 7578): a boundary begins each part, and what is inside is text."""
    mark = b"\r\n--" + boundary(content_type, FORM_DATA)
    whole = b"\r\n" + body
    if whole.count(mark) > _MAX_FIELDS + 1:
        raise FieldError("body", f"has more than {_MAX_FIELDS} fields")
    _, *parts = whole.split(mark)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise FieldError("body", "is no multipart form: it does not begin and end with its boundary")
    return [_field(part) for part in parts[:-1]]


def _field(part: bytes) -> tuple[str, str]:
    head, found, value = part.partition(b"\r\n\r\n")
    if not found or head.strip(b" \t")[:2] != b"\r\n" or len(head) > _MAX_HEAD:
        raise FieldError("body", "is no multipart form: a part has no headers, or has them without an end")
    block = HeaderBlock()
    for line in head.decode("latin-1").split("\r\n"):
        key, _, content = line.partition(":")
        block[key.strip() or "x"] = content.strip()
    name = block.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise FieldError("body", "has a part without a name")
    name = name.encode("latin-1", "replace").decode("utf-8", "replace")
    if block.get_param("filename", header="content-disposition") is not None:
        raise FieldError("body", f"{name[:80]!r} is a file, and must be text")
    if str(block.get("content-transfer-encoding", "8bit")).lower() not in ("binary", "8bit", "7bit"):
        raise FieldError("Content-Transfer-Encoding", "must be binary: fields are text as it is (RFC 7578, 4.7)")
    try:
        return name, value.decode("utf-8")
    except UnicodeDecodeError:
        raise FieldError("body", "is not UTF-8") from None


def boundary(content_type: str, kind: str) -> bytes:
    """Return the boundary that a multipart type of this kind names; FieldError when it names none (RFC 2046, 5.1.1)."""
    block = HeaderBlock()
    try:
        block["content-type"] = content_type
        found, mark = block.get_content_type(), block.get_param("boundary")
    except (ValueError, TypeError):
        found, mark = "", None
    if found != kind:
        raise FieldError("Content-Type", f"must be {kind}")
    if not isinstance(mark, str) or not mark or len(mark) > _MAX_BOUNDARY or not mark.isascii():
        raise FieldError("Content-Type", "has no usable boundary")
    return mark.encode("ascii")
