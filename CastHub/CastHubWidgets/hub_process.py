"""A hub as a child process of Slicer: started, watched and ended without ever making the main thread wait.

The child is ``PythonSlicer -m CastHubLib --end-with-stdin`` (see ``CastHubLib/child_process.py``): it ends when Slicer
does, crash included, and reports on its stdout who is connected.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from CastLib.client import Pump
from CastLib.errors import CastError
from CastLib.slicer_python import module_command
from CastSlicerLib.dependencies import missing_requirements
from CastSlicerLib.jobs import Job, Jobs
from CastSlicerLib.local_hub import hub_status
from CastSlicerLib.pump_timer import PumpTimer
from CastSlicerLib.slots import remover
from CastSlicerLib.slow_calls import slow_call

HOST = "127.0.0.1"
DEFAULT_PORT = 2018
LOG_LINES = 500

# State.kind
STOPPED, STARTING, RUNNING, STOPPING = "stopped", "starting", "running", "stopping"
# State.problem
PACKAGES_MISSING = "packages missing"
PORT_TAKEN = "port taken"
HUB_THERE = "another hub is there"
NOT_STARTED = "not started"
CRASHED = "crashed"

_STOP_SECONDS = 8.0  # the hub gives its subscribers 5 to take what waits for them
_LAST_SECONDS = 3.0  # when Slicer ends


@dataclass(frozen=True, slots=True)
class HubState:
    """Where the hub stands: ``kind`` is stopped, starting, running or stopping.

    ``problem`` says why it is stopped though nobody stopped it, ``reason`` what is known of that: the packages missing,
    what the hub there is, or the hub's last words.
    """

    kind: str = STOPPED
    port: int = 0
    address: str = ""
    problem: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Application:
    """One that has subscribed at the hub."""

    name: str
    product: str
    actors: tuple[str, ...]
    topic: str
    connected: bool


@dataclass(frozen=True, slots=True)
class HubReport:
    """What the hub reported last: ``applications``, how many there are in all, and messages delivered a second."""

    applications: tuple[Application, ...] = ()
    count: int = 0
    rate: float = 0.0
    deliveries: int = 0
    uptime_seconds: float = 0.0


class HubProcess:
    """One hub at a time. Main thread only; callbacks come on it.

    Args:
        timer: the process's pump.
        requirements: the list of the packages that the hub needs.

    Attributes:
        state: where it stands.
        report: who is connected.
        log: its last lines.
        lines: how many lines of log there were so far.
    """

    def __init__(self, timer: PumpTimer, requirements: Path) -> None:
        self._timer = timer
        self._requirements = requirements
        self._jobs = Jobs(timer.pump)
        self._child: _Child | None = None
        self._callbacks: list[Callable[[], object]] = []
        self.state = HubState()
        self.report = HubReport()
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.lines = 0

    def on_changed(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Have ``callback()`` called whenever anything has changed. Call what is returned to end it."""
        self._callbacks.append(callback)
        return remover(self._callbacks, callback)

    def start(self, port: int = DEFAULT_PORT) -> None:
        """Start a hub on this machine's loopback; `state` shows how it goes. Port 0 takes any that is free.

        Raises:
            CastError: one runs, or is about to.
        """
        if self.state.kind != STOPPED:
            raise CastError(f"The hub is {self.state.kind} already.")
        missing = missing_requirements(self._requirements)
        if missing:
            names = ", ".join(str(requirement) for requirement in missing)
            self._set(HubState(STOPPED, port, problem=PACKAGES_MISSING, reason=names))
            return
        self._timer.acquire()
        self.report = HubReport()
        child = self._child = _Child(port, self._timer.pump, self._on_address, self._on_report, self._on_log)
        self._set(HubState(STARTING, port))
        self._jobs.start(Job("The hub"), child.run, self._ended)

    def stop(self) -> None:
        """Have the hub end; nothing happens when none runs."""
        if self._child is not None and self.state.kind in (STARTING, RUNNING):
            self._set(HubState(STOPPING, self.state.port, self.state.address))
            child = self._child
            self._jobs.start(Job("Stopping the hub"), lambda: child.end(_STOP_SECONDS), lambda value, error: None)

    def close(self) -> None:
        """End the hub and wait for it: for the end of the module, when no event loop may come any more."""
        self._callbacks.clear()
        child, self._child = self._child, None
        if child is not None:
            with slow_call("the hub ends with its module"):
                child.end(_LAST_SECONDS)
            self._timer.release()
            self.state = HubState(STOPPED, self.state.port)

    def _on_address(self, child: _Child, address: str) -> None:
        if child is self._child and self.state.kind == STARTING:
            self._set(HubState(RUNNING, self.state.port, address))

    def _on_report(self, child: _Child, report: dict[str, Any]) -> None:
        if child is self._child:
            self.report = read_report(report, self.report)
            self._changed()

    def _on_log(self, child: _Child, lines: list[str]) -> None:
        if child is self._child:
            self.log.extend(lines)
            self.lines += len(lines)
            self._changed()

    def _ended(self, ending: _Ending | None, error: Exception | None) -> None:
        if self._child is None:
            return
        self._child = None
        self._timer.release()
        self.report = HubReport()
        kind, port = self.state.kind, self.state.port
        if kind == STOPPING:
            self._set(HubState(STOPPED, port))
        elif ending is None:
            self._set(HubState(STOPPED, port, problem=NOT_STARTED, reason=str(error)))
        elif ending.problem:
            self._set(HubState(STOPPED, port, problem=ending.problem, reason=ending.reason))
        else:
            last = self.log[-1] if self.log else ""
            reason = last.partition("cast: ")[2] or f"exit code {ending.code}"
            self._set(HubState(STOPPED, port, problem=CRASHED if kind == RUNNING else NOT_STARTED, reason=reason))

    def _set(self, state: HubState) -> None:
        self.state = state
        self._changed()

    def _changed(self) -> None:
        for callback in list(self._callbacks):
            callback()


