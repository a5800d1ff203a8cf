"""What ``onMessage`` returned: result files, or nothing. Anything else is told, so that no result is lost unseen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from CastLib.errors import CastError
from CastLib.events import DICOM_SEND, NIFTI_SEND, NRRD_SEND

_EVENTS = {
    (".nii", ".nii.gz"): NIFTI_SEND,
    (".nrrd",): NRRD_SEND,
    (".png",): "png-send",
    (".jpg", ".jpeg"): "jpg-send",
    (".dcm", ".dicom", ".dic"): DICOM_SEND,
}
KNOWN_EVENTS = tuple(_EVENTS.values())
_MAY = "return the path of a result file, a list of paths, or None after context.send_files(paths)"


def send_returned(value: Any, sent: Iterable[Path], send: Callable[[list[Path], str], object]) -> None:
    """Send the files that were returned, those of a kind together, without those that were ``sent`` already.

    Raises CastError for a value that is neither a path, nor a list of paths, nor None.
    """
    if value is None:
        return
    paths = [value] if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(paths, (list, tuple)) or not all(isinstance(path, (str, os.PathLike)) for path in paths):
        raise CastError(f"onMessage returned {_kind(value)}: {_MAY}")
    if not paths:
        raise CastError(f"onMessage returned an empty list, which is no result: {_MAY}")
    for path in paths:
        if not Path(path).exists():
            raise CastError(f"onMessage returned {str(path)[:80]!r}, where no file is: {_MAY}")
    known = set(sent)
    left = [path for path in (Path(path).absolute() for path in paths) if path not in known]
    for event, group in groupby(left, event_for):
        send(list(group), event)


def event_for(path: Path) -> str:
    """Return the event by which a file goes out, by its name; DICOM when that says nothing."""
    name = path.name.lower()
    return next((event for endings, event in _EVENTS.items() if name.endswith(endings)), DICOM_SEND)


def _kind(value: Any) -> str:
    if isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        wrong = next(entry for entry in value if not isinstance(entry, (str, os.PathLike)))
        return f"a list with {_kind(wrong)}"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
