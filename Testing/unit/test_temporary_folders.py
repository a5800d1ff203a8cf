"""What a display that was killed left behind is deleted by the next one, and never what a living one still uses."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hub_process import package_environment

from CastInterfaceLib.study.temporary_folders import PREFIX, TemporaryFolder, remove_leftovers

HOLD = """
import sys
from CastInterfaceLib.study.temporary_folders import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "1").mkdir()
(folder.path / "1" / "image.dcm").write_text("received")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def hold(place: Path) -> tuple[subprocess.Popen[bytes], Path]:
    environment = {**package_environment(), "TMPDIR": str(place), "TEMP": str(place), "TMP": str(place)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().decode().strip())


def test_only_what_a_dead_process_left_is_deleted(own_place: Path) -> None:
    mine = TemporaryFolder()
    (living, kept), (dying, left) = hold(own_place), hold(own_place)
    try:
        dying.kill()
        dying.communicate()
        assert (left / "1" / "image.dcm").is_file()
        assert remove_leftovers() == 1
        assert (kept / "1" / "image.dcm").is_file() and mine.path.is_dir() and not left.exists()
    finally:
        living.kill()
        living.communicate()
    assert remove_leftovers() == 1
    mine.remove()
    assert list(own_place.iterdir()) == []


def test_what_is_just_being_made_or_of_others_is_left_alone(own_place: Path) -> None:
    (own_place / f"{PREFIX}new").mkdir()  # its lock does not stand yet
    (own_place / f"{PREFIX}file").write_text("no folder")
    (own_place / "else").mkdir()
    (own_place / "else" / "in-use").touch()
    if sys.platform != "win32":
        (own_place / f"{PREFIX}link").symlink_to(own_place / "else")
    assert remove_leftovers() == 0
    assert len(list(own_place.iterdir())) == (4 if sys.platform != "win32" else 3)
