"""Which voxels are labels and which are an image, and what is counted of segments."""

from __future__ import annotations

import numpy as np
import pytest

from CastInterfaceLib.study.grids import Fit, Grid, Turn
from CastInterfaceLib.study.image_file import ImageFile
from CastInterfaceLib.study.label_maps import count_labels, middle_of, outer_segments
from CastInterfaceLib.study.label_reading import read_labels, said
from CastLib.errors import CastError


def balls(kind: type = np.uint8, value: int = 3) -> np.ndarray:
    place = np.indices((20, 24, 28))
    labels = np.zeros((20, 24, 28), kind)
    for number, middle in ((1, 7), (value, 16)):
        labels[((place - np.array([10, 12, middle])[:, None, None, None]) ** 2).sum(axis=0) < 30] = number
    return labels


def image(array: np.ndarray, name: str = "a.nii", **more: object) -> ImageFile:
    return ImageFile(name, (array,), (), **more)  # type: ignore[arg-type]


def labels_in(array: np.ndarray, asked: str = "", **more: object) -> list[int] | str:
    """The numbers of the segments, or why there are none."""
    shape = (array.shape[0], array.shape[1], array.shape[2])
    fit = Fit(Turn((0, 1, 2), ()), Grid(shape, np.eye(4)), True, ())
    found, why_not = read_labels(image(array, **more), fit, asked)
    return why_not if found is None else [segment.number for segment in found.segments]


NOISE = np.random.default_rng(1)
ONE = np.zeros((4, 5, 6), np.uint8)
ONE[2, 2, 2] = 1


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (balls(), [1, 3]),
        (balls(np.int16, 2035), [1, 2035]),
        (balls(np.float32), [1, 3]),
        (balls(np.float64) + 0.0004, [1, 3]),
        (balls(np.int32, 70_000), [1, 70_000]),
        (balls(np.int64, 2**40), [1, 2**40]),
        (balls(bool), [1]),
        (ONE, [1]),
        (ONE * 0, []),
        (np.indices((6, 6, 6)).sum(axis=0).astype(np.int16) % 2 * 5, [5]),
        (-balls(np.int16), "some of its values are negative"),
        (balls(np.float32) * 0.5, "its values are no whole numbers"),
        (NOISE.integers(0, 256, (20, 24, 28), np.uint8), "its values do not lie in patches as labels do"),
        (NOISE.integers(0, 30_000, (20, 24, 28), np.int16), "it has more than 1000 different values"),
        (
            np.where(balls() > 0, NOISE.integers(1, 900, (20, 24, 28)), 0).astype(np.int16),
            "its values do not lie in patches as labels do",
        ),
        (NOISE.random((4, 5, 6)), "its values are no whole numbers"),
        (np.full((4, 5, 6), 2**63, np.uint64), "its values are too large for labels"),
        (np.full((4, 5, 6), 1e300), "its values are too large for labels"),
        (ONE.astype(complex), "its voxels are no single numbers"),
    ],
    ids=["two", "high numbers", "floats", "nearly whole", "higher", "highest", "truth", "one voxel", "empty",
         "checkers", "negative", "halves", "noise", "a CT", "a brain cut out", "probabilities",
         "too large", "far too large", "complex"],
)  # fmt: skip
def test_labels_are_whole_numbers_few_or_in_patches(array: np.ndarray, expected: list[int] | str) -> None:
    assert labels_in(array) == expected


def test_what_was_asked_decides() -> None:
    noise = NOISE.integers(0, 200, (20, 24, 28), np.uint8)
    assert labels_in(noise, "labels") == list(range(1, 200))
    with pytest.raises(CastError, match="all that it marks is negative"):
        labels_in(-balls(np.int16), "labels")
    assert labels_in(balls(), "image") == ""
    assert labels_in(balls(np.int16), slope=0.5) == "its values are no whole numbers"
    assert labels_in(balls(np.int16) * 4, slope=0.25) == [1, 3]


@pytest.mark.parametrize(
    ("name", "role", "label", "expected"),
    [
        ("a.nii", "segmentation", "", "labels"),
        ("a.nii", "Label-Map", "", "labels"),
        ("a.nii", "labelmap", "volume of the liver", "labels"),
        ("labels.nii", "volume", "", "image"),
        ("a.nii", "", "Probability", "image"),
        ("a.seg.nrrd", "", "", "labels"),
        ("liver_mask.nii.gz", "", "Liver", "labels"),
        ("masked.nii.gz", "", "T1", ""),
        ("a.nii", "x", "", ""),
    ],
)
def test_what_a_sender_says(name: str, role: str, label: str, expected: str) -> None:
    assert said(name, role, label, image(ONE, name)) == expected


def test_a_header_says_it_too() -> None:
    assert said("a.nii", "", "", image(ONE, says_labels=True)) == "labels"
    assert said("a.nrrd", "", "", image(ONE, keys={"Segment0_ID": "A"})) == "labels"


def test_segments_are_counted_and_one_lies_around_another() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[2:10, 2:10, 2:10] = 1
    labels[4:8, 4:8, 4:8] = 2
    labels[0, 0, 0] = 9  # nobody's
    counts = count_labels(labels, [1, 2])
    assert [int(part.sum()) for part in counts[1]] == [8**3 - 4**3] * 3
    fit = Fit(Turn((0, 1, 2), ()), Grid((12, 12, 12), np.eye(4)), True, ())
    found, _why = read_labels(image(labels), fit, "")
    assert found is not None
    outer, inner, _last = found.segments
    assert outer.first == (2, 2, 2) and outer.shape == (8, 8, 8) and outer.mask.sum() == outer.voxels
    assert outer_segments(found.segments, 0.8) == {1} and outer_segments([inner, inner], 0.8) == set()
    assert middle_of(inner) == (5.5, 5.5, 5.5)
