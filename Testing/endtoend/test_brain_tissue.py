"""The example service over a real hub with real SimpleITK: the segmentation is anatomy, on the right side.

The image is looked at in patient coordinates taken from each file by itself, never in the order the service used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from provider_process import Asker, ProviderProcess, temporary_files

from CastLib.dicom.series import read_series
from CastServiceProviderLib.segmentation_result import TISSUE, Code, SegmentDescription, write_segmentation

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"
SAMPLE = sorted((ROOT / "Resources" / "SampleStudy" / "DICOM").iterdir())

#: Brightness of voxels of the original NIfTI file by RAS millimetres (right, front, up are positive): places whose
#: mirror images are unlike them.
LANDMARKS = {
    (19, 23, 53): 108,
    (-19, 23, 53): 40,
    (-9, -93, -12): 107,
    (9, -93, -12): 60,
    (3, -39, 61): 95,
    (-3, -39, 61): 38,
    (24, -54, 64): 121,
    (-24, -54, 64): 37,
    (21, -24, 70): 112,
    (-21, -24, 70): 38,
}


@dataclass
class Answer:
    seg: Any
    labels: np.ndarray
    asker: Asker
    provider: ProviderProcess


@pytest.fixture(scope="module")
def answer(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    folder = tmp_path_factory.mktemp("tissue")
    shuffled = []
    for index, path in enumerate(SAMPLE):  # names that sort in another order than the slices
        shuffled.append(folder / f"{index * 77 % 181:03d}.dcm")
        shuffled[-1].write_bytes(path.read_bytes())
    provider = ProviderProcess(SCRIPT, hub.url, folder / "temp", "--job-timeout", "600")
    asker = Asker(hub.url)
    asker.send(provider.product, sorted(shuffled))
    asker.until(lambda: asker.results or asker.errors)
    assert not asker.errors
    (path,) = asker.session.fetch_files(asker.results[0], folder / "result")
    asker.until(lambda: asker.updates[-1].get("fraction") == 1.0)
    seg = hd.seg.segread(path)
    yield Answer(seg, labels_in_space(seg), asker, provider)
    asker.close()
    assert provider.stop() == 0
    assert not temporary_files(provider.temp)


@functools.cache
def image() -> np.ndarray:
    """The sample by its files' own positions: (slices, rows, columns) with rising LPS coordinates."""
    slices = [pydicom.dcmread(path) for path in SAMPLE]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    assert all(list(ds.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0] for ds in slices)
    assert [float(ds.ImagePositionPatient[2]) for ds in slices] == list(range(-71, 110))
    assert {tuple(ds.ImagePositionPatient[:2]) for ds in slices} == {(-90, -91)}
    return np.stack([ds.pixel_array for ds in slices])


def labels_in_space(seg: Any) -> np.ndarray:
    """The segments by the position of their frames, on the grid of ``image``."""
    volume = seg.get_volume(combine_segments=True)
    indices = np.argwhere(volume.array > 0)
    places = (np.c_[indices, np.ones(len(indices))] @ volume.affine.T)[:, :3] - (-90, -91, -71)
    x, y, z = np.rint(places).astype(int).T
    labels = np.zeros((181, 217, 181), np.uint8)
    labels[z, y, x] = volume.array[tuple(indices.T)]
    return labels


def agreement(labels: np.ndarray, brightness: np.ndarray) -> float:
    """The share of white matter that is bright and of fluid that is dark, the smaller one."""
    return min((brightness[labels == 3] > 95).mean(), (brightness[labels == 1] < 75).mean())


def test_the_sample_lies_as_its_source_does() -> None:
    brightness = image()
    for (right, front, up), value in LANDMARKS.items():
        assert brightness[up + 71, -front + 91, -right + 90] == value


