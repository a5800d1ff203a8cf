"""What the pictures and the scene view say of what they show, and to whom."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import head_phantom
import numpy as np
import pytest
from display_desk import Desk, volumes_of
from display_parts import decode
from image_rows import row
from PIL import Image

from CastInterfaceLib.views.annotations import AMBER_STRIPE, STALE
from CastLib.message import make_message, parse_publish

PERSON = "Invented, Person"


def open_head(desk: Desk, folder: Path, name: str = "plain", **more: Any) -> Any:
    """Open a head; its volume node, with the words that loading notes on it."""
    datasets = head_phantom.series(name, **more)
    uid = head_phantom.save(folder / name, datasets)
    desk.open(uid)
    desk.until_shown(uid)
    (volume,) = volumes_of(desk)
    for attribute, value in (
        ("DICOM.PatientName", "Invented^Person"),
        ("DICOM.PatientID", "INV-1"),
        ("DICOM.StudyDate", "20260102"),
        ("DICOM.SeriesDescription", "head " + name),
    ):
        volume.SetAttribute(attribute, value)
    return volume


def ask(desk: Desk, data_type: str, **context: Any) -> dict[str, Any]:
    message = parse_publish(make_message(f"{data_type.lower()}-request", "T", {"id": "r", **context}))
    answer = desk.session.answers.get(data_type, desk.session.other)
    return dict(answer(message))


def planes(desk: Desk) -> dict[str, dict[str, Any]]:
    return {view["orientation"]: view for view in desk.viewports()}


def test_each_viewport_says_what_it_shows(desk: Desk, folder: Path) -> None:
    open_head(desk, folder)
    for view in desk.viewports():
        assert (view["seriesDescription"], view["studyDate"]) == ("head plain", "2026-01-02")
        assert (view["confirmed"], view["notConfirmedSince"], view["warning"]) == (True, "", "")
        assert "patient" not in view
    assert [view["name"] for view in desk.viewports()] == ["Red", "3D", "Green", "Yellow"]
    assert [view["layoutLabel"] for view in desk.viewports()] == ["R", "3D", "G", "Y"]


@row("Patients and studies", "A study of which the hub has not said again that it is open", "shown, with a warning")
def test_what_is_not_confirmed_is_marked_in_every_picture_and_in_the_data(desk: Desk, folder: Path) -> None:
    volume = open_head(desk, folder)
    before = desk.viewports()
    volume.SetAttribute("Cast.NotConfirmedSince", "10:32:05")
    for view in desk.viewports():
        assert (view["confirmed"], view["notConfirmedSince"]) == (False, "10:32:05")
        for size in ("picture", "thumbnail"):
            pixels = decode(view[size])
            assert (pixels[1] == STALE).all() and (pixels[4:14] == STALE).all(axis=2).mean() > 0.2
    volume.SetAttribute("Cast.NotConfirmedSince", "")
    assert [view["picture"]["data"] for view in desk.viewports()] == [view["picture"]["data"] for view in before]


def test_a_warning_is_drawn_below_it_and_told(desk: Desk, folder: Path) -> None:
    volume = open_head(desk, folder)
    volume.SetAttribute("Cast.Warning", "interpolated: uneven slices")
    for view in desk.viewports():
        assert view["warning"] == "interpolated: uneven slices"
        assert (decode(view["picture"])[1] == AMBER_STRIPE).all()


@pytest.mark.parametrize("data_type", ["SCENEVIEW", "PNGFULLSIZE"])
def test_the_patient_is_named_only_where_the_asker_wants_it_and_the_operator_allows_it(
    desk: Desk, folder: Path, data_type: str
) -> None:
    from CastInterfaceLib.display.answers import answer_requests

    volume = open_head(desk, folder)

    def pixels(answer: dict[str, Any]) -> np.ndarray:
        view = next((one for one in answer.get("viewports", ()) if one["name"] == "Red"), None)
        return decode(view["picture"] if view else answer)

    def names(answer: dict[str, Any]) -> bool:
        before = pixels(answer)
        volume.SetAttribute("DICOM.PatientName", "Somebody^Else")
        changed = (pixels(ask(desk, data_type, patientText=True)) != before).any()
        volume.SetAttribute("DICOM.PatientName", "Invented^Person")
        return bool(changed)

    refused = ask(desk, data_type, patientText=True)
    assert "its operator can allow it" in refused["patientTextRefused"] and PERSON not in str(refused)
    assert not names(refused)
    answer_requests(desk.session, desk.display._scene_views, desk.display.answer_status, patient_text=True)  # type: ignore[arg-type]
    plain, named = ask(desk, data_type), ask(desk, data_type, patientText=True)
    assert np.array_equal(pixels(plain), pixels(refused)) and PERSON not in str(plain)
    assert names(named) and "patientTextRefused" not in named
    for wrong in ("true", 1, None):
        assert np.array_equal(pixels(ask(desk, data_type, patientText=wrong)), pixels(plain))
    if data_type == "SCENEVIEW":
        assert all(view["patient"] == {"name": PERSON, "id": "INV-1"} for view in named["viewports"])
        status = desk.status()
        assert PERSON not in str({key: value for key, value in status.items() if key != "studies"})


# Slices


@row("Images", "A hole in a series, seen across its slices or in 3D", "shown, with a warning", "3 of 24 slices missing")
def test_no_picture_is_silent_about_a_hole(desk: Desk, folder: Path) -> list[str]:
    slices = head_phantom.series("hole")
    uid = head_phantom.save(folder, slices[:11] + slices[14:])
    desk.open(uid)
    desk.until_shown(uid)
    views = desk.viewports()
    assert len(views) == 4 and all((decode(view["picture"])[1] == AMBER_STRIPE).all() for view in views)
    (told,) = {view["warning"] for view in views}
    return [told]


@row("Images", "A slice that was never received", "shown, with a warning")
def test_a_missing_slice_says_so_and_no_view_opens_on_it(desk: Desk, folder: Path) -> None:
    volume = open_head(desk, folder)
    view = next(one for one in desk.host.slice_views if one.name == "Red")
    middle = round((view.logic.GetSliceOffset() - volume.GetOrigin()[2]) / 5.0)
    volume.SetAttribute("Cast.MissingSlices", f"{middle - 1} {middle} {middle + 1}")
    seen = planes(desk)
    assert seen["Axial"]["missingSlice"] and not seen["Coronal"]["missingSlice"]
    assert "slice missing" in {text.text for text in _texts(view.annotations())}
    marked = decode(seen["Axial"]["picture"])
    volume.SetAttribute("Cast.MissingSlices", "")
    assert (decode(planes(desk)["Axial"]["picture"]) != marked)[110:146, 60:196].any()
    volume.SetAttribute("Cast.MissingSlices", f"{middle - 1} {middle} {middle + 1}")
    for one in desk.host.slice_views:
        one.fit()
    assert not planes(desk)["Axial"]["missingSlice"]
    number = (view.logic.GetSliceOffset() - volume.GetOrigin()[2]) / 5.0
    assert abs(number - middle) == pytest.approx(2)  # the nearest that was received, and exactly on it


def _texts(annotations: Any) -> list[Any]:
    from CastInterfaceLib.views.annotations import lay_out

    return lay_out(annotations, 256, 256)


@row("Images", "Slices turned by 45 degrees", "shown")
@pytest.mark.parametrize("about", ["x", "y", "z"])
def test_at_45_degrees_three_different_planes_are_shown(desk: Desk, folder: Path, about: str) -> None:
    half = float(np.sqrt(0.5))
    orientation = {"x": (1, 0, 0, 0, half, half), "y": (half, 0, half, 0, 1, 0), "z": (half, half, 0, -half, half, 0)}
    row_direction, column_direction = np.reshape(orientation[about], (2, 3))
    normal = np.cross(row_direction, column_direction)
    hu = head_phantom.head()
    datasets = [
        head_phantom.dataset("turned" + about, n, plane, normal * 5.0 * n, orientation=orientation[about])
        for n, plane in enumerate(hu)
    ]
    uid = head_phantom.save(folder / "turned", datasets)
    desk.open(uid)
    desk.until_shown(uid)
    views = [view for view in desk.viewports() if view["type"] == "2D"]
    assert {view["name"]: view["orientation"] for view in views} == {
        "Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"
    }  # fmt: skip
    matrices = [np.reshape(view["sliceToRAS"], (4, 4))[:3, :3] for view in views]
    normals = np.array([matrix[:, 2] for matrix in matrices])
    assert np.allclose(normals @ normals.T, np.eye(3), atol=1e-6)
    axes = np.array([row_direction, column_direction, normal]) * [-1, -1, 1]
    for matrix in matrices:
        assert np.allclose(np.abs(axes @ matrix).max(axis=0), 1, atol=1e-5)  # along the acquired slices


# Words and numbers


def test_no_folder_stands_in_data_or_pictures(desk: Desk, folder: Path) -> None:
    volume = open_head(desk, folder)
    volume.SetAttribute("DICOM.SeriesDescription", "")
    volume.SetName("/home/radiology/doe john/t1.nii.gz")
    assert {view["seriesDescription"] for view in desk.viewports()} == {"t1.nii.gz"}
    assert "radiology" not in str(ask(desk, "SCENEVIEW"))


@row("Images", "Series descriptions and names in Chinese, Cyrillic, Greek, Arabic, Hebrew", "shown")
@pytest.mark.parametrize("text", ["頭部", "Голова", "Κεφάλι", "رأس", "ראש", "Schädel", "🧠"])
def test_words_in_any_script_are_drawn(desk: Desk, folder: Path, text: str) -> None:
    volume = open_head(desk, folder)
    volume.SetAttribute("DICOM.SeriesDescription", "")
    volume.SetName("x")
    bare = decode(planes(desk)["Coronal"]["picture"])
    volume.SetAttribute("DICOM.SeriesDescription", text)
    view = planes(desk)["Coronal"]
    changed = (decode(view["picture"]) != bare).any(axis=2)
    assert view["seriesDescription"] == text and changed[:40, 128:].sum() > 60


def test_windows_below_one_are_told_as_they_are(desk: Desk, folder: Path) -> None:
    volume = open_head(desk, folder)
    volume.GetDisplayNode().SetWindowLevel(0.0021, 0.0011)
    view = desk.host.slice_views[0]
    assert view.annotations().window == "W 0.0021 L 0.0011"


# Pictures of one view


@pytest.mark.parametrize(
    ("data_type", "kind", "size"),
    [
        ("PNGFULLSIZE", "PNG", 256),
        ("JPGFULLSIZE", "JPEG", 256),
        ("PNGTHUMBNAIL", "PNG", 160),
        ("JPGTHUMBNAIL", "JPEG", 160),
    ],
)
def test_a_picture_comes_in_both_forms_at_once(desk: Desk, folder: Path, data_type: str, kind: str, size: int) -> None:
    open_head(desk, folder)
    answer = ask(desk, data_type)
    (item,) = answer["context"]
    assert (answer["context.type"], item["key"], item["resource"]["resourceType"]) == ("Image", "image", "Binary")
    assert item["resource"]["contentType"] == answer["contentType"] == f"image/{kind.lower()}"
    assert item["resource"]["data"] == answer["data"]
    image = Image.open(io.BytesIO(base64.b64decode(answer["data"])))
    assert (image.format, image.size) == (kind, (size, size))
    (active,) = (view for view in desk.viewports() if view["viewId"] == answer["viewId"])
    shown = decode(active["picture" if size == 256 else "thumbnail"]).astype(int)
    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - shown).mean() < (0.01 if kind == "PNG" else 4)


def test_the_asker_may_name_the_view(desk: Desk, folder: Path) -> None:
    open_head(desk, folder)
    for view in desk.viewports():
        for name in (view["viewId"], view["name"]):
            answer = ask(desk, "PNGFULLSIZE", viewId=name)
            assert np.array_equal(decode(answer), decode(view["picture"])) and answer["name"] == view["name"]


def test_what_cannot_be_answered_is_answered_with_a_sentence(desk: Desk) -> None:
    for data_type in ("DICOMTAG", "DICOMINSTANCE", "WORKLISTCONTEXT", "LIVESCENE"):
        assert ask(desk, data_type) == {"error": f"This display does not answer {data_type}."}
    with pytest.raises(Exception, match="There is no such view here; viewId may be one of Red, 3D, Green, Yellow"):
        ask(desk, "PNGFULLSIZE", viewId="Blue")
