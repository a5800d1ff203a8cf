"""The lines between a provider and a job: one JSON object a line, over the job's standard input and output.

A job's process never sees the hub's token or a socket: it asks the provider, which holds the one session,
to fetch and to send. So a script needs no second sign-in, cannot act as anybody else, and a job that is killed leaves
no connection behind. The job's own end of the pipe is moved away from file descriptors 0 and 1 before the script runs:
what a script prints, from Python or from C, goes to standard error and cannot disturb the lines.

    provider to job   the first line: {"script", "message", "product_name", …}
                      an answer: {"id", "value"} or {"id", "error"}; {"cancel": true}
    job to provider   {"call": "files" | "send_files", "id", …} is answered; {"call": "progress" | "done" | "raised", …}
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import IO, Any

from CastLib.errors import CastError
from CastLib.fields import need_object, parse_json

LONGEST_LINE = 64 * 1024 * 1024  # bytes; a message holds the manifest of thousands of files at most


def write_line(stream: IO[bytes], value: dict[str, Any]) -> None:
    """Write one object as one line; raises OSError when the other side has gone.

    Half of a surrogate pair, as in the name of a file that is not UTF-8, becomes a question mark: JSON has no place for
    it, and what a script tells of such a file should still arrive.
    """
    stream.write(json.dumps(value, default=str, ensure_ascii=False).encode(errors="replace") + b"\n")
    stream.flush()


def read_line(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the next object, None at the end; raises FieldError for what is none, and for a line beyond all bounds."""
    line = stream.readline(LONGEST_LINE)
    if not line:
        return None
    return need_object(parse_json(line, "line"), "line")


def take_standard_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return (from the provider, to the provider), and leave the script an empty input and an output that is stderr."""
    lines_in = os.fdopen(os.dup(0), "rb")
    lines_out = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    return lines_in, lines_out


class JobPipe:
    """A job's end: calls that wait for their answer, and calls that do not. May be used from several threads."""

    def __init__(self, lines_in: IO[bytes], lines_out: IO[bytes], on_end: Callable[[], object]) -> None:
        self._in = lines_in
        self._out = lines_out
        self._on_end = on_end
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._process = os.getpid()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)
        self.cancelled = threading.Event()
        threading.Thread(target=self._read, name="cast job pipe", daemon=True).start()

    def call(self, name: str, **fields: Any) -> Any:
        """Ask the provider and return its answer; raises CastError with its words."""
        if not self.own:
            raise CastError("files are fetched and sent by the job's own process, not by one that it has forked")
        answer: SimpleQueue[dict[str, Any]] = SimpleQueue()
        id = next(self._ids)
        self._waiting[id] = answer
        self.send(name, id=id, **fields)
        got = answer.get()
        if "error" in got:
            raise CastError(str(got["error"]))
        return got.get("value")

    def send(self, name: str, **fields: Any) -> None:
        """Tell the provider; nothing is answered."""
        with self._lock:
            write_line(self._out, {"call": name, **fields})

    @property
    def own(self) -> bool:
        """Whether this is the job's own process, and not one that it has forked: the last word is the job's alone."""
        return os.getpid() == self._process

    def _forked(self) -> None:
        """Another thread may have held the lock, which nobody would open in the child."""
        self._lock = threading.Lock()

    def _read(self) -> None:
        """Take answers; when the provider is gone, however it went, this job has nobody left to work for."""
        try:
            while (line := read_line(self._in)) is not None:
                if line.get("cancel"):
                    self.cancelled.set()
                elif (answer := self._waiting.pop(line.get("id", 0), None)) is not None:
                    answer.put(line)
        finally:
            self._on_end()
