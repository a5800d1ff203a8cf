"""Slicer's own views say whose image they show and what must not be overlooked; what goes out does not name anybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_parts import write_phantom

SIZE = (500, 400)
RED = (190, 24, 24)


@pytest.fixture
def room(host: Any, tmp_path: Path) -> Any:
    """The phantom of an invented patient in every view of the window."""
    from CastInterfaceLib.scene.volumes import add_volume, array_of, geometry_of, show_volume
    from CastInterfaceLib.study.grids import box_corners
    from CastInterfaceLib.study.look import body_of
    from CastInterfaceLib.study.prepared_volume import prepare_volume
    from CastInterfaceLib.study.voxels import read_voxels
    from CastInterfaceLib.views.window_viewer import WindowViewer
    from CastLib.dicom.series import read_series

    room = WindowViewer(SIZE)
    (series,) = read_series(write_phantom(tmp_path))
    volume = add_volume(room.scene, series, prepare_volume(read_voxels(series)))
    volume.SetAttribute("DICOM.PatientName", "Invented^Person")
    volume.SetAttribute("DICOM.PatientID", "INV-17")
    volume.SetAttribute("DICOM.StudyDate", "20260102")
    show_volume(room, volume, box_corners(geometry_of(volume), body_of(array_of(volume))))
    yield room
    room.close()


def on_screen(view: Any) -> np.ndarray:
    """The pixels of a view as the user sees it."""
    for _ in range(2):  # the orientation marker takes its place the second time
        view.window.Render()
    return np.array(view._grab())


def change(view: Any, done: Callable[[], object]) -> np.ndarray:
    """Where the screen looks different after something was done."""
    before = on_screen(view)
    done()
    return np.asarray((on_screen(view) != before).any(axis=2))


def test_the_screen_names_the_patient_and_the_picture_does_not(room: Any) -> None:
    from CastSlicerLib.user_settings import write_setting

    volume = room.slice_views[0].volume
    for view in (*room.slice_views, *room.threed_views):
        picture = view.pixels()
        changed = change(view, lambda: volume.SetAttribute("DICOM.PatientName", "Somebody^Else"))
        assert changed[:30].sum() > 100 and not changed[60:].any()
        assert np.array_equal(view.pixels(), picture)
        write_setting("CastInterface/patientTextOnScreen", False)
        anonymous = on_screen(view)
        volume.SetAttribute("DICOM.PatientName", "Invented^Person")
        assert np.array_equal(on_screen(view), anonymous)
        write_setting("CastInterface/patientTextOnScreen", True)


def test_a_view_that_is_not_confirmed_is_marked_at_once_and_as_long_as_it_is(room: Any) -> None:
    volume = room.slice_views[0].volume
    for view in (*room.slice_views, *room.threed_views):
        clean = on_screen(view)
        volume.SetAttribute("Cast.NotConfirmedSince", "10:32:05")  # nobody asks for a drawing
        marked = np.array(view._grab())
        assert (marked[2] == RED).all(axis=1).mean() > 0.9, view.name
        volume.SetAttribute("Cast.NotConfirmedSince", "")
        assert np.array_equal(np.array(view._grab()), clean)


def test_slicers_own_corner_annotations_stay_on_the_screen(room: Any) -> None:
    import vtk

    view = room.slice_views[0]
    picture = view.pixels()
    annotation = vtk.vtkCornerAnnotation()
    annotation.SetText(0, "Patient: Invented Person")  # as DataProbe writes it
    view.window.GetRenderers().GetFirstRenderer().AddViewProp(annotation)
    assert np.array_equal(view.pixels(), picture)
    assert annotation.GetVisibility()
    assert (on_screen(view)[-40:, :200] > 150).any()
    view.window.GetRenderers().GetFirstRenderer().RemoveViewProp(annotation)


def test_a_volume_of_the_users_own_is_left_without_words(room: Any) -> None:
    from CastSlicerLib.self_test import add_volume

    view = room.slice_views[0]
    own = add_volume("Own", 32, 32, 32)
    view.logic.GetSliceCompositeNode().SetBackgroundVolumeID(own.GetID())
    on_screen(view)
    assert not change(view, lambda: own.SetName("Renamed")).any()
