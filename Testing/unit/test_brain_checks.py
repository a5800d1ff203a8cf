"""What can be a brain by its numbers and shape, on an invented one: fluid, cortex and folded white matter in layers."""

from __future__ import annotations

import numpy as np
import pytest

from CastLib.errors import CastError
from CastServiceProviderLib.brain_checks import check_brain, check_noise

STEP = 2.0


def layers(*, folds: float = 0.2, scale: float = 1.0) -> np.ndarray:
    """An ellipsoid of 140 x 170 x 130 mm in layers: 1 fluid, 2 grey matter, 3 white matter with wavy edges."""
    z, y, x = (np.indices((90, 108, 90)) - np.reshape((45, 54, 45), (3, 1, 1, 1))) * STEP / scale
    distance = np.sqrt((x / 70) ** 2 + (y / 85) ** 2 + (z / 65) ** 2)
    waves = folds * np.sin(x / 3) * np.sin(y / 3) * np.sin(z / 3)
    labels = np.zeros(distance.shape, np.uint8)
    labels[distance < 1] = 1
    labels[distance < 0.93] = 2
    labels[distance + waves < 0.7] = 3
    return labels


def refusal(labels: np.ndarray) -> str:
    with pytest.raises(CastError) as caught:
        check_brain(labels, (STEP, STEP, STEP), 1, 2, 3)
    return str(caught.value)


def test_a_brain_passes_on_grids_of_any_step() -> None:
    labels = layers(folds=0.4)
    check_brain(labels, (STEP, STEP, STEP), 1, 2, 3)
    check_brain(labels.repeat(2, 0), (STEP, STEP, STEP / 2), 1, 2, 3)
    check_brain(labels[:, :, ::-1], (STEP, STEP, STEP), 1, 2, 3)


def test_other_numbers_are_refused() -> None:
    labels = layers(folds=0.4)
    assert "together 0 ml" in refusal(np.zeros_like(labels))
    assert "where 700 to 2300 ml are expected" in refusal(layers(folds=0.4, scale=0.7))
    assert "grey matter is 81% of it" in refusal(np.where(labels == 3, 2, labels))
    assert "times as much grey as white matter" in refusal(
        np.where((labels == 2) & (np.indices(labels.shape)[0] % 2 > 0), 3, labels)
    )


def test_other_shapes_are_refused() -> None:
    labels = layers(folds=0.4)
    assert "cuts the brain off at a side" in refusal(labels[:70])
    assert "cuts the brain off at the lower side" in refusal(labels[25:])
    one_sided = np.where(np.arange(90) < 55, labels, np.where(labels == 3, 2, labels))
    assert "white matter differs by" in refusal(one_sided)
    assert "white matter's surface is" in refusal(layers(folds=0))


def test_another_contrast_is_refused() -> None:
    labels = layers(folds=0.4)
    turned = np.array((0, 1, 3, 2), np.uint8)[labels]
    assert "the contrast is another one, or inverted" in refusal(turned)


def test_noise_is_measured_against_the_contrast() -> None:
    labels = layers(folds=0.4)
    clean = np.array((0, 40, 85, 115), float)[labels]
    noise = np.random.default_rng(4).normal(0, 1, labels.shape)
    check_noise(clean, labels, 2, 3)
    check_noise(clean + 8 * noise, labels, 2, 3)
    with pytest.raises(CastError, match=r"brighter than grey by 2\.[0-2] times the noise, where 3 times are needed"):
        check_noise(clean + 14 * noise, labels, 2, 3)
