"""The queue of a provider's jobs: so many at once, so many waiting, no more."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque

from CastLib.errors import CastError
from CastLib.message import Message
from CastServiceProviderLib.running_job import Host, JobSettings, Outcome, RunningJob

_log = logging.getLogger("cast.provider")


class QueueFull(CastError):
    """As many jobs wait as the provider lets wait."""


class Jobs:
    """Runs messages through a script, each in a process of its own; ``stop`` ends them all.

    ``description`` is what a job's process is told about script, product and hub (``job_pipe``). When a job fails the
    asker is told by ``host.tell`` with level ``error``; the script's trace and the end of what it printed are logged.
    """

    def __init__(self, description: dict[str, str], host: Host, settings: JobSettings) -> None:
        self._description = description
        self._host = host
        self._settings = settings
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, Message]] = deque()
        self._running: set[RunningJob] = set()
        self._numbers = itertools.count(1)
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"cast job slot {slot}", daemon=True)
            for slot in range(1, settings.slots + 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def submit(self, message: Message) -> int:
        """Queue a job and return its number; raises QueueFull, and CastError after ``stop``."""
        with self._changed:
            if self._stopped:
                raise CastError("the service is stopping")
            free = self._settings.slots - len(self._running)
            if len(self._waiting) >= self._settings.queue + free:
                raise QueueFull(f"{len(self._waiting)} jobs are waiting already: try again later")
            number = next(self._numbers)
            self._waiting.append((number, message))
            self._changed.notify()
            return number

    def stop(self) -> None:
        """Drop what waits, tell what runs to end, end it after the grace time; returns when no job is left."""
        with self._changed:
            self._stopped = True
            dropped = list(self._waiting)
            self._waiting.clear()
            for job in self._running:
                job.stop()
            self._changed.notify_all()
        for _, message in dropped:
            self._host.tell(message, "the service is stopping", level="error", fraction=None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                number, message = self._waiting.popleft()
                job = RunningJob(self._description, message, self._host, self._settings)
                self._running.add(job)
            try:
                self._run(number, message, job)
            finally:
                with self._changed:
                    self._running.discard(job)

    def _run(self, number: int, message: Message, job: RunningJob) -> None:
        began = time.monotonic()
        _log.info("job %d: %s began", number, message.event)
        try:
            outcome = job.run()
        except Exception:
            _log.exception("job %d failed inside the provider", number)
            outcome = Outcome("the job failed inside the provider")
        took = time.monotonic() - began
        if not outcome.error:
            _log.info("job %d: done in %.1f s", number, took)
            return
        details = "".join(f"\n{part.rstrip()}" for part in (outcome.trace, outcome.output) if part.strip())
        _log.error("job %d: failed after %.1f s: %s%s", number, took, outcome.error, details)
        self._host.tell(message, outcome.error, level="error", fraction=None)
