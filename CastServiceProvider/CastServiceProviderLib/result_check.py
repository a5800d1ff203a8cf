"""Whether a script's result files are what its event says: nonsense is refused here, where its maker can be told."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from CastLib.dicom.series import scan
from CastLib.errors import FieldError
from CastLib.events import DICOM_SEND, event_key
from CastLib.manifest import SIGNATURES, check_file_name
from CastServiceProviderLib.returned import KNOWN_EVENTS, event_for


def check_results(event: str, paths: Sequence[Path]) -> None:
    """Raise FieldError, naming the file, when a file is missing, empty, misnamed or no file of the event's family."""
    if not paths:
        raise FieldError("paths", "is empty: no result file was named")
    check = _CHECKS.get(event_key(event).partition("-")[0].partition("_")[0])
    for path in paths:
        if path.is_dir():
            raise FieldError(str(path), "is a folder: name its files, for instance sorted(folder.glob('*.dcm'))")
        if path.exists() and not path.is_file():
            raise FieldError(str(path), "is a device or a pipe, not a file")
        if not path.is_file():
            raise FieldError(str(path), "there is no such file: is its path whole (context.directory / name)?")
        check_file_name(path.name, str(path))
        if not path.stat().st_size:
            raise FieldError(path.name, "is empty")
        _check_event(path, event)
        if check is not None:
            check(path)


def _check_event(path: Path, event: str) -> None:
    """A file that goes out by another event, as its name says: an easy slip, as dicom-send need not be written."""
    right = event_for(path)
    if event_key(event) in map(event_key, KNOWN_EVENTS) and event_key(event) != event_key(right):
        if right != DICOM_SEND or path.name.lower().endswith(".dcm"):
            told = f'does not go out by {event}: write context.send_files(paths, event="{right}")'
            raise FieldError(path.name, told)


def _is_dicom(path: Path) -> None:
    found = scan([path])
    for _, why in found.skipped + found.damaged:
        raise FieldError(path.name, f"cannot go out as DICOM: {why}")


def _is_nifti(path: Path) -> None:
    start = _first_bytes(path, 348)
    if path.name.lower().endswith((".nii", ".nii.gz")) and start[344:347] not in (b"n+1", b"n+2"):
        if start[4:7] != b"n+2":
            raise FieldError(path.name, "cannot go out as NIfTI: no NIfTI header")


def _begins_with(signature: bytes, kind: str) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        if not _first_bytes(path, len(signature)).startswith(signature):
            raise FieldError(path.name, f"cannot go out as {kind}: it is none")

    return check


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            return file.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise FieldError(path.name, f"cannot be read: {error}") from None


_CHECKS: dict[str, Callable[[Path], None]] = {
    "dicom": _is_dicom,
    "nifti": _is_nifti,
    "png": _begins_with(SIGNATURES["image/png"], "PNG"),
    "jpg": _begins_with(SIGNATURES["image/jpeg"], "JPEG"),
}
