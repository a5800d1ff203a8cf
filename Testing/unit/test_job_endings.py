"""How jobs end: what a script returns, what it leaves behind, and how its asker hears of it (running_job)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from job_desk import Desk, make_message, wait_for

from CastServiceProviderLib.job_runner import NO_FILE, NO_RESULT
from CastServiceProviderLib.processes import how_it_ended

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a keeper of daemons")
MARK = f"{os.getpid()} {time.time_ns()}"

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy" / "DICOM"
RESULT = """
result = context.directory / "r.nii"
result.write_bytes(bytes(344) + b"n+1\\0")
"""


def returned(value: str) -> str:
    return f"{RESULT}\nreturn {value}"


@pytest.mark.parametrize(
    ("value", "events"),
    [
        ("result", ["nifti-send"]),
        ("str(result)", ["nifti-send"]),
        ("[result]", ["nifti-send"]),
        ("(result, str(result))", ["nifti-send"]),
        ("os.path.relpath(result)", ["nifti-send"]),
    ],
)
def test_paths_that_are_returned_are_sent(desk: Desk, value: str, events: list[str]) -> None:
    assert not desk.run(returned(value))
    assert [event for event, _, _ in desk.sent] == events
    assert not desk.notes


def test_files_of_several_kinds_go_out_by_their_events(desk: Desk) -> None:
    body = RESULT + "\npicture = context.directory / 'p.png'\npicture.write_bytes(b'\\x89PNG\\r\\n\\x1a\\n')\n"
    assert not desk.run(body + "return [picture, result]")
    assert [event for event, _, _ in desk.sent] == ["png-send", "nifti-send"]


def test_what_was_sent_is_not_sent_again_when_it_is_returned(desk: Desk) -> None:
    assert not desk.run(RESULT + "\ncontext.send_files([result], event='nifti-send')\nreturn [result]")
    assert len(desk.sent) == 1


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("True", "onMessage returned True: return the path of a result file, a list of paths, or None"),
        ("0", "returned 0:"),
        ("1.5", "returned 1.5:"),
        ("{'volume': 12}", "returned a dict:"),
        ("b'bytes'", "returned a bytes:"),
        ("object()", "returned an object:"),
        ("[result, 7]", "returned a list with 7:"),
        ("[None]", "returned a list with a NoneType:"),
        ("[]", "returned an empty list"),
        ("'no lesion was found'", "returned 'no lesion was found', where no file is"),
        ("''", "is a folder"),
        ("context.directory", "is a folder: name its files"),
        ("context.directory / 'gone.dcm'", "where no file is"),
        ("(path for path in [result])", "returned a generator:"),
        ("iter([result])", "returned a list_iterator:"),
        ("{result}", "returned a set:"),
        ("__import__('numpy').ones((2, 2), bool)", "returned a ndarray:"),
    ],
)
def test_any_other_value_is_an_error_that_says_what_may_be_returned(desk: Desk, value: str, word: str) -> None:
    (error,) = desk.run(returned(value))
    assert word in error and not desk.sent


def test_a_script_that_yields_or_ends_early_has_no_result(desk: Desk) -> None:
    assert "without yield" in desk.run("yield context.directory")[0]
    assert desk.run("pass")[1] == NO_RESULT
    assert desk.run("import threading; threading.Thread(target=print, daemon=True).start()")[2] == NO_RESULT


def test_a_thread_that_works_on_after_the_end_is_no_result(desk: Desk) -> None:
    body = "import threading; threading.Thread(target=lambda: (time.sleep(60), context.progress('late')), daemon=True)"
    assert desk.run(f"{body}.start()") == [NO_RESULT]


def test_a_line_alone_is_a_result_and_the_asker_hears_that_no_file_comes(desk: Desk) -> None:
    assert not desk.run("context.progress('No fracture was found')")
    assert desk.notes == [NO_FILE]


@pytest.mark.parametrize(
    ("paths", "word"),
    [
        ("'x.dcm'", 'takes a list of paths: write context.send_files(["x.dcm"])'),
        ("context.directory / 'x.dcm'", 'write context.send_files(["x.dcm"])'),
        ("__import__('numpy').ones((2, 2), bool)", "write it to a file first, labels for instance by write_segm"),
        ("7", "takes a list of paths, not int"),
        ("None", "takes a list of paths, not NoneType"),
        ("b'x.dcm'", "takes a list of paths, not bytes: write it to a file first"),
        ("[b'x.dcm']", "takes a list of paths, not list with bytes"),
        ("[['x.dcm']]", "takes a list of paths, not list with list"),
        ("[result], event=None", "takes the name of an event, as nifti-send, not None"),
        ("[result], event='\\0'", "takes the name of an event"),
        ("[result], context=[1]", "takes a dict as context, not list"),
        ("[context.directory]", "is a folder: name its files"),
        ("[context.directory / 'gone.dcm']", "there is no such file: is its path whole"),
        ("[result]", 'r.nii: does not go out by dicom-send: write context.send_files(paths, event="nifti-send")'),
    ],
)
def test_what_to_write_instead_is_said(desk: Desk, paths: str, word: str) -> None:
    (error,) = desk.run(f"{RESULT}\ncontext.send_files({paths})")
    assert word in error and not desk.sent


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("context.progress('x', 'half')", "takes a number from 0 to 1 beside the text, not str"),
        ("context.progress('x', [0.5])", "not list"),
        ("context.progress('')", NO_RESULT),
        ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E()", "E"),
        ("class E(Exception):\n    def __str__(self): return 7\nraise E()", "E"),
        ("class B(BaseException): pass\nraise B('mine')", "B: mine"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise MemoryError", "the script was out of memory; it may use"),
        ("raise OSError(28, 'No space left on device')", "the disk is full: "),
        ("os.abort()", "was given up by a native library (SIGABRT)"),
        ("os.execv(sys.executable, [sys.executable, '-c', 'pass'])", "ended itself with code 0"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_slips_and_odd_ends_are_sentences(desk: Desk, body: str, word: str) -> None:
    (error,) = desk.run(body)
    assert word in error and "Traceback" not in error


def test_a_compressed_nifti_by_the_wrong_event(desk: Desk) -> None:
    body = "path = context.directory / 'r.nii.gz'\npath.write_bytes(b'x')\ncontext.send_files([path])"
    assert 'write context.send_files(paths, event="nifti-send")' in desk.run(body)[0]
    body = "path = context.directory / 'r.dcm'\npath.write_bytes(b'x')\ncontext.send_files([path], event='nifti-send')"
    assert 'write context.send_files(paths, event="dicom-send")' in desk.run(body)[1]


DAEMONS = {
    "a session of its own": "subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "with the job's pipes": "subprocess.Popen(['sleep', '600'], start_new_session=True, close_fds=False)",
    "nohup": "subprocess.Popen('nohup sleep 600 &', shell=True)",
    "setsid in a shell": "os.system('setsid sleep 600 >/dev/null 2>&1 </dev/null &')",
    "fork": "os.fork() or time.sleep(600)",
    "fork that never comes back": "os.fork() or (os.setsid(), time.sleep(600))",
    "double fork": "os.fork() or (os.setsid(), os.fork() and os._exit(0), time.sleep(600))",
    "deaf": "os.fork() or (os.setsid(), [__import__('signal').signal(n, 1) for n in (1, 2, 15)], time.sleep(600))",
    "stopped": "os.fork() or (os.setsid(), os.kill(os.getpid(), 19))",
    "from a thread": "__import__('threading').Thread(target=lambda: subprocess.Popen(['sleep', '600'])).start()",
    "a chain": "subprocess.Popen(['sh', '-c', 'setsid sh -c \"setsid sleep 600 & setsid sleep 600 & wait\" & wait'])",
}


@linux_only
@pytest.mark.parametrize("kind", DAEMONS)
def test_what_a_script_leaves_behind_ends_with_its_job(desk: Desk, kind: str, tmp_path: Path) -> None:
    """And holds nobody: the slot is free, the asker told, the next job runs."""
    before = set(psutil.pids())
    errors = desk.run(f"import subprocess\n{DAEMONS[kind]}\ncontext.progress('left')")
    assert not errors and "left running, ended" in desk.notes[-1]
    assert not [pid for pid in set(psutil.pids()) - before if is_ours(pid)]
    assert not desk.run("context.progress('next')")


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a job starts inherits this, and tests that run beside these do not have it."""
    monkeypatch.setenv("CAST_TEST", MARK)


