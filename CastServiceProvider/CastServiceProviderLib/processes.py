"""Child processes that never outlive their purpose, on every system."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

#: Not for scripts: they are other people's code.
SECRETS = ("CAST_CLIENT_SECRET",)


def spawn(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a child with three pipes, as the head of a group of its own, so that it can be ended with its children.

    Being in another group it also does not get the terminal's Ctrl-C. It finds the packages this process runs with.
    """
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    else:
        options["start_new_session"] = True
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(), **options)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End a child of ``spawn`` and all that it started, at once, also when the child itself has ended already."""
    if sys.platform == "win32":
        _taskkill(process.pid)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()


def end_own_tree() -> None:
    """End this process and all that it started; it was started by ``spawn``."""
    if sys.platform == "win32":
        _taskkill(os.getpid())
    elif os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def how_it_ended(code: int) -> str:
    """Say in words how a process ended that did not end as it should."""
    if code >= 0:
        return f"ended itself with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _taskkill(pid: int) -> None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, timeout=10)


def _environment() -> dict[str, str]:
    here = Path(__file__).resolve().parents[1]
    lib = Path(sys.modules["CastLib"].__file__ or here).resolve().parents[1]
    paths = [str(here), str(lib), os.environ.get("PYTHONPATH", "")]
    environment = {key: value for key, value in os.environ.items() if key not in SECRETS}
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
