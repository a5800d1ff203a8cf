"""Compressed frames decoded by a child process with limits, whose end is a sentence. For worker threads.

The child is started with the first frame and used for all that follow; `decoder_child` says what it does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from pydicom.uid import JPEG2000, UID, JPEG2000Lossless, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes, RLELossless

from CastLib.errors import CastError
from CastLib.slicer_python import slicer_python

#: Bytes that the decoder may take beside what it needs to run (Linux; elsewhere the frame's size bounds it).
MAX_MEMORY = 1 << 30
#: Seconds of the processor for one frame (not on Windows) …
PROCESSOR_SECONDS = 10.0
#: … and by the clock, on a machine that has much else to do.
PATIENCE = 60.0
#: Seconds between two looks at whether the frame is still wanted.
POLL = 0.05
#: How often the decoder is started anew for one series: after so many bad frames the others are not tried.
MAX_STARTS = 4

#: Compressed transfer syntaxes that are decoded; uncompressed ones, deflated or not, need no decoder.
SYNTAXES = frozenset((*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, JPEG2000Lossless, JPEG2000, RLELossless))

#: Of the environment nothing that a decoder has no use for.
SECRETS = ("CAST_CLIENT_SECRET",)


class NotDecoded(CastError):
    """A frame could not be decoded, and why; the others may be."""


class CalledOff(Exception):
    """The frame is not wanted any more; its cause is what the check raised."""


def need_decoder(syntax: UID) -> None:
    """Raise NotDecoded with what is missing when a transfer syntax cannot be decoded in this installation."""
    if syntax not in SYNTAXES:
        raise NotDecoded(f"its transfer syntax, {syntax.name}, is not read; ask its sender for another one")
    if util.find_spec("gdcm") is None:
        raise NotDecoded(
            f"its transfer syntax, {syntax.name}, needs the Python package python-gdcm, which is not installed "
            "(pip install python-gdcm; in Slicer: pip_install('python-gdcm') in the Python console)"
        )


class FrameDecoder:
    """One child process for the frames of a study's series; one thread at a time asks it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._starts_left = MAX_STARTS
        self._check: Callable[[], object] = lambda: None

    def begin_series(self, check: Callable[[], object]) -> None:
        """Frames of another series follow.

        Args:
            check: called while a frame is waited for; what it raises ends the waiting, and the child.
        """
        self._check = check
        self._starts_left = MAX_STARTS

    def __enter__(self) -> FrameDecoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def decode(self, syntax: UID, frame: bytes, options: dict[str, Any]) -> np.ndarray:
        """The samples of one frame, not writable; see `decoder_child.decode`.

        Raises NotDecoded, CalledOff.
        """
        need_decoder(syntax)
        process = self._started()
        question = {"syntax": str(syntax), "length": len(frame), "options": options}
        answers: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None] = queue.SimpleQueue()
        talk = threading.Thread(
            target=lambda: answers.put(_talk(process, question, frame)), name="cast decoder", daemon=True
        )
        talk.start()
        answer = self._wait(answers)
        if answer is None:
            raise NotDecoded(self._how_it_ended())
        told, samples = answer
        if "error" in told:
            raise NotDecoded(str(told["error"]))
        return np.frombuffer(samples, told["dtype"]).reshape(told["shape"])

    def _wait(self, answers: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None]) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return answers.get(timeout=POLL)
            except queue.Empty:
                try:
                    self._check()
                except Exception as reason:
                    self.close()
                    raise CalledOff from reason
                if time.monotonic() > end:
                    self.close()
                    raise NotDecoded(f"decoding it takes longer than {PATIENCE:.0f} s") from None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            return self._process
        if not self._starts_left:
            raise NotDecoded("the decoder has failed too often on files of this series")
        self._starts_left -= 1
        limits = [str(MAX_MEMORY), str(PROCESSOR_SECONDS)]
        self._process = subprocess.Popen(
            [slicer_python(), str(Path(__file__).with_name("decoder_child.py")), *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={key: value for key, value in os.environ.items() if key not in SECRETS},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return self._process

    def _how_it_ended(self) -> str:
        code = self._end()
        if code is not None and code == -getattr(signal, "SIGXCPU", 0):
            return f"decoding it takes longer than {PROCESSOR_SECONDS:.0f} s"
        return "its compressed pixels made the decoder fail"

    def close(self) -> None:
        """End the child; the next frame would start another one."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            code: int | None = process.wait(5)
        except subprocess.TimeoutExpired:  # it has closed its pipe and lives on
            code = None
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # the rest of a question that nobody reads
                    pass
        return code


def _talk(process: subprocess.Popen[bytes], question: dict[str, Any], frame: bytes) -> Any:
    """Ask, and wait for the answer; None when the child has ended meanwhile."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.write(frame)
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        samples = process.stdout.read(told.get("length", 0))
        return (told, samples) if len(samples) == told.get("length", 0) else None
    except (OSError, ValueError):  # a broken pipe, half a line, a pipe closed by who gave up
        return None
