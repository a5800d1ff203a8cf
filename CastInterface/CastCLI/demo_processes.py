"""The demo's applications: separate processes that share nothing but the hub's address.

Each has an empty home and an empty working folder of its own, and is ended with everything it left there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from CastLib.command_line import stop_signals
from CastLib.errors import CastError

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_LOG_TAIL = 12  # lines of a process's log that an error shows


class Application:
    """One child process and its folder; ``log`` holds what it wrote on stderr."""

    def __init__(self, name: str, folder: Path, arguments: list[str]) -> None:
        self.name = name
        self._home = folder / name
        for place in ("home", "work", "temporary"):
            (self._home / place).mkdir(parents=True)
        self.log = self._home / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._home / "work",
                env=self._environment(),
                # A group of its own gets no Ctrl-C of the terminal: the demo ends its children itself, in order.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CAST_", "XDG_"))}
        home, temporary = str(self._home / "home"), str(self._home / "temporary")
        places = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")
        kept.update(dict.fromkeys(places, home))
        kept.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary))
        kept["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        return kept

    def first_line(self) -> str:
        """Return the first line it prints; raises CastError when it ends, or says nothing, before that."""
        stdout = self._process.stdout
        assert stdout is not None
        timer = threading.Timer(_START_SECONDS, self._process.kill)
        timer.start()
        try:
            line = stdout.readline().decode().strip()
        finally:
            timer.cancel()
        if not line:
            self._process.wait()
            raise CastError(self._ended())
        return line

    def check(self) -> None:
        """Raise CastError when the process has ended."""
        if self._process.poll() is not None:
            raise CastError(self._ended())

    def _ended(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        return f"the {self.name} ended with exit code {self._process.returncode}; its last words:\n" + "\n".join(lines)

    def stop(self) -> None:
        """Ask the process to end; kill it when it does not."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Applications:
    """The applications of one demo and the folder they live in; leaving the ``with`` ends and removes all of it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cast-demo-", ignore_cleanup_errors=True)
        self._running: list[Application] = []

    def __enter__(self) -> Applications:
        return self

    def __exit__(self, *error: object) -> None:
        with _uninterrupted():
            for application in reversed(self._running):
                application.stop()
            self._folder.cleanup()

    def start(self, name: str, *arguments: str) -> Application:
        """Start ``python -m arguments`` under this name."""
        application = Application(name, Path(self._folder.name), list(arguments))
        self._running.append(application)
        return application

    def check(self) -> None:
        """Raise CastError when one of them has ended."""
        for application in self._running:
            application.check()

    def folder(self, name: str) -> Path:
        """Return a new folder that is removed with the rest."""
        folder = Path(self._folder.name) / name
        folder.mkdir()
        return folder


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM (and a closed terminal) end the demo as Ctrl-C does: by KeyboardInterrupt, so that all is cleaned."""
    numbers = stop_signals()
    before = [(number, signal.signal(number, signal.default_int_handler)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C off while children are ended: an impatient second one must not leave any behind."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
