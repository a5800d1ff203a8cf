"""NIfTI files as segmenters leave them, over the head that they were made from."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_desk import Desk, volumes_of
from image_rows import row
from result_parts import BOTH, HU, MARKER, MARKER_MM3, RAS, VENTRICLE_MM3, Head, nifti

GROUP = "Segmentations and other results"

MIRRORED = RAS.copy()  # columns from the other side
MIRRORED[0, 0], MIRRORED[0, 3] = -RAS[0, 0], RAS[0, 3] + RAS[0, 0] * (MARKER.shape[2] - 1)


def moved(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    affine = RAS.copy()
    affine[:3, 3] += [x, y, z]
    return affine


@pytest.fixture
def head(desk: Desk, folder: Path) -> Head:
    return Head(desk, folder)


@row(GROUP, "A label map (NIfTI) on its series' grid", "shown")
@pytest.mark.parametrize(
    "how",
    ["plain", "float32", "float64", "int64", "uint64", "big-endian", "NIfTI-2", "sform only", "qform only",
     "scaled", "other-handed", "axes exchanged", "sheared a little", "4D with one volume", "not packed",
     "packed as .nii", "plain as .nii.gz", "bytes behind", "two gzip members", "in metres", "not a number outside"],
)  # fmt: skip
def test_a_label_map_is_shown_where_it_belongs(head: Head, tmp_path: Path, how: str) -> None:
    path, array, affine, more = tmp_path / "result.nii.gz", BOTH, RAS, {}
    match how:
        case "float32" | "float64" | "int64" | "uint64":
            array = BOTH.astype(how)
        case "big-endian":
            array = BOTH.astype(">i2")
        case "NIfTI-2":
            more = {"version": 2}
        case "sform only":
            more = {"qform": 0}
        case "qform only":
            more = {"sform": 0}
        case "other-handed":
            array, affine = BOTH[:, :, ::-1], MIRRORED
        case "axes exchanged":
            array, affine = BOTH.transpose(1, 2, 0), RAS[:, [2, 0, 1, 3]]
        case "sheared a little":
            affine = RAS.copy()
            affine[0, 1] += 0.004
            more = {"qform": 0}
        case "4D with one volume":
            array = BOTH[np.newaxis]
        case "not packed" | "packed as .nii":
            path = tmp_path / "result.nii"
        case "not a number outside":
            array = np.where(HU == -1000, np.nan, BOTH).astype(np.float32)
        case "in metres":
            affine = np.diag([0.001, 0.001, 0.001, 1]) @ RAS
    nifti(path, array, affine, **more)  # type: ignore[arg-type]
    data = path.read_bytes()
    match how:
        case "scaled":
            scaled = bytearray(gzip.decompress(nifti(path, BOTH.astype(np.int16) * 3).read_bytes()))
            scaled[112:120] = np.array([1 / 3, 0], "<f4").tobytes()
            path.write_bytes(gzip.compress(bytes(scaled)))
        case "packed as .nii":
            path.write_bytes(gzip.compress(data))
        case "plain as .nii.gz":
            path.write_bytes(gzip.decompress(data))
        case "bytes behind":
            path.write_bytes(gzip.compress(gzip.decompress(data) + b"more") + b"and more")
        case "two gzip members":
            plain = gzip.decompress(data)
            path.write_bytes(gzip.compress(plain[:1000]) + gzip.compress(plain[1000:]))
        case "in metres":
            plain_bytes = bytearray(gzip.decompress(data))
            plain_bytes[123] = 1
            path.write_bytes(gzip.compress(bytes(plain_bytes)))
    came = head.send(path)
    assert came.refused == ""
    assert came.volumes == [MARKER_MM3, VENTRICLE_MM3]
    assert bool(came.sentences) == (how == "not a number outside")
    if how in ("plain", "other-handed", "axes exchanged", "float64"):
        came = head.send(nifti(tmp_path / "mask.nii", np.where(array == 1, 1, 0).astype(np.uint8), affine))
        assert head.desk.host.slice_views and came.volumes == [MARKER_MM3]
        for view in head.desk.host.slice_views:
            view.node.JumpSliceByOffsetting(-50.0, 60.0, 40.0)
        assert head.is_green()
        assert_not_inside_out(head.desk)


def assert_not_inside_out(desk: Desk) -> None:
    """The surface's normals point away from the middle of the marker, a convex body, and its volume is positive."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    from CastInterfaceLib.scene.viewer import nodes_of_class

    node = nodes_of_class(desk.host.scene, "vtkMRMLSegmentationNode")[-1]
    content = node.GetSegmentation()
    surface = content.GetNthSegment(0).GetRepresentation("Closed surface")
    points = vtk_to_numpy(surface.GetPoints().GetData())
    normals = vtk_to_numpy(surface.GetPointData().GetNormals())
    assert np.allclose((points.max(axis=0) + points.min(axis=0)) / 2, (-50, 60, 40), atol=2.6)
    assert ((points - points.mean(axis=0)) * normals).sum(axis=1).mean() > 0
    corners = points[vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)]
    assert (corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum() > 0  # six times what the triangles enclose


@row(GROUP, "A label map in which nothing is marked", "shown")
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_an_empty_label_map_is_a_finding(head: Head, tmp_path: Path, kind: type) -> None:
    came = head.send(nifti(tmp_path / "result.nii.gz", np.zeros_like(BOTH, kind)))
    assert came.refused == "" and came.sentences == []
    assert came.names == ["result.nii.gz: nothing was found"]
    assert came.item["segments"] == [] and came.item["message"] == "Nothing was found."
    assert len(volumes_of(head.desk)) == 1


@row(GROUP, "A label map of one voxel, or of a thin line", "shown")
@pytest.mark.parametrize("what", ["voxel", "line", "checkers"])
def test_small_lesions_are_labels(head: Head, tmp_path: Path, what: str) -> None:
    array = np.zeros_like(BOTH)
    if what == "checkers":
        array[10:12, 40:60:2, 40:60:2] = 1
    else:
        array[10, 60, 60 if what == "voxel" else slice(None)] = 1
    came = head.send(nifti(tmp_path / "result.nii.gz", array))
    assert came.volumes == [float(array.sum()) * 20] and came.sentences == []


@row(GROUP, "An image as a result: probabilities", "shown, with a warning", "laid over its series as an image")
def test_probabilities_are_laid_over(head: Head, tmp_path: Path) -> list[str]:
    noise = np.random.default_rng(3).random(BOTH.shape, np.float32)
    noise[5, 5, 5] = np.nan
    came = head.send(nifti(tmp_path / "result.nii.gz", noise))
    assert came.refused == "" and came.names == ["result.nii.gz"]
    _under, over = volumes_of(head.desk)
    low, high = over.GetImageData().GetScalarRange()
    assert 0 <= low < high <= 1
    assert any("1 of its voxels are no numbers" in sentence for sentence in came.sentences)
    return came.sentences


@row(GROUP, "A result that its sender calls an image (`role`)", "shown")
def test_what_the_sender_says_decides(head: Head, tmp_path: Path) -> None:
    file = nifti(tmp_path / "result.nii.gz", BOTH)
    entry = {"fileName": file.name, "byteLength": file.stat().st_size, "payloadIds": ["p"], "role": "volume"}
    head.desk.session.payloads["p"] = file
    head.desk.send("nifti-send", {"studyInstanceUID": head.uid, "files": [entry]})
    head.desk.until(lambda: len(volumes_of(head.desk)) == 2)
    assert head.desk.items("problem") == []
    many = (HU + 2000).astype(np.int16) // 3
    many[:, ::2] += 1
    head.desk.session.payloads["q"] = nifti(tmp_path / "atlas.nii.gz", many)
    entry = {**entry, "fileName": "atlas.nii.gz", "payloadIds": ["q"], "role": "segmentation", "label": "Atlas"}
    head.desk.send("nifti-send", {"studyInstanceUID": head.uid, "files": [entry]})
    head.desk.until(lambda: head.desk.segmentations())
    assert len(head.desk.segmentations()[0]["segments"]) == len(np.unique(many))


def test_many_negative_and_huge_labels(head: Head, tmp_path: Path) -> None:
    huge = np.where(MARKER > 0, 614_454_277, 0).astype(np.int32)
    assert head.send(nifti(tmp_path / "result.nii.gz", huge)).item["segments"][0]["number"] == 614_454_277
    came = head.send(nifti(tmp_path / "labels.nii.gz", BOTH.astype(np.int16) - 1))
    assert came.volumes == [VENTRICLE_MM3] and "negative values" in came.sentences[0]
    came = head.send(nifti(tmp_path / "result.nii.gz", BOTH.astype(np.int16) - 1))
    assert came.item == {} and "negative" in came.sentences[0]
    many = np.zeros(BOTH.shape, np.int16)
    many.ravel()[: 16 * 300] = np.repeat(np.arange(1, 301), 16)
    assert len(head.send(nifti(tmp_path / "result.nii.gz", many)).volumes) == 300


@row(GROUP, "sform and qform contradict each other, one is the series' grid", "shown, with a warning",
     "its sform and qform contradict each other (up to 30.0 mm apart); its sform is used")  # fmt: skip
def test_the_form_that_is_the_series_grid_is_used(head: Head, tmp_path: Path) -> list[str]:
    came = head.send(nifti(tmp_path / "a.nii.gz", BOTH, RAS, qaffine=moved(z=30)))
    assert came.volumes == [MARKER_MM3, VENTRICLE_MM3] and len(came.sentences) == 1
    other = head.send(nifti(tmp_path / "b.nii.gz", BOTH, moved(z=30), qaffine=RAS))
    assert "its qform is used" in other.sentences[0]
    return came.sentences


EYE = np.eye(4)


@row(GROUP, "A label map without a place: `np.eye(4)`, no code", "refused", "so nothing says where")
@pytest.mark.parametrize(
    ("affine", "more"),
    [(EYE, {"qform": 0}), (EYE, {}), (RAS, {"sform": 0, "qform": 0}), (EYE, {"sform": 0, "qform": 0})],
)
def test_no_place(head: Head, tmp_path: Path, affine: np.ndarray, more: dict[str, Any]) -> list[str]:
    came = head.send(nifti(tmp_path / "a.nii.gz", BOTH[:, :100], affine, **more))
    assert came.item == {} and head.desk.segmentations() == []
    return [came.refused]


@row(GROUP, "A label map as large as its series, but elsewhere", "refused",
     "it has as many columns and rows as its series, but lies up to 30.0 mm away from it")  # fmt: skip
@pytest.mark.parametrize("affine", [moved(z=30), moved(x=3, z=30)], ids=["z", "x and z"])
def test_a_shifted_origin(head: Head, tmp_path: Path, affine: np.ndarray) -> list[str]:
    came = head.send(nifti(tmp_path / "a.nii.gz", BOTH, affine))
    assert came.item == {}
    return [came.refused]


@row(GROUP, "sform and qform contradict each other, and neither is the series' grid", "refused",
     "and neither is its series' grid")  # fmt: skip
def test_contradicting_forms(head: Head, tmp_path: Path) -> list[str]:
    came = head.send(nifti(tmp_path / "a.nii.gz", BOTH, moved(x=-40), qaffine=moved(z=30)))
    assert came.item == {}
    return [came.refused]


@pytest.mark.parametrize(
    ("array", "affine", "sentence"),
    [
        (BOTH, np.eye(4), "no place (an identity matrix)"),
        (BOTH, moved(x=2.5), "lies up to 2.5 mm away"),
        (BOTH, np.diag([-1.0, 1.0, 1.0, 1.0]) @ moved(x=20), "away from it"),
        (BOTH, RAS @ np.diag([0.5, 0.5, 1, 1]), "away from it"),
        (BOTH[:20], moved(x=500), "away from it"),
        (BOTH[:20, 5:, 5:], moved(x=500), "100% of it lies outside"),
        (BOTH[:20, 5:, 5:], moved(x=40, y=-160), "of it lies outside"),
        (BOTH[:20, 5:, 5:], RAS * 0.001, "less than a voxel"),
    ],
    ids=[
        "eye",
        "a voxel off",
        "mirrored",
        "half the spacing",
        "far slices",
        "far crop",
        "mostly outside",
        "tiny",
    ],
)
def test_implausible_places(head: Head, tmp_path: Path, array: np.ndarray, affine: np.ndarray, sentence: str) -> None:
    came = head.send(nifti(tmp_path / "a.nii.gz", array, affine, qform=0))
    assert came.item == {} and sentence in came.refused, came.refused


@row(GROUP, "A label map on another grid inside its series: cropped, resampled", "shown")
@pytest.mark.parametrize("how", ["cropped", "doubled", "turned crop"])
def test_other_grids_inside(head: Head, tmp_path: Path, how: str) -> None:
    array, affine = MARKER[12:], RAS @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 12.0], [0, 0, 0, 1]])
    if how == "doubled":
        array = np.repeat(MARKER, 2, axis=2)
        affine = RAS @ np.array([[0.5, 0, 0, -0.25], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    if how == "turned crop":
        array = MARKER[12:, :, ::-1]
        affine = MIRRORED @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 12.0], [0, 0, 0, 1]])
    came = head.send(nifti(tmp_path / "a.nii.gz", array, affine))
    assert came.volumes == [MARKER_MM3] and came.sentences == []
    for view in head.desk.host.slice_views:
        view.node.JumpSliceByOffsetting(-50.0, 60.0, 40.0)
    assert head.is_green()
    assert_not_inside_out(head.desk)


