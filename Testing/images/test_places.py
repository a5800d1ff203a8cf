"""Every slice stands where it was acquired: uneven ones interpolated, missing ones dark and told, bad ones left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import head_phantom
import highdicom
import numpy as np
import pydicom
import pytest
from dicom_encoding import encoded
from display_desk import Desk, volumes_of
from head_phantom import MARKER
from hypothesis import given
from hypothesis import strategies as st
from image_rows import row
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from CastInterfaceLib.study import voxels
from CastInterfaceLib.study.slice_places import ON_PLACE, PLACES_PER_SLICE, SlicePlaces, places_of
from CastInterfaceLib.study.voxels import Voxels, read_voxels
from CastLib.dicom.series import Series, read_series
from CastLib.dicom.stack import Geometry
from CastLib.errors import CastError

FINE = 0.5  # mm between the planes of the head that stacks are cut from
SPACING = (2.5, 4.0, 4.0)
EVEN_THEN_WIDE = [*range(0, 120, 5), *range(120, 241, 8)]
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def fine_head() -> np.ndarray:
    return head_phantom.head(241, 64, 64, (FINE, 4.0, 4.0))


def stack(name: str, keep: Sequence[int]) -> list[Dataset]:
    """The slices of the head at ``keep`` half millimetres from its lowest one."""
    fine = fine_head()
    first = head_phantom.origin(241, 64, 64, (FINE, 4.0, 4.0))
    return [
        head_phantom.dataset(name, number, fine[k], first + np.array([0, 0, FINE * k]), SPACING)
        for number, k in enumerate(keep)
    ]


def read(folder: Path, slices: list[Dataset]) -> tuple[Series, Voxels]:
    head_phantom.save(folder, slices)
    (series,) = read_series([folder])
    return series, read_voxels(series)


def marker_middle(found: Voxels) -> np.ndarray:
    """LPS mm of the middle of what is as bright as the marker."""
    k, j, i = np.nonzero(found.array > 1500)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ found.ijk_to_ras.T
    return np.asarray((points[:, :3] * [-1, -1, 1]).mean(axis=0))


@pytest.mark.parametrize(
    "keep",
    [
        EVEN_THEN_WIDE,
        [*range(0, 100, 4), *range(103, 241, 6)],
        [*range(0, 241, 8), 121],
        [k for k in range(0, 241, 5) if k % 3],
        sorted({round(240 * (n / 40) ** 1.3) for n in range(41)}),
    ],
    ids=["fine then wide", "a step", "one between", "two of three", "growing"],
)
def test_uneven_slices_stand_where_they_were_acquired(tmp_path: Path, keep: list[int]) -> None:
    _, found = read(tmp_path, stack("uneven", sorted(keep)))
    spacing = found.ijk_to_ras[2, 2]
    assert np.abs(marker_middle(found) - MARKER).max() <= max(spacing, 2.0)
    fine, span = fine_head(), (max(keep) - min(keep)) * FINE
    assert found.array.shape[0] <= PLACES_PER_SLICE * len(keep)
    assert spacing * (found.array.shape[0] - 1) == pytest.approx(span)  # from the first to the last, and nothing more
    for place in range(found.array.shape[0]):  # each voxel lies between those of the acquired slices about it
        at = min(keep) + place * spacing / FINE
        below, above = max(k for k in keep if k <= at + 0.001), min(k for k in keep if k >= at - 0.001)
        near = [k for k in keep if abs(k - at) * FINE <= ON_PLACE * spacing]
        low, high = np.minimum(fine[below], fine[above]), np.maximum(fine[below], fine[above])
        if near:
            assert np.array_equal(found.array[place], fine[near[0]])
        elif place not in found.missing:
            assert ((found.array[place] >= low) & (found.array[place] <= high)).all(), place


@row(
    "Images", "A series with slices unevenly spaced", "shown, with a warning", "unevenly spaced and shown interpolated"
)
def test_a_segmentation_lies_on_its_structure_in_uneven_slices(desk: Desk, folder: Path) -> list[str]:
    from CastInterfaceLib.scene.image_words import WARNING
    from CastInterfaceLib.scene.viewer import nodes_of_class
    from CastInterfaceLib.scene.volumes import array_of, geometry_of

    slices = stack("uneven with seg", EVEN_THEN_WIDE)
    study = head_phantom.save(folder / "ct", slices)
    write_marker(folder / "seg.dcm", slices)
    desk.open(study)
    desk.until_shown(study)
    (volume,) = volumes_of(desk)
    (segmentation,) = nodes_of_class(desk.host.scene, "vtkMRMLSegmentationNode")
    assert volume.GetAttribute(WARNING) == voxels.INTERPOLATED
    bounds = np.zeros(6)
    segmentation.GetRASBounds(bounds)
    k, j, i = np.nonzero(array_of(volume) > 1500)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ geometry_of(volume).T
    slack = geometry_of(volume)[2, 2] + 4.0  # a voxel along, and one of the widest gap
    assert np.abs(bounds[4:] - [points[:, 2].min(), points[:, 2].max()]).max() <= slack
    assert np.abs(bounds[:4:2] - points[:, :2].min(axis=0)).max() <= 4.0
    return [str(problem) for problem in desk.items("problem")]


def write_marker(target: Path, slices: list[Dataset]) -> None:
    """A SEG of the bright cube, each frame where its slice lies."""
    description = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Marker",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Mass,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    planes = [np.frombuffer(data.PixelData, "<u2").reshape(64, 64) > 2500 for data in slices]
    highdicom.seg.Segmentation(
        source_images=[pydicom.dcmread(target.parent / "ct" / f"IM{n:04d}.dcm") for n in range(len(slices))],
        pixel_array=np.stack(planes).astype(np.uint8),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description],
        series_instance_uid=head_phantom.uid("seg", "series"),
        series_number=9,
        sop_instance_uid=head_phantom.uid("seg", "instance"),
        instance_number=1,
        manufacturer="Invented",
        manufacturer_model_name="Invented",
        software_versions="1",
        device_serial_number="1",
    ).save_as(target)


def test_colours_are_interpolated_too(tmp_path: Path) -> None:
    slices = stack("colours", EVEN_THEN_WIDE)
    for number, data in enumerate(slices):
        value = EVEN_THEN_WIDE[number]  # rises with the position
        data.SamplesPerPixel, data.PlanarConfiguration, data.PhotometricInterpretation = 3, 0, "RGB"
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.PixelData = np.full((64, 64, 3), [value, 240 - value, 7], np.uint8).tobytes()
    _, found = read(tmp_path, slices)
    at = np.arange(found.array.shape[0]) * found.ijk_to_ras[2, 2] / FINE
    assert np.abs(found.array[:, 0, 0, 0] - at).max() <= 0.51
    assert np.abs(found.array[:, 0, 0, 1] - (240 - at)).max() <= 0.51 and (found.array[..., 2] == 7).all()


def test_nothing_is_made_up_in_a_wide_gap(tmp_path: Path) -> None:
    """Two scans in one series, 60 mm apart: what lies between them is dark and missing."""
    keep = [*range(0, 40, 5), *range(161, 241, 6)]
    _, found = read(tmp_path, stack("gap", keep))
    at = np.arange(found.array.shape[0]) * found.ijk_to_ras[2, 2] / FINE
    inside = list(found.missing)
    assert inside and all(35 < at[place] < 161 for place in inside)
    assert (found.array[inside] == found.array.min()).all()
    assert len(inside) >= np.count_nonzero((at > 38) & (at < 158))


@given(st.lists(st.floats(0.05, 40), min_size=1, max_size=60))
def test_places_for_whatever_gaps(gaps: list[float]) -> None:
    offsets = tuple(np.concatenate([[0], np.cumsum(gaps)]).tolist())
    geometry = Geometry(4, 4, len(offsets), (1, 1, gaps[0]), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), offsets, None)
    places = places_of(geometry)
    assert (places.count - 1) * places.spacing == pytest.approx(offsets[-1])
    assert places.count <= max(2, PLACES_PER_SLICE * len(offsets))
    found = [place for number in range(len(offsets)) for place, share in places.slices_between(number)]
    assert found == sorted(set(found)) and set(found) <= set(range(places.count))
    assert set(range(1, places.count - 1)) <= set(found)
    for number in range(len(offsets)):
        assert all(0 < share <= 1 for _, share in places.slices_between(number))
        assert abs(places.nearest(number) * places.spacing - offsets[number]) <= places.spacing / 2 + 1e-6


def test_even_slices_are_not_touched() -> None:
    places = SlicePlaces(2.0, 5, (0.0, 2.0, 6.0, 8.0), True)
    exact = [place for number in range(4) for place, share in places.slices_between(number) if share == 1]
    assert exact == [0, 1, 3, 4] and all(places.is_hole(number) for number in range(1, 4))


# Missing and bad slices


def even(name: str) -> list[Dataset]:
    return stack(name, range(0, 241, 10))  # 25 slices, 5 mm apart


@pytest.mark.parametrize("inverted", [False, True])
def test_missing_slices_are_dark_and_the_view_opens_on_another(desk: Desk, folder: Path, inverted: bool) -> None:
    from CastInterfaceLib.scene.image_words import MISSING_SLICES
    from CastInterfaceLib.scene.volumes import array_of

    slices = even("missing")
    for data in slices:
        data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    lost = (11, 12, 13)
    study = head_phantom.save(folder, [data for number, data in enumerate(slices) if number not in lost])
    desk.open(study)
    desk.until_shown(study)
    (volume,) = volumes_of(desk)
    assert volume.GetAttribute(MISSING_SLICES) == "11 12 13"
    shown = array_of(volume)
    assert (shown[list(lost)] == (shown.max() if inverted else shown.min())).all()
    axial = next(view for view in desk.viewports() if view["orientation"] == "Axial")
    height = np.reshape(axial["sliceToRAS"], (4, 4))[2, 3]
    assert height in (pytest.approx(-10.0), pytest.approx(10.0))  # 10 and 14; the middle would be 0
    assert any("3 slices are missing and shown empty" in str(problem) for problem in desk.items("problem"))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def damage(path: Path) -> None:
    data = pydicom.dcmread(path)
    data.PixelData = data.PixelData[:40] + bytes(60) + data.PixelData[100:]
    data.save_as(path)


def no_pixels(path: Path) -> None:
    data = pydicom.dcmread(path)
    del data.PixelData
    data.save_as(path)


def other_bits(path: Path) -> None:
    data = pydicom.dcmread(path)
    data.BitsAllocated = 12
    data.save_as(path)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [cut_short, no_pixels, other_bits, gone], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("keep", [range(0, 241, 10), EVEN_THEN_WIDE], ids=["even", "uneven"])
def test_one_bad_slice_costs_only_itself(tmp_path: Path, keep: Sequence[int], spoil: object) -> None:
    number = 9
    whole = read(tmp_path / "whole", stack("bad", keep))[1]
    head_phantom.save(tmp_path / "bad", stack("bad", keep))
    (series,) = read_series([tmp_path / "bad"])
    spoil(series.files[number])  # type: ignore[operator]
    found = read_voxels(series)
    others = [place for place in range(whole.array.shape[0]) if place not in found.missing]
    assert found.missing and np.array_equal(found.array[others], whole.array[others])
    assert (found.array[list(found.missing)] == -1000).all() and number in found.missing
    assert any("IM0009.dcm cannot be decoded" in warning for warning in found.warnings), found.warnings


@row("Images", "One damaged slice among good ones", "shown, with a warning", "IM0009.dcm cannot be decoded")
def test_damaged_compressed_pixels_cost_one_slice(desk: Desk, folder: Path) -> list[str]:
    study = head_phantom.save(folder, [encoded(data, uid.JPEGLossless) for data in even("damaged")])
    damage(folder / "IM0009.dcm")
    desk.open(study)
    desk.until_shown(study)
    (volume,) = volumes_of(desk)
    assert volume.GetAttribute("Cast.MissingSlices") == "9"
    return [str(problem) for problem in desk.items("problem")]


def test_many_bad_slices_are_told_in_one_sentence(tmp_path: Path) -> None:
    head_phantom.save(tmp_path, even("many"))
    (series,) = read_series([tmp_path])
    for path in series.files[3:20]:
        no_pixels(path)
    told = [warning for warning in read_voxels(series).warnings if "cannot be decoded" in warning]
    assert told == ["IM0003.dcm, IM0004.dcm, IM0005.dcm and 14 more cannot be decoded: it has no pixels"]


def test_when_all_are_bad_it_is_said_why(tmp_path: Path) -> None:
    head_phantom.save(tmp_path, even("all"))
    (series,) = read_series([tmp_path])
    for path in series.files:
        no_pixels(path)
    with pytest.raises(CastError, match="IM0000.dcm cannot be decoded: it has no pixels"):
        read_voxels(series)


@pytest.mark.parametrize("odd", [0, 12])
def test_an_odd_one_out_is_left_out_even_when_it_comes_first(tmp_path: Path, odd: int) -> None:
    slices = even("odd")
    slices[odd].PhotometricInterpretation = "MONOCHROME1"
    _, found = read(tmp_path, slices)
    assert found.missing == (odd,) and not found.look.inverted
    assert any("of another kind" in warning for warning in found.warnings)


CHANGES = {
    "SOPInstanceUID": {"SOPInstanceUID": "1.2.3"},
    "SeriesInstanceUID": {"SeriesInstanceUID": "1.2.3"},
    "StudyInstanceUID": {"StudyInstanceUID": "1.2.3"},
    "patient": {"PatientID": "INV-2"},
    "size or position": {"ImagePositionPatient": [-126, -126, 3]},
    "size or  position": {"ImagePositionPatient": [-120, -126, -20]},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_file_that_is_replaced_while_it_is_read_is_refused(tmp_path: Path, what: str) -> None:
    head_phantom.save(tmp_path, even("replaced"))
    (series,) = read_series([tmp_path])

    def replace(number: int) -> None:
        if number == 6:
            data = pydicom.dcmread(series.files[8])
            for keyword, value in CHANGES[what].items():
                setattr(data, keyword, value)
            data.save_as(series.files[8])

    with pytest.raises(
        CastError, match=f"IM0008.dcm was replaced while the study was read: its {what.replace('  ', ' ')} is not"
    ):
        read_voxels(series, replace)


def test_whatever_comes_up_is_a_sentence_about_the_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AttributeError("Invented^Person")

    monkeypatch.setattr(voxels, "look_of", fail)
    head_phantom.save(tmp_path, even("whatever"))
    with pytest.raises(CastError) as caught:
        read_voxels(read_series([tmp_path])[0])
    assert re.fullmatch(r"Series [\d.]+ cannot be read: AttributeError came up\.", str(caught.value))


def test_a_volume_past_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voxels, "MAX_VOLUME", 100_000)
    head_phantom.save(tmp_path, even("large"))
    with pytest.raises(CastError, match="too large for this machine's memory"):
        read_voxels(read_series([tmp_path])[0])
