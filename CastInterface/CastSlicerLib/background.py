"""Work that waits for network or disk: on a thread that the pump feeds, its end on the main thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from CastSlicerLib.jobs import Cancelled, Job, Jobs
from CastSlicerLib.pump_timer import PumpTimer

Ended = Callable[[Any, "Exception | None"], object]


class Background:
    """Runs work on threads and keeps the pump's timer running meanwhile. Main thread only."""

    def __init__(self, timer: PumpTimer) -> None:
        self._timer = timer
        self._jobs = Jobs(timer.pump)
        self._under_way: list[Job] = []
        self._closed = False
        self._waiting: deque[tuple[str, Callable[[Job], Any], Ended]] = deque()

    @property
    def busy(self) -> bool:
        """Whether any work is under way."""
        return bool(self._under_way)

    def start(self, text: str, work: Callable[[Job], Any], ended: Ended | None = None) -> Job:
        """Run ``work(job)`` on a thread, then ``ended(value, error)`` on the main thread.

        Args:
            text: what is done, for a person; ``job.report`` says more while it runs.
            work: may wait; touches neither Qt nor the scene.
            ended: called whatever happened, with a `Cancelled` when it was cancelled; not after `close`.
        """
        job = Job(text)
        feeding = ExitStack()
        feeding.enter_context(self._timer.pump.connected())
        self._timer.acquire()
        self._under_way.append(job)

        def finish(value: Any, error: Exception | None) -> None:
            feeding.close()
            self._under_way.remove(job)
            self._timer.release()
            if ended is not None and not self._closed:
                ended(value, Cancelled("cancelled") if job.cancelled() else error)

        self._jobs.start(job, lambda: work(job), finish)
        return job

    def start_in_order(self, text: str, work: Callable[[Job], Any], ended: Ended) -> None:
        """The same, but not before all work that was started like this before has ended."""
        self._waiting.append((text, work, ended))
        if len(self._waiting) == 1:
            self._start_next()

    def _start_next(self) -> None:
        text, work, ended = self._waiting[0]

        def finish(value: Any, error: Exception | None) -> None:
            self._waiting.popleft()
            if self._waiting:
                self._start_next()
            ended(value, error)

        self.start(text, work, finish)

    def close(self) -> None:
        """Call everything off; nothing is told any more. The threads end by themselves, the timer after them."""
        self._closed = True
        for job in self._under_way:
            job.cancel()
