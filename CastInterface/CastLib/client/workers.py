"""A few threads for work that must wait neither for the main thread nor hold up the receiving one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

_log = logging.getLogger("cast.client")


class Workers:
    """``count`` threads, started with the first work. An exception in a piece of work is logged and stops nothing."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], None]) -> None:
        """Have ``work`` done; dropped when they have been stopped."""
        with self._lock:
            if self._stopped:
                return
            self._queue.put(work)
            if self._threads:
                return
            for number in range(self._count):
                thread = threading.Thread(target=self._work, name=f"{self._name} {number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """Let the threads end after what they do now."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            for _ in self._threads:
                self._queue.put(None)

    def join(self, timeout: float) -> bool:
        """Wait for the threads to end, except the one that calls; return whether they did."""
        end = time.monotonic() + timeout
        others = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in others)

    def _work(self) -> None:
        while (work := self._queue.get()) is not None and not self._stopped:
            try:
                work()
            except Exception:
                _log.exception("work in the background failed")