@row(
    GROUP,
    "Several volumes in one NIfTI file",
    "shown, with a warning",
    "it holds 3 volumes, of which the first is shown",
)
def test_several_volumes(head: Head, tmp_path: Path) -> list[str]:
    return head.send(nifti(tmp_path / "a.nii.gz", np.stack([BOTH] * 3))).sentences


@row("What comes over the wire", "A NIfTI file that is damaged or not whole", "refused", "is not whole")
def test_damaged_files(head: Head, tmp_path: Path) -> list[str]:
    whole = gzip.decompress(nifti(tmp_path / "whole.nii.gz", BOTH).read_bytes())
    told = []
    for name, data in {
        "cut.nii": whole[:-20],
        "cut.nii.gz": gzip.compress(whole)[:-9],
        "short.nii": whole[:200],
        "crc.nii.gz": gzip.compress(whole)[:-6] + b"\0\0\0\0\0\0",
        "huge.nii": whole[:42] + b"\xff\x7f\xff\x7f\xff\x7f" + whole[48:],
        "nine.nii": whole[:40] + b"\x09\0" + whole[42:],
        "kind.nii": whole[:70] + b"\x01\0" + whole[72:],
        "complex.nii": whole[:70] + b"\x20\0\x40\0" + whole[74:] + whole * 8,
        "offset.nii": whole[:108] + np.array([-5e8], "<f4").tobytes() + whole[112:],
        "flat.nii": whole[:252] + b"\0\0" + whole[254:280] + bytes(48) + whole[328:],
        "pair.nii": whole[:344] + b"ni1\0" + whole[348:],
        "text.nii": b"no image",
        "empty.nii.gz": b"",
        "picture.nii": b"\x89PNG\r\n\x1a\n" + bytes(500),
    }.items():
        (tmp_path / name).write_bytes(data)
        came = head.send(tmp_path / name)
        assert came.item == {} and came.refused.startswith(name) and str(tmp_path) not in came.refused
        told.append(came.refused)
    assert len(volumes_of(head.desk)) == 1
    return told


