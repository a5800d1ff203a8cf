"""The extension, configured and installed by CMake, is whole: every module works from the installed folder alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTING = ROOT / "Testing"
MODULES = ("CastInterface", "CastServiceProvider", "CastHub")
SCRIPTED_MODULES = Path("lib") / "Slicer-5.12" / "qt-scripted-modules"


def cmake_command() -> str:
    """CMake, from the path or from the package of that name."""
    found = shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))
    assert found, "cmake is missing: it is in the dev dependencies"
    return found


def configure(tree: Path, build: Path) -> subprocess.CompletedProcess[str]:
    """Configure an extension's tree against the stand-in of Slicer's macros."""
    source = TESTING / "slicer_host" / "cmake"
    command = [cmake_command(), "-S", str(source), "-B", str(build), f"-DEXTENSION={tree}", "-DBUILD_TESTING=ON"]
    return subprocess.run(command, capture_output=True, text=True)


def install(tree: Path, folder: Path) -> Path:
    """Configure and install; the folder with the modules."""
    configured = configure(tree, folder / "build")
    assert configured.returncode == 0, configured.stderr
    command = [cmake_command(), "--install", str(folder / "build"), "--prefix", str(folder / "installed")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "installed" / SCRIPTED_MODULES


def import_everything(installed: Path) -> subprocess.CompletedProcess[str]:
    """Import all of it in a process that knows nothing of the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "slicer_host.installed", str(installed)]
    return subprocess.run(command, cwd=TESTING, env=environment, capture_output=True, text=True, timeout=300)


def copy_of_tree(folder: Path) -> Path:
    """The extension's tree, to be changed."""
    folder.mkdir()
    shutil.copy(ROOT / "CMakeLists.txt", folder)
    for module in MODULES:
        shutil.copytree(ROOT / module, folder / module, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def change_list(tree: Path, module: str, line: str, replacement: str) -> None:
    """Change one line of a module's lists."""
    path = tree / module / "CMakeLists.txt"
    text = path.read_text(encoding="utf-8")
    assert f"  {line}\n" in text
    path.write_text(text.replace(f"  {line}\n", replacement), encoding="utf-8")


def files_of(folder: Path) -> set[str]:
    """The files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


def test_the_installed_extension_is_whole_and_works_by_itself(tmp_path: Path) -> None:
    installed = install(ROOT, tmp_path)
    expected = [file for module in MODULES for file in files_of(ROOT / module) - {"CMakeLists.txt"}]
    assert sorted(files_of(installed)) == sorted(expected)  # a name twice would hide one: all go into one folder
    done = import_everything(installed)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "forgotten"),
    [
        ("CastInterface", "CastLib/message.py"),
        ("CastInterface", "CastSlicerLib/palette.py"),
        ("CastHub", "CastHubLib/http/server.py"),  # imported inside a function only
    ],
)
def test_a_script_forgotten_in_the_list_is_found(tmp_path: Path, module: str, forgotten: str) -> None:
    tree = copy_of_tree(tmp_path / "tree")
    change_list(tree, module, forgotten, "")
    done = import_everything(install(tree, tmp_path))
    assert done.returncode == 1
    assert f"imports {forgotten[:-3].replace('/', '.')}, which is not installed" in done.stdout


def test_a_listed_file_that_is_not_there_stops_cmake(tmp_path: Path) -> None:
    tree = copy_of_tree(tmp_path / "tree")
    change_list(tree, "CastHub", "CastHubLib/http/server.py", "  CastHubLib/sevrer.py\n")
    configured = configure(tree, tmp_path / "build")
    assert configured.returncode != 0
    assert "nonexistent file or directory 'CastHubLib/sevrer.py'" in " ".join(configured.stderr.split())


def test_an_extension_without_its_description_stops_cmake(tmp_path: Path) -> None:
    tree = copy_of_tree(tmp_path / "tree")
    path = tree / "CMakeLists.txt"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "EXTENSION_ICONURL" not in line), encoding="utf-8")
    configured = configure(tree, tmp_path / "build")
    assert configured.returncode != 0
    assert "EXTENSION_ICONURL" in configured.stderr
