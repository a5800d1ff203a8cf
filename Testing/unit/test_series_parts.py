"""What the files of one SeriesInstanceUID make when they are more, or other, than one stack (CastLib.dicom.volumes)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import head_phantom
import pydicom
import pytest
from series_piles import COUNT, again, found, rename, stack

from CastLib.dicom.series import read_series
from CastLib.errors import FieldError


def test_one_series_of_two_patients_is_never_one_volume(tmp_path: Path) -> None:
    pile = stack("two")
    for one in pile[4:]:
        one.PatientID, one.PatientName, one.PatientBirthDate = "INV-2", "Other^Person", "19500101"
    one, other = found(tmp_path, pile)
    assert {series.patient.id for series in (one, other)} == {"INV-1", "INV-2"}
    assert one.volume.slices == other.volume.slices == 4
    assert "images of different patients: patient ID INV-" in " ".join(one.warnings)
    with pytest.raises(FieldError, match="holds images of different patients"):
        read_series([tmp_path])


def test_who_says_nothing_is_nobody_elses_patient(tmp_path: Path) -> None:
    pile = stack("unsaid")
    for one in pile[3:6]:
        one.PatientID, one.PatientName = "INV-2", "Other^Person"
    for one in pile[6:]:
        one.PatientID, one.PatientName = "", ""
    series = found(tmp_path, pile)
    assert sorted((one.patient.id, len(one.files)) for one in series) == [("", 2), ("INV-1", 3), ("INV-2", 3)]
    for one in pile[3:6]:
        one.PatientID, one.PatientName = "INV-1", "INVENTED^PERSON^"
    (whole,) = found(tmp_path, pile)  # with one patient only, they are that one's
    assert whole.volume.slices == COUNT


def test_two_patients_under_the_same_instances(tmp_path: Path) -> None:
    other = stack("same")
    for one in other:
        one.PatientID = "INV-2"
    series = found(tmp_path, stack("same"), other)
    assert [one.volume.slices for one in series] == [COUNT, COUNT]
    assert not any(one.left_out for one in series)


def test_one_uid_on_all_slices(tmp_path: Path) -> None:
    pile = stack("sameuid")
    for one in pile:
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = pile[0].SOPInstanceUID
    (series,) = found(tmp_path, pile)
    assert series.volume.even and series.volume.slices == COUNT
    assert series.warnings == (
        "8 different images share one SOP Instance UID: they were told apart by where and when they were made",
    )


def test_only_a_real_copy_is_left_out(tmp_path: Path) -> None:
    (series,) = found(tmp_path, stack("copies"), stack("copies")[2:5])
    assert series.volume.even and series.volume.slices == COUNT and not series.warnings
    assert len(series.left_out) == 3 and all(why.startswith("a copy of IM") for _, why in series.left_out)
    assert read_series([tmp_path])[0].files == series.files


@pytest.mark.parametrize("known", [True, False])
def test_of_corrected_images_the_newer_counts(tmp_path: Path, known: bool) -> None:
    new = stack("corrected")
    for one in new:
        one.PixelData = bytes(len(one.PixelData))
        if known:
            one.InstanceCreationDate, one.InstanceCreationTime = "20260103", "080000"
    old = stack("corrected")
    for one in old if known else ():
        one.InstanceCreationDate, one.InstanceCreationTime = "20260102", "230000"
    (series,) = found(tmp_path, old, new)
    assert series.volume.slices == COUNT and len(series.left_out) == COUNT
    (told,) = series.warnings
    assert told.startswith("8 images came in two versions under one SOP Instance UID; ")
    assert ("the newer is used: IM" if known else "nothing in them tells which is newer: IM") in told
    if known:
        assert all(not any(pydicom.dcmread(path).PixelData) for path in series.files)
        assert all(why.startswith("an older version of IM") for _, why in series.left_out)


@pytest.mark.parametrize("tag", ["AcquisitionNumber", "AcquisitionTime", "InstanceNumber"])
def test_of_a_slice_acquired_twice_the_later_counts(tmp_path: Path, tag: str) -> None:
    pile = stack("twice")
    repeated = rename(copy.deepcopy(pile[3]), "twice", "again")
    for one in pile:
        one.AcquisitionNumber, one.AcquisitionTime = 7, "101500"
    repeated.AcquisitionNumber, repeated.AcquisitionTime = 7, "101500"
    setattr(repeated, tag, {"AcquisitionNumber": 8, "AcquisitionTime": "101600.5", "InstanceNumber": 30}[tag])
    (series,) = found(tmp_path, pile, [repeated])
    assert series.volume.even and series.instance_uids[3] == repeated.SOPInstanceUID
    assert "a slice was acquired more than once; the last one is used" in series.warnings[0]
    assert "the slice was acquired again" in series.left_out[0][1]


def test_a_slice_twice_that_nothing_tells_apart_is_told(tmp_path: Path) -> None:
    pile = stack("doubtful")
    (series,) = found(tmp_path, pile, [rename(copy.deepcopy(pile[3]), "doubtful", "again")])
    assert series.volume.even and "nothing in them tells which is the last" in series.warnings[0]


@pytest.mark.parametrize(
    ("tag", "values", "labels"),
    [
        ("AcquisitionNumber", [1, 2, 3], ["acquisition 1", "acquisition 2", "acquisition 3"]),
        ("TemporalPositionIdentifier", [1, 2, 10], ["time position 1", "time position 2", "time position 10"]),
        ("EchoNumbers", [1, 2], ["echo 1", "echo 2"]),
        ("EchoTime", [4.6, 2.3], ["echo time 2.3", "echo time 4.6"]),
        ("TriggerTime", [0, 50.5, 700], ["trigger time 0", "trigger time 50.5", "trigger time 700"]),
        ("DiffusionBValue", [0.0, 800.0], ["b-value 0", "b-value 800"]),
        ("ImageType", [["DERIVED", "PRIMARY", "M"], ["DERIVED", "PRIMARY", "P"]], ["image type M", "image type P"]),
        ("StackID", ["1", "2"], ["stack 1", "stack 2"]),
        ("ConvolutionKernel", ["B30f", "B70f"], ["kernel B30f", "kernel B70f"]),
        ("SequenceName", ["ep_b0", "ep_b1000t"], ["sequence ep_b0", "sequence ep_b1000t"]),
        ("ContentTime", ["101500", "101530.2"], ["content time 101500", "content time 101530.2"]),
    ],
)
def test_several_images_at_each_place(tmp_path: Path, tag: str, values: list[Any], labels: list[str]) -> None:
    piles = [again("phases", n, lambda one, value=value: setattr(one, tag, value)) for n, value in enumerate(values)]
    series = found(tmp_path, *piles)
    assert sorted(one.part for one in series) == sorted(labels)
    for one in series:
        assert one.volume.even and one.volume.slices == COUNT
        assert len({str(pydicom.dcmread(path).get(tag)) for path in one.files}) == 1
        told = f"its series makes {len(values)} volumes; this one has 8 of {8 * len(values)} files ({one.part})"
        assert told in one.warnings
    with pytest.raises(FieldError, match=f"makes {len(values)} volumes"):
        read_series([tmp_path])


def test_echoes_in_phases(tmp_path: Path) -> None:
    def change(one: pydicom.Dataset) -> None:
        one.EchoNumbers, one.TemporalPositionIdentifier = echo, phase

    piles = []
    for echo in (1, 2):
        for phase in (1, 2, 3):
            piles.append(again("both", 10 * echo + phase, change))
    series = found(tmp_path, *piles)
    assert {one.part for one in series} == {f"echo {echo}, time position {n}" for echo in (1, 2) for n in (1, 2, 3)}
    assert all(one.volume.even and one.volume.slices == COUNT for one in series)


def test_times_that_differ_from_slice_to_slice_are_taken_in_their_order(tmp_path: Path) -> None:
    piles = []
    for phase in range(3):
        pile = again("cine", phase, lambda one: None)
        for number, one in enumerate(pile):
            one.TriggerTime = 100.0 * phase + 0.5 * number
        piles.append(pile)
    series = found(tmp_path, *piles)
    assert [one.part for one in series] == ["number 1", "number 2", "number 3"]
    for phase, one in enumerate(series):
        assert all(100 * phase <= pydicom.dcmread(path).TriggerTime < 100 * phase + 50 for path in one.files)


@pytest.mark.parametrize("by_place", [True, False])
def test_instance_numbers_tell_phases_apart_where_they_are_regular(tmp_path: Path, by_place: bool) -> None:
    piles = [again("numbered", phase, lambda one: None) for phase in range(3)]
    for phase, pile in enumerate(piles):
        for place, one in enumerate(pile):
            one.InstanceNumber = 3 * place + phase + 1 if by_place else COUNT * phase + place + 1
    series = found(tmp_path, *piles)
    assert [one.part for one in series] == ["number 1", "number 2", "number 3"]
    first = {str(one.SOPInstanceUID) for one in piles[0]}
    assert set(series[0].instance_uids) == first


def test_what_nothing_tells_apart_is_refused_in_words(tmp_path: Path) -> None:
    series = found(tmp_path, stack("blurred"), again("blurred", 1, lambda one: None))
    (one,) = series
    assert one.geometry is None and "8 of its 16 files lie at another's position" in one.problem
    assert one.reason_not_shown == one.problem


def test_images_at_one_place_that_only_their_numbers_tell_apart_are_no_volumes(tmp_path: Path) -> None:
    pile = stack("place")
    for one in pile:
        one.ImagePositionPatient = pile[0].ImagePositionPatient
    (series,) = found(tmp_path, pile)
    assert series.geometry is None and "7 of its 8 files lie at another's position" in series.problem


def test_another_kind_at_few_places_is_not_a_slice_acquired_again(tmp_path: Path) -> None:
    extra = again("few", 1, lambda one: setattr(one, "DiffusionBValue", 1000.0))[:2]
    one, other = found(tmp_path, stack("few"), extra)
    assert (one.volume.slices, other.volume.slices, one.part, other.part) == (8, 2, "", "b-value 1000")


def test_two_stacks_pushed_into_each_other(tmp_path: Path) -> None:
    def shift(one: pydicom.Dataset) -> None:
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient, one.AcquisitionNumber = [x, y, z + 1.3], 2

    pile = stack("pushed")
    for one in pile:
        one.AcquisitionNumber = 1
    series = found(tmp_path, pile, again("pushed", 1, shift))
    assert [(one.part, one.volume.even) for one in series] == [("acquisition 1", True), ("acquisition 2", True)]


def test_slices_that_were_interleaved_are_one_volume(tmp_path: Path) -> None:
    pile = stack("interleaved")
    for number, one in enumerate(pile):
        one.AcquisitionNumber = number % 2 + 1
    (series,) = found(tmp_path, pile)
    assert series.volume.even and not series.warnings


def test_three_localizers_in_one_series(tmp_path: Path) -> None:
    piles = []
    for number, orientation in enumerate([(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)]):
        pile = stack("planes", orientation=orientation)
        for one, place in zip(pile, range(-20, 20, 5), strict=True):
            rename(one, "planes", number, one.InstanceNumber)
            one.ImagePositionPatient = [place if axis == 2 - number else 0 for axis in range(3)]
        piles.append(pile)
    series = found(tmp_path, *piles)
    assert sorted(one.part for one in series) == ["axial", "coronal", "sagittal"]
    assert all(one.volume.even for one in series)


def test_left_and_right_in_one_series(tmp_path: Path) -> None:
    def aside(one: pydicom.Dataset) -> None:
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient = [x + 120, y, z]

    series = found(tmp_path, stack("knees"), again("knees", 1, aside))
    assert [(one.part, one.volume.even) for one in series] == [("stack 1", True), ("stack 2", True)]


def test_other_frames_of_reference_are_other_volumes(tmp_path: Path) -> None:
    pile = stack("frames")
    for one in pile[:4]:
        one.FrameOfReferenceUID = head_phantom.uid("another")
    series = found(tmp_path, pile)
    assert len(series) == 2 and "2 frames of reference" in " ".join(series[0].warnings)
    assert len({one.frame_of_reference_uid for one in series}) == 2
    for number, one in enumerate(pile):  # as some anonymisers leave it
        one.FrameOfReferenceUID = head_phantom.uid("anonymiser", number)
    (whole,) = found(tmp_path, pile)
    assert whole.volume.even and "a frame of reference of its own" in whole.warnings[0]


def test_a_tilted_gantry_is_refused_in_words(tmp_path: Path) -> None:
    pile = stack("tilt", orientation=(1, 0, 0, 0, 0.965926, 0.258819))
    (series,) = found(tmp_path, pile)
    assert series.geometry is None and "shifted sideways, as with a tilted gantry (IM" in series.problem


def test_more_volumes_than_can_be_shown_are_told(tmp_path: Path) -> None:
    piles = [again("many", n, lambda one, n=n: setattr(one, "TemporalPositionIdentifier", n)) for n in range(33)]
    (series,) = found(tmp_path, *piles)
    assert series.reason_not_shown == "its 264 files make 33 volumes, more than the 32 of one series at most"
