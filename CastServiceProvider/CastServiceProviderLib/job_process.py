"""The process of one job: ``python -m CastServiceProviderLib.job_process FOLDER``, started by ``running_job``.

A process a job, started afresh (no fork), so that a script may use what memory and threads it likes, crash or hang, and
leave module state behind, without touching the provider or the next job. Inside Slicer the same runs on PythonSlicer.
"""

from __future__ import annotations

import shutil
import sys
import traceback
from pathlib import Path

from CastLib.errors import CastError
from CastServiceProviderLib.context import ScriptContext
from CastServiceProviderLib.job_pipe import JobPipe, read_line, take_standard_pipes
from CastServiceProviderLib.processes import end_own_tree
from CastServiceProviderLib.script import load_on_message

_LONGEST_TRACE = 16 * 1024  # characters


def main() -> None:
    """Take the job from the pipe, run it, and tell how it ended."""
    folder = sys.argv[1]  # known from the first moment on, so that it can be removed whenever the provider vanishes
    lines_in, lines_out = take_standard_pipes()

    def leave() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        end_own_tree()

    job = read_line(lines_in)
    if job is None:
        leave()
        return
    pipe = JobPipe(lines_in, lines_out, on_end=leave)
    try:
        on_message = load_on_message(Path(job["script"]))
        on_message(job["message"], ScriptContext(job, Path(folder), pipe))
    except SystemExit as end:
        if end.code not in (None, 0):
            pipe.tell("raised", message=f"the script ended itself with {end.code}", trace="")
            return
    except BaseException as error:
        trace = traceback.format_exc()[-_LONGEST_TRACE:]
        text = str(error) if isinstance(error, CastError) else _in_words(error)
        pipe.tell("raised", message=text, trace=trace)
        return
    pipe.tell("done")


def _in_words(error: BaseException) -> str:
    """A person's text as it is (``ValueError("No image came")``), else with the kind of error, which says more."""
    text = str(error).strip()
    if text and isinstance(error, (ValueError, RuntimeError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    main()
