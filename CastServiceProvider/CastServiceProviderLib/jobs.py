"""The queue of a provider's jobs: so many at once, so many waiting, no more."""

from __future__ import annotations

import logging
import threading
from collections import deque

from CastLib.errors import CastError
from CastLib.message import Message
from CastServiceProviderLib.job_records import CALLED_OFF, JobRecord, JobRecords, RecordingHost
from CastServiceProviderLib.job_runner import Host, Outcome, RunningJob
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.printed import printed_lines

_log = logging.getLogger("cast.provider")

_LINES_LOGGED = 40  # the last of what a script printed, and of the trace of its exception


class QueueFull(CastError):
    """As many jobs wait as the provider lets wait."""


class Jobs:
    """Runs messages through a script, each in a process of its own; ``stop`` ends them all.

    ``description`` is what a job's process is told about script, product and hub (``job_pipe``). When a job fails the
    asker is told by ``host.notify`` with level ``error``; the script's trace and the end of what it printed are logged.
    ``records`` notes all of them, for those who look on.
    """

    def __init__(
        self, description: dict[str, str], host: Host, settings: JobSettings, records: JobRecords | None = None
    ) -> None:
        self._description = description
        self._host = host
        self._settings = settings
        self._records = records or JobRecords()
        self._changed = threading.Condition()
        self._waiting: deque[tuple[JobRecord, Message]] = deque()
        self._running: dict[JobRecord, RunningJob] = {}
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
            record = self._records.new(message)
            record.cancel = lambda: self.cancel(record)
            self._waiting.append((record, message))
            self._changed.notify()
            return record.number

    def cancel(self, record: JobRecord) -> None:
        """Call off a job, whether it waits or runs; the asker is told, which may take its time."""
        with self._changed:
            record.cancelled = True
            running = self._running.get(record)
            found = next((one for one in self._waiting if one[0] is record), None)
            if running is not None:
                running.stop(CALLED_OFF, always=True)
            elif found is not None:
                self._waiting.remove(found)
        if found is not None:
            self._drop(*found, CALLED_OFF)

    def stop(self) -> None:
        """Drop what waits, tell what runs to end, end it after the grace time; returns when no job is left."""
        with self._changed:
            self._stopped = True
            dropped = list(self._waiting)
            self._waiting.clear()
            for record, job in self._running.items():
                record.cancelled = True
                job.stop()
            self._changed.notify_all()
        for record, message in dropped:
            self._drop(record, message, "the service is stopping")
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                record, message = self._waiting.popleft()
                host = RecordingHost(self._host, record)
                job = RunningJob(self._description, message, host, self._settings)
                self._running[record] = job
            try:
                self._run(record, message, job)
            finally:
                with self._changed:
                    del self._running[record]

    def _run(self, record: JobRecord, message: Message, job: RunningJob) -> None:
        number = record.number
        _log.info("job %d: %s began", number, message.event)
        try:
            outcome = record.run(job)
        except Exception:
            _log.exception("job %d failed inside the provider", number)
            outcome = Outcome(record.error)
        took = record.took
        level = logging.ERROR if outcome.error else logging.INFO
        for part in (outcome.output, outcome.trace):
            for line in printed_lines(part, _LINES_LOGGED):
                _log.log(level, "job %d: | %s", number, line)
        if outcome.error:
            _log.error("job %d: failed after %.1f s: %s", number, took, outcome.error)
            self._host.notify(message, outcome.error, level="error", fraction=None, last=True)
            return
        _log.info("job %d: done in %.1f s%s", number, took, outcome.note and f": {outcome.note}")
        if outcome.note:
            self._host.notify(message, outcome.note, level="info", fraction=None, last=True)

    def _drop(self, record: JobRecord, message: Message, why: str) -> None:
        record.cancelled = True
        record.end(Outcome(why))
        self._host.notify(message, why, level="error", fraction=None, last=True)
