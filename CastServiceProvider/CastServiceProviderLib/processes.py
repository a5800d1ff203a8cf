"""A job's process with all that it starts, which never outlives its purpose, on every system."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

#: Not for scripts: they are other people's code.
SECRETS = ("CAST_CLIENT_SECRET",)

_KEEPER = Path(__file__).with_name("job_keeper.py")
_END = 10.0  # seconds for what ends a job; beyond, something holds it in the kernel, and the slot is given free

_SIGNALS = {
    "SIGKILL": "was killed (SIGKILL); the machine was probably out of memory",
    "SIGSEGV": "crashed in a native library (SIGSEGV)",
    "SIGBUS": "crashed (SIGBUS); shared memory or a disk may be full",
    "SIGABRT": "was given up by a native library (SIGABRT); what it printed may say why",
    "SIGILL": "crashed (SIGILL); a native library may be built for another processor",
    "SIGFPE": "crashed on a calculation in a native library (SIGFPE)",
    "SIGXFSZ": "wrote a file larger than a job may (SIGXFSZ)",
    "SIGXCPU": "used more of the processor than this system allows (SIGXCPU)",
    "SIGTERM": "was ended by somebody else (SIGTERM)",
    "SIGHUP": "was ended by somebody else (SIGHUP)",
    "SIGINT": "was interrupted (SIGINT)",
}
# How Windows says it (NTSTATUS).
_STATUSES = {
    0xC0000005: "crashed in a native library (access violation)",
    0xC0000017: "was out of memory",
    0xC000001D: "crashed; a native library may be built for another processor",
    0xC00000FD: "crashed: it called itself too deeply (stack overflow)",
    0xC0000135: "found a library of a native package missing",
    0xC000013A: "was interrupted",
    0xC0000409: "was given up by a native library; what it printed may say why",
}


class JobProcess:
    """``command`` as a child with three pipes, at the head of a group of its own, so that no Ctrl-C reaches it.

    On Linux it runs under `job_keeper`, elsewhere alone. It finds the packages this process runs with, and keeps its
    temporary files in ``temporary``; ``folder`` goes with it when this process is gone. Raises OSError.
    """

    def __init__(self, command: list[str], folder: Path, temporary: Path) -> None:
        self._control: socket.socket | None = None
        self._ending = threading.Lock()
        self._left = 0
        options: dict[str, Any] = {}
        theirs: socket.socket | None = None
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        else:
            options["start_new_session"] = True
        if sys.platform == "linux":
            self._control, theirs = socket.socketpair()
            command = [command[0], "-I", "-S", str(_KEEPER), str(theirs.fileno()), str(folder), *command]
            options["pass_fds"] = [theirs.fileno()]
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(temporary), **options
            )
        except OSError:
            self._close_control()
            raise
        finally:
            if theirs is not None:
                theirs.close()
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self.lines_in: IO[bytes] = self._process.stdin
        self.lines_out: IO[bytes] = self._process.stdout
        self.output: IO[bytes] = self._process.stderr

    @property
    def pid(self) -> int:
        """The process at the head of the job's."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself or was ended."""
        return self._process.poll() is not None

    def wait(self, seconds: float) -> int | None:
        """Return its exit code, negative for a signal, or None when it still runs after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> int:
        """End it and all that it started, at once; return how many processes it had left behind, as far as is known.

        May be called from any thread, and again. It waits for the end, but not for ever.
        """
        with self._ending:
            if self._control is not None:
                with contextlib.suppress(OSError):
                    self._control.shutdown(socket.SHUT_WR)
                self.wait(_END)
                self._left = self._read_left()
            self._kill_group()
            self.wait(_END)
            return self._left

    def _read_left(self) -> int:
        control, self._control = self._control, None
        if control is None:
            return 0
        with control, contextlib.suppress(OSError, ValueError):
            control.settimeout(0)
            return int(control.recv(64) or b"0")
        return 0

    def _kill_group(self) -> None:
        if sys.platform == "win32":
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                command = ["taskkill", "/T", "/F", "/PID", str(self.pid)]
                subprocess.run(command, capture_output=True, timeout=_END)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def _close_control(self) -> None:
        if self._control is not None:
            self._control.close()


def end_own_tree() -> None:
    """End this process and what it started, as far as this process can; its keeper ends the rest."""
    if sys.platform == "win32":
        os._exit(1)  # with it goes all that is in its job object
    if sys.platform != "linux" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def how_it_ended(code: int) -> str:
    """Say in words how a process ended that did not end as it should."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            return f"was ended by signal {-code}"
        return _SIGNALS.get(name, f"was ended by {name}")
    status = _STATUSES.get(code & 0xFFFFFFFF)
    return f"{status} (code 0x{code & 0xFFFFFFFF:X})" if status else f"ended itself with code {code}"


def _environment(temporary: Path) -> dict[str, str]:
    here = Path(__file__).resolve().parents[1]
    lib = Path(sys.modules["CastLib"].__file__ or here).resolve().parents[1]
    paths = [str(here), str(lib), os.environ.get("PYTHONPATH", "")]
    environment = {key: value for key, value in os.environ.items() if key not in SECRETS}
    environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
