"""Work that takes time, on threads of its own: it tells how far it is, and can be cancelled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from CastLib.client import Pump
from CastLib.errors import CastError

log = logging.getLogger("cast.display")


class Cancelled(CastError):
    """A newer event made the work's result useless."""


class Job:
    """One piece of work as others see it.

    Attributes:
        text: what it does now, for a person.
        done, total: progress in whatever is counted; total 0 when it cannot be told.
        shown: whether others are to know of it.
    """

    def __init__(self, text: str, shown: bool = True) -> None:
        self.text = text
        self.shown = shown
        self.done = 0
        self.total = 0
        self._cancelled = threading.Event()

    def report(self, text: str, done: int = 0, total: int = 0) -> None:
        """Say what it does now."""
        self.text, self.done, self.total = text, done, total

    def cancel(self) -> None:
        """Call it off; it ends at its next `check`."""
        self._cancelled.set()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled when it was cancelled."""
        if self.cancelled():
            raise Cancelled("cancelled")

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event, as long as the job is wanted; whether it came."""
        end = time.monotonic() + seconds
        while not event.wait(0.02):
            self.check()
            if time.monotonic() > end:
                return False
        return True


class Jobs:
    """Runs jobs on daemon threads and hands their end to the pump."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._running: dict[threading.Thread, Job] = {}

    def start(self, job: Job, work: Callable[[], Any], ended: Callable[[Any, Exception | None], None]) -> None:
        """Run ``work()`` on a thread, then ``ended(value, error)`` by the pump, whatever happened. Main thread only."""

        def run() -> None:
            value, error = None, None
            try:
                value = work()
            except Exception as raised:
                error = raised
                if not isinstance(raised, CastError):
                    log.exception("%s failed", job.text)
            self._pump.post(self._finish, thread, value, error, ended)

        thread = threading.Thread(target=run, name=job.text, daemon=True)
        self._running[thread] = job
        thread.start()

    def _finish(
        self, thread: threading.Thread, value: Any, error: Exception | None, ended: Callable[..., None]
    ) -> None:
        self._running.pop(thread, None)
        ended(value, error)

    @property
    def current(self) -> Job | None:
        """The oldest job that is under way, wanted and to be told of; any thread may ask."""
        return next((job for job in list(self._running.values()) if job.shown and not job.cancelled()), None)

    def close(self, seconds: float, then: Callable[[], object] = lambda: None) -> None:
        """Call all jobs off and wait for their threads; on the main thread do meanwhile what they ask of it.

        ``then()`` is called when the last of them has ended: here, or on a thread when some take longer than this.
        """
        end = time.monotonic() + seconds
        for job in list(self._running.values()):
            job.cancel()
        threads = list(self._running)
        for thread in threads:
            while thread.is_alive() and time.monotonic() < end:
                thread.join(0.01)
                if self._pump.on_main_thread():
                    self._pump.serve_calls()
        late = [thread for thread in threads if thread.is_alive()]
        if not late:
            then()
            return

        def clean_up() -> None:
            for thread in late:
                thread.join()
            then()

        threading.Thread(target=clean_up, name="cast clean-up", daemon=True).start()
