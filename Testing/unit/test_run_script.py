"""run.py: what it refuses, when it makes the environment anew, and what it leaves behind."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("run_script", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run() -> Any:
    return load(ROOT / "run.py")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with run.py and what it reads, and no environment."""
    for name in ("run.py", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def start(clone: Path, *arguments: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Starts a clone's run.py from another folder, after the statements ``before`` in the same Python."""
    code = f"""import runpy, sys
{before}
sys.argv = ["run.py", *{arguments!r}]
runpy.run_path({str(clone / "run.py")!r}, run_name="__main__")"""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(clone).anchor,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith(".\n") and "Traceback" not in text


def test_an_old_python_can_still_parse_it() -> None:
    ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 8, 18), (3, 9, 0)])
def test_an_old_python_is_told_in_one_sentence(clone: Path, version: tuple[int, ...]) -> None:
    result = start(clone, "demo", before=f"sys.version_info = {version!r}")
    assert result.returncode == 1
    assert one_sentence(result.stderr)
    assert "3.10" in result.stderr
    assert not (clone / ".venv").exists()


def test_pypy_is_refused(run: Any) -> None:
    assert "PyPy" in run.python_refusal((3, 11, 0), "PyPy", "pypy3")
    assert run.python_refusal((3, 15, 0), "CPython", "python3") is None


@pytest.mark.parametrize(
    ("version", "system", "machine", "said"),
    [
        ((3, 10, 0), "linux", "x86_64", None),
        ((3, 13, 9), "darwin", "arm64", None),
        ((3, 12, 1), "win32", "AMD64", None),
        ((3, 12, 1), "linux", "aarch64", "run.py hub"),
        ((3, 12, 1), "darwin", "x86_64", "run.py hub"),
        ((3, 14, 0), "linux", "x86_64", "python3.13 run.py demo"),
    ],
)
def test_where_the_engine_has_no_build_the_reason_is_given(
    run: Any, version: tuple[int, ...], system: str, machine: str, said: str | None
) -> None:
    refusal = run.engine_refusal(version, system, machine)
    assert (refusal is None) if said is None else said in refusal


@pytest.mark.parametrize(
    ("name", "version", "fits"),
    [
        ("glibc", "2.28", True),
        ("glibc", "2.36", True),
        ("glibc", "2.17", False),
        ("", "", False),
        ("musl", "1.2", False),
    ],
)
def test_the_c_library_must_be_new_enough(run: Any, name: str, version: str, fits: bool) -> None:
    assert (run.libc_refusal(name, version) is None) == fits


def test_rendering_names_the_debian_packages_when_the_library_or_its_driver_is_missing(run: Any) -> None:
    def no_library() -> bool:
        raise OSError("libEGL.so.1: cannot open shared object file")

    assert run.rendering_refusal(lambda: True) is None
    for renders in (no_library, lambda: False):
        assert "apt-get install libegl1 libgl1-mesa-dri" in run.rendering_refusal(renders)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Debian's packages")
def test_without_ensurepip_and_uv_the_package_to_install_is_named(clone: Path, tmp_path: Path) -> None:
    result = start(clone, "env", before="sys.modules['ensurepip'] = None", PATH="/nowhere")
    assert result.returncode == 1
    assert one_sentence(result.stderr)
    assert f"apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in result.stderr
    assert not (clone / ".venv").exists()


def test_the_stamp_changes_with_everything_an_environment_is_made_from(run: Any) -> None:
    stamps = [
        run.stamp([b"lock", b"project"], "3.11", "/clone"),
        run.stamp([b"lock2", b"project"], "3.11", "/clone"),
        run.stamp([b"lock", b"project2"], "3.11", "/clone"),
        run.stamp([b"lockproject", b""], "3.11", "/clone"),
        run.stamp([b"lock", b"project"], "3.12", "/clone"),
        run.stamp([b"lock", b"project"], "3.11", "/moved"),
    ]
    assert len(set(stamps)) == len(stamps)
    assert run.stamp([b"lock", b"project"], "3.11", "/clone") == stamps[0]


@posix_only
def test_one_python_under_several_names_makes_one_environment(clone: Path, tmp_path: Path) -> None:
    told = "import importlib.util as u; s = u.spec_from_file_location('run', 'run.py'); m = u.module_from_spec(s)"
    told += "; s.loader.exec_module(m); print(m.wanted_stamp(), m.BASE)"
    link, inside = tmp_path / "my-python", tmp_path / "elsewhere"
    link.symlink_to(sys.executable)
    base = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    subprocess.run([base, "-m", "venv", "--without-pip", str(inside)], check=True)
    names = [sys.executable, str(link), base, str(inside / "bin" / "python")]
    said = {subprocess.check_output([name, "-c", told], cwd=clone, text=True) for name in names}
    assert len(said) == 1, said