@dataclass(frozen=True, slots=True)
class _Ending:
    code: int
    problem: str = ""
    reason: str = ""


class _Child:
    """The process and the threads that read from it."""

    def __init__(
        self,
        port: int,
        pump: Pump,
        address: Callable[[_Child, str], None],
        report: Callable[[_Child, dict[str, Any]], None],
        log: Callable[[_Child, list[str]], None],
    ) -> None:
        self._port = port
        self._pump = pump
        self._address, self._report, self._log = address, report, log
        self._process: subprocess.Popen[bytes] | None = None
        self._made = threading.Lock()
        self._unwanted = False

    def run(self) -> _Ending:
        """Start the hub and read from it until it ends; on a thread."""
        with self._made:
            if self._unwanted:
                return _Ending(0)
            self._process = process = subprocess.Popen(
                hub_command(self._port),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=hub_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        reading = threading.Thread(target=self._read_log, args=(process.stderr,), name="cast-hub-log", daemon=True)
        reading.start()
        answered = self._read_reports(process.stdout)
        reading.join()
        code = process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        if not answered and code and not self._unwanted:
            return who_has_port(code, self._port, self._pump)
        return _Ending(code)

    def end(self, seconds: float) -> None:
        """Have the hub end, and kill it when it has not after so long; any thread."""
        with self._made:
            self._unwanted = True
            process = self._process
        if process is None:
            return
        assert process.stdin is not None
        try:
            process.stdin.close()
        except OSError:  # it has ended by itself
            pass
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _read_reports(self, stream: IO[bytes]) -> bool:
        """Read the address and the reports after it; return whether the address came.

        What else comes was printed by the interpreter, or by a package that it imports, and stands in the log.
        """
        answered = False
        for line in stream:
            if not line.endswith(b"\n"):  # killed in the midst of it
                break
            text = line.decode("utf-8", "replace").strip()
            report = _object(text) if answered else None
            if report is not None:
                self._pump.post(self._report, self, report)
            elif not answered and text.startswith("http://"):
                answered = True
                self._pump.post(self._address, self, text)
            else:
                self._pump.post(self._log, self, [text])
        return answered

    def _read_log(self, stream: IO[bytes]) -> None:
        rest = b""
        while data := stream.read1(65_536):  # type: ignore[attr-defined]
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                self._pump.post(self._log, self, [line.decode("utf-8", "replace").rstrip() for line in lines])


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def hub_command(port: int) -> list[str]:
    """The command line of the child."""
    return module_command("CastHubLib", "--host", HOST, "--port", str(port), "--end-with-stdin")


def hub_environment() -> dict[str, str]:
    """This process's environment, with the folders of our packages on Python's path."""
    folders = []
    for package in ("CastLib", "CastHubLib"):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise CastError(f"The Python package {package} is not there: is the module Cast Hub installed completely?")
        folders.append(str(Path(spec.origin).parents[1]))
    paths = [*dict.fromkeys(folders), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def read_report(report: dict[str, Any], before: HubReport) -> HubReport:
    """What the hub has reported, with the rate since its last report."""
    applications = tuple(
        Application(one["name"], one["product"], tuple(one["actors"]), one["topic"], one["connected"])
        for one in report["subscribers"]
    )
    seconds = report["uptime_seconds"] - before.uptime_seconds
    rate = (report["deliveries"] - before.deliveries) / seconds if seconds > 0 else 0.0
    return HubReport(applications, report["subscriptions"], rate, report["deliveries"], report["uptime_seconds"])


def who_has_port(code: int, port: int, pump: Pump) -> _Ending:
    """Find out whether a hub could not start because its port is taken, and by whom; on a thread."""
    with socket.socket() as probe:
        if os.name == "posix":  # else a port that was in use a moment ago would seem taken
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return _Ending(code)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return _Ending(code)
    try:
        status = hub_status(f"http://{HOST}:{port}", pump)
    except (CastError, ImportError):
        return _Ending(code, PORT_TAKEN)
    return _Ending(code, HUB_THERE, f"{status.get('product', '')} {status.get('version', '')}".strip())
