"""A job's memory, disk and time are bounded, and what bounds them breaks no library (job_watch, job_limits)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from job_desk import Desk, make_message

from CastLib.errors import FieldError
from CastServiceProviderLib.job_settings import GB, JobSettings, in_gigabytes
from CastServiceProviderLib.job_usage import used_disk, used_memory

MB = GB // 1000

FILL = "kept[::4096] = b'x' * len(kept[::4096])\n"
WRITE = ".write_bytes(bytes(1_000_000))\n"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a job object, whose words differ")


@posix_only
@pytest.mark.parametrize(
    "body",
    [
        f"kept = bytearray(700_000_000)\n{FILL}time.sleep(600)",
        "import numpy\nkept = [numpy.ones(1_000_000) for _ in range(80)]\ntime.sleep(600)",
        "kept = []\nwhile True: kept.append(b'x' * 1_000_000); time.sleep(0.002)",
        # by children, each of which holds little
        f"children = [os.fork() for _ in range(2)]\nkept = bytearray(150_000_000)\n{FILL}time.sleep(600)",
        "import subprocess\nsubprocess.Popen([sys.executable, '-c', 'kept = b\"x\" * 600_000_000; import time; "
        "time.sleep(600)'], start_new_session=True)\ntime.sleep(600)",
    ],
    ids=["at once", "arrays", "slowly", "children", "a daemon"],
)
def test_a_job_that_takes_too_much_memory(make_desk: Callable[..., Desk], body: str) -> None:
    desk = make_desk(memory=500 * MB)
    assert desk.run(body) == ["the script used more than 0.5 GB of memory and was ended"]
    assert not desk.run("context.progress('next')")[1:]


@posix_only
def test_what_is_only_reserved_or_shared_counts_for_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(memory=500 * MB)
    body = """
        import mmap
        reserved = mmap.mmap(-1, 20_000_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
        kept = bytearray(250_000_000)
        kept[::4096] = b"x" * len(kept[::4096])
        children = []
        for _ in range(3):
            child = os.fork()
            if not child:
                time.sleep(2)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        context.progress("done")
        """
    assert not desk.run(body)


def test_native_libraries_work_within_the_limits(make_desk: Callable[..., Desk]) -> None:
    body = """
        import numpy
        import SimpleITK
        image = SimpleITK.GetImageFromArray(numpy.random.default_rng(0).random((60, 60, 60)).astype(numpy.float32))
        numpy.linalg.inv(numpy.random.default_rng(0).random((300, 300)))
        context.progress(str(SimpleITK.CurvatureFlow(image).GetSize()))
        """
    desk = make_desk(memory=2 * GB)
    assert not desk.run(body)
    assert desk.told[0][1] == "(60, 60, 60)"


@posix_only
@pytest.mark.parametrize(
    "body",
    [
        # in many files, in folders, in temporary files
        f"for n in range(60): (context.directory / str(n)){WRITE}time.sleep(600)",
        "folder = context.directory / 'a' / 'b'\nfolder.mkdir(parents=True)\n"
        f"for n in range(60): (folder / str(n)){WRITE}time.sleep(600)",
        f"import pathlib, tempfile\nfor n in range(60): pathlib.Path(tempfile.mkstemp()[1]){WRITE}time.sleep(600)",
    ],
    ids=["files", "folders", "temporary"],
)
def test_a_job_that_fills_the_disk(make_desk: Callable[..., Desk], body: str) -> None:
    desk = make_desk(disk=40 * MB)
    assert desk.run(body) == ["the script wrote more than 0.04 GB to disk and was ended"]


@posix_only
def test_one_file_cannot_become_larger_anywhere(make_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = make_desk(disk=40 * MB)
    (error,) = desk.run(f"open({str(tmp_path / 'large')!r}, 'wb').write(bytes(50_000_000))")
    assert error == "the script wrote a file of more than 0.04 GB, which is more than it may"
    assert (tmp_path / "large").stat().st_size <= 40 * MB


def test_temporary_files_go_with_the_job(desk: Desk) -> None:
    assert not desk.run(
        "import tempfile\ncontext.progress(tempfile.mkdtemp())\ncontext.progress(tempfile.mkstemp()[1])"
    )
    assert all(not Path(text).exists() for _, text, _ in desk.told)
    assert not desk.run("context.progress(str(os.listdir(context.directory)))")
    assert desk.told[-1][1] == "[]", "they are not among the job's own files"


@posix_only
def test_a_job_whose_pipe_is_full_is_ended_all_the_same(make_desk: Callable[..., Desk]) -> None:
    """It is stopped, so nobody reads what the provider writes to it, and that is more than a pipe holds."""
    desk = make_desk(timeout=2.0)
    names = [f"{number}-{'x' * 180}.dcm" for number in range(5000)]
    body = """
        import signal, threading
        def stop():
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGSTOP)
        threading.Thread(target=stop, daemon=True).start()
        while True: context.files()
        """
    done = threading.Event()
    desk.write(body)
    desk.jobs.submit(make_message(*names))
    threading.Thread(target=lambda: (desk.wait_idle(), done.set()), daemon=True).start()
    assert done.wait(30)
    assert [text for level, text, _ in desk.told if level == "error"] == [
        "the script did not finish within 2 s and was ended"
    ]


def test_what_is_used_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(bytes(3_000_000))
    (tmp_path / "loop").symlink_to(tmp_path)
    assert 3_000_000 <= used_disk(tmp_path) < 3_100_000
    assert used_disk(tmp_path / "gone") == 0
    assert used_memory(2**30, 0) == 0


def test_defaults_and_words() -> None:
    assert JobSettings().max_memory_bytes > JobSettings(slots=2).max_memory_bytes > 0
    assert JobSettings(memory=7).max_memory_bytes == 7
    assert (in_gigabytes(8 * GB), in_gigabytes(1_500 * MB), in_gigabytes(700)) == ("8 GB", "1.5 GB", "700 bytes")
    for field in ("memory", "disk", "hub_away"):
        with pytest.raises(FieldError, match=field):
            JobSettings(**{field: -1})