def test_labels_strewn_everywhere_get_no_surfaces(head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from CastInterfaceLib.study import prepared_segmentation

    monkeypatch.setattr(prepared_segmentation, "MAX_SURFACE_VOXELS", 1000)
    came = head.send(nifti(tmp_path / "a.nii", BOTH))
    assert came.volumes == [MARKER_MM3, VENTRICLE_MM3]
    assert came.sentences == ["a.nii: 1 of its 2 segments are shown in slices only, not in 3D."]


def test_a_damaged_sform_leaves_the_qform(head: Head, tmp_path: Path) -> None:
    whole = nifti(tmp_path / "whole.nii", BOTH).read_bytes()
    (tmp_path / "nan.nii").write_bytes(whole[:280] + b"\0\0\xc0\x7f" + whole[284:])
    came = head.send(tmp_path / "nan.nii")
    assert came.volumes == [MARKER_MM3, VENTRICLE_MM3]
    assert came.sentences == ["nan.nii: its sform is damaged, and its qform is used."]


def test_odd_kinds_of_voxels(head: Head, tmp_path: Path) -> None:
    lifted = RAS @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 19.0], [0, 0, 0, 1]])
    assert head.send(nifti(tmp_path / "flat.nii", MARKER[19], lifted)).volumes == [float(MARKER[19].sum()) * 20]
    noise = np.zeros_like(MARKER)
    noise[12:15, 40:60, 40:60] = np.random.default_rng(1).integers(0, 50, (3, 20, 20))
    came = head.send(nifti(tmp_path / "a.nii", noise, change=lambda header: header.set_intent("label")))
    assert len(came.volumes) == 49
    colors = np.zeros(MARKER.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colors["R"] = MARKER * 200
    assert "its voxels are colours" in head.send(nifti(tmp_path / "rgb.nii", colors)).sentences[0]
    vectors = np.zeros((3, 1, *MARKER.shape), np.float32)
    vectors[0] = MARKER * 1.5
    assert (
        "it holds 3 components, of which the first is shown"
        in head.send(nifti(tmp_path / "v.nii", vectors)).sentences[0]
    )
    for wide in (HU.astype(np.int64) * 1_000_003, (HU.astype(np.int64) + 2000).astype(np.uint64) * 10**15):
        assert head.send(nifti(tmp_path / "wide.nii", wide)).refused == ""
        low, high = volumes_of(head.desk)[-1].GetImageData().GetScalarRange()
        assert (low, high) == (wide.min(), wide.max())
    endless = np.where(MARKER > 0, np.inf, HU * 0.37).astype(np.float32)
    assert "256 of its voxels are no numbers" in head.send(nifti(tmp_path / "i.nii", endless)).sentences[0]
    assert volumes_of(head.desk)[-1].GetImageData().GetScalarRange()[1] == pytest.approx(900 * 0.37)
    came = head.send(nifti(tmp_path / "none.nii", np.full(MARKER.shape, np.nan, np.float32)))
    assert came.item == {} and "none of its voxels is a number" in came.refused
    (tmp_path / "unit.nii").write_bytes(nifti(tmp_path / "m.nii", MARKER).read_bytes()[:123] + b"\5" + bytes(500))
    assert head.send(tmp_path / "unit.nii").item == {}


def test_one_bad_file_costs_only_itself(head: Head, tmp_path: Path) -> None:
    (tmp_path / "bad.nii").write_bytes(b"no image")
    good = nifti(tmp_path / "good.nii.gz", BOTH)
    came = head.send(tmp_path / "bad.nii", good, event="nifti-send")
    assert came.volumes == [MARKER_MM3, VENTRICLE_MM3] and came.refused.startswith("bad.nii cannot be read")
