#!/usr/bin/env python3
"""Start here: makes the project's own Python environment from the lock file, then runs something in it.

  python3 run.py demo [ARGUMENTS]      the whole product at work on a sample study
  python3 run.py test [--long] [PYTEST ARGUMENTS]
                                       ruff, mypy and the tests; the last line counts them
  python3 run.py VERB [ARGUMENTS]      any other verb of the command `cast`: hub, display, provide, send, ...
                                       (`python3 run.py cast --help` lists them)
  python3 run.py env                   only makes the environment

The environment is the folder .venv beside this file. It is made once, by uv where that is installed and by venv
and pip otherwise, and anew when the lock file, the project's metadata or the Python has changed.
"""

# Nothing but the standard library, and nothing that Python 3.6 cannot parse: an old Python is to be told in one
# sentence what is wrong instead of getting a syntax error.

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

ROOT = os.path.dirname(os.path.abspath(__file__))
LOCK = os.path.join(ROOT, "requirements.lock")
STAND_IN_LOCK = os.path.join(ROOT, "Testing", "slicer_host", "requirements.lock")
PROJECT = os.path.join(ROOT, "pyproject.toml")
ENVIRONMENT = os.path.join(ROOT, ".venv")
STAMP = os.path.join(ENVIRONMENT, "made-by-run.txt")
SCRIPTS = os.path.join(ENVIRONMENT, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(SCRIPTS, "python.exe" if os.name == "nt" else "python")
TEMPORARY = os.path.join(ENVIRONMENT, "temporary")  # here, so that what an interrupted installer leaves goes with it
UNFINISHED = "unfinished"
# The Python itself, however it was called: by another name, through a link, or from inside the environment, whose own
# Python goes when the environment is made anew.
BASE = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)

OLDEST = (3, 10)
NEWEST_WITH_ENGINE = (3, 13)
ENGINE_PLATFORMS = (("linux", "x86_64"), ("win32", "AMD64"), ("darwin", "arm64"))
ENGINE_VERBS = ("demo", "display", "test")

FAILED, USAGE, INTERRUPTED = 1, 2, 130


class CannotRun(Exception):
    """One sentence for the person who started this: what is missing and what to do."""


# --- what can be run here ---------------------------------------------------------------------------------------


def python_refusal(version: "tuple[int, ...]", implementation: str, executable: str) -> "str | None":
    """Why this Python cannot carry the product at all, or None. ``version`` as in ``sys.version_info``."""
    if implementation == "CPython" and version[:2] >= OLDEST:
        return None
    return (
        f"Cast Interface needs CPython {dotted(OLDEST)} or newer and this is {implementation} "
        f"{dotted(version[:3])} ({executable}): start run.py with a newer one, for example `python3.12 run.py demo`."
    )


def engine_refusal(version: "tuple[int, ...]", system: str, machine: str) -> "str | None":
    """Why Slicer's engine (slicer-core) has no build for this Python or machine, or None."""
    where = "The display, the demo and the tests need Slicer's engine, which is made for"
    if version[:2] > NEWEST_WITH_ENGINE:
        return (
            f"{where} CPython {dotted(OLDEST)} to {dotted(NEWEST_WITH_ENGINE)} and this is {dotted(version[:2])}: "
            f"start run.py with one of those, for example `python{dotted(NEWEST_WITH_ENGINE)} run.py demo`."
        )
    if (system, machine) not in ENGINE_PLATFORMS:
        return (
            f"{where} Linux x86_64, Windows x86_64 and macOS arm64 and this is {system} {machine}; "
            "the hub and providers do run here (`run.py hub`, `run.py provide`)."
        )
    return None


def libc_refusal(name: str, version: str) -> "str | None":
    """Why this Linux's C library cannot carry the packages, or None. Both as ``platform.libc_ver`` tells them."""
    if name == "glibc" and tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= (2, 28):
        return None
    found = f"{name} {version}" if name else "another C library"
    return (
        f"Cast Interface's packages need Linux with glibc 2.28 or newer and this has {found}: "
        "use a newer system, for example Debian 10, Ubuntu 20.04, RHEL 8 or later."
    )


def venv_refusal(version: "tuple[int, ...]", has_module: "Callable[[str], bool]") -> "str | None":
    """Why venv and pip cannot make an environment here, or None."""
    if has_module("venv") and has_module("ensurepip"):
        return None
    return (
        "Python's venv module with its pip is missing: on Debian or Ubuntu, "
        f"`sudo apt-get install python{dotted(version[:2])}-venv`; elsewhere, install uv; then start run.py again."
    )