def test_the_active_environment_is_not_taken_away_where_what_runs_cannot_be(clone: Path) -> None:
    run = load(clone / "run.py")
    assert run.running_refusal("nt", sys.prefix) is None
    (clone / ".venv").mkdir()
    assert run.running_refusal("nt", sys.prefix) is None
    assert "deactivate" in run.running_refusal("nt", str(clone / ".venv"))
    assert run.running_refusal("posix", str(clone / ".venv")) is None


def test_an_interrupted_environment_is_made_anew_and_a_finished_one_is_not(clone: Path) -> None:
    run = load(clone / "run.py")
    wanted = run.wanted_stamp()
    assert not run.is_ready(wanted)
    run.empty_environment()
    assert not run.is_ready(wanted)
    Path(run.PYTHON).parent.mkdir()
    Path(run.PYTHON).touch()
    assert not run.is_ready(wanted)
    run.write_stamp(wanted)
    assert run.is_ready(wanted)
    (clone / "requirements.lock").write_text("other==1\n")
    assert not run.is_ready(run.wanted_stamp())


def test_emptying_keeps_the_mark_that_the_environment_is_ours(clone: Path) -> None:
    run = load(clone / "run.py")
    run.empty_environment()
    (clone / ".venv" / "lib").mkdir()
    (clone / ".venv" / "lib" / "file").touch()
    if os.name != "nt":
        (clone / ".venv" / "lib64").symlink_to("lib")
    run.empty_environment()
    assert os.listdir(clone / ".venv") == [Path(run.STAMP).name]
    assert Path(run.STAMP).read_text().strip() == run.UNFINISHED


def test_an_environment_that_somebody_else_made_is_left_alone(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "pyvenv.cfg").touch()
    result = start(clone, "env")
    assert result.returncode == 1
    assert "was not made by run.py" in result.stderr
    assert os.listdir(clone / ".venv") == ["pyvenv.cfg"]


def test_an_installer_that_fails_shows_its_last_lines(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load(clone / "run.py")
    failing = [sys.executable, "-c", "print('no such package'); raise SystemExit(3)"]
    with pytest.raises(run.CannotRun, match="pip could not make the environment"):
        run.make_with("pip", [failing])
    assert "no such package" in capsys.readouterr().err
    assert not run.is_ready(run.wanted_stamp())


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["Ignoring tomli: markers don't match your environment", "Collecting aiohttp==3", "Using cached"], "1 of {}"),
        (["Resolved 40 packages in 1.2s"], "0 of 40"),
    ],
)
def test_progress_is_read_from_what_pip_and_uv_print(clone: Path, lines: list[str], text: str) -> None:
    progress = load(clone / "run.py").Progress("title")
    expected = text.format(progress.total - 1)
    for line in lines:
        progress.note(line)
    assert f"fetched {expected} packages" in progress.text()


def test_two_started_together_make_one_environment(run: Any) -> None:
    with run.one_at_a_time(), open(run.__file__, "rb") as other:
        assert not run.try_lock(other.fileno())
    with open(run.__file__, "rb") as other:
        assert run.try_lock(other.fileno())


ENDLESS_INSTALLATION = """
import importlib.util, shutil, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
spec = importlib.util.spec_from_file_location("run", sys.argv[1])
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)
run.pip_commands = lambda: [["sh", "-c", "sleep 300 & echo $! > child; wait"]]
shutil.which = lambda name: None
sys.exit(run.main(["env"]))
"""


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_installation_leaves_no_process(clone: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_INSTALLATION, str(clone / "run.py")], cwd=clone, stderr=subprocess.PIPE
    )
    child = clone / "child"
    deadline = time.monotonic() + 30
    while not (child.exists() and child.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert process.stderr is not None
    process.stderr.close()
    assert is_gone(int(child.read_text()))


def is_gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process ends within the time; one that waits to be reaped has ended."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True


def test_help_needs_no_environment(clone: Path) -> None:
    assert start(clone, "--help").stdout.startswith("Start here")
    assert start(clone).returncode == 2
    assert not (clone / ".venv").exists()
