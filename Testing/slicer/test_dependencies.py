"""Packages that Slicer does not bring: asked for first, added beside what is there, and never in its place."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from CastLib.errors import CastError

ABSENT = "no-such-package-anywhere>=1.0"


def install_requirements(path: Path, module: str) -> bool:
    from CastSlicerLib import dependencies

    return dependencies.install_requirements(path, module)


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text(f"# a comment\npydicom>=3.0  # is there\n{ABSENT}\nalso-absent; python_version < '3'\n")
    return path


def without_packaging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slicer as it was before ``slicer.packaging``."""
    import slicer.util
    from slicer_host import messages

    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.setattr(slicer.util, "pip_install", messages.old_pip_install)


def test_only_what_is_missing_here_is_told(requirements: Path) -> None:
    from CastSlicerLib.dependencies import missing_requirements

    assert [str(one) for one in missing_requirements(requirements)] == [ABSENT]


def test_it_is_asked_first_and_no_is_quiet(host: Any, requirements: Path) -> None:
    host.answer("Cancel")
    assert not install_requirements(requirements, "Cast Hub")
    (question,) = host.messages
    assert "Cast Hub" in question.text and ABSENT in question.text
    assert not host.installs


@pytest.mark.parametrize("old", [False, True], ids=["slicer.packaging", "slicer.util"])
def test_what_is_missing_is_installed_and_all_that_is_there_is_a_constraint(
    host: Any, requirements: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    if old:
        without_packaging(monkeypatch)
    constraints: list[str] = []
    read = Path.read_text
    if old:  # the file stands among pip's arguments
        import slicer.util
        from slicer_host import messages

        def pip(arguments: list[str]) -> None:
            constraints.append(read(Path(arguments[arguments.index("--constraint") + 1]), encoding="utf-8"))
            messages.old_pip_install(arguments)

        monkeypatch.setattr(slicer.util, "pip_install", pip)
    host.answer("Ok")
    assert not install_requirements(requirements, "Cast Hub")  # the stand-in installs nothing
    assert len(host.messages) == 1  # asked once
    ((names, keywords),) = host.installs
    assert names[0] == ABSENT
    listed = constraints[0] if old else keywords["constraints"]
    assert f"pydicom=={metadata.version('pydicom')}\n" in listed and "no-such-package" not in listed
    assert old or keywords["requester"] == "Cast Hub"
    requirements.write_text("pydicom>=3.0\n")  # as if pip had brought it
    assert install_requirements(requirements, "Cast Hub") and len(host.messages) == 1


def test_a_failure_is_told_once(host: Any, requirements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from slicer_host import messages

    host.answer("Ok")
    messages.fail_next_pip()
    assert not install_requirements(requirements, "Cast Hub")
    assert [bool(message.details) for message in host.messages] == [False, True]  # the question, and Slicer's message
    without_packaging(monkeypatch)
    host.answer("Ok")
    messages.fail_next_pip(7)
    with pytest.raises(CastError, match="exit code 7"):
        install_requirements(requirements, "Cast Hub")


def test_a_package_that_is_too_old_is_named_and_left_alone(host: Any, requirements: Path) -> None:
    requirements.write_text("pydicom>=999\n")
    with pytest.raises(CastError, match=r"pydicom>=999, but pydicom 3"):
        install_requirements(requirements, "Cast Interface")
    assert not host.installs and not host.messages


def test_the_panel_says_what_is_missing_and_offers_it_again(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import CastSlicerLib.dependencies as dependencies

    real = dependencies.read_requirements
    host.load_module("CastHub")  # so that its folder is known
    absent = dependencies.Requirement(ABSENT)
    monkeypatch.setattr(dependencies, "read_requirements", lambda path: [*real(path), absent])
    widget = host.load_module("CastInterface").widget
    assert ABSENT in widget.frame.missing.text and widget.panel is None
    host.answer("Cancel")
    widget.frame.install_button.click()
    assert len(host.messages) == 1 and widget.panel is None and not host.installs
    assert ABSENT in widget.frame.missing.text and widget.frame.install_button.isVisible()
    host.answer("Ok")
    widget.frame.install_button.click()
    assert host.installs[0][0] == (ABSENT,)
    monkeypatch.setattr(dependencies, "read_requirements", real)
    widget.frame.install_button.click()
    assert widget.panel is not None and not widget.frame.missing.isVisible()
    assert not host.slot_errors


def make_wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    """A wheel with one empty module."""
    facts = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        info = f"{name}-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", facts + (f"Requires-Dist: {requires}\n" if requires else ""))
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_pip_keeps_to_the_constraints(tmp_path: Path, pip: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Real pip, on what is installed here: one that fits is added, one that wants another pydicom is not."""
    from CastSlicerLib.dependencies import installed_versions

    make_wheel(tmp_path, "fits_beside", "1.0", f"pydicom=={metadata.version('pydicom')}")
    make_wheel(tmp_path, "wants_newer", "1.0", "pydicom>=999")
    make_wheel(tmp_path, "pydicom", "1000.0")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(installed_versions())
    done = pip("fits_beside", "-c", str(constraints))
    assert "Would install fits" in done.stdout and done.returncode == 0, done.stderr
    assert pip("wants_newer").returncode == 0
    done = pip("wants_newer", "-c", str(constraints))
    assert done.returncode and "ResolutionImpossible" in done.stderr


@pytest.fixture
def pip(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    pytest.importorskip("pip")
    fixed = (sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--find-links", str(tmp_path))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*fixed, *arguments], capture_output=True, text=True, timeout=300)

    return run
