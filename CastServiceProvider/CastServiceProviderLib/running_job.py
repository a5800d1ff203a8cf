"""One job from its process's start to its end, whatever that end is."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from CastLib.errors import CastError, FieldError
from CastLib.message import Message
from CastServiceProviderLib.job_pipe import read_line, write_line
from CastServiceProviderLib.processes import how_it_ended, kill_tree, spawn

_log = logging.getLogger("cast.provider")

_LOOK = 0.1  # seconds between looks at the clock while a job runs
_LEAVE = 5.0  # seconds a job may take to end after its last word
_LINES = 1000  # lines waiting between a job's pipe and its handling; a job that tells more waits


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Limits of jobs; times in seconds.

    ``slots`` jobs run at once, ``queue`` more wait. A job that runs longer than ``timeout`` is ended. ``output`` is how
    many bytes of what a script prints are kept, ``text`` how many characters of a line of progress or of an error are
    told. Lines of progress go out ``progress_interval`` apart at least. When the provider stops, jobs have ``grace`` to
    end by themselves. ``python`` runs the jobs.
    """

    slots: int = 1
    queue: int = 16
    timeout: float = 1800.0
    grace: float = 2.0
    output: int = 64 * 1024
    text: int = 1000
    progress_interval: float = 0.25
    python: str = sys.executable

    def __post_init__(self) -> None:
        least_of = {"slots": 1, "queue": 0, "output": 0, "text": 1, "progress_interval": 0, "grace": 0}
        for field, least in least_of.items():
            if getattr(self, field) < least:
                raise FieldError(field, f"must be {least} or more")
        if not self.timeout > 0:
            raise FieldError("timeout", "must be above 0")


class Host(Protocol):
    """What a job's process asks its provider for. The first two raise CastError with words for the script."""

    def fetch(self, message: Message, entries: list[int], folder: Path, cancelled: Callable[[], bool]) -> list[Path]:
        """Fetch the message's files by their place in its manifest."""

    def send(self, message: Message, event: str, paths: list[Path], context: dict[str, Any]) -> str:
        """Send a result; return the event's id."""

    def tell(self, message: Message, text: str, *, level: str, fraction: float | None) -> None:
        """Tell the asker; what goes wrong with that is the host's own affair."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: ``error`` is ``""`` when it did what it should, else a sentence for the asker."""

    error: str
    trace: str = ""
    output: str = ""