def is_ours(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())
        return ("sleep 600" in command or "job_process" in command) and process.environ().get("CAST_TEST") == MARK
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # a job's keeper shows its environment to nobody but root
        return True


@linux_only
def test_a_script_that_becomes_a_daemon_itself_has_ended(desk: Desk) -> None:
    body = "if os.fork(): os._exit(0)\nos.setsid()\ntime.sleep(600)"
    assert desk.run(body) == ["the script's process ended itself with code 0"]


@linux_only
def test_a_forked_child_that_comes_back_says_no_last_word(desk: Desk) -> None:
    """Neither that it is done, nor what it raised; and it fetches and sends nothing."""
    body = """
        child = os.fork()
        if not child:
            try:
                context.files()
            except Exception as error:
                context.progress(str(error))
            raise ValueError("the child's")
        os.waitpid(child, 0)
        context.progress("the parent's")
        """
    assert not desk.run(body)
    assert [text for _, text, _ in desk.told] == [
        "files are fetched and sent by the job's own process, not by one that it has forked",
        "the parent's",
    ]


@linux_only
@pytest.mark.parametrize("whom", ["os.getppid()", "0"])
def test_a_script_that_kills_its_keeper_or_its_group_frees_its_slot(desk: Desk, whom: str) -> None:
    (error,) = desk.run(f"import signal\nos.kill({whom}, signal.SIGKILL)\ntime.sleep(600)")
    assert "was killed (SIGKILL)" in error
    wait_for(lambda: not any(is_ours(pid) for pid in psutil.pids()))
    assert not desk.run("context.progress('next')")[1:]


