"""What `run.py test` counts, and that nothing that went wrong is counted as passed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = '<?xml version="1.0"?><testsuites><testsuite tests="10" failures="{}" errors="{}" skipped="3"/></testsuites>'


@pytest.fixture(scope="module")
def run() -> Any:
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "Testing" / "tools" / "run_tests.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_tests"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("report", "counts"),
    [
        (SUITE.format(2, 1), (4, 3, 3)),
        (SUITE.format(0, 0), (7, 0, 3)),
        ("<testsuites>", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_a_report_is_counted(run: Any, tmp_path: Path, report: str, counts: tuple[int, int, int]) -> None:
    (tmp_path / "report.xml").write_text(report)
    assert run.count_tests(tmp_path / "report.xml") == counts
    assert run.count_tests(tmp_path / "none.xml") == (0, 0, 0)


def test_all_are_run_and_counted_and_what_they_print_comes_whole(
    run: Any, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    good, bad = tmp_path / "test_good.py", tmp_path / "test_bad.py"
    good.write_text("def test_one(): pass\n\ndef test_two(): pass\n")
    bad.write_text("def test_three(): assert False, 'three is wrong'\n")
    empty = tmp_path / "test_empty.py"
    empty.write_text("")
    commands = [run.pytest([str(file), "-p", "no:cacheprovider"]) for file in (good, bad, empty)]
    assert run.run_side_by_side(commands, 2) == (2, 2, 0), "pytest that finds no test has failed"
    assert b"three is wrong" in capfdbinary.readouterr().out


def test_a_check_that_cannot_be_run_has_failed(run: Any) -> None:
    assert run.run_side_by_side([("no_such_module_at_all",)], 1) == (0, 1, 0)
    assert run.sum_of([run.Counts(passed=3)], 2) == (3, 1, 0)


def test_the_last_line_is_the_sum_and_a_failure_the_exit_code(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "test_bad.py"
    file.write_text("def test_one(): assert False\n")
    monkeypatch.setattr(run, "LINT", ())
    assert run.main([str(file)]) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
