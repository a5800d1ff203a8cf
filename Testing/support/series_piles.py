"""Small stacks of invented slices, piled into folders, for the tests of what the files of a series make."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import head_phantom
import numpy as np
import pydicom

from CastLib.dicom.series import Series, scan

COUNT = 8


def stack(name: str, **more: Any) -> list[pydicom.Dataset]:
    """Eight slices of 4 rows and 5 columns, 5 mm apart."""
    planes = np.arange(COUNT * 20).reshape(COUNT, 4, 5).astype(np.int16)
    return head_phantom.series(name, planes, **more)


def rename(one: pydicom.Dataset, *words: object) -> pydicom.Dataset:
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = head_phantom.uid(*words)
    return one


def found(folder: Path, *piles: list[pydicom.Dataset], seed: int = 1) -> tuple[Series, ...]:
    """The series of all the files, whose names say nothing."""
    files = [one for pile in piles for one in pile]
    random.Random(seed).shuffle(files)
    head_phantom.save(folder, files)
    pile = scan([folder])
    assert not pile.damaged and not pile.skipped
    everything = [path for one in pile.series for path in (*one.files, *(path for path, _ in one.left_out))]
    assert sorted(everything) == sorted(folder.glob("*.dcm"))  # each file is in a series or left out, once
    assert len({one.key for one in pile.series}) == len(pile.series)
    return pile.series


def again(name: str, number: int, change: Callable[[pydicom.Dataset], object]) -> list[pydicom.Dataset]:
    """The stack of a name once more, in the same series under other instances."""
    pile = stack(name)
    for one in pile:
        rename(one, name, number, one.InstanceNumber)
        change(one)
    return pile