def test_volumes_are_those_of_a_brain(answer: Answer) -> None:
    labels = answer.labels
    fluid, grey, white = ((labels == number).sum() / 1000 for number in (1, 2, 3))
    assert 300 < fluid < 500
    assert 800 < grey < 1050
    assert 500 < white < 700
    last = answer.asker.updates[-1]["message"]
    assert last == f"CSF {fluid:.0f} ml, Grey matter {grey:.0f} ml, White matter {white:.0f} ml"


def test_tissue_lies_where_it_looks_like_it(answer: Answer) -> None:
    labels, brightness = answer.labels, image()
    assert agreement(labels, brightness) > 0.97
    for axis in range(3):
        assert agreement(np.flip(labels, axis), brightness) < 0.8, "a flip on any axis must show"
    assert (labels[brightness == 0] == 0).mean() > 0.999
    means = [brightness[labels == number].mean() for number in (1, 2, 3)]
    assert means[0] + 25 < means[1] < means[2] - 15


def test_anatomy(answer: Answer) -> None:
    """Named places, RAS millimetres: ventricles are fluid, the corpus callosum white, caudate and cortex grey."""
    labels = answer.labels

    def most(right: int, front: int, up: int) -> int:
        z, y, x = up + 71, -front + 91, -right + 90
        around = labels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]
        return int(np.bincount(around.ravel(), minlength=4).argmax())

    for side in (-1, 1):
        assert most(side * 7, 0, 18) == 1, "lateral ventricle"
        assert most(side * 13, 14, 10) == 2, "head of the caudate nucleus"
        assert most(side * 28, -30, 30) == 3, "centrum semiovale"
    assert most(0, 27, 8) == 3, "genu of the corpus callosum"


def test_a_result_written_mirrored_is_found_out(answer: Answer, tmp_path: Path) -> None:
    """The proof that the comparison above can fail: the same labels written the wrong way round."""
    labels = answer.labels
    (series,) = read_series(SAMPLE)
    color, code = (200, 200, 200), Code("85756007", "SCT", "Tissue")
    segments = [SegmentDescription(number, f"{number}", TISSUE, code, color, "test") for number in (1, 2, 3)]
    names = {"description": "x", "product": "x", "version": "1"}
    for wrong, path in ((False, tmp_path / "right.dcm"), (True, tmp_path / "mirrored.dcm")):
        write_segmentation(path, series.files, labels[:, :, ::-1] if wrong else labels, segments, **names)
        agreed = agreement(labels_in_space(hd.seg.segread(path)), image())
        assert agreed < 0.8 if wrong else agreed > 0.97


def test_segments_are_coded_and_refer_to_every_slice(answer: Answer) -> None:
    codes = [
        (item.SegmentedPropertyCategoryCodeSequence[0].CodeValue, item.SegmentedPropertyTypeCodeSequence[0].CodeValue)
        for item in answer.seg.SegmentSequence
    ]
    assert codes == [("91720002", "65216001"), ("85756007", "389081007"), ("85756007", "389080008")]
    assert all("RecommendedDisplayCIELabValue" in item for item in answer.seg.SegmentSequence)
    (reference,) = answer.seg.ReferencedSeriesSequence
    referenced = {item.ReferencedSOPInstanceUID for item in reference.ReferencedInstanceSequence}
    assert referenced == {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in SAMPLE}


def test_what_is_no_head_is_told(answer: Answer, tmp_path: Path) -> None:
    def error_for(paths: list[Path]) -> str:
        answer.asker.events.clear()
        answer.asker.send(answer.provider.product, paths)
        answer.asker.until(lambda: answer.asker.errors)
        return answer.asker.errors[0]

    assert "a whole head" in error_for(SAMPLE[:20]).lower()
    ct = tmp_path / "ct.dcm"
    ds = pydicom.dcmread(SAMPLE[0])
    ds.Modality = "CT"
    ds.save_as(ct)
    assert "T1-weighted MR volume of the head is needed; what came is CT" in error_for([ct])
    (tmp_path / "text.dcm").write_text("no DICOM at all " * 20)
    assert error_for([tmp_path / "text.dcm"]) == "No DICOM image came with the message"
