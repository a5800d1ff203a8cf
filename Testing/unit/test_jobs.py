"""Jobs in processes of their own: good ones, and every way in which one can go wrong (CastServiceProviderLib.jobs)."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hub_process import package_environment
from job_desk import Desk, make_message, wait_for

from CastLib.errors import CastError, FieldError
from CastServiceProviderLib.job_runner import NO_RESULT
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.jobs import QueueFull
from CastServiceProviderLib.result_check import check_results

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy" / "DICOM"


def test_a_good_job(desk: Desk) -> None:
    errors = desk.run(
        """
        assert message["event"]["hub.event"] == "dicom-send" and message["subscriber.name"] == "VIEW-1"
        assert (context.hub_name, context.product_name, context.product_version) == ("http://hub", "TEST", "7")
        assert (context.description, context.script_path) == ("Tests", __file__)
        assert not context.cancelled()
        first = context.files(choose=lambda entry: entry.file_name == "b.dcm")
        context.progress("half", 0.5)
        both = context.files()
        assert both[1:] == first and all(path.parent == context.directory for path in both)
        result = context.directory / "result.json"
        result.write_text(str(context.directory))
        assert context.send_files([result], event="scene-update", context={"task": "x"}) == "sent-1"
        """
    )
    assert not errors
    assert desk.fetched == [[1], [0]]
    assert desk.told == [("info", "half", 0.5)]
    ((event, (content,), context),) = desk.sent
    assert (event, context) == ("scene-update", {"task": "x"})
    assert not Path(content.decode()).exists(), "the job's folder is removed"


def test_no_module_comes_from_the_working_folder(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    working = desk.folder / "working"
    working.mkdir()
    for name in ("json", "CastLib", "numpy"):
        (working / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    monkeypatch.chdir(working)
    assert not desk.run("context.progress(os.path.basename(os.getcwd()))", "import numpy")
    assert desk.told == [("info", "working", None)]


@pytest.mark.parametrize(
    ("body", "before", "error"),
    [
        ("raise ValueError('No T1 image came')", "", "No T1 image came"),
        ("raise RuntimeError()", "", "RuntimeError"),
        ("message['event']['nothing']", "", "KeyError: 'nothing'"),
        ("pass", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("pass", "def broken(:", "Script.py, line 2: invalid syntax"),
        ("sys.exit(3)", "", "the script ended itself with 3"),
        ("sys.exit('bye')", "", "the script ended itself with bye"),
        ("os._exit(7)", "", "the script's process ended itself with code 7"),
        ("os._exit(0)", "", "the script's process ended itself with code 0"),
        ("context._pipe.send('dance')", "", "the job told nonsense: dance"),
        ("input()", "", "EOFError: EOF when reading a line"),
        ("context.send_files([])", "", "paths: is empty: no result file was named"),
        ("context.send_files(['gone.dcm'])", "", "there is no such file"),
        ("context.send_files(context.files())", "", "0.dcm: cannot go out as DICOM: no DICOM file"),
        ("context.files(choose=lambda entry: 1 / 0)", "", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_script_that_fails(desk: Desk, body: str, before: str, error: str) -> None:
    errors = desk.run(body, before)
    assert len(errors) == 1 and error in errors[0]
    assert "Traceback" not in errors[0]
    assert not desk.run("context.progress('still here')")[1:], "the next job is not the worse for it"
    assert ("info", "still here", None) in desk.told


def test_sys_exit_without_a_code_is_an_end_like_another(desk: Desk) -> None:
    assert not desk.run("context.progress('nothing to be seen here'); sys.exit()")
    assert desk.notes == ["done, without a result file"]
    assert desk.run("sys.exit(0)") == [NO_RESULT]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_script_that_crashes(desk: Desk) -> None:
    assert desk.run("import signal; os.kill(os.getpid(), signal.SIGSEGV)") == [
        "the script's process crashed in a native library (SIGSEGV)"
    ]
    killed = desk.run("import signal; os.kill(os.getpid(), signal.SIGKILL)")[1]
    assert killed == "the script's process was killed (SIGKILL); the machine was probably out of memory"


def test_trace_and_output_are_logged_not_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cast.provider")
    errors = desk.run("print('100 %s of it'); raise ValueError('sad')")
    assert errors == ["sad"]
    assert "Traceback" in caplog.text and "100 %s of it" in caplog.text


def test_a_script_that_hangs_is_ended_with_its_children(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(timeout=1.5)
    errors = desk.run(
        """
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        context.progress(f"{os.getpid()} {child.pid} {context.directory}")
        time.sleep(600)
        """
    )
    assert errors == ["the script did not finish within 1.5 s and was ended"]
    job, child, folder = desk.told[0][1].split()
    wait_for(lambda: not alive(int(job)) and not alive(int(child)))
    assert not Path(folder).exists()


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_floods_of_output_are_bounded(make_desk: Callable[..., Desk], caplog: pytest.LogCaptureFixture) -> None:
    desk = make_desk(output=1000)
    before = psutil.Process().memory_info().rss
    errors = desk.run(
        """
        for _ in range(300):
            print("x" * 100000)
            os.write(1, b"y" * 100000)
            os.write(2, b"\\xff" * 1000)
        context.progress("printed")
        raise ValueError("end")
        """
    )
    assert errors == ["end"]
    assert ("info", "printed", None) in desk.told
    assert len(caplog.text) < 20000
    assert psutil.Process().memory_info().rss - before < 30e6


def test_long_lines_are_cut_in_what_is_told_and_broken_in_the_log(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(text=20)
    errors = desk.run(
        """
        context.progress("p" * 100_000)
        print("x" * 100_000)
        print("\\n" * 10_000)
        raise ValueError("e" * 100_000)
        """
    )
    assert errors == [f"{'e' * 20}… (100,000 characters)"]
    assert desk.told[0][1] == f"{'p' * 20}… (100,000 characters)"
    (record,) = desk.records.all()
    lines = record.log.splitlines()
    assert len(lines) < 1200 and max(map(len, lines)) <= 400


def test_a_share_that_is_none_ends_no_job(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(progress_interval=0.0)
    shares = "(-1, 5, float('nan'), float('inf'), True, 0.25)"
    assert not desk.run(f"for n, x in enumerate({shares}): context.progress(str(n), x)")
    assert [fraction for _, _, fraction in desk.told] == [0.0, 1.0, None, None, 1.0, 0.25]


def test_a_text_that_is_no_unicode_arrives_all_the_same(desk: Desk) -> None:
    assert desk.run(r"""context.progress("f\udcfc.dcm"); raise ValueError("bad \ud800")""") == ["bad ?"]
    assert ("info", "f?.dcm", None) in desk.told


def test_floods_of_progress_are_thinned(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(progress_interval=60.0)
    assert not desk.run("for i in range(5000): context.progress(f'step {i}', i / 4999)")
    texts = [text for _, text, _ in desk.told]
    assert len(texts) == 2 and texts[-1] == "step 4999"


def test_threads_of_a_script_may_all_use_the_context(desk: Desk) -> None:
    body = """
        from concurrent.futures import ThreadPoolExecutor
        result = context.directory / "r.json"
        result.write_text("x")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: context.send_files([result], event="scene-update"), range(20)))
        """
    assert not desk.run(body)
    assert len(desk.sent) == 20


def test_scripts_do_not_see_the_secret(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAST_CLIENT_SECRET", "hush")
    assert not desk.run("assert 'hush' not in str(os.environ); context.progress('none')")


def test_slots_and_queue(make_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = make_desk(slots=2, queue=1)
    gate = tmp_path / "gate"
    desk.write(f"context.progress(str(os.getpid()))\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)")
    for _ in range(3):
        desk.jobs.submit(make_message("a.dcm"))
    wait_for(lambda: len(desk.told) == 2)
    assert (desk.jobs.running, desk.jobs.waiting) == (2, 1)
    with pytest.raises(QueueFull, match="1 jobs are waiting"):
        desk.jobs.submit(make_message("a.dcm"))
    gate.touch()
    desk.wait_idle()
    assert len({text for _, text, _ in desk.told}) == 3, "each in a process of its own"


def test_stopping_tells_and_ends(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(grace=20.0)
    desk.write(
        """
        context.progress("working")
        while not context.cancelled():
            time.sleep(0.02)
        context.progress("left in good order")
        """
    )
    desk.jobs.submit(make_message("a.dcm"))
    desk.jobs.submit(make_message("a.dcm"))
    wait_for(lambda: desk.told)
    desk.jobs.stop()
    assert [text for _, text, _ in desk.told] == ["working", "the service is stopping", "left in good order"]
    with pytest.raises(CastError, match="stopping"):
        desk.jobs.submit(make_message("a.dcm"))


def test_calling_off_one_job_tells_its_asker_however_the_script_takes_it(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(grace=20.0)
    desk.write(
        """
        context.progress("working")
        while not context.cancelled():
            time.sleep(0.02)
        """
    )
    desk.jobs.submit(make_message("a.dcm"))
    desk.jobs.submit(make_message("a.dcm"))
    wait_for(lambda: desk.told)
    running, waiting = desk.records.all()
    waiting.cancel()
    running.cancel()
    desk.wait_idle()
    errors = [text for level, text, _ in desk.told if level == "error"]
    assert errors == ["the job was cancelled"] * 2
    assert (running.state, waiting.state) == ("cancelled", "cancelled")
    running.cancel()
    assert not desk.run("context.progress('the next one')")[2:]


def test_stopping_ends_what_does_not_listen(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(grace=0.2)
    desk.write("context.progress('deaf')\ntime.sleep(600)")
    desk.jobs.submit(make_message("a.dcm"))
    wait_for(lambda: desk.told)
    desk.jobs.stop()
    assert desk.told[-1] == ("error", "the service is stopping", None)


def test_a_failing_host_is_told_to_the_script_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> list[Path]:
        raise KeyError("inside")

    monkeypatch.setattr(desk, "fetch", broken)
    assert desk.run("context.files()") == ["files failed inside the provider: KeyError"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_jobs_end_when_their_provider_is_killed(tmp_path: Path) -> None:
    """Not even SIGKILL leaves a job, a job's child or a job's folder behind."""
    note = tmp_path / "note"
    (tmp_path / "Script.py").write_text(
        textwrap.dedent(f"""
            import os, subprocess, sys, time
            def onMessage(message, context):
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                open({str(note)!r} + "~", "w").write(f"{{os.getpid()}} {{child.pid}} {{context.directory}}")
                os.rename({str(note)!r} + "~", {str(note)!r})
                time.sleep(600)
            """)
    )
    program = (
        "import sys, time\n"
        "from job_desk import *\n"
        f"Desk(Path({str(tmp_path)!r})).jobs.submit(make_message('a.dcm'))\n"
        "time.sleep(600)"
    )
    environment = package_environment()
    environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).resolve().parents[1] / "support")
    provider = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        wait_for(note.exists)
    finally:
        provider.send_signal(signal.SIGKILL)
        provider.wait()
    job, child, folder = note.read_text().split()
    wait_for(lambda: not alive(int(job)) and not alive(int(child)) and not Path(folder).exists())


@pytest.mark.parametrize(
    ("name", "content", "event", "word"),
    [
        ("a.dcm", b"nonsense" * 50, "dicom-send", "no DICOM file"),
        ("a.nii", b"nonsense" * 50, "nifti-send", "no NIfTI header"),
        ("a.nii.gz", b"nonsense", "nifti-send", "cannot be read"),
        ("a.png", b"nonsense", "png-send", "cannot go out as PNG"),
        ("a.jpg", b"nonsense", "jpg-send", "cannot go out as JPEG"),
        ("a.dcm", b"", "dicom-send", "is empty"),
        ("a.exe", b"x", "nifti-send", "must end in one of"),
    ],
)
def test_results_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes, event: str, word: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FieldError, match=word):
        check_results(event, [tmp_path / name])


def test_results_that_are(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(bytes(344) + b"n+1\0")
    (tmp_path / "a.json").write_bytes(b"{}")
    check_results("dicom-send", [SAMPLE / "brain-001.dcm"])
    check_results("NIFTI-send", [tmp_path / "a.nii"])
    check_results("scene-update", [tmp_path / "a.json"])
    with pytest.raises(FieldError, match="no such file"):
        check_results("dicom-send", [tmp_path / "gone.dcm"])


def test_settings_out_of_range() -> None:
    for field, value in (
        ("slots", 0),
        ("queue", -1),
        ("text", 0),
        ("timeout", 0.0),
        ("timeout", float("nan")),
        ("grace", -1.0),
    ):
        with pytest.raises(FieldError, match=field):
            JobSettings(**{field: value})
