"""Any files of a stack, in any order and orientation: each slice lies where its header says, or a sentence says why."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from CastLib.dicom.stack import Slice
from CastLib.dicom.volumes import parts_of


def turned(angles: tuple[float, float, float]) -> np.ndarray:
    """A rotation, whose columns are the directions of rising columns, rows and slices."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        one, other = [index for index in range(3) if index != axis]
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def header(position: np.ndarray, axes: np.ndarray, number: int | None, digits: int) -> pydicom.Dataset:
    one = Dataset()
    one.SOPInstanceUID, one.Modality, one.PatientID = pydicom.uid.generate_uid(), "MR", "INV-1"
    one.Rows, one.Columns, one.PixelSpacing = 8, 8, [0.9, 0.9]
    one.ImageOrientationPatient = [f"{value:.6f}" for value in (*axes[:, 0], *axes[:, 1])]
    one.ImagePositionPatient = [f"{value:.{digits}f}" for value in position]
    if number is not None:
        one.InstanceNumber = number
    return one


@settings(max_examples=200, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    start=st.tuples(*[st.floats(-500, 500)] * 3),
    gaps=st.one_of(
        st.tuples(st.floats(0.3, 8), st.integers(1, 40)).map(lambda pair: [pair[0]] * pair[1]),
        st.lists(st.floats(0.3, 12), min_size=1, max_size=30),
    ),
    kept=st.floats(0.1, 1),
    numbered=st.sampled_from([None, 1, -1]),
    digits=st.integers(4, 6),
    seed=st.integers(0, 10**6),
)
def test_every_slice_lies_where_its_header_says(
    angles: Any, start: Any, gaps: list[float], kept: float, numbered: int | None, digits: int, seed: int
) -> None:
    chance, axes = random.Random(seed), turned(angles)
    heights = [0.0, *np.cumsum(gaps)]
    slices = [
        Slice(
            Path(f"{chance.random()}.dcm"),
            header(np.array(start) + axes[:, 2] * height, axes, numbered and numbered * index, digits),
        )
        for index, height in enumerate(heights)
        if chance.random() <= kept
    ]
    if not slices:
        return
    chance.shuffle(slices)
    parts = parts_of(slices)
    placed = [one.path for part in parts for one in part.slices] + [path for part in parts for path, _ in part.left_out]
    assert sorted(placed) == sorted(one.path for one in slices)
    for part in parts:
        geometry = part.geometry
        if geometry is None:
            assert part.problem
            continue
        direction = np.array(geometry.direction).reshape(3, 3)
        assert np.allclose(direction @ direction.T, np.eye(3), atol=1e-5) and np.linalg.det(direction) > 0
        assert list(geometry.offsets) == sorted(geometry.offsets) and len(geometry.offsets) == geometry.slices
        for index, one in enumerate(part.slices):
            true = np.array([float(value) for value in one.header.ImagePositionPatient])
            offset = np.array(geometry.origin) + direction[:, 2] * geometry.offsets[index]
            assert np.linalg.norm(offset - true) < 1e-3 + 1e-6 * geometry.offsets[-1]
            if geometry.places is not None:
                off = geometry.places[index] * geometry.spacing[2] - geometry.offsets[index]
                assert abs(off) <= max(0.01, 0.01 * geometry.spacing[2])
        if geometry.even:
            assert not any("uneven" in one or "missing" in one for one in part.warnings)
        elif geometry.places is None:
            assert any("unevenly spaced" in one for one in part.warnings)
        else:
            assert any("missing" in one for one in part.warnings)