class RunningJob:
    """Runs one message through the script: ``run`` on a thread of the queue, ``stop`` from any other."""

    def __init__(self, description: dict[str, str], message: Message, host: Host, settings: JobSettings) -> None:
        self._description = description
        self._message = message
        self._host = host
        self._settings = settings
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue(_LINES)
        self._output = b""
        self._over = threading.Event()
        self._deadline = time.monotonic() + settings.timeout
        self._stopping = threading.Event()
        self._why = ""
        self._tell_always = False
        self._progress: tuple[str, float | None] | None = None
        self._told_at = 0.0

    @property
    def output(self) -> str:
        """The end of what the script has printed so far."""
        return self._output.decode(errors="replace")

    def stop(self, why: str = "the service is stopping", *, always: bool = False) -> None:
        """Have the job end within the grace time: it is told, then ended.

        ``why`` is a sentence for the asker; with ``always`` it is told also when the script then ends in good order.
        """
        if not self._stopping.is_set():
            self._why, self._tell_always = why, always
            self._deadline = min(self._deadline, time.monotonic() + self._settings.grace)
            self._stopping.set()

    def run(self) -> Outcome:
        """Run the job to its end; nothing of it is left afterwards, neither process nor file."""
        folder = Path(tempfile.mkdtemp(prefix="cast-job-"))
        try:
            process = spawn([self._settings.python, "-m", "CastServiceProviderLib.job_process", str(folder)])
        except OSError as failure:
            shutil.rmtree(folder, ignore_errors=True)
            return Outcome(f"the job could not be started: {failure.strerror or type(failure).__name__}")
        assert process.stdin and process.stdout and process.stderr
        readers = [
            threading.Thread(target=self._read_lines, args=(process.stdout,), name="cast job lines", daemon=True),
            threading.Thread(target=self._read_output, args=(process.stderr,), name="cast job output", daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            error, trace = self._serve(process, process.stdin, folder)
        finally:
            self._over.set()
            kill_tree(process)
            process.wait()
            for reader in readers:
                reader.join(_LEAVE)
            for stream in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError):
                    stream.close()
            shutil.rmtree(folder, ignore_errors=True)
        return Outcome(error, trace, self.output)

    def _serve(self, process: subprocess.Popen[bytes], job: IO[bytes], folder: Path) -> tuple[str, str]:
        """Answer the job's calls until its last word or the end of its time; return (error, trace)."""
        with contextlib.suppress(OSError):  # it ended at once: how is seen below
            write_line(job, {**self._description, "message": self._message.wire})
        told_to_stop = False
        while True:
            self._flush_progress()
            if self._stopping.is_set() and not told_to_stop:
                told_to_stop = True
                with contextlib.suppress(OSError):
                    write_line(job, {"cancel": True})
            if time.monotonic() > self._deadline:
                return self._out_of_time(), ""
            try:
                line = self._lines.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if line is None:
                return self._without_last_word(process), ""
            name = line.get("call")
            if name == "progress":
                self._progress = self._short(line.get("message", "")), line.get("fraction")
                continue
            if name not in ("files", "send_files", "done", "raised"):
                return f"the job told nonsense: {str(name)[:80]}", ""
            self._flush_progress(at_once=True)
            if name == "done":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LEAVE)
                return (self._why if self._tell_always else ""), ""
            if name == "raised":
                return self._short(line.get("message") or "the script failed"), str(line.get("trace", ""))
            with contextlib.suppress(OSError):
                write_line(job, {"id": line.get("id"), **self._answer(name, line, process, folder)})

    def _answer(
        self, name: str, call: dict[str, Any], process: subprocess.Popen[bytes], folder: Path
    ) -> dict[str, Any]:
        def cancelled() -> bool:
            return time.monotonic() > self._deadline or process.poll() is not None

        try:
            if name == "files":
                files = self._host.fetch(self._message, call["entries"], folder, cancelled)
                return {"value": [str(path) for path in files]}
            paths = [Path(path) for path in call["paths"]]
            return {"value": self._host.send(self._message, call["event"], paths, call["context"])}
        except CastError as error:
            return {"error": str(error)}
        except Exception as error:
            _log.exception("a job's call failed inside")
            return {"error": f"{name} failed inside the provider: {type(error).__name__}"}

    def _short(self, told: object) -> str:
        text, most = str(told), self._settings.text
        return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"

    def _flush_progress(self, at_once: bool = False) -> None:
        if self._progress is None:
            return
        now = time.monotonic()
        if at_once or now - self._told_at >= self._settings.progress_interval:
            (text, fraction), self._progress, self._told_at = self._progress, None, now
            self._host.tell(self._message, text, level="info", fraction=fraction)

    def _out_of_time(self) -> str:
        if self._stopping.is_set():
            return self._why
        return f"the script did not finish within {self._settings.timeout:g} s and was ended"

    def _without_last_word(self, process: subprocess.Popen[bytes]) -> str:
        try:
            return f"the script's process {how_it_ended(process.wait(_LEAVE))}"
        except subprocess.TimeoutExpired:
            return "the script closed the way to its provider"

    def _read_lines(self, stream: IO[bytes]) -> None:
        try:
            while (line := read_line(stream)) is not None:
                self._put(line)
        except FieldError as error:
            self._put({"call": f"a line, {error.reason}"})
        except (OSError, ValueError):  # closed under our hands, after the end
            pass
        self._put(None)

    def _put(self, line: dict[str, Any] | None) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=_LOOK)
                return

    def _read_output(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(stream.fileno(), 65536):
                kept = self._output + piece
                self._output = kept[-self._settings.output :] if self._settings.output else b""
                if _log.isEnabledFor(logging.DEBUG):
                    _log.debug("script: %s", piece.decode(errors="replace").rstrip())
