"""Which Python starts children, and what a service in Slicer says when a package is missing."""

from __future__ import annotations

import argparse
import os
import sys
import types
from pathlib import Path

import pytest

from CastLib.command_line import EXIT_FAILED, run_guarded
from CastLib.slicer_python import in_slicer, slicer_python


@pytest.fixture
def slicer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As in Slicer: ``slicer.app`` is there, and PythonSlicer on the path."""
    module = types.ModuleType("slicer")
    module.__dict__["app"] = object()
    monkeypatch.setitem(sys.modules, "slicer", module)
    starter = tmp_path / ("PythonSlicer.exe" if os.name == "nt" else "PythonSlicer")
    starter.write_text("#!/bin/sh\n")
    starter.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return starter


def needs_a_package(args: argparse.Namespace) -> int:
    import no_such_package  # type: ignore[import-not-found]  # noqa: F401

    return 0


def test_slicer_has_an_interpreter_of_its_own(slicer: Path) -> None:
    assert in_slicer() and Path(slicer_python()) == slicer


def test_the_bare_engine_is_not_slicer(monkeypatch: pytest.MonkeyPatch, slicer: Path) -> None:
    monkeypatch.setitem(sys.modules, "slicer", types.ModuleType("slicer"))
    assert not in_slicer() and slicer_python() == sys.executable


def test_a_missing_package_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(needs_a_package, argparse.Namespace(log_level="info")) == EXIT_FAILED
    assert capsys.readouterr().err == "cast: the Python package no_such_package is missing\n"


@pytest.mark.usefixtures("slicer")
def test_in_slicer_the_module_installs_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(needs_a_package, argparse.Namespace(log_level="info")) == EXIT_FAILED
    assert "no_such_package is missing: open the module in Slicer once" in capsys.readouterr().err
