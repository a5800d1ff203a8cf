"""The display in Slicer's two rooms: with its window the views are Slicer's own, without it they are offscreen ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_parts import check_sides, decode, write_phantom
from hub_process import HubProcess
from interface_parts import PATIENCE, InterfacePart, run_cast, study_uid_in

PICTURE = (500, 400)


@pytest.fixture
def background() -> Any:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def of(future: Future[Any], host: Any) -> Any:
    assert host.spin(future.done, PATIENCE)
    return future.result()


def show_phantom(folder: Path) -> Any:
    """The phantom in every view of the window; its room."""
    from CastInterfaceLib.scene.volumes import add_volume, geometry_of, show_volume
    from CastInterfaceLib.study.grids import box_corners
    from CastInterfaceLib.study.prepared_volume import prepare_volume
    from CastInterfaceLib.study.voxels import read_voxels
    from CastInterfaceLib.views.window_viewer import WindowViewer
    from CastLib.dicom.series import read_series

    room = WindowViewer(PICTURE)
    (series,) = read_series(write_phantom(folder, WindowWidth="1200", WindowCenter="600"))
    prepared = prepare_volume(read_voxels(series))
    volume = add_volume(room.scene, series, prepared)
    show_volume(room, volume, box_corners(geometry_of(volume), prepared.look.body))
    return room


def test_pictures_of_slicers_own_views_have_the_size_asked_for_and_the_right_sides(host: Any, tmp_path: Path) -> None:
    from CastInterfaceLib.views.scene_view import make_scene_view

    room = show_phantom(tmp_path)
    seen = {}
    for viewport in make_scene_view(room, "test")["viewports"]:
        pixels = decode(viewport["picture"])
        assert pixels.shape[:2] == PICTURE[::-1]
        if viewport["type"] == "2D":
            window, level = viewport["window"], viewport["level"]
            check_sides(pixels, viewport["orientation"], viewport["fieldOfView"][0] * 1.0, window, level)
        seen[viewport["name"]] = viewport["type"]
    assert seen == {"Red": "2D", "Green": "2D", "Yellow": "2D", "3D": "3D"}


def test_taking_pictures_leaves_slicers_views_as_they_were(host: Any, tmp_path: Path) -> None:
    room = show_phantom(tmp_path)
    before = {}
    for turn in range(3):
        for view in (*room.slice_views, *room.threed_views):
            now: list[Any] = [tuple(view.window.GetSize()), view.window.GetNumberOfLayers()]
            now.append(view.window.GetRenderers().GetNumberOfItems())
            if view in room.slice_views:
                now += [np.round(view.node.GetFieldOfView(), 6).tolist(), view.node.GetDimensions()]
                now.append(np.round(view.node.GetXYZOrigin(), 6).tolist())
            assert before.setdefault(view.name, now) == now, (turn, view.name)
            assert view.pixels().shape == (PICTURE[1], PICTURE[0], 3)


def test_the_layout_chosen_in_slicer_is_the_one_told(host: Any) -> None:
    import slicer

    from CastInterfaceLib.views.window_viewer import WindowViewer

    room = WindowViewer(PICTURE)
    assert room.layout[0] == "four-up"
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert room.layout[0] == "one-up-red-slice"
    assert [view.name for view in room.slice_views] == ["Red"] and room.threed_views == []
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
    assert {view.name for view in room.slice_views} == {"Red", "Green", "Yellow"}  # and the table is left out


def test_slicer_without_its_window_is_a_display_too(
    headless_host: Any, hub: HubProcess, tmp_path: Path, background: ThreadPoolExecutor
) -> None:
    import slicer

    write_phantom(tmp_path / "study")
    uid = study_uid_in(tmp_path / "study")
    headless_host.import_dicom(tmp_path / "study")
    assert slicer.app.layoutManager() is None
    headless_host.load_module("CastInterface", select=False)
    from CastInterface import CastInterfaceLogic

    logic = CastInterfaceLogic()
    try:
        logic.connect(hub.url, "headless")
        assert headless_host.spin(lambda: logic.state.kind == "online", PATIENCE)
        run_cast("publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", "headless").wait()
        assert headless_host.spin(lambda: logic.openNow.series and not logic.openNow.doing, PATIENCE)
        out = tmp_path / "out"
        arguments = ("--hub", hub.url, "--user", "headless", "--timeout", "20", "--out", str(out))
        with run_cast("request", "SCENEVIEW", *arguments) as asking:
            assert headless_host.spin(lambda: asking.poll() is not None, PATIENCE)
        assert asking.returncode == 0
        assert len(list(out.rglob("*.png"))) >= 4
    finally:
        logic.cleanup()


def test_a_batch_of_some_size_goes_out_and_comes_in_while_the_loop_keeps_the_lock(
    starving_host: Any, hub: HubProcess, tmp_path: Path
) -> None:
    part = InterfacePart(starving_host)
    from CastSlicerLib.self_test import add_volume

    volume = add_volume("Large", 256, 256, 400)
    part.connect(hub.url, "starving")
    sent: list[Any] = []
    began = time.monotonic()
    part.logic.sendNode(volume, actor="ID", callback=lambda id, error: sent.append((id, error)))
    part.until(lambda: sent)
    took = time.monotonic() - began
    assert sent[0][1] is None
    print(f"50 MiB sent in {took:.2f} s: {52.4 / took:.0f} MB/s")


def test_what_is_published_comes_in_order_while_the_loop_keeps_the_lock(
    starving_host: Any, hub: HubProcess, start_hub: Callable[..., HubProcess]
) -> None:
    part = InterfacePart(starving_host)
    part.connect(hub.url, "order")
    from CastInterface import CastInterfaceLogic

    other = CastInterfaceLogic()
    came: list[int] = []
    other.onEvent(lambda message: came.append(message.context["number"]), "Home-open")
    other.connect(hub.url, "order")
    try:
        part.until(lambda: other.state.kind == "online")
        for number in range(50):
            part.logic.publish("Home-open", {"number": number})
        part.until(lambda: len(came) == 50)
        assert came == list(range(50))
    finally:
        other.cleanup()
