"""Reading the fields that a form carries, in whichever way its sender has written them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl

from CastLib.errors import FieldError
from CastLib.fields import need_object, parse_json

FORM = "application/x-www-form-urlencoded"
FORM_DATA = "multipart/form-data"  # what a browser's FormData becomes

_FIELDS_MOST = 200


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
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MOST)
    except UnicodeDecodeError:
        raise FieldError("body", "is not UTF-8") from None
    except ValueError:
        raise FieldError("body", "has too many fields") from None


def _form_data(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the fields of a multipart form (RFC 7578)."""
    try:
        head = b"Content-Type: " + content_type.encode("ascii") + b"\r\n\r\n"
    except UnicodeEncodeError:
        raise FieldError("Content-Type", "has no usable boundary") from None
    form = message_from_bytes(head + body, _class=EmailMessage, policy=policy.HTTP)
    parts = list(form.iter_parts()) if form.is_multipart() else []
    if not parts or len(parts) > _FIELDS_MOST or form.defects:
        raise FieldError("body", "is no multipart form, or one of too many fields")
    return [_field(part) for part in parts]


def _field(part: Any) -> tuple[str, str]:
    name = part.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise FieldError("body", "has a part without a name")
    if part.get_filename() is not None:
        raise FieldError("body", f"{name[:80]!r} is a file, and must be text")
    try:
        return name, bytes(part.get_payload(decode=True) or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise FieldError("body", "is not UTF-8") from None
