"""What is known of each job, for those who look on: where it stands, what it told, what it printed."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from CastLib.errors import FieldError
from CastLib.message import Message
from CastServiceProviderLib.job_runner import Host, Outcome, RunningJob
from CastServiceProviderLib.printed import printed_lines

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"

MOST = 100  # jobs remembered
_LINES = 200  # lines of progress remembered of each
_PRINTED_LINES = 500  # of what a script printed, the last

CALLED_OFF = "the job was cancelled"


@dataclass(eq=False, slots=True)
class JobRecord:
    """One job. Any thread may read it; times are in seconds, ``began`` and ``queued`` since the epoch.

    ``asker`` is the product or name of who asks, ``state`` one of this file's five words, ``text`` and ``fraction``
    (0 to 1, or None) its last line of progress, ``error`` why it failed. ``cancel()`` calls it off; it may wait for the
    network.
    """

    number: int
    event: str
    asker: str
    files: int
    trial: bool = False
    message_id: str = ""
    state: str = WAITING
    text: str = ""
    fraction: float | None = None
    error: str = ""
    queued: float = field(default_factory=time.time)
    began: float = 0.0
    took: float = 0.0
    cancel: Callable[[], object] = lambda: None
    cancelled: bool = False
    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    _running: RunningJob | None = None
    _outcome: Outcome | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def log(self) -> str:
        """Its lines of progress, the last of what it printed so far, and the trace of the exception that ended it."""
        running, outcome = self._running, self._outcome
        printed = running.output if running is not None else outcome.output if outcome is not None else ""
        parts = ["\n".join(self._lines), _readable(printed), _readable(outcome.trace) if outcome is not None else ""]
        return "\n\n".join(part for part in parts if part)

    def report(self, text: str, fraction: float | None) -> None:
        """Note a line of progress."""
        self.text, self.fraction = text, fraction
        self.note(text if fraction is None else f"{text} ({fraction:.0%})")

    def note(self, text: str) -> None:
        """Add a line to its log."""
        self._lines.append(f"{time.strftime('%H:%M:%S')} {text}")

    def run(self, job: RunningJob) -> Outcome:
        """Run the job to its end."""
        self._running, self.began, self.state = job, time.time(), RUNNING
        outcome = Outcome("the job failed inside the provider")
        try:
            outcome = job.run()
        finally:
            self.end(outcome)
        return outcome

    def end(self, outcome: Outcome) -> None:
        """Note how it ended."""
        self.took = time.time() - self.began if self.began else 0.0
        self._outcome, self._running = outcome, None
        self.error, self.fraction = outcome.error, None
        if outcome.error or outcome.note:
            self.note(outcome.error or outcome.note)
        self.state = DONE if not outcome.error else CANCELLED if self.cancelled else FAILED


class JobRecords:
    """The last jobs of a service, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._records: list[JobRecord] = []

    def new(self, message: Message, *, trial: bool = False) -> JobRecord:
        """A record for a message; the oldest one that is over makes room for it."""
        try:
            files = len(message.files)
        except FieldError:
            files = 0
        asker = message.sender.product or message.sender.name
        with self._lock:
            record = JobRecord(next(self._numbers), message.event, asker, files, trial, message.id)
            over = [one for one in self._records if one.over]
            for one in over[: max(0, len(self._records) + 1 - MOST)]:
                self._records.remove(one)
            self._records.append(record)
        return record

    def all(self) -> list[JobRecord]:
        """All that are remembered."""
        with self._lock:
            return list(self._records)

    def note(self, message: Message, text: str) -> None:
        """Add a line to the log of the job that a message began, when there is one."""
        for record in self.all():
            if record.message_id == message.id:
                record.note(text)


class RecordingHost:
    """A host that notes in a record what the job tells."""

    def __init__(self, host: Host, record: JobRecord) -> None:
        self._host = host
        self._record = record

    def fetch(self, message: Message, entries: list[int], folder: Path, cancelled: Callable[[], bool]) -> list[Path]:
        """See `Host`."""
        return self._host.fetch(message, entries, folder, cancelled)

    def send(
        self, message: Message, event: str, paths: list[Path], context: dict[str, Any], cancelled: Callable[[], bool]
    ) -> str:
        """See `Host`."""
        return self._host.send(message, event, paths, context, cancelled)

    def notify(self, message: Message, text: str, *, level: str, fraction: float | None, last: bool = False) -> None:
        """See `Host`."""
        self._record.report(text, fraction)
        self._host.notify(message, text, level=level, fraction=fraction, last=last)


def _readable(text: str) -> str:
    return "\n".join(printed_lines(text, _PRINTED_LINES))
