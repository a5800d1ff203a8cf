"""What an answer to a request says, in a few words for a table: what is open, values, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from CastLib.fields import shortened

#: Characters of one value, and of one answer, that are shown; ``--json`` and ``--out`` have them whole.
MAX_VALUE, MAX_ANSWER = 80, 400

_NOT_CONTENT = frozenset({"source", "product", "context.type"})  # who says it, and what kind of thing it is


def words_of(data: Any) -> str:
    """Say what an answer holds.

    Args:
        data: the answer's ``data``: of STATUS, SCENEVIEW, pictures, ``{"error": …}``, or any other JSON.
    """
    return shortened("; ".join(_parts(data)), MAX_ANSWER)


def is_refusal(data: Any) -> bool:
    """Tell whether an answer's ``data`` is the sentence of one who cannot answer."""
    return isinstance(data, dict) and isinstance(data.get("error"), str)


def _parts(data: Any) -> Iterator[str]:
    if not isinstance(data, dict):
        yield from _values(data)
    elif is_refusal(data):
        yield f"cannot: {data['error']}"
    elif isinstance(data.get("items"), list):
        yield from _status(data)
    elif isinstance(data.get("contentType"), str) and isinstance(data.get("data"), str):
        yield from (str(data[key]) for key in ("name", "contentType") if data.get(key))
        if data.get("width") and data.get("height"):
            yield f"{data['width']} x {data['height']}"
    elif isinstance(data.get("viewports"), list):
        yield _views(data["viewports"])
    else:
        content = {key: value for key, value in data.items() if key not in _NOT_CONTENT}
        yield from _values(content or data)


def _status(data: dict[str, Any]) -> Iterator[str]:
    """A STATUS (protocol: data types): its items, and which study is open."""
    for item in filter(_is_object, data["items"]):
        sentence = item.get("message")
        yield f"{item.get('key')}: {sentence if isinstance(sentence, str) else _value(item.get('value', ''))}"
    if data.get("context.type") == "ImagingStudy":
        yield f"open: {_study(data)}"
        segmentations = [
            entry
            for item in _objects(data.get("context"))
            if item.get("key") == "segmentation" and _is_object(item.get("resource"))
            for entry in _objects(item["resource"].get("segmentations"))
        ]
        series = _objects(data.get("series"))
        if series:
            yield f"{len(series)} series"
        if segmentations:
            yield f"{len(segmentations)} {'segmentation' if len(segmentations) == 1 else 'segmentations'}"
    elif "studies" in data or "sceneview" in data:
        yield "nothing is open"


def _study(data: dict[str, Any]) -> str:
    """Patient, description and UID of the open study, as far as they are told."""
    studies = [item.get("resource") for item in _objects(data.get("context")) if item.get("key") == "study"]
    resource: dict[str, Any] = next(iter(_objects(studies)), {})
    subject: Any = resource.get("subject")
    patient = subject.get("display") or subject.get("reference") if _is_object(subject) else ""
    uid = str(data.get("studyInstanceUID") or resource.get("uid") or resource.get("id") or "")
    known = next((one for one in _objects(data.get("studies")) if uid and one.get("studyInstanceUID") == uid), {})
    named = [known.get("name") or patient or resource.get("description"), resource.get("started"), uid]
    return ", ".join(dict.fromkeys(str(part) for part in named if part)) or "a study"


def _views(viewports: list[Any]) -> str:
    names = [str(view.get("name") or view.get("viewId") or "") for view in filter(_is_object, viewports)]
    named = ", ".join(filter(None, names))
    return f"{len(viewports)} {'view' if len(viewports) == 1 else 'views'}" + (f": {named}" if named else "")


def _values(value: Any) -> Iterator[str]:
    """Values as they are; of what is nested the number of entries, of pictures and files their kind."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield f"{key}: {_value(entry)}"
    elif isinstance(value, list):
        yield ", ".join(map(_value, value)) or "an empty list"
    else:
        yield _value(value)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        if isinstance(value.get("contentType"), str):
            return str(value["contentType"])
        return _count(len(value))
    if isinstance(value, list):
        simple = all(entry is None or isinstance(entry, (str, int, float)) for entry in value)
        return shortened(", ".join(map(str, value)), MAX_VALUE) if simple and value else _count(len(value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return shortened(str(value), MAX_VALUE)


def _count(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _objects(value: Any) -> list[dict[str, Any]]:
    return list(filter(_is_object, value)) if isinstance(value, list) else []


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
