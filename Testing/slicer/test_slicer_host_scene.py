"""The stand-in has a scene, views and a DICOM database like those of Slicer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from slicer_host import Host

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleStudy" / "DICOM"


def load_sample(host: Host) -> Any:
    import slicer
    from DICOMLib import DICOMUtils

    host.import_dicom(SAMPLE)
    database = slicer.dicomDatabase
    study = database.studiesForPatient(database.patients()[0])[0]
    return slicer.mrmlScene.GetNodeByID(DICOMUtils.loadSeriesByUID(database.seriesForStudy(study)[:1])[0])


def test_the_database_knows_what_was_imported(host: Host) -> None:
    import pydicom
    import slicer

    database = slicer.dicomDatabase
    assert database.patients() == ()
    host.import_dicom(SAMPLE)
    (patient,) = database.patients()
    study = database.studiesForPatient(patient)[0]
    path = database.filesForSeries(database.seriesForStudy(study)[0])[0]
    header = pydicom.dcmread(path)
    assert database.fileForInstance(header.SOPInstanceUID) == path
    assert database.fieldForStudy("AccessionNumber", study) == header.AccessionNumber
    assert database.fileValue(path, "0010,0020") == header.PatientID
    assert database.fileForInstance("1.2.3") == "" and database.seriesForStudy("1.2.3") == ()
    with pytest.raises(AttributeError, match="STUDY_FIELDS"):
        database.fieldForStudy("Nonsense", study)


def test_a_series_is_loaded_in_the_order_along_its_normal(host: Host) -> None:
    import pydicom
    import slicer

    volume = load_sample(host)
    uids = volume.GetAttribute("DICOM.instanceUIDs").split()
    first = pydicom.dcmread(slicer.dicomDatabase.fileForInstance(uids[0]))
    voxels = slicer.util.arrayFromVolume(volume)
    assert len(voxels) == len(uids)
    scale, offset = float(first.get("RescaleSlope", 1)), float(first.get("RescaleIntercept", 0))
    assert np.array_equal(voxels[0], first.pixel_array * scale + offset)


def test_views_of_the_layout_are_real_and_show_what_is_loaded(host: Host) -> None:
    import slicer
    import vtk

    manager = slicer.app.layoutManager()
    assert set(manager.sliceViewNames()) == {"Red", "Green", "Yellow"}
    assert manager.threeDViewCount == 1
    volume = load_sample(host)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    view = manager.sliceWidget("Red").sliceView()
    view.forceRender()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.renderWindow())
    grab.ReadFrontBufferOff()
    grab.Update()
    low, high = grab.GetOutput().GetScalarRange()
    assert high - low > 50
    assert manager.sliceWidget("Red").mrmlSliceNode().GetLayoutName() == "Red"
    assert manager.sliceWidget("Red").sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
    assert manager.sliceWidget("Purple") is None and manager.threeDWidget(1) is None


def test_a_layout_may_be_changed_and_views_stay(host: Host) -> None:
    import slicer

    manager = slicer.app.layoutManager()
    red = manager.sliceWidget("Red")
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    manager.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutDual3DView
    assert manager.threeDViewCount == 2
    assert manager.sliceWidget("Red") is red


def test_files_are_read_and_written(host: Host, tmp_path: Path) -> None:
    import slicer

    volume = load_sample(host)
    assert slicer.util.saveNode(volume, str(tmp_path / "v.nrrd"))
    again = slicer.util.loadVolume(tmp_path / "v.nrrd")
    assert np.array_equal(slicer.util.arrayFromVolume(again), slicer.util.arrayFromVolume(volume))