@linux_only
def test_stopping_does_not_wait_for_daemons(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(grace=0.2)
    desk.write(
        "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True, close_fds=False)\n"
        "context.progress('left')\ntime.sleep(600)"
    )
    desk.jobs.submit(make_message("a.dcm"))
    wait_for(lambda: desk.told)
    desk.jobs.stop()
    assert desk.told[-1] == ("error", "the service is stopping", None)
    assert not any(is_ours(pid) for pid in psutil.pids())


def test_a_script_as_they_are(desk: Desk) -> None:
    """Progress bars, other alphabets, raw bytes, children, and an end in the middle."""
    before = "import multiprocessing\ndef square(number): return number * number\n"
    errors = desk.run(
        """
        for share in range(0, 101, 5):
            print(f"\\r{share}% \\U0001f9e0", end="", file=sys.stderr)
        print("\\nGr\\u00fc\\u00dfe, \\u982d\\u90e8")
        os.write(1, b"raw \\xff\\xfe\\n")
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            told = pool.map(square, range(4))
        context.progress(f"children say {told}", float("nan"))
        context.progress("Fortschritt \\u2713", 1.7)
        sys.exit(0)
        """,
        before,
    )
    assert not errors and desk.notes == [NO_FILE]
    assert desk.told[-1] == ("info", "Fortschritt ✓", 1.0)
    log = desk.records.all()[0].log
    assert "100% 🧠" in log and " 95%" not in log and "Grüße, 頭部" in log


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (3, "ended itself with code 3"),
        (-9, "was killed (SIGKILL); the machine was probably out of memory"),
        (-11, "crashed in a native library (SIGSEGV)"),
        (-4, "crashed (SIGILL); a native library may be built for another processor"),
        (-250, "was ended by signal 250"),
        (0xC0000005, "crashed in a native library (access violation) (code 0xC0000005)"),
        (0xC0000135, "found a library of a native package missing (code 0xC0000135)"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="names of signals")
def test_codes_in_words(code: int, sentence: str) -> None:
    assert how_it_ended(code) == sentence


def test_the_asker_hears_of_which_organs_nothing_was_found(desk: Desk) -> None:
    files = [str(path) for path in sorted(SAMPLE.glob("*.dcm"))[60:66]]
    found = desk.run(
        f"""
        import numpy
        from CastLib.dicom.series import read_series
        import CastServiceProviderLib.segmentation_result as seg
        files = {files!r}
        volume = read_series(files)[0].volume
        labels = numpy.zeros((volume.slices, volume.rows, volume.columns), numpy.uint8)
        labels[2, 40:60, 40:60] = 2
        organs = [
            seg.SegmentDescription(number, name, seg.TISSUE, seg.Code("1", "99T", name), (9, 9, 9), "test")
            for number, name in enumerate(("Liver", "Spleen", "Kidney"), 1)
        ]
        for name in ("some", "none"):
            path = context.directory / (name + ".dcm")
            seg.write_segmentation(path, files, labels, organs, description="d", product="p", version="1")
            context.send_files([path])
            labels[:] = 0
        """
    )
    assert not found and [event for event, _, _ in desk.sent] == ["dicom-send"] * 2
    assert [text for _, text, _ in desk.told] == [
        "Nothing was found for: Liver, Kidney",
        "Nothing was found for: Liver, Spleen, Kidney",
    ]
