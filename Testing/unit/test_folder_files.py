"""Files as folders hold them: links, pipes, odd names, hidden ones (CastLib.dicom.folder_files)."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import head_phantom
import numpy as np
import pytest

from CastCLI.files import collect_files
from CastInterfaceLib.study.local_studies import StudyFiles
from CastLib.dicom.folder_files import files_of, shown_name
from CastLib.dicom.series import scan
from CastLib.errors import CastError

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and any bytes in names")


def study(folder: Path, name: str) -> str:
    return head_phantom.save(folder, head_phantom.series(name, np.zeros((3, 4, 4), np.int16)))


def told(folder: Path) -> dict[str, str]:
    return {found.path.name: found.why for found in files_of([folder])}


@posix
def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    root, away = tmp_path / "studies", tmp_path / "away"
    uid = study(away / "deep", "linked")
    root.mkdir()
    (root / "folder").symlink_to(away)
    (root / "same again").symlink_to(away / "deep")
    (away / "deep" / "up").symlink_to(root)
    (root / "loop").symlink_to(root / "loop")
    (root / "nowhere").symlink_to(root / "gone")
    single = next((away / "deep").glob("*.dcm"))
    (root / "single.dcm").symlink_to(single)
    found = [one for one in files_of([root]) if not one.why]
    assert len(found) == 3
    assert told(root)["nowhere"] == told(root)["loop"] == "a link that leads nowhere"
    index = StudyFiles([root]).find(uid)
    assert index is not None and len(index.files) == 3
    (series,) = scan([root]).series
    assert len(series.files) == 3 and not series.left_out
    assert len(collect_files([str(root)])[0]) == 3


@posix
def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    study(tmp_path, "pipes")
    os.mkfifo(tmp_path / "pipe.dcm")
    with socket.socket(socket.AF_UNIX) as listening:
        short = os.path.relpath(tmp_path / "socket")
        listening.bind(short if len(short) < 100 else str(tmp_path / "socket"))
        (tmp_path / "device").symlink_to("/dev/zero")
        kinds = {"pipe.dcm": "a pipe, not a file", "socket": "a socket, not a file", "device": "a device, not a file"}
        assert told(tmp_path).items() >= kinds.items()
        found = scan([tmp_path])
        assert {path.name: why for path, why in found.skipped} == kinds and len(found.series) == 1
        StudyFiles([tmp_path]).refresh()
        files, left_out = collect_files([str(tmp_path)])
        assert len(files) == 3
        assert left_out == "left out 3 files: 1 a device, not a file, 1 a pipe, not a file, 1 a socket, not a file"
        with pytest.raises(CastError, match="a pipe"):
            collect_files([str(tmp_path / "pipe.dcm")])


def test_hidden_files_are_passed_over_without_a_word(tmp_path: Path) -> None:
    uid = study(tmp_path / "a", "seen")
    study(tmp_path / ".cache", "hidden")
    for path in list((tmp_path / "a").glob("*.dcm")):
        (path.parent / f"._{path.name}").write_bytes(b"\x00\x05\x16\x07" + bytes(400))
    found = scan([tmp_path])
    assert [one.study_uid for one in found.series] == [uid] and not found.skipped and not found.damaged
    assert [one.study_uid for one in scan([tmp_path / ".cache"]).series] != [uid]  # named itself, it is read
    files, left_out = collect_files([str(tmp_path)])
    assert len(files) == 3 and not left_out


@posix
@pytest.mark.parametrize("name", ["Übung 3 'Kopf' & 50% #2", "a\nb", 'say "no"', " ", "-n", "頭部", b"\xff\xfe.x"])
def test_odd_names(tmp_path: Path, name: str | bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    uid = study(folder, "odd")
    next(folder.glob("*.dcm")).rename(folder / (os.fsdecode(name) + "x"))
    found = StudyFiles([tmp_path]).find(uid)
    assert found is not None and len(found.files) == 3
    assert len(scan([tmp_path]).series[0].files) == 3
    files, _ = collect_files([str(tmp_path)])
    assert len(files) == 3 and all(name.encode() and name.isprintable() for _, name in files)
    assert shown_name(folder).encode()


def test_what_a_batch_cannot_carry_is_counted(tmp_path: Path) -> None:
    study(tmp_path, "carried")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "Makefile").write_text("all:")
    (tmp_path / "image.exe.dcm").write_bytes(b"x")
    (tmp_path / "empty.dcm").touch()
    files, left_out = collect_files([str(tmp_path)])
    assert len(files) == 3
    assert left_out == "left out 4 files: 1 empty, 1 no name that may travel, 2 of no kind that a batch carries"
    with pytest.raises(CastError, match="empty"):
        collect_files([str(tmp_path / "empty.dcm")])
    with pytest.raises(CastError, match="no such file"):
        collect_files([str(tmp_path / "gone")])
    with pytest.raises(CastError, match=r"can carry \(1 of no kind"):
        (tmp_path / "only").mkdir()
        (tmp_path / "only" / "a.txt").write_text("x")
        collect_files([str(tmp_path / "only")])


def test_what_is_lost_beside_a_study_belongs_to_it_and_is_told(tmp_path: Path) -> None:
    uid, other = study(tmp_path / "a", "lost"), study(tmp_path / "b", "whole")
    victim = tmp_path / "a" / "IM0001.dcm"
    victim.write_bytes(victim.read_bytes()[:400])
    (tmp_path / "a" / "IM0009.dcm").touch()
    (tmp_path / "a" / "notes.txt").touch()
    files = StudyFiles([tmp_path])
    found = files.find(uid)
    assert found is not None and [path.name for path in found.files] == [
        "IM0000.dcm",
        "IM0002.dcm",
        "IM0001.dcm",
        "IM0009.dcm",
    ]
    assert {path.name: why for path, why in scan(found.files).damaged} == {
        "IM0001.dcm": "damaged DICOM file (it ends within its header)",
        "IM0009.dcm": "empty",
    }
    whole = files.find(other)
    assert whole is not None and len(whole.files) == 3


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is closed to this user")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    study(tmp_path, "closed")
    (tmp_path / "IM0001.dcm").chmod(0)
    (tmp_path / "room").mkdir(mode=0)
    found = scan([tmp_path])
    assert {path.name for path, _ in found.damaged} == {"IM0001.dcm", "room"}
    assert all(why.startswith("cannot be opened (") for _, why in found.damaged)


def test_a_file_that_has_gone_costs_only_itself(tmp_path: Path) -> None:
    study(tmp_path, "gone")
    paths = sorted(tmp_path.glob("*.dcm"))
    paths[1].unlink()
    found = scan(paths)
    assert found.damaged == ((paths[1], "there is no such file or folder"),)
    assert found.series[0].volume.slices == 2
