"""Looks at what a job uses while it runs, and ends it when that is more than it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from CastServiceProviderLib.job_settings import JobSettings, in_gigabytes
from CastServiceProviderLib.job_usage import used_disk, used_memory

_LOOK = 0.2  # seconds between looks, more where looking itself takes long: it may take a tenth of the time
_SHARE = 10


class JobWatch:
    """Watches from a thread of its own until `close`; ``over(sentence)`` is called once, from that thread.

    Args:
        head: the process of which all of a job's come.
        folder: the job's folder.
        too_late: tells whether the job should be over since a while: it, or its pipe, hangs.
    """

    def __init__(
        self,
        head: int,
        folder: Path,
        settings: JobSettings,
        over: Callable[[str], None],
        too_late: Callable[[], str],
    ) -> None:
        self._head = head
        self._folder = folder
        self._settings = settings
        self._over = over
        self._too_late = too_late
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cast job watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        pause = _LOOK
        while not self._closed.wait(pause):
            began = time.monotonic()
            sentence = self._too_late() or self._too_much()
            if sentence:
                self._over(sentence)
                return
            pause = max(_LOOK, _SHARE * (time.monotonic() - began))

    def _too_much(self) -> str:
        memory, disk = self._settings.max_memory_bytes, self._settings.disk
        if used_memory(self._head, memory) > memory:
            return f"the script used more than {in_gigabytes(memory)} of memory and was ended"
        if used_disk(self._folder) > disk:
            return f"the script wrote more than {in_gigabytes(disk)} to disk and was ended"
        return ""
