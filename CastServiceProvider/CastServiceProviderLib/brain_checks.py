"""Whether labels of fluid, grey and white matter can be those of a brain: what no method can mean is better not sent.

The bounds are wide: a child of a few months to old age, with atrophy, with a large lesion, and methods that draw the
borders differently. They are there to find a wrong image, not a rare brain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from CastLib.errors import CastError

#: Millilitres, fluid included. Intracranial volumes in large studies run from some 700 (infants) and 1100 to 1900
#: (adults, by sex and height); a big head and a generous outline give more.
SMALLEST_BRAIN, LARGEST_BRAIN = 700.0, 2300.0
#: Shares of the whole. In adults fluid has 10 to 30 %, up to half in old age, grey 40 to 50 %, white 25 to 40 %.
SHARES = {"fluid": (0.02, 0.55), "grey matter": (0.2, 0.7), "white matter": (0.12, 0.6)}
#: Grey by white matter: 1.1 to 1.6 in adults, above 2 in small children, whose white matter ripens.
LEAST_GREY_TO_WHITE, MOST_GREY_TO_WHITE = 0.8, 3.0
#: Front to back in millimetres: 120 at birth, 160 to 190 in adults.
SHORTEST_BRAIN, LONGEST_BRAIN = 100.0, 220.0
#: Width and height by length: 0.75 to 0.9 and 0.65 to 0.85; a half is about 0.4 wide.
NARROWEST, WIDEST = 0.6, 1.15
LOWEST, HIGHEST = 0.5, 1.15
#: Difference of the two sides by their sum. Healthy halves differ by 2 %; a lesion of 150 ml makes 15 %.
MOST_UNEQUAL = 0.2
#: Square centimetres of brain on a side of the image: only the stem may run out, below (some 10).
LARGEST_CUT, LARGEST_CUT_BELOW = 12.0, 40.0
#: The surface of white matter by that of a ball of its size: 3 to 6 for folds, 1 for a ball, above 20 for noise.
LEAST_FOLDED, MOST_FOLDED = 2.0, 15.0

#: How many times the noise grey and white matter must lie apart in brightness: 5 and more in good images; at 3 their
#: volumes are off by some 15 %.
LEAST_CONTRAST_TO_NOISE = 3.0

_COARSE = 2.0  # millimetres; shape is measured on a grid of about this step, so that it does not depend on the image's
_LAYER = 4.0  # millimetres of a layer of depth


@dataclass(frozen=True, slots=True)
class BrainShape:
    """What is measured: see the bounds above. ``depth`` is how deep each tissue lies on the average, millimetres."""

    volumes: dict[str, float]
    extent: tuple[float, float, float]
    cuts: tuple[float, float]
    unequal: dict[str, float]
    depth: dict[str, float]
    folded: float


def check_brain(labels: npt.NDArray[Any], spacing: Sequence[float], fluid: int, grey: int, white: int) -> None:
    """Raise CastError, one sentence with the numbers, when the labels are not those of a whole brain on a T1 image.

    ``labels`` has the shape (slices, rows, columns), slices from below to above, rows from front to back, columns from
    right to left (LPS), of the whole image; ``spacing`` is that of columns, rows and slices in millimetres; the
    numbers are the labels of the three.
    """
    why = implausible(measure(labels, spacing, {"fluid": fluid, "grey matter": grey, "white matter": white}))
    if why:
        raise CastError(f"What was found is no plausible brain, so nothing was sent: {why}")


def check_noise(image: npt.NDArray[Any], labels: npt.NDArray[Any], grey: int, white: int) -> None:
    """Raise CastError, one sentence with the numbers, when noise hides the border of grey and white matter.

    ``image`` are the brightnesses that ``labels`` were drawn on, as they came, without smoothing.
    """
    ratio = contrast_to_noise(image, labels, grey, white)
    if ratio < LEAST_CONTRAST_TO_NOISE:
        raise CastError(
            f"The image is too noisy, so nothing was sent: white matter is brighter than grey by {ratio:.1f} times "
            f"the noise, where {LEAST_CONTRAST_TO_NOISE:g} times are needed"
        )


def contrast_to_noise(image: npt.NDArray[Any], labels: npt.NDArray[Any], grey: int, white: int) -> float:
    """Return by how many times the noise the two tissues differ; noise is how neighbours in white matter differ."""
    inside = labels == white
    if not inside.any() or not (labels == grey).any():
        return 0.0
    beside = inside[:, :, 1:] & inside[:, :, :-1]
    differences = np.abs(np.diff(image, axis=2)[beside])
    noise = float(np.median(differences)) * 1.05 if len(differences) else 0.0  # to a standard deviation of one of both
    contrast = float(np.median(image[inside]) - np.median(image[labels == grey]))
    return contrast / max(noise, 1e-6 * abs(contrast), 1e-12)


def implausible(shape: BrainShape) -> str:
    """Return what cannot be, with its numbers; ``""`` when all can."""
    total = sum(shape.volumes.values())
    found = ", ".join(f"{name} {volume:.0f} ml" for name, volume in shape.volumes.items())
    if not SMALLEST_BRAIN <= total <= LARGEST_BRAIN:
        return f"{found}, together {total:.0f} ml, where {SMALLEST_BRAIN:.0f} to {LARGEST_BRAIN:.0f} ml are expected"
    for name, (least, most) in SHARES.items():
        share = shape.volumes[name] / total
        if not least <= share <= most:
            return f"{found}: {name} is {share:.0%} of it, where {least:.0%} to {most:.0%} are expected"
    ratio = shape.volumes["grey matter"] / shape.volumes["white matter"]
    if not LEAST_GREY_TO_WHITE <= ratio <= MOST_GREY_TO_WHITE:
        expected = f"{LEAST_GREY_TO_WHITE:g} to {MOST_GREY_TO_WHITE:g}"
        return f"{found}: there is {ratio:.1f} times as much grey as white matter, where {expected} are expected"
    for area, most, where in zip(
        shape.cuts, (LARGEST_CUT, LARGEST_CUT_BELOW), ("a side", "the lower side"), strict=True
    ):
        if area > most:
            return f"the image cuts the brain off at {where} ({area:.0f} cm² of it lie there); a whole head is needed"
    return _odd_outline(shape) or _odd_inside(shape)


def _odd_outline(shape: BrainShape) -> str:
    width, length, height = shape.extent
    measures = f"it is {width:.0f} mm wide, {length:.0f} mm long and {height:.0f} mm high"
    if not SHORTEST_BRAIN <= length <= LONGEST_BRAIN:
        return f"{measures}, where a length of {SHORTEST_BRAIN:.0f} to {LONGEST_BRAIN:.0f} mm is expected"
    if not NARROWEST <= width / length <= WIDEST or not LOWEST <= height / length <= HIGHEST:
        return f"{measures}, which is not a whole brain's shape"
    for name, unequal in shape.unequal.items():
        if unequal > MOST_UNEQUAL:
            return f"{name} differs by {unequal:.0%} between left and right, where {MOST_UNEQUAL:.0%} are the most"
    return ""


def _odd_inside(shape: BrainShape) -> str:
    if not shape.depth["fluid"] < shape.depth["white matter"] > shape.depth["grey matter"]:
        depths = ", ".join(f"{name} {depth:.0f} mm" for name, depth in shape.depth.items())
        return (
            f"on a T1 image the brightest tissue lies deepest, but the mean depths here are {depths}: "
            "the contrast is another one, or inverted"
        )
    if not LEAST_FOLDED <= shape.folded <= MOST_FOLDED:
        return (
            f"white matter's surface is {shape.folded:.1f} times a ball's, "
            f"where its folds make {LEAST_FOLDED:g} to {MOST_FOLDED:g}"
        )
    return ""


def measure(labels: npt.NDArray[Any], spacing: Sequence[float], numbers: dict[str, int]) -> BrainShape:
    """Measure labels as `check_brain` takes them."""
    step = np.array(spacing[::-1], float)  # as the array's axes run
    counts = np.bincount(labels.ravel(), minlength=max(numbers.values()) + 1)
    volumes = {name: float(counts[number] * step.prod() / 1000) for name, number in numbers.items()}
    cuts = [
        np.count_nonzero(labels.take(end, axis)) * step.prod() / step[axis] / 100
        for axis in range(3)
        for end in (0, -1)
    ]
    strides = np.maximum(1, np.round(_COARSE / step)).astype(int)
    labels, step = labels[tuple(slice(None, None, stride) for stride in strides)], step * strides
    brain = labels > 0
    if not brain.any():
        nothing = dict.fromkeys(numbers, 0.0)
        return BrainShape(volumes, (0.0, 0.0, 0.0), (0.0, 0.0), nothing, nothing, 0.0)
    places = [_middle_98(brain, axis) for axis in range(3)]
    high, long, wide = ((last - first + 1) * one for (first, last), one in zip(places, step, strict=True))
    middle = (places[2][0] + places[2][1]) / 2
    right_to_left = np.sign(np.arange(labels.shape[2]) - middle)
    unequal, depth = {}, {}
    deep = _depth(brain, step)
    for name, number in numbers.items():
        here = labels == number
        columns = here.sum((0, 1))
        unequal[name] = float(abs((columns * right_to_left).sum()) / max(columns.sum(), 1))
        depth[name] = float(deep[here].mean()) if here.any() else 0.0
    return BrainShape(
        volumes,
        (float(wide), float(long), float(high)),
        (float(max(cuts[1:])), float(cuts[0])),
        unequal,
        depth,
        _folded(labels == numbers["white matter"], step),
    )


def _middle_98(brain: npt.NDArray[np.bool_], axis: int) -> tuple[int, int]:
    """The first and last place along an axis between which 98 % of the brain lie: not a stem's or an outlier's end."""
    other = tuple(one for one in range(3) if one != axis)
    share = np.cumsum(brain.sum(other)) / brain.sum()
    return int(np.searchsorted(share, 0.01)), int(np.searchsorted(share, 0.99))


def _depth(brain: npt.NDArray[np.bool_], step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many millimetres each voxel lies below the surface, in layers: one is peeled off after the other."""
    strides = np.maximum(1, np.round(_LAYER / step)).astype(int)
    left = np.pad(brain[tuple(slice(None, None, stride) for stride in strides)], 1)
    layers = np.zeros(left.shape)
    while left.any():
        layers += left
        inner = left.copy()
        for axis in range(3):
            inner &= np.roll(left, 1, axis) & np.roll(left, -1, axis)
        left = inner
    layers = layers[1:-1, 1:-1, 1:-1] * _LAYER
    for axis, stride in enumerate(strides):
        layers = layers.repeat(stride, axis)
    return layers[tuple(slice(length) for length in brain.shape)]


def _folded(tissue: npt.NDArray[np.bool_], step: npt.NDArray[np.float64]) -> float:
    """The surface by that of a ball of the same volume, both counted by voxels' faces (half as much again)."""
    area = sum(np.count_nonzero(np.diff(tissue, axis=axis)) * step.prod() / step[axis] for axis in range(3))
    volume = np.count_nonzero(tissue) * step.prod()
    ball = 1.5 * np.pi ** (1 / 3) * (6 * volume) ** (2 / 3)
    return float(area / ball) if volume else 0.0
