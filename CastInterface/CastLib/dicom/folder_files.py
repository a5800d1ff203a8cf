"""The files beneath a folder, as people keep them: behind links, beside pipes, under odd names.

Links are followed wherever they lead, for somebody made them; each folder and each file is met once, so loops end.
Hidden ones (``.cache``, macOS's ``._IM1``) are passed over without a word. Nothing is opened here.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


#: Why a file cannot be read: it has no bytes; it is not there (any more); it, or its folder, cannot be opened, which is
#: followed by the reason.
EMPTY = "empty"
NOT_THERE = "there is no such file or folder"
CANNOT_BE_OPENED = "cannot be opened"


class FoundFile(NamedTuple):
    """A file, why it cannot be read or ``""``, and what the system tells of it (None for what has gone)."""

    path: Path
    why: str
    status: os.stat_result | None


def files_of(paths: Iterable[str | os.PathLike[str]]) -> Iterator[FoundFile]:
    """Yield every file that is named or lies beneath a folder that is, in order; what is named may be hidden."""
    met: set[tuple[int, int]] = set()
    for path in map(Path, paths):
        try:
            found = path.stat()
        except (OSError, ValueError):
            yield FoundFile(path, NOT_THERE, None)
            continue
        if stat.S_ISDIR(found.st_mode):
            yield from _beneath(path, met)
        elif _first_time(found, met):
            yield FoundFile(path, why_no_file(found), found)


def files_beneath(folder: Path) -> Iterator[FoundFile]:
    """Yield every file beneath a folder, as ``files_of`` does; a folder that is not there holds none."""
    return _beneath(folder, set())


def why_no_file(found: os.stat_result) -> str:
    """Return why what was found cannot be read as a file, ``""`` for one that can."""
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):
            return f"{name}, not a file"
    if not stat.S_ISREG(found.st_mode):
        return "not a file"
    return "" if found.st_size else EMPTY


def shown_name(path: Path, *, whole: bool = False) -> str:
    """Return a file's name (or its whole path) as text that any terminal and any JSON can carry."""
    return _UNPRINTABLE.sub("\ufffd", str(path) if whole else path.name)


def _beneath(folder: Path, met: set[tuple[int, int]]) -> Iterator[FoundFile]:
    waiting = [folder]  # the last is looked at next: folders may be deeper than calls can be
    while waiting:
        path = waiting.pop()
        try:
            found = path.stat()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP) and path.is_symlink():
                yield FoundFile(path, "a link that leads nowhere", None)
            elif error.errno != errno.ENOENT:  # else gone since its folder was listed
                yield FoundFile(path, _words(error), None)
            continue
        if not _first_time(found, met):
            continue
        if not stat.S_ISDIR(found.st_mode):
            yield FoundFile(path, why_no_file(found), found)
            continue
        try:
            names = sorted((name for name in os.listdir(path) if not name.startswith(".")), reverse=True)
        except OSError as error:
            yield FoundFile(path, _words(error), None)
            continue
        waiting += [path / name for name in names]


def _first_time(found: os.stat_result, met: set[tuple[int, int]]) -> bool:
    identity = (found.st_dev, found.st_ino)
    if found.st_ino and identity in met:
        return False
    met.add(identity)
    return True


def _words(error: OSError) -> str:
    return f"{CANNOT_BE_OPENED} ({error.strerror or type(error).__name__})"
