"""Which voxels are labels, and which are an image."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("vtkmodules")
pytest.importorskip("slicer")

from CastInterfaceLib.image_results import is_label_map


def balls(kind: type = np.uint8, value: int = 3) -> np.ndarray:
    place = np.indices((20, 24, 28))
    labels = np.zeros((20, 24, 28), kind)
    for number, middle in ((1, 7), (value, 16)):
        labels[((place - np.array([10, 12, middle])[:, None, None, None]) ** 2).sum(axis=0) < 30] = number
    return labels


NOISE = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (balls(), True),
        (balls(np.int16, 2035), True),
        (balls()[..., None], True),
        (np.stack([balls(), balls() * 2], axis=-1), True),
        (balls(np.float32), False),
        (-balls(np.int16), False),
        (balls(np.int32, 70_000), False),
        (np.zeros((4, 5, 6), np.uint8), False),
        (np.zeros((0, 5, 6), np.uint8), False),
        (NOISE.integers(0, 256, (20, 24, 28), np.uint8), False),
        (np.where(balls() > 0, NOISE.integers(1, 900, (20, 24, 28)), 0).astype(np.int16), False),
    ],
    ids=["two", "high numbers", "one component", "two layers", "floats", "negative", "too high", "zeros", "empty",
         "noise", "a brain cut out"],
)  # fmt: skip
def test_labels_are_whole_numbers_in_patches(array: np.ndarray, expected: bool) -> None:
    assert is_label_map(array) is expected
