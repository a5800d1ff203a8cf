"""BrainTissue: what lesions, noise, other contrasts, cuts and phantoms make of the tissues, on the sample in 2 mm."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pydicom
import pytest
from brain_parts import STEP, Answer, ask, ball, coarse_sample, save
from image_rows import row

PLACE = (50, 52, 31)  # in the left white matter, a voxel of the coarse grid
WHITE = 112  # white matter's brightness


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """The sample as it is, asked once."""
    folder = tmp_path_factory.mktemp("plain")
    return ask(save(folder / "t1", coarse_sample()), folder / "job")


@functools.cache
def with_scalp() -> np.ndarray:
    """The sample in a dark skull and a bright scalp, some 8 and 8 mm thick, closed below as well."""
    brain = np.pad(coarse_sample(), 10)
    inside = brain > 0
    thick = [inside]
    for _ in range(8):
        inside = functools.reduce(
            np.logical_or, (np.roll(inside, way, axis) for axis in range(3) for way in (-1, 0, 1))
        )
        thick.append(inside)
    return np.where(thick[8] & ~thick[4], 150.0, np.where(brain > 0, brain, np.where(thick[4], 12.0, 0.0)))


def close(found: tuple[float, ...], expected: tuple[float, ...], share: float) -> bool:
    return all(abs(a - b) <= share * b for a, b in zip(found, expected, strict=True))


def labels_of(answer: Answer) -> np.ndarray:
    """Sums of frames of a result: (segments, voxels of it)."""
    assert answer.result is not None, answer.error
    numbers = [
        item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for item in answer.result.PerFrameFunctionalGroupsSequence
    ]
    frames = answer.result.pixel_array
    return np.array([frames[np.array(numbers) == number].sum() for number in (1, 2, 3)])


def test_what_is_told_is_what_is_sent(plain: Answer) -> None:
    assert np.allclose(labels_of(plain) * STEP**3 / 1000, plain.volumes, atol=0.51)


@row("Services", "BrainTissue: a lesion of 30 ml that takes up contrast agent", "shown", "are in none")
def test_an_enhancing_lesion_stays_out_of_the_tissues(tmp_path: Path, plain: Answer) -> list[str]:
    brain = coarse_sample()
    lesion = ball(brain.shape, PLACE, 30)
    answer = ask(save(tmp_path / "t1", np.where(lesion, 3 * WHITE, brain)), tmp_path / "job")
    fluid, grey, white = plain.volumes
    # What lies under it is gone; the rest is what it was.
    assert close(answer.volumes, (fluid, grey, white - 26), 0.02)
    assert "; 30 ml" in answer.told[-1] or "; 29 ml" in answer.told[-1]
    return answer.told


@pytest.mark.parametrize("brightness", [0.3, 1.3])
def test_lesions_of_other_brightness_change_little(tmp_path: Path, plain: Answer, brightness: float) -> None:
    brain = coarse_sample()
    lesion = ball(brain.shape, PLACE, 30)
    answer = ask(save(tmp_path / "t1", np.where(lesion, brightness * WHITE, brain)), tmp_path / "job")
    assert close(answer.volumes, plain.volumes, 0.08)


@pytest.mark.parametrize("lesion", [0, 3])
def test_a_head_with_scalp_gives_the_same_brain(tmp_path: Path, plain: Answer, lesion: int) -> None:
    head = with_scalp()
    if lesion:
        place = (PLACE[0] + 10, PLACE[1] + 10, PLACE[2] + 10)
        head = np.where(ball(head.shape, place, 30), lesion * WHITE, head)
    answer = ask(save(tmp_path / "t1", head), tmp_path / "job")
    _, grey, white = plain.volumes
    assert close(answer.volumes[1:], (grey, white), 0.06)


def test_a_sagittal_series_with_a_slope_for_each_slice(tmp_path: Path, plain: Answer) -> None:
    """Slices from right to left, rows from above, columns from the front: nothing lies as in the axial one."""
    brain = np.ascontiguousarray(coarse_sample()[::-1].transpose(2, 0, 1))
    paths = save(tmp_path / "t1", brain, axes=((0, 1, 0), (0, 0, -1)))
    for number, path in enumerate(paths):
        ds = pydicom.dcmread(path)
        # Rows go down and columns back, so that the normal points to the right: the slices' order is turned about.
        ds.ImagePositionPatient = [number * STEP, 0, 0]
        slope = 0.5 if number % 2 else 0.25
        ds.RescaleSlope, ds.RescaleIntercept = slope, 0
        ds.PixelData = np.rint(ds.pixel_array / slope).astype(np.uint16).tobytes()
        ds.save_as(path)
    assert close(ask(paths, tmp_path / "job").volumes, plain.volumes, 0.02)


def test_an_uneven_coil_degrades_gently(tmp_path: Path, plain: Answer) -> None:
    brain = coarse_sample()
    uneven = np.exp(np.linspace(-0.15, 0.15, brain.shape[2]))
    answer = ask(save(tmp_path / "t1", brain * uneven * 4), tmp_path / "job")
    assert close(answer.volumes, plain.volumes, 0.12)


def noisy(sigma: float) -> np.ndarray:
    """Rician noise, as a magnitude image has it."""
    chance = np.random.default_rng(1)
    brain = coarse_sample()
    real, imaginary = chance.normal(0, sigma, (2, *brain.shape))
    return np.asarray(10 * np.hypot(brain + real, imaginary))


def test_some_noise_degrades_gently(tmp_path: Path, plain: Answer) -> None:
    answer = ask(save(tmp_path / "t1", noisy(4)), tmp_path / "job")
    assert close(answer.volumes, plain.volumes, 0.15)


def other_contrast(*brightness: float) -> np.ndarray:
    """The sample with other brightnesses of fluid, grey and white matter and what lies between."""
    brain = coarse_sample()
    return np.asarray(np.where(brain > 0, np.interp(brain, (0, 30, 50, 85, 112, 130), brightness), 0))


SHELLS = functools.reduce(
    np.add, (one * ball((90, 108, 90), (45, 54, 45), size) for one, size in ((40, 1760), (40, 1430), (35, 590)))
)
BRAINLESS = {
    "a T1 with its brightness turned about": (lambda: np.where(coarse_sample() > 0, 140 - coarse_sample(), 0), "ml"),
    "a T2 that does not say so": (lambda: other_contrast(10, 300, 250, 150, 100, 90), "ml"),
    "a FLAIR that does not say so": (lambda: other_contrast(10, 30, 60, 150, 120, 115), "the contrast is another one"),
    "half a brain": (lambda: coarse_sample() * (np.arange(90) < 45), "not a whole brain's shape"),
    "a head without its top": (lambda: coarse_sample()[:60], "the image cuts the brain off"),
    "a head without its left": (lambda: coarse_sample()[:, :, :60], "the image cuts the brain off"),
    "noise that hides the cortex": (lambda: noisy(9), "The image is too noisy"),
    "strong noise": (lambda: noisy(25), "What was found is no plausible brain"),
    "noise only": (lambda: 100 * np.random.default_rng(2).random((90, 108, 90)), "No brain can be found"),
    "one brightness everywhere": (lambda: np.full((90, 108, 90), 7), "No brain can be found"),
    "an empty image": (lambda: np.zeros((90, 108, 90)), "No brain can be found"),
    "a phantom, one ball": (lambda: 100 * ball((90, 108, 90), (45, 54, 45), 1500), "No brain can be found"),
    "a phantom of three shells": (lambda: SHELLS, "no plausible brain"),
}
PARAMETERS = [
    pytest.param(row("Services", f"BrainTissue: {what}", "refused", sentence), make, id=what)
    for what, (make, sentence) in BRAINLESS.items()
]


@pytest.mark.parametrize(("proves", "make"), PARAMETERS)
def test_what_is_no_brain_on_a_t1_is_refused_in_a_sentence(tmp_path: Path, proves: object, make: object) -> None:
    def told() -> list[str]:
        answer = ask(save(tmp_path / "t1", np.maximum(make(), 0), SeriesDescription="head"), tmp_path / "job")
        assert answer.error.startswith(
            ("No brain can", "What was found is no plausible brain", "The image is too noisy")
        )
        return [answer.error]

    proves(told)()