def running_refusal(system: str, prefix: str) -> "str | None":
    """Why the environment cannot be made anew by the Python inside it, or None: Windows keeps what runs."""
    if system != "nt" or not os.path.isdir(ENVIRONMENT) or not os.path.samefile(prefix, ENVIRONMENT):
        return None
    return (
        f"The environment in {ENVIRONMENT} must be made anew, and it is the one that is active: "
        "type `deactivate`, then start run.py again."
    )


def rendering_refusal(renders: "Callable[[], bool]") -> "str | None":
    """What to install on Linux when OpenGL without a screen is not to be had, or None."""
    try:
        if renders():
            return None
        lacking = "EGL (libEGL.so.1) finds no driver"
    except OSError:
        lacking = "the system library EGL (libEGL.so.1) is missing"
    return (
        f"Rendering needs Mesa's OpenGL and {lacking}: on Debian or Ubuntu, "
        "`sudo apt-get install libegl1 libgl1-mesa-dri`; on Fedora or RHEL, "
        "`sudo dnf install mesa-libEGL mesa-dri-drivers`; then start run.py again."
    )


def egl_renders() -> bool:
    """Whether any EGL device can be opened, as VTK will; it takes 0.04 s. Raises OSError without libEGL."""
    platform_device = 0x313F  # EGL_PLATFORM_DEVICE_EXT
    os.environ.setdefault("EGL_LOG_LEVEL", "fatal")  # one sentence of ours instead of Mesa's lines
    egl = ctypes.CDLL("libEGL.so.1")
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglInitialize.argtypes = [ctypes.c_void_p] * 3
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query or not display_of:
        return False
    query_devices = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(query)
    get_display = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(display_of)
    devices, count = (ctypes.c_void_p * 16)(), ctypes.c_int()
    query_devices(len(devices), devices, ctypes.byref(count))
    return any(
        egl.eglInitialize(get_display(platform_device, device, None), None, None) for device in devices[: count.value]
    )


def check_engine() -> None:
    """Raises CannotRun when what the verbs with pictures need is not to be had here."""
    refuse_if(engine_refusal(sys.version_info[:3], sys.platform, platform.machine()))
    if sys.platform == "linux":
        refuse_if(rendering_refusal(egl_renders))


def refuse_if(reason: "str | None") -> None:
    if reason is not None:
        raise CannotRun(reason)


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def dotted(version: "tuple[int, ...]") -> str:
    return ".".join(str(number) for number in version)


# --- the environment --------------------------------------------------------------------------------------------


def ensure_environment() -> None:
    """Makes the environment unless it is there, made from the same things. It may be interrupted anywhere."""
    wanted = wanted_stamp()
    if is_ready(wanted):
        return
    if sys.platform == "linux":
        refuse_if(libc_refusal(*platform.libc_ver()))
    refuse_if(running_refusal(os.name, sys.prefix))
    with stopping_on_sigterm(), one_at_a_time():
        if is_ready(wanted):  # another run.py made it while this one waited
            return
        make_environment()
        write_stamp(wanted)


def wanted_stamp() -> str:
    contents = []
    for path in (LOCK, PROJECT):
        with open(path, "rb") as file:
            contents.append(file.read())
    return stamp(contents, sys.version, BASE, ROOT)


def stamp(contents: "list[bytes]", *facts: str) -> str:
    """What an environment is made from, as one word: another lock, Python or folder gives another."""
    digest = hashlib.sha256()
    for part in [*contents, *(fact.encode() for fact in facts)]:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def is_ready(wanted: str) -> bool:
    try:
        with open(STAMP, encoding="ascii") as file:
            return file.read().strip() == wanted and os.path.exists(PYTHON)
    except OSError:
        return False


def write_stamp(text: str) -> None:
    with open(STAMP, "w", encoding="ascii") as file:
        file.write(text + "\n")


def make_environment() -> None:
    if shutil.which("uv"):
        try:
            return make_with("uv", uv_commands())
        except CannotRun as error:
            say(f"{error}\nTrying with venv and pip instead.")
    refuse_if(venv_refusal(sys.version_info[:3], has_module))
    return make_with("pip", pip_commands())


