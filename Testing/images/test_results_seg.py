"""DICOM SEG files: which series they belong to, where their frames lie, and how much they may ask for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import head_phantom
import highdicom
import numpy as np
import pydicom
import pytest
from display_desk import Desk
from image_rows import row
from pydicom.uid import RLELossless
from result_parts import BOTH, HU, MARKER, MARKER_MM3, VENTRICLE_MM3, VOXEL, Head, seg

GROUP = "Segmentations and other results"
WIRE = "What comes over the wire"

Change = Callable[[Any], object]


@pytest.fixture
def head(desk: Desk, folder: Path) -> Head:
    return Head(desk, folder)


def groups(data: Any) -> list[Any]:
    return [*data.SharedFunctionalGroupsSequence, *data.PerFrameFunctionalGroupsSequence]


def without_series(data: Any) -> None:
    del data.ReferencedSeriesSequence


def without_images(data: Any) -> None:
    without_series(data)
    for group in groups(data):
        if "DerivationImageSequence" in group:
            del group.DerivationImageSequence


def shuffled(data: Any) -> None:
    planes = data.pixel_array.copy()
    order = np.random.default_rng(5).permutation(len(planes))
    data.PerFrameFunctionalGroupsSequence = [data.PerFrameFunctionalGroupsSequence[number] for number in order]
    data.PixelData = np.packbits(planes[order].reshape(-1), bitorder="little").tobytes()


@row(GROUP, "A SEG that names its series, its images or only its frame of reference", "shown")
@pytest.mark.parametrize("change", [lambda data: None, without_series, without_images, shuffled])
def test_a_seg_belongs_to_its_series(head: Head, tmp_path: Path, change: Change) -> None:
    came = head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, change=change))
    assert came.refused == "" and came.sentences == [] and came.volumes == [MARKER_MM3]
    assert came.item["sourceSeriesInstanceUID"] == str(head.slices[0].SeriesInstanceUID)
    assert head.is_green()


@pytest.mark.parametrize(
    ("kind", "array", "more"),
    [
        ("BINARY", np.stack([MARKER, BOTH > 0], axis=-1).astype(np.uint8), {}),
        ("FRACTIONAL", np.stack([MARKER * 0.6, (BOTH > 0) * 0.8 + (BOTH == 0) * 0.3], axis=-1), {}),
        ("FRACTIONAL", np.stack([MARKER * 0.6, (BOTH > 0) * 0.8], axis=-1), {"max_fractional_value": 10}),
        ("BINARY", np.stack([MARKER, BOTH > 0], axis=-1).astype(np.uint8), {"omit_empty_frames": False}),
    ],
)
def test_overlapping_and_fractional_segments(
    head: Head, tmp_path: Path, kind: str, array: np.ndarray, more: dict[str, Any]
) -> None:
    file = seg(tmp_path / "a.dcm", array, head.slices, kind=kind, labels=("marker", "both"), **more)
    came = head.send(file)
    assert came.labels == ["marker", "both"] and came.volumes == [MARKER_MM3, MARKER_MM3 + VENTRICLE_MM3]


def test_a_label_map_seg_and_a_packed_one(head: Head, tmp_path: Path) -> None:
    file = seg(tmp_path / "a.dcm", BOTH, head.slices, kind="LABELMAP", labels=("marker", "ventricle"))
    assert head.send(file).volumes == [MARKER_MM3, VENTRICLE_MM3]
    file = seg(tmp_path / "b.dcm", BOTH, head.slices, kind="LABELMAP", labels=("marker", "ventricle"),
               transfer_syntax_uid=RLELossless)  # fmt: skip
    assert head.send(file).volumes == [MARKER_MM3, VENTRICLE_MM3]
    fractions = np.stack([MARKER * 0.6, (BOTH == 2) * 0.8], axis=-1)
    file = seg(tmp_path / "c.dcm", fractions, head.slices, kind="FRACTIONAL", labels=("marker", "ventricle"),
               transfer_syntax_uid=RLELossless)  # fmt: skip
    assert head.send(file).volumes == [MARKER_MM3, VENTRICLE_MM3]


def renumbered(data: Any) -> None:
    data.SegmentSequence[1].SegmentNumber = 7
    for group in data.PerFrameFunctionalGroupsSequence:
        item = group.SegmentIdentificationSequence[0]
        item.ReferencedSegmentNumber = 7 if item.ReferencedSegmentNumber == 2 else 1


def test_gaps_in_segment_numbers_and_empty_segments(head: Head, tmp_path: Path) -> None:
    file = seg(tmp_path / "a.dcm", BOTH, head.slices, labels=("marker", "ventricle"), change=renumbered)
    came = head.send(file)
    assert [one["number"] for one in came.item["segments"]] == [1, 7]
    assert came.volumes == [MARKER_MM3, VENTRICLE_MM3]
    came = head.send(seg(tmp_path / "b.dcm", BOTH * (BOTH == 1), head.slices, labels=("marker", "nothing")))
    assert came.labels == ["marker", "nothing"] and came.volumes == [MARKER_MM3, 0.0]


def test_one_frame_takes_the_thickness_of_its_series(head: Head, tmp_path: Path) -> None:
    def lies(data: Any) -> None:
        for item in data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence:
            item.SpacingBetweenSlices = item.SliceThickness = 1.25

    one = np.zeros_like(MARKER)
    one[19] = MARKER[19]
    came = head.send(seg(tmp_path / "a.dcm", one, head.slices))
    assert came.volumes == [float(one.sum()) * VOXEL] and came.sentences == []
    came = head.send(seg(tmp_path / "b.dcm", one, head.slices, change=lies))
    assert came.volumes == [float(one.sum()) * VOXEL]
    assert "it says that its slices are 1.25 mm apart, and they are 5 mm apart" in came.sentences[0]


def measures(**values: float) -> Change:
    def change(data: Any) -> None:
        for item in data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence:
            if "SpacingBetweenSlices" not in values and "SpacingBetweenSlices" in item:
                del item.SpacingBetweenSlices
            for keyword, value in values.items():
                setattr(item, keyword, value)

    return change


@row(GROUP, "A SEG that tells another slice spacing than its positions", "shown, with a warning",
     "it says that its slices are 2.5 mm apart, and they are 5 mm apart")  # fmt: skip
@pytest.mark.parametrize("kept", ["marker", "two apart"])
def test_volumes_are_computed_from_positions(head: Head, tmp_path: Path, kept: str) -> list[str]:
    mask = MARKER.copy()
    if kept == "two apart":
        mask[:] = 0
        mask[4, 60, 60] = mask[18, 60, 60] = 1
    came = head.send(seg(tmp_path / "a.dcm", mask, head.slices, change=measures(SpacingBetweenSlices=2.5)))
    assert came.volumes == [float(mask.sum()) * VOXEL]
    return came.sentences


@pytest.mark.parametrize("change", [measures(SliceThickness=5.0), measures(SpacingBetweenSlices=5.0)])
def test_frames_that_were_left_out_are_no_thick_slices(head: Head, tmp_path: Path, change: Change) -> None:
    mask = np.zeros_like(MARKER)
    mask[[2, 6, 10], 60, 60] = 1
    came = head.send(seg(tmp_path / "a.dcm", mask, head.slices, change=change))
    assert came.volumes == [3 * VOXEL] and came.sentences == []


def moved(millimetres: float, sideways: float = 0.0) -> Change:
    def change(data: Any) -> None:
        for group in data.PerFrameFunctionalGroupsSequence:
            x, y, z = (float(value) for value in group.PlanePositionSequence[0].ImagePositionPatient)
            group.PlanePositionSequence[0].ImagePositionPatient = [x + sideways, y, z + millimetres]

    return change


def frames_apart(millimetres: float) -> Change:
    def change(data: Any) -> None:
        for number, group in enumerate(data.PerFrameFunctionalGroupsSequence):
            x, y, z = (float(value) for value in group.PlanePositionSequence[0].ImagePositionPatient)
            group.PlanePositionSequence[0].ImagePositionPatient = [x, y, z + millimetres * number**2]

    return change


@row(GROUP, "A SEG 500 mm away from its series", "refused", "of it lies outside the series that it is sent for")
@pytest.mark.parametrize("change", [moved(500), moved(-500), moved(90)])
def test_frames_elsewhere(head: Head, tmp_path: Path, change: Change) -> list[str]:
    came = head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, change=change))
    assert came.item == {}
    return [came.refused]


@row(GROUP, "A SEG whose pixel spacing is not its series'", "refused",
     "it has as many columns and rows as its series, but lies up to")  # fmt: skip
@pytest.mark.parametrize("change", [measures(PixelSpacing=[1.0, 1.0], SpacingBetweenSlices=5.0), moved(0, 12.0)])
def test_another_pixel_spacing(head: Head, tmp_path: Path, change: Change) -> list[str]:
    came = head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, change=change))
    assert came.item == {}
    return [came.refused]


@row("Patients and studies", "A SEG of another patient, with the UIDs of this one's series", "refused",
     "The files are of another patient than what is asked for: patient ID INV-2 and patient ID INV-1.")  # fmt: skip
def test_another_patient(desk: Desk, folder: Path, tmp_path: Path) -> list[str]:
    head = Head(desk, folder)
    for node in [one.volume for one in desk.display.study.series.values()]:  # type: ignore[union-attr]
        node.SetAttribute("DICOM.PatientID", "INV-1")
        node.SetAttribute("DICOM.PatientName", "Invented^Person")

    def change(data: Any) -> None:
        del data.PatientID  # which it shares with its source
        data.PatientID = "INV-2"

    came = head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, change=change))
    assert came.item == {}
    again = head.send(seg(tmp_path / "b.dcm", MARKER, head.slices))
    assert again.volumes == [MARKER_MM3], again
    return [came.refused]


def test_a_seg_of_other_images_or_of_two_series_is_refused(desk: Desk, folder: Path, tmp_path: Path) -> None:
    head = Head(desk, folder)
    other = [copy.deepcopy(one) for one in head.slices]
    for one in other:
        one.SeriesInstanceUID = head_phantom.uid("results", "other")
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = head_phantom.uid(one.SOPInstanceUID, "b")
    came = head.send(seg(tmp_path / "a.dcm", MARKER, other))
    assert came.item == {} and "references none of the open series" in came.refused
    came = head.send(seg(tmp_path / "b.dcm", MARKER, other, change=without_series))
    assert came.item == {} and "references none of the open series" in came.refused
    head_phantom.save(tmp_path / "second", other)
    desk.send_files("dicom-send", sorted((tmp_path / "second").iterdir()))
    desk.until(lambda: desk.display.study and len(desk.display.study.series) == 2 and not desk.display.study.busy)
    came = head.send(seg(tmp_path / "c.dcm", MARKER, other))
    assert came.item["sourceSeriesInstanceUID"] == str(other[0].SeriesInstanceUID)
    came = head.send(seg(tmp_path / "d.dcm", MARKER, other, change=without_images))
    assert came.item == {} and "could belong to 2 of the open series" in came.refused


def test_of_several_volumes_of_one_series_the_one_on_whose_grid_it_lies_is_taken(head: Head, tmp_path: Path) -> None:
    """A localizer, or another phase, has the same SeriesInstanceUID and another grid."""
    import slicer

    from CastInterfaceLib.scene.segmentation_source import volume_for
    from CastInterfaceLib.study.prepared_segmentation import prepare_segmentation
    from CastInterfaceLib.study.source_grids import source_of
    from CastLib.errors import CastError

    (shown,) = head.desk.display.study.series.values()  # type: ignore[union-attr]
    prepared = prepare_segmentation(seg(tmp_path / "a.dcm", MARKER, head.slices), [source_of(shown.series)])
    other = slicer.vtkMRMLScalarVolumeNode()
    other.Copy(shown.volume)
    other.SetSpacing(4.0, 4.0, 5.0)
    assert volume_for([other, shown.volume], prepared.segmentation) is shown.volume
    with pytest.raises(CastError, match="as many columns and rows as its series"):
        volume_for([other], prepared.segmentation)
    twin = slicer.vtkMRMLScalarVolumeNode()
    twin.Copy(shown.volume)
    with pytest.raises(CastError, match="could belong to 2"):
        volume_for([twin, shown.volume], prepared.segmentation)
    twin.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    assert volume_for([twin, shown.volume], prepared.segmentation) is shown.volume


def test_a_bad_colour_costs_only_itself(head: Head, tmp_path: Path) -> None:
    def change(data: Any) -> None:
        data.SegmentSequence[0].RecommendedDisplayCIELabValue = [1]

    came = head.send(seg(tmp_path / "a.dcm", MARKER, head.slices, change=change))
    assert came.volumes == [MARKER_MM3] and came.item["segments"][0]["color"] == [0.5, 0.68, 0.5]


def test_uneven_slices_are_drawn_at_their_true_positions(desk: Desk, folder: Path, tmp_path: Path) -> None:
    from CastInterfaceLib.study.segmentation_file import read_segmentation

    fine = head_phantom.head(slices=241, spacing=(0.5, 2.0, 2.0))
    first = head_phantom.origin(241, 128, 128, (0.5, 2.0, 2.0))
    kept = [*range(0, 120, 5), *range(120, 241, 8)]
    slices = [
        head_phantom.dataset("uneven", n, fine[k], first + np.array([0, 0, 0.5 * k]), (2.5, 2.0, 2.0))
        for n, k in enumerate(kept)
    ]
    skin = (np.stack([fine[k] for k in kept]) > -1000).astype(np.uint8)
    found = read_segmentation(seg(tmp_path / "a.dcm", skin, slices))
    assert "unevenly spaced (2.5 to 4 mm)" in found.warnings[0]
    truth = float((fine > -1000).sum()) * 0.5 * 2 * 2
    assert found.segments[0].voxels * found.voxel_volume == pytest.approx(truth, rel=0.03)
    top = found.ijk_to_ras @ [0, 0, found.segments[0].box[0].stop - 1, 1]
    assert top[2] == pytest.approx(first[2] + 0.5 * kept[-1], abs=0.1)


def test_oblique_slanted_and_other_grids(tmp_path: Path) -> None:
    """Frames that run sideways, as with a tilted gantry, keep the places of all voxels."""
    from CastInterfaceLib.study.segmentation_file import read_segmentation

    def slanted(data: Any) -> None:
        for group in data.PerFrameFunctionalGroupsSequence:
            x, y, z = (float(value) for value in group.PlanePositionSequence[0].ImagePositionPatient)
            group.PlanePositionSequence[0].ImagePositionPatient = [x, y + 0.3 * z, z]

    file = seg(tmp_path / "a.dcm", np.ones_like(MARKER), head_phantom.series("results", HU), change=slanted)
    found = read_segmentation(file)
    origin = head_phantom.origin()
    for k in (0, 11, 23):
        z = origin[2] + 5 * k
        expected = [-(origin[0] + 2 * 7), -(origin[1] + 2 * 9 + 0.3 * z), z]
        assert np.allclose((found.ijk_to_ras @ [7, 9, k, 1])[:3], expected, atol=0.01)
    assert found.voxel_volume == pytest.approx(VOXEL)

    def crooked(data: Any) -> None:
        slanted(data)
        data.PerFrameFunctionalGroupsSequence[5].PlanePositionSequence[0].ImagePositionPatient[0] += 4

    from CastLib.errors import CastError

    with pytest.raises(CastError, match="shifted sideways"):
        read_segmentation(
            seg(tmp_path / "b.dcm", np.ones_like(MARKER), head_phantom.series("results", HU), change=crooked)
        )


def positions(values: list[Any]) -> Change:
    def change(data: Any) -> None:
        data.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient = values

    return change


def declared(**values: Any) -> Change:
    def change(data: Any) -> None:
        for keyword, value in values.items():
            setattr(data, keyword, value)

    return change


@row(WIRE, "A few KB of SEG that declare millions of frames, or frames far apart", "refused", "")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (declared(NumberOfFrames=5_000_000), "its pixels are cut off"),
        (declared(Rows=65535, Columns=65535), "its pixels are cut off"),
        (declared(NumberOfFrames=2), "tells the places of"),
        (declared(NumberOfFrames=0), "is no number above 0"),
        (declared(BitsAllocated=32), "its pixels are cut off"),
        (declared(PerFrameFunctionalGroupsSequence=[]), "tells the places of 0"),
        (declared(SegmentSequence=[]), "holds no segment"),
        (frames_apart(1e6), "more than this display takes"),
        (frames_apart(4.9e4), ""),
        (positions([0, 0, 1e9]), ""),
        (positions([0, 0, 1e300]), ""),
        (positions(["nan", 0, 0]), "is missing or damaged"),
        (positions([]), "is missing or damaged"),
    ],
)
def test_nothing_is_allocated_for_what_is_only_declared(
    head: Head, tmp_path: Path, change: Change, sentence: str
) -> None:
    with pydicom.config.disable_value_validation():
        file = seg(tmp_path / "a.dcm", MARKER, head.slices, change=change)
    came = head.send(file)
    assert came.item == {} and came.refused and sentence in came.refused, came.refused
    assert str(tmp_path) not in came.refused


def test_segments_share_layers(tmp_path: Path) -> None:
    """A hundred organs take the memory of one array, and keep their values and boxes."""
    from CastInterfaceLib.study.segmentation_file import read_segmentation

    labels = np.zeros(MARKER.shape, np.uint8)
    for number in range(1, 101):
        labels[number % 20 : number % 20 + 4, number : number + 3, 5:20] = number
    file = seg(
        tmp_path / "a.dcm", labels, head_phantom.series("results", HU), labels=tuple(f"o{n}" for n in range(100))
    )
    found = read_segmentation(file)
    assert len(found.layers) == 1 and found.layers[0].dtype == np.uint8
    for segment in found.segments:
        assert segment.voxels == (labels == segment.number).sum() == segment.mask.sum()


def test_highdicom_agrees(tmp_path: Path) -> None:
    """The placing is our own; the library that wrote the file reads the same volume."""
    from CastInterfaceLib.study.segmentation_file import read_segmentation

    file = seg(tmp_path / "a.dcm", BOTH, head_phantom.series("results", HU), labels=("a", "b"))
    found = read_segmentation(file)
    theirs = highdicom.seg.segread(file).get_volume(combine_segments=True)
    assert np.array_equal(found.layers[0], theirs.array[::-1])  # it counts slices from above
    matrix = np.diag([-1, -1, 1, 1]) @ theirs.affine[:, [2, 1, 0, 3]]
    last = [0, 0, len(theirs.array) - 1, 1]
    assert np.allclose(matrix @ last, found.ijk_to_ras @ [0, 0, 0, 1], atol=1e-4)
    assert np.allclose(matrix @ [0, 0, 0, 1], found.ijk_to_ras @ last, atol=1e-4)
