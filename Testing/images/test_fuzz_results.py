"""Results damaged at random: each is shown or refused by a sentence; none crashes, hangs or takes all memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import head_phantom
import numpy as np
import pytest
from hub_process import PACKAGE_FOLDERS
from image_rows import row
from result_parts import nifti, nrrd, seg

from CastInterfaceLib.views.png import encode_png

READER = Path(__file__).with_name("fuzzed_results.py")
SPACING = (15.0, 10.0, 10.0)
HANGS = 120.0  # seconds without a word: a busy machine needs some, reading a small file none of them

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory can only be limited on Linux")


def write_samples(folder: Path) -> None:
    """Whole files of every kind, small."""
    folder.mkdir()
    hu = head_phantom.head(8, 24, 24, SPACING)
    labels = (hu > -1000).astype(np.uint8) + (hu == 5)
    slices = head_phantom.series("fuzz", hu, SPACING)
    lps = np.diag([*SPACING[::-1], 1.0])
    lps[:3, 3] = head_phantom.origin(8, 24, 24, SPACING)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    lines = (
        "Segment0_ID:=A",
        "Segment0_Name:=A",
        "Segment0_LabelValue:=1",
        "Segment0_Layer:=0",
        "Segment0_Color:=1 0 0",
    )
    nifti(folder / "a.nii", labels, ras)
    nifti(folder / "b.nii", hu, ras, version=2)
    nifti(folder / "c.nii", labels.astype(">f4"), ras)
    nrrd(folder / "a.nrrd", labels, affine=lps, encoding="raw")
    nrrd(folder / "b.seg.nrrd", np.stack([labels, labels], axis=-1), affine=lps, lines=lines)
    nrrd(folder / "c.nrrd", hu.astype(np.int64), affine=lps, encoding="bzip2")
    seg(folder / "a.dcm", labels, slices, labels=("a", "b"))
    seg(folder / "b.dcm", labels, slices, labels=("a", "b"), kind="LABELMAP")
    fractions = np.stack([labels > 0, labels > 1], axis=-1) * 0.7
    more = {"kind": "FRACTIONAL", "transfer_syntax_uid": "1.2.840.10008.1.2.5"}
    seg(folder / "c.dcm", fractions, slices, labels=("a", "b"), **more)
    (folder / "a.png").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)).data)


def run(samples: Path, seed: int, count: int) -> str:
    """Have a process read so many damaged files; the last it said. Fails when it ends early or says nothing more."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PACKAGE_FOLDERS))}
    command = [sys.executable, "-W", "ignore", str(READER), str(samples), str(seed), str(count)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=samples
    )
    assert process.stdout is not None and process.stderr is not None
    errors: list[str] = []
    listener = threading.Thread(target=lambda: errors.append(process.stderr.read()))  # type: ignore[union-attr]
    listener.start()
    last = ""
    timer = threading.Timer(HANGS, process.kill)
    timer.start()
    for line in process.stdout:
        timer.cancel()
        last = line.strip()
        timer = threading.Timer(HANGS, process.kill)
        timer.start()
    timer.cancel()
    code = process.wait()
    listener.join()
    assert code == 0 and last.startswith("done"), f"exit code {code} after {last!r}: {errors[0][-2000:]}"
    assert errors[0] == "", errors[0][-2000:]
    return last


@row("What comes over the wire", "NRRD, NIfTI, SEG and PNG files damaged at random", "refused")
def test_damaged_results_end_as_a_picture_or_a_sentence(tmp_path: Path, long: bool) -> None:
    samples = tmp_path / "samples"
    write_samples(samples)
    for seed in range(10 if long else 1):
        last = run(samples, seed, 1000)
        print(last)
        assert "shown" in last and "refused" in last