def uv_commands() -> "list[list[str]]":
    install = ["uv", "pip", "install", "--no-config", "--python", PYTHON, "--no-deps"]
    return [
        ["uv", "venv", "--no-config", "--allow-existing", "--python", BASE, ENVIRONMENT],
        [*install, "--require-hashes", "-r", LOCK],
        [*install, "--no-build-isolation", "--editable", ROOT],
    ]


def pip_commands() -> "list[list[str]]":
    install = [PYTHON, "-m", "pip", "install", "--no-user", "--disable-pip-version-check", "--no-deps"]
    return [
        [BASE, "-m", "venv", ENVIRONMENT],
        [*install, "--require-hashes", "-r", LOCK],
        [*install, "--no-build-isolation", "--editable", ROOT],
    ]


def make_with(tool: str, commands: "list[list[str]]") -> None:
    """Runs the three commands that make the environment from nothing: the folder, the packages, the project."""
    empty_environment()
    os.mkdir(TEMPORARY)
    progress = Progress(f"Making the environment in {ENVIRONMENT} with {tool} (about 1.5 GB, once)")
    try:
        for command in commands:
            run_showing_progress(tool, command, progress)
        shutil.rmtree(TEMPORARY)
        progress.finish(f"The environment is ready: {progress.total} packages in {progress.elapsed()}.")
    finally:
        progress.clear()


def ensure_stand_in() -> None:
    """Adds what the tests' stand-in for Slicer needs (Qt), which the product does not."""
    mark = os.path.join(ENVIRONMENT, "stand-in.txt")
    with open(STAND_IN_LOCK, "rb") as file:
        wanted = stamp([file.read()], wanted_stamp())
    if os.path.exists(mark):
        with open(mark, encoding="ascii") as file:
            if file.read() == wanted:
                return
    say("Adding Qt, for the tests' stand-in for Slicer (about 250 MB, once)")
    command = pip_commands()[1][:-1]
    if shutil.which("uv"):
        command = uv_commands()[1][:-1]
    if subprocess.call([*command, STAND_IN_LOCK], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) != 0:
        raise CannotRun("Qt, which the tests need, could not be installed (on Linux it wants glibc 2.34 or newer).")
    with open(mark, "w", encoding="ascii") as file:
        file.write(wanted)


