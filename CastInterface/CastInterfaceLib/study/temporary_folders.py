"""A process's folder for what it receives; folders that processes left behind, because they were killed, are deleted.

Whoever lives holds the lock of a file in the folder. The system lets go of it however a process ends, so that a folder
whose lock can be had is nobody's any more; a number of a process would not do, since it is given again.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

PREFIX = "cast-display-"
_LOCK = "in-use"


class TemporaryFolder:
    """A folder that is this process's until `remove`; ``path`` is where."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._file = (self.path / _LOCK).open("wb")
        _lock(self._file)

    def remove(self) -> None:
        """Delete it with all that is in it."""
        self._file.close()  # Windows deletes no file that is open
        shutil.rmtree(self.path, ignore_errors=True)


def remove_leftovers() -> int:
    """Delete the folders of processes that have ended without deleting them; how many there were. Any thread."""
    count = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count


def _is_left(folder: Path) -> bool:
    """Whether a folder is of a process that has ended, of this user. One without a lock may be just being made."""
    if folder.is_symlink() or (folder / _LOCK).is_symlink():
        return False
    try:
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return False
        with (folder / _LOCK).open("r+b") as file:
            _lock(file)
    except OSError:
        return False
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        """Raises OSError when somebody holds it."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        """Raises OSError when somebody holds it."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
