"""Memory for much data: touching it for the first time costs several times what copying does: see docs/performance.md.

The system finds, clears and enters a page at a time. So memory is taken many pages at once where that can be had, only
as bytes come, and what has been freed is not given back and taken again with each piece of an upload.
"""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress

STEP = 4 * 1024 * 1024  # bytes taken at a time, about a millisecond's work

_POPULATE_WRITE = 23  # madvise(2), since Linux 5.14; no name for it in Python yet


class LargeBuffer:
    """Memory for bytes whose number is known, filled in order; OSError when the system has none.

    What was read stays good when the room is let go.
    """

    def __init__(self, size: int) -> None:
        self._map = _private_map(size) if size > STEP else None
        self.view = memoryview(bytearray(size) if self._map is None else self._map)
        self._end = 0
        self._taken = 0

    def append(self, data: memoryview) -> None:
        """Copy ``data`` to behind what is there."""
        end = self._end + len(data)
        while self._map is not None and self._taken < end:
            self._take_step(self._map)
        self.view[self._end : end] = data
        self._end = end

    def _take_step(self, room: mmap.mmap) -> None:
        """Have the next step's pages taken in one call; where that is not to be had, touching them takes them."""
        if sys.platform == "linux":
            with suppress(OSError):
                room.madvise(_POPULATE_WRITE, self._taken, min(STEP, len(room) - self._taken))
        self._taken += STEP


def _private_map(size: int) -> mmap.mmap:
    """Return memory that is not taken yet; of a bytearray every byte is set to zero at once."""
    return mmap.mmap(-1, size) if sys.platform == "win32" else mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)


def keep_freed_blocks() -> None:
    """Let the C library keep some memory that is freed, rather than give it back only to take it again.

    A body comes in pieces of a quarter of a megabyte; by glibc's first guess each would be memory new from the system.
    It learns from the first large block that is freed: smaller ones come from its heap from then on, of which it keeps
    twice that size (mallopt(3), M_MMAP_THRESHOLD). The block is never touched. Other libraries need no such hint. By
    ``Testing/benchmarks/batch_load.py``, a batch costs the hub a seventh more processor time without it.
    """
    block = bytes(STEP)
    del block
