"""The process of one job, whose folder is its argument; ``running_job`` starts it.

A process a job, started afresh (no fork), so that a script may use what memory and threads it likes, crash or hang, and
leave module state behind, without touching the provider or the next job. Inside Slicer the same runs on PythonSlicer.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from CastLib.errors import CastError
from CastServiceProviderLib.job_limits import limit_own_process
from CastServiceProviderLib.job_pipe import JobPipe, read_line, take_standard_pipes
from CastServiceProviderLib.job_settings import in_gigabytes
from CastServiceProviderLib.processes import end_own_tree
from CastServiceProviderLib.returned import send_returned
from CastServiceProviderLib.script import load_on_message
from CastServiceProviderLib.script_context import ScriptContext

_LONGEST_TRACE = 16 * 1024  # characters


def main() -> None:
    """Take the job from the pipe, run it, and tell how it ended."""
    folder = Path(sys.argv[1])  # known from the first moment on, so that it can be removed when the provider vanishes
    lines_in, lines_out = take_standard_pipes()

    def leave() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        end_own_tree()

    job = read_line(lines_in)
    if job is None:
        leave()
        return
    limit_own_process(job["memory"], job["disk"])
    pipe = JobPipe(lines_in, lines_out, on_end=leave)
    try:
        last_word = _work(job, ScriptContext(job, Path(job["directory"]), pipe))
    except BaseException as error:
        last_word = {"name": "raised", "message": _in_words(error, job), "trace": _trace()}
    if pipe.own:
        pipe.send(**last_word)
    else:  # a child that the script has forked came back from onMessage as well
        os._exit(0)


def _work(job: dict[str, Any], context: ScriptContext) -> dict[str, Any]:
    """Run the script; return the last word."""
    try:
        on_message = load_on_message(Path(job["script"]))
        value = on_message(job["message"], context)
    except SystemExit as end:
        if end.code not in (None, 0):
            return {"name": "raised", "message": f"the script ended itself with {end.code}", "trace": ""}
        value = None
    send_returned(value, context.sent, context.send_files)
    return {"name": "done"}


def _trace() -> str:
    try:
        return traceback.format_exc()[-_LONGEST_TRACE:]
    except Exception:  # of an exception that cannot be printed
        return ""


def _in_words(error: BaseException, job: dict[str, Any]) -> str:
    """A person's text as it is (``ValueError("No image came")``), else with the kind of error, which says more."""
    try:
        text = str(error).strip()
    except Exception:  # the script's own class may raise in turn
        text = ""
    if isinstance(error, MemoryError):
        return f"the script was out of memory; it may use {in_gigabytes(job['memory'])}{text and f' ({text})'}"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return f"the script wrote a file of more than {in_gigabytes(job['disk'])}, which is more than it may"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full: {text}"
    if text and isinstance(error, (CastError, ValueError, RuntimeError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    main()
