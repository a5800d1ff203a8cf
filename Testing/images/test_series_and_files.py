"""Which files become which volumes, on the screen: behind links, from old archives, under equal UIDs, repeated."""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path

import head_phantom
import numpy as np
import pydicom
import pytest
from display_desk import Desk, folder, volumes_of  # noqa: F401
from image_rows import row
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from CastInterfaceLib.scene.volumes import array_of, geometry_of


def open_whole(desk: Desk, uid: str) -> list[str]:
    """Open the head and see all 24 slices of it where they belong; what was told of it."""
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    array = array_of(volume)
    assert array.shape == (24, 128, 128)
    bright = np.argwhere(array == 2000)[:, ::-1].mean(axis=0)
    left, front, top = head_phantom.MARKER
    assert np.allclose((geometry_of(volume) @ [*bright, 1])[:3], (-left, -front, top), atol=2.5)
    return [item["message"] for item in desk.items("problem")]


@row("Files and folders", "Old files without preamble and meta header", "shown")
@pytest.mark.parametrize("bare", [24, 6])
def test_old_files_are_shown(desk: Desk, folder: Path, bare: int) -> None:  # noqa: F811
    slices = head_phantom.series("nopre")
    uid = str(slices[0].StudyInstanceUID)
    if bare < 24:
        head_phantom.save(folder / "old", slices[bare:], prefix="WH")
    (folder / "old").mkdir(exist_ok=True)
    for number, one in enumerate(slices[:bare]):
        del one.file_meta
        pydicom.dcmwrite(folder / "old" / f"IM{number:04d}", one, implicit_vr=True, little_endian=True)
    assert not open_whole(desk, uid)


@row("Files and folders", "A study behind a symbolic link", "shown")
@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_is_followed(desk: Desk, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    uid = head_phantom.save(tmp_path / "elsewhere" / "Übung 3 'Kopf' & 50% #2", head_phantom.series("linked"))
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    os.mkfifo(folder / "pipe.dcm")
    assert not open_whole(desk, uid)


@row(
    "Images",
    "Slices to which an anonymiser gave one SOP Instance UID",
    "shown, with a warning",
    "24 different images share one SOP Instance UID: they were told apart by where and when they were made",
)
def test_slices_under_one_uid_are_all_shown(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("sameuid")
    for one in slices:
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = slices[0].SOPInstanceUID
    return open_whole(desk, head_phantom.save(folder / "same", slices))


@row(
    "Images",
    "A slice that was acquired twice",
    "shown, with a warning",
    "a slice was acquired more than once; the last one is used: IM0019.dcm and not IM0000.dcm",
)
def test_the_later_of_two_slices_is_shown(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("twice")
    first = copy.deepcopy(slices[18])
    for one in slices:
        one.AcquisitionNumber = 2
    first.AcquisitionNumber, first.PixelData = 1, bytes(len(first.PixelData))
    first.SOPInstanceUID = first.file_meta.MediaStorageSOPInstanceUID = head_phantom.uid("twice", "first")
    return open_whole(desk, head_phantom.save(folder / "twice", [first, *slices]))


@row("Files and folders", "Copies of files of a study", "shown")
def test_copies_do_not_matter(desk: Desk, folder: Path) -> None:  # noqa: F811
    uid = head_phantom.save(folder / "a", head_phantom.series("copies"))
    head_phantom.save(folder / "b", head_phantom.series("copies")[5:15], prefix="COPY")
    open_whole(desk, uid)


@row("Images", "Slices of a class of images whose Modality says SEG", "shown")
def test_the_class_decides_what_an_image_is(desk: Desk, folder: Path) -> None:  # noqa: F811
    slices = head_phantom.series("ctseg")
    for one in slices:
        one.Modality = "SEG"
    assert not open_whole(desk, head_phantom.save(folder / "ctseg", slices))


def refused(desk: Desk, folder: Path, slices: list[Dataset]) -> list[str]:  # noqa: F811
    """Open what cannot be shown; what was told of it."""
    id = desk.open(head_phantom.save(folder / "odd", slices))
    desk.until_refused(id, 422)
    assert not volumes_of(desk)
    return [item["message"] for item in desk.items("problem")]


@row("Images", "Several images in one file (multi-frame)", "refused", "multi-frame images (24 frames in one file)")
def test_many_frames_in_one_file_are_refused(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("frames")
    whole = slices[0]
    whole.NumberOfFrames = len(slices)
    whole.PixelData = b"".join(one.PixelData for one in slices)
    return refused(desk, folder, [whole])


@row(
    "Images",
    "Enhanced images, with their geometry in functional groups",
    "refused",
    "with the geometry in functional groups) are not read",
)
def test_enhanced_images_are_refused(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("enhanced")
    for one in slices:
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    return refused(desk, folder, slices)


@row("Images", "Slices of a tilted gantry", "refused", "shifted sideways, as with a tilted gantry")
def test_a_tilted_gantry_is_refused(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("tilted")
    for number, one in enumerate(slices):
        left, front, top = one.ImagePositionPatient
        one.ImagePositionPatient = [left, float(front) + number, top]
    return refused(desk, folder, slices)


@row("Images", "Images without a position in space", "refused", "without a position in space")
def test_images_without_a_position_are_refused(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("nowhere")
    for one in slices:
        del one.ImagePositionPatient
    return refused(desk, folder, slices)


@row("Images", "Slices of several sizes in one series", "shown, with a warning", "its series makes 2 volumes")
def test_slices_of_two_sizes_are_two_volumes(desk: Desk, folder: Path) -> list[str]:  # noqa: F811
    slices = head_phantom.series("sizes")
    for one in slices[12:]:
        one.Rows = one.Rows // 2
        one.PixelData = one.PixelData[: len(one.PixelData) // 2]
    uid = head_phantom.save(folder / "sizes", slices)
    desk.open(uid)
    desk.until_shown(uid)
    assert sorted(array_of(volume).shape for volume in volumes_of(desk)) == [(12, 64, 128), (12, 128, 128)]
    return [item["message"] for item in desk.items("problem")]
