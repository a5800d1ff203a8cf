"""One job from its process's start to its end, whatever that end is."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from CastLib.errors import CastError, FieldError
from CastLib.message import Message
from CastLib.slicer_python import module_command
from CastServiceProviderLib.job_pipe import read_line, write_line
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.job_watch import JobWatch
from CastServiceProviderLib.processes import JobProcess, how_it_ended

_log = logging.getLogger("cast.provider")

_LOOK = 0.1  # seconds between looks at the clock while a job runs
_LEAVE = 5.0  # seconds a job may take to end after its last word
_LINES = 1000  # lines waiting between a job's pipe and its handling; a job that tells more waits

NO_RESULT = "the script ended without a result: it sent nothing (context.send_files) and told nothing"
NO_FILE = "done, without a result file"


class Host(Protocol):
    """What a job's process asks its provider for. The first two raise CastError with words for the script."""

    def fetch(self, message: Message, entries: list[int], folder: Path, cancelled: Callable[[], bool]) -> list[Path]:
        """Fetch the message's files by their place in its manifest."""

    def send(
        self, message: Message, event: str, paths: list[Path], context: dict[str, Any], cancelled: Callable[[], bool]
    ) -> str:
        """Send a result; return the event's id."""

    def notify(self, message: Message, text: str, *, level: str, fraction: float | None, last: bool = False) -> None:
        """Tell the asker; what goes wrong with that is the host's own affair. After the ``last`` line nothing comes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: ``error`` is ``""`` when it did what it should, else a sentence for the asker.

    ``note`` is what the asker is to know of one that did.
    """

    error: str
    trace: str = ""
    output: str = ""
    note: str = ""


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
        self._notify_always = False
        self._too_much = ""
        self._sending = False
        self._sent = self._notified = 0
        self._progress: tuple[str, float | None] | None = None
        self._notified_at = 0.0

    @property
    def output(self) -> str:
        """The end of what the script has printed so far."""
        return self._output.decode(errors="replace")

    def stop(self, why: str = "the service is stopping", *, always: bool = False) -> None:
        """Have the job end within the grace time: it is told, then ended.

        ``why`` is a sentence for the asker; with ``always`` it is told also when the script then ends in good order.
        """
        if not self._stopping.is_set():
            self._why, self._notify_always = why, always
            self._deadline = min(self._deadline, time.monotonic() + self._settings.grace)
            self._stopping.set()

    def run(self) -> Outcome:
        """Run the job to its end; nothing of it is left afterwards, neither process nor file."""
        folder = Path(tempfile.mkdtemp(prefix="cast-job-"))
        try:
            own, temporary = folder / "work", folder / "tmp"
            own.mkdir()
            temporary.mkdir()
            python = self._settings.python
            command = module_command("CastServiceProviderLib.job_process", str(folder), python=python)
            process = JobProcess(command, folder, temporary)
        except OSError as failure:
            shutil.rmtree(folder, ignore_errors=True)
            return Outcome(f"the job could not be started: {failure.strerror or type(failure).__name__}")
        readers = [
            threading.Thread(target=self._read_lines, args=(process.lines_out,), name="cast job lines", daemon=True),
            threading.Thread(target=self._read_output, args=(process.output,), name="cast job output", daemon=True),
        ]
        for reader in readers:
            reader.start()

        def end_for(sentence: str) -> None:
            self._too_much = sentence
            process.end()

        watch = JobWatch(process.pid, folder, self._settings, end_for, self._hangs)
        left = 0
        try:
            error, trace = self._serve(process, own)
        finally:
            self._over.set()
            watch.close()
            left = process.end()
            with contextlib.suppress(OSError):
                process.lines_in.close()
            for reader in readers:
                reader.join(_LEAVE)
            if any(reader.is_alive() for reader in readers):
                _log.warning("a process that a job has left behind holds its pipes; nobody waits for it")
            shutil.rmtree(folder, ignore_errors=True)
        return Outcome(self._too_much or error, "" if self._too_much else trace, self.output, self._note(left))

    def _note(self, left: int) -> str:
        parts = [] if self._sent else [NO_FILE]
        if left:
            parts.append(f"{left} {'process' if left == 1 else 'processes'} that the script left running, ended")
        return "; ".join(parts)

    def _serve(self, process: JobProcess, folder: Path) -> tuple[str, str]:
        """Answer the job's calls until its last word or the end of its time; return (error, trace)."""
        limits = {"memory": self._settings.max_memory_bytes, "disk": self._settings.disk, "directory": str(folder)}
        with contextlib.suppress(OSError):  # it ended at once: how is seen below
            write_line(process.lines_in, {**self._description, **limits, "message": self._message.wire})
        asked_to_stop, ended_at = False, time.monotonic()
        while not self._too_much:
            self._flush_progress()
            if self._stopping.is_set() and not asked_to_stop:
                asked_to_stop = True
                with contextlib.suppress(OSError):
                    write_line(process.lines_in, {"cancel": True})
            if time.monotonic() > self._deadline:
                return self._out_of_time(), ""
            try:
                line = self._lines.get(timeout=_LOOK)
            except queue.Empty:
                if not process.ended:
                    ended_at = time.monotonic()
                elif time.monotonic() > ended_at + _LEAVE:  # and somebody else holds its pipe
                    return self._without_last_word(process), ""
                continue
            if line is None:
                return self._without_last_word(process), ""
            name = line.get("call")
            if name == "progress":
                self._progress = self._short(line.get("message", "")), line.get("fraction")
                self._notified += bool(self._progress[0].strip())
                continue
            if name not in ("files", "send_files", "done", "raised"):
                return f"the job told nonsense: {str(name)[:80]}", ""
            self._flush_progress(at_once=True)
            if name == "done":
                process.wait(_LEAVE)
                return self._why_not_done(), ""
            if name == "raised":
                return self._short(line.get("message") or "the script failed"), str(line.get("trace", ""))
            answer = self._answer(name, line, process, folder)
            with contextlib.suppress(OSError):
                write_line(process.lines_in, {"id": line.get("id"), **answer})
        return self._too_much, ""

    def _why_not_done(self) -> str:
        if self._notify_always:
            return self._why
        return "" if self._sent or self._notified else NO_RESULT

    def _answer(self, name: str, call: dict[str, Any], process: JobProcess, folder: Path) -> dict[str, Any]:
        try:
            if name == "files":
                files = self._host.fetch(
                    self._message,
                    call["entries"],
                    folder,
                    lambda: time.monotonic() > self._deadline or process.ended,
                )
                return {"value": [str(path) for path in files]}
            return {"value": self._send([Path(path) for path in call["paths"]], call["event"], call["context"])}
        except CastError as error:
            return {"error": str(error)}
        except Exception as error:
            _log.exception("a job's call failed inside")
            return {"error": f"{name} failed inside the provider: {type(error).__name__}"}

    def _send(self, paths: list[Path], event: str, context: dict[str, Any]) -> str:
        """Send a result; the time that a slow hub takes is not the script's."""
        began = time.monotonic()
        self._sending = True
        try:
            id = self._host.send(self._message, event, paths, context, self._stopping.is_set)
            self._sent += 1
            return id
        finally:
            if not self._stopping.is_set():
                self._deadline += time.monotonic() - began
            self._sending = False

    def _short(self, told: object) -> str:
        text, most = str(told), self._settings.text
        return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"

    def _flush_progress(self, at_once: bool = False) -> None:
        if self._progress is None:
            return
        now = time.monotonic()
        if at_once or now - self._notified_at >= self._settings.progress_interval:
            (text, fraction), self._progress, self._notified_at = self._progress, None, now
            self._host.notify(self._message, text, level="info", fraction=fraction)

    def _out_of_time(self) -> str:
        if self._stopping.is_set():
            return self._why
        return f"the script did not finish within {self._settings.timeout:g} s and was ended"

    def _hangs(self) -> str:
        """Why the job is to be ended from outside: its time is over, but its pipe is full and nobody reads it."""
        late = not self._sending and time.monotonic() > self._deadline + _LEAVE
        return self._out_of_time() if late else ""

    def _without_last_word(self, process: JobProcess) -> str:
        code = process.wait(_LEAVE)
        if code is None:
            return "the script closed the way to its provider"
        return f"the script's process {how_it_ended(code)}"

    def _read_lines(self, stream: IO[bytes]) -> None:
        with stream:
            try:
                while (line := read_line(stream)) is not None:
                    self._put(line)
            except FieldError as error:
                self._put({"call": f"a line, {error.reason}"})
            except (OSError, ValueError):
                pass
        self._put(None)

    def _put(self, line: dict[str, Any] | None) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=_LOOK)
                return

    def _read_output(self, stream: IO[bytes]) -> None:
        with stream, contextlib.suppress(OSError, ValueError):
            while piece := os.read(stream.fileno(), 65536):
                kept = self._output + piece
                self._output = kept[-self._settings.output :] if self._settings.output else b""
                if _log.isEnabledFor(logging.DEBUG):
                    _log.debug("script: %s", piece.decode(errors="replace").rstrip())