def empty_environment() -> None:
    """Empties the folder but for the stamp, which says `unfinished` from before the first deletion to the end."""
    if os.path.isdir(ENVIRONMENT) and os.listdir(ENVIRONMENT) and not os.path.exists(STAMP):
        raise CannotRun(f"{ENVIRONMENT} is there but was not made by run.py: move it away, then start run.py again.")
    os.makedirs(ENVIRONMENT, exist_ok=True)
    write_stamp(UNFINISHED)
    for name in os.listdir(ENVIRONMENT):
        path = os.path.join(ENVIRONMENT, name)
        if path == STAMP:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def run_showing_progress(tool: str, command: "list[str]", progress: "Progress") -> None:
    """Runs an installer, showing how far it is. It ends with us, and its own children with it."""
    with child_process(
        command,
        end_group,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": TEMPORARY, "TEMP": TEMPORARY, "TMP": TEMPORARY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C comes to us alone, and we end the whole group
    ) as process:
        lines = []  # type: list[str]

        def read() -> None:
            for data in process.stdout or ():
                line = data.decode("utf-8", "replace").rstrip()
                progress.note(line)
                if line and not line.startswith("Ignoring "):
                    lines.append(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        while process.poll() is None:
            progress.show()
            time.sleep(0.1)
        reader.join(2)
    if process.returncode != 0:
        progress.clear()
        say("\n".join(lines[-15:]))
        raise CannotRun(f"{tool} could not make the environment; its last lines are above.")


def end_group(process: "subprocess.Popen[bytes]") -> None:
    if sys.platform == "win32":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()


@contextlib.contextmanager
def child_process(
    command: "list[str]", end: "Callable[[subprocess.Popen[bytes]], None]", **options: "Any"
) -> "Iterator[subprocess.Popen[bytes]]":
    """Starts a process; when the block is left before it has ended, whatever the reason, ``end`` ends it."""
    process = None
    try:
        with signals_later():
            process = subprocess.Popen(command, **options)
        yield process
    finally:
        if process is not None and process.poll() is None:
            end(process)


@contextlib.contextmanager
def signals_later() -> "Iterator[None]":
    """Holds Ctrl-C and SIGTERM back, so that none comes between a process's start and our knowing of it."""
    waiting = []  # type: list[int]
    before = {
        number: signal.signal(number, lambda number, frame: waiting.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for held in waiting:
            signal.raise_signal(held)


class Progress:
    """How far the installation is: one live line on a terminal, a plain line now and then elsewhere."""

    PLAIN_SECONDS = 10.0

    def __init__(self, title: str) -> None:
        self.live = sys.stderr.isatty()
        self.started = self.last_plain = time.monotonic()
        self.fetched = 0
        self.width = 0
        with open(LOCK, encoding="utf-8") as file:
            self.total = sum("==" in line for line in file)
        say(title)

    def note(self, line: str) -> None:
        """Learns from one line of what pip or uv prints."""
        if line.startswith("Ignoring "):  # pip: this one is for another platform
            self.total -= 1
        elif line.startswith("Collecting "):
            self.fetched += 1
        resolved = re.match(r"Resolved (\d+) packages", line)  # uv
        if resolved and int(resolved.group(1)) > 1:
            self.total = int(resolved.group(1))

    def installed(self) -> int:
        """Counts the packages that are there by now."""
        for folder in ("Lib", "lib"):
            for path, folders, _ in os.walk(os.path.join(ENVIRONMENT, folder)):
                if os.path.basename(path) == "site-packages":
                    return sum(name.endswith(".dist-info") for name in folders)
        return 0

    def text(self) -> str:
        installed = self.installed()
        if installed > 4:  # a new environment may hold pip and setuptools before the first of ours
            return f"installed {min(installed, self.total)} of {self.total} packages, {self.elapsed()}"
        return f"fetched {self.fetched} of {self.total} packages, {self.elapsed()}"

    def elapsed(self) -> str:
        return f"{time.monotonic() - self.started:.0f} s"

    def show(self) -> None:
        if self.live:
            text = self.text()[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write("\r" + text.ljust(self.width))
            sys.stderr.flush()
            self.width = len(text)
        elif time.monotonic() - self.last_plain > self.PLAIN_SECONDS:
            self.last_plain = time.monotonic()
            say("  " + self.text())

    def clear(self) -> None:
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()
            self.width = 0

    def finish(self, text: str) -> None:
        self.clear()
        say(text)


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Holds a lock on this file, so that two run.py started together make one environment."""
    with open(__file__, "rb") as file:
        if not try_lock(file.fileno()):
            say("Another run.py is making the environment: waiting for it.")
            while not try_lock(file.fileno()):
                time.sleep(0.2)
        yield


def try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # a byte far past the end, so that reading goes on
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def stopping_on_sigterm() -> "Iterator[None]":
    """SIGTERM unwinds as Ctrl-C does, so that no installer is left behind."""

    def stop(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- what is run in it ------------------------------------------------------------------------------------------


def run_cast(arguments: "list[str]") -> int:
    """Becomes the command `cast`; where a process cannot become another, waits for it."""
    if os.name != "nt":
        os.execv(PYTHON, [PYTHON, os.path.join(SCRIPTS, "cast"), *arguments])
    return run_child([os.path.join(SCRIPTS, "cast.exe"), *arguments])


def run_child(command: "list[str]") -> int:
    """Runs a command to its end and returns its exit code; 130 after Ctrl-C. It leaves no child behind."""
    with child_process(command, end_gently) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal gave it to the child as well, which now clears up
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
    return INTERRUPTED


def end_gently(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C, so that the process ends its own children, and force when it does not."""
    process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    process.kill()
    process.wait()


def run_tests(arguments: "list[str]") -> int:
    """Lint, types and tests, in the environment; the last line counts what passed and failed."""
    with stopping_on_sigterm():
        return run_child([PYTHON, os.path.join(ROOT, "Testing", "tools", "run_tests.py"), *arguments])


def main(arguments: "list[str]") -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else USAGE
    verb, rest = arguments[0], arguments[1:]
    try:
        refuse_if(python_refusal(sys.version_info[:3], platform.python_implementation(), sys.executable))
        if verb == "cast" and rest:
            verb = rest[0]
        elif verb not in ("env", "test", "cast"):
            rest = arguments
        if verb in ENGINE_VERBS:
            check_engine()
        ensure_environment()
        if verb == "env":
            return 0
        if arguments[0] != "test":
            return run_cast(rest)
        ensure_stand_in()
        return run_tests(rest)
    except KeyboardInterrupt:
        say("Interrupted.")
        return INTERRUPTED
    except CannotRun as error:
        say(str(error))
    except OSError as error:
        say(f"Could not make or use the environment in {ENVIRONMENT}: {error}.")
    return FAILED


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
