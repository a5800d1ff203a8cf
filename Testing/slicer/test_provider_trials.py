"""Scripts tried from the panel "Cast Service Provider" on a loaded volume, without a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hub_process import ROOT, HubProcess
from interface_parts import study_uid_in
from panel_parts import ECHO, ENDLESS, RAISES, ProviderPart, empty, script


@pytest.fixture
def part(host: Any) -> ProviderPart:
    return empty(ProviderPart(host))


SAMPLE = ROOT / "Resources" / "SampleStudy" / "DICOM"


THRESHOLD = """
import pydicom
import numpy as np
from CastLib.dicom.series import read_series
from CastServiceProviderLib.segmentation_result import TISSUE, Code, SegmentDescription, write_segmentation

def onMessage(message, context):
    (series,) = read_series(context.files())
    images = [pydicom.dcmread(path) for path in series.files]
    bright = np.array([image.pixel_array * float(image.RescaleSlope) > 50 for image in images])
    segment = SegmentDescription(1, "Bright", TISSUE, Code("85756007", "SCT", "Tissue"), (255, 0, 0), "Threshold")
    context.send_files([write_segmentation(
        context.directory / "seg.dcm", series.files, bright.astype(np.uint8), [segment],
        description="Bright", product="Threshold", version="1",
    )])
"""


def load_sample(part: ProviderPart) -> None:
    import slicer
    from DICOMLib import DICOMUtils

    part.host.import_dicom(SAMPLE)
    (series,) = slicer.dicomDatabase.seriesForStudy(study_uid_in(SAMPLE))
    DICOMUtils.loadSeriesByUID([series])


def test_the_example_is_tried_on_the_loaded_sample(either_host: Any, tmp_path: Path) -> None:
    import slicer

    from CastSlicerLib.pump_timer import slicer_pump

    part = empty(ProviderPart(either_host))
    part.add(ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py")
    load_sample(part)
    pump = slicer_pump()
    pump.main_thread.reset()
    part.until(lambda: part.ui.tryButton.enabled)
    part.click(part.ui.tryButton)
    part.until(lambda: part.job(0, 1) == "Trial" and part.job(0, 2) == "Running")
    part.pictures("trying", (400,))
    part.until(lambda: "The result is shown" in part.ui.tryLabel.text, 90)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    from slicer_host import dialogs

    dialogs.answer_next(str(tmp_path / "saved"))
    part.click(part.ui.saveTrialButton)
    part.until(lambda: "Saved in" in part.ui.tryLabel.text)
    dialogs.answer_next(str(tmp_path / "saved"))
    part.click(part.ui.saveTrialButton)
    part.until(lambda: "brain-tissue-2.dcm" in part.ui.tryLabel.text.replace("\u200b", ""))
    first, second = (tmp_path / "saved" / name for name in ("brain-tissue.dcm", "brain-tissue-2.dcm"))
    assert first.read_bytes() == second.read_bytes()
    assert part.cell(0, 5).startswith("Done") and not part.logic.services.all()[0].on
    print(f"longest handler: {pump.main_thread}")
    part.pictures("tried")


def test_a_volume_that_is_not_from_dicom_is_tried_as_a_series_and_its_result_shown(
    part: ProviderPart, tmp_path: Path
) -> None:
    import numpy as np
    import slicer

    from CastInterfaceLib.scene.volumes import INSTANCES

    ball = np.linalg.norm(np.indices((20, 24, 28)) - np.array([10, 12, 14])[:, None, None, None], axis=0) < 7
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "From NRRD")
    slicer.util.updateVolumeFromArray(volume, ball * 100.5)
    volume.SetSpacing(2.0, 3.0, 4.0)
    volume.CreateDefaultDisplayNodes()
    part.add(script(tmp_path, THRESHOLD))
    for round in (1, 2):
        part.until(lambda: part.ui.tryButton.enabled)
        part.click(part.ui.tryButton)
        part.until(lambda round=round: len(part.logic.services.all()[0].records.all()) == round)  # type: ignore[misc]
        part.until(lambda: "The result is shown: Bright" in part.ui.tryLabel.text and part.ui.tryButton.enabled)
        part.ui.tryLabel.text = ""
    assert volume.GetAttribute(INSTANCES) is None
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    found = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(node.GetSegmentation().GetNthSegmentID(0), found)
    from vtkmodules.util.numpy_support import vtk_to_numpy

    assert int(vtk_to_numpy(found.GetPointData().GetScalars()).sum()) == int(ball.sum())
    assert np.allclose(found.GetSpacing(), (2.0, 3.0, 4.0))


def test_a_script_is_tried_on_the_files_that_came_over_the_hub(host: Any, hub: HubProcess, tmp_path: Path) -> None:
    """The volume was opened by a worklist: the script gets the DICOM files as they came, and none is written anew."""
    from display_parts import write_phantom
    from interface_parts import InterfacePart, run_cast

    sent = write_phantom(tmp_path / "study")
    display = InterfacePart(host)
    display.connect(hub.url, "tried")
    run_cast("send", "ImagingStudy-open", str(tmp_path / "study"), "--hub", hub.url, "--user", "tried")
    display.until(lambda: display.logic.openNow.series and not display.logic.openNow.doing)
    part = empty(ProviderPart(host))
    part.add(script(tmp_path, ECHO))
    results: list[Any] = []
    (service,) = part.logic.services.all()
    (volume,) = part.logic.trials.volumes()
    part.logic.trials.try_out(service, volume, lambda result, error: results.append((result, error)))
    part.until(lambda: results)
    ((result, error),) = results
    assert error is None
    assert sorted(path.read_bytes() for path in result.paths) == sorted(path.read_bytes() for path in sent)


def test_a_trial_is_called_off_and_an_error_told(part: ProviderPart, tmp_path: Path) -> None:
    load_sample(part)
    part.add(script(tmp_path, ENDLESS))
    part.until(lambda: part.ui.tryButton.enabled)
    part.click(part.ui.tryButton)
    part.until(lambda: "for ever" in part.ui.tryLabel.text)
    assert not part.ui.tryButton.enabled
    part.click(part.ui.cancelButton)
    part.until(lambda: part.ui.tryLabel.text == "Cancelled.")
    script(tmp_path, RAISES)  # an edited script counts from the next run on
    part.click(part.ui.tryButton)
    part.until(lambda: part.ui.tryLabel.text == "No brain was found" and part.job(0, 2) == "Failed")
    part.pictures("trial-failed", (400,))
