"""Services tried on loaded volumes, without any hub; what comes out is shown, and may be saved. Main thread only."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from vtkmodules.util.numpy_support import vtk_to_numpy

from CastInterfaceLib.scene.known_files import known_files
from CastInterfaceLib.scene.segmentation_source import volume_for
from CastInterfaceLib.scene.segmentations import show_segmentation
from CastInterfaceLib.scene.volume_files import NodeFiles, files_of_node, volumes_with_image
from CastInterfaceLib.scene.volumes import (
    FRAME_OF_REFERENCE,
    SERIES,
    STUDY,
    geometry_of,
    is_shown,
    name_volume,
    show_volume,
    volume_corners,
)
from CastInterfaceLib.study.dicom_writing import SeriesUids, series_paths, write_series
from CastInterfaceLib.study.prepared_segmentation import PreparedSegmentation, prepare_segmentation
from CastInterfaceLib.study.sources import segmentation_files
from CastInterfaceLib.views.window_viewer import open_viewer
from CastLib.dicom.series import scan
from CastLib.errors import CastError
from CastLib.events import DICOM_SEND, NIFTI_SEND
from CastSlicerLib.background import Background, Ended
from CastSlicerLib.jobs import Job
from CastSlicerLib.pump_timer import PumpTimer

log = logging.getLogger("cast.provider")


class TrialResult:
    """What a trial brought.

    Attributes:
        paths: the result's files; they are kept as long as the module is loaded.
        segments: the names of the segments that are shown now.
    """

    def __init__(self, paths: list[Path], segments: tuple[str, ...]) -> None:
        self.paths = paths
        self.segments = segments


class Trials:
    """Runs scripts on volumes of the scene.

    Args:
        timer: the process's pump.
        background: runs the threads.
        services: makes the runs (`CastServiceProviderLib.services.Services`).
    """

    def __init__(self, timer: PumpTimer, background: Background, services: Any) -> None:
        self._timer = timer
        self._background = background
        self._services = services
        self._folder: Path | None = None
        self._viewer: Any = None  # the scene and its views, opened when a result is to be shown
        self._closed = False

    def volumes(self) -> list[Any]:
        """The volume nodes of the scene that a service can be tried on."""
        return volumes_with_image(slicer.mrmlScene)

    def try_out(self, service: Any, volume: Any, callback: Ended) -> Any:
        """Run a service's script on a loaded volume, without any hub: ``callback(TrialResult, error)``.

        The script gets the volume's DICOM files where they are known, else a DICOM series that is written from it (a
        NIfTI file for a volume of vectors). A segmentation that it sends is shown over the volume.

        Returns:
            the job's record.

        Raises:
            CastError: the volume or the script is not fit for it.
        """
        folder = Path(tempfile.mkdtemp(prefix="trial-", dir=self._results_folder()))
        known = known_files(volume) if volume is not None else ()
        prepare: Callable[[], object] | None = None
        if not known and can_be_written(volume):
            files, prepare = files_to_write(volume, folder)
        else:
            files = files_of_node(volume, DICOM_SEND if known else NIFTI_SEND, folder)
        trial = self._services.try_out(service, files.event, files.paths, folder, prepare)

        def work(job: Job) -> tuple[list[Path], list[PreparedSegmentation], Any]:
            series = scan(files.paths).series if known else ()
            paths = trial.run()
            segmentations = [prepare_segmentation(path) for path in segmentation_files(scan(paths).series)]
            return paths, segmentations, series

        def ended(value: Any, error: Exception | None) -> None:
            if error is not None:
                callback(None, error)
                return
            paths, segmentations, series = value
            labels = [one.label for prepared in segmentations for one in prepared.segmentation.segments]
            steps: list[Callable[[], object]] = [lambda: self._name(volume, series)] if segmentations else []
            for prepared in segmentations:
                steps += [partial(self._show_volume, volume, prepared), partial(self._show, volume, prepared)]
            self._run_steps(
                steps, lambda failed: callback(None if failed else TrialResult(paths, tuple(labels)), failed)
            )

        self._background.start(f"Trying {service.product}", work, ended)
        return trial.record

    def _run_steps(self, steps: list[Callable[[], object]], ended: Callable[[Exception | None], object]) -> None:
        """One step after the other, so that none of them alone holds the main thread for long."""
        if self._closed:
            return
        if not steps:
            ended(None)
            return
        try:
            steps[0]()
        except Exception as error:
            if not isinstance(error, CastError):
                log.exception("a trial's result could not be shown")
            ended(error)
        else:
            self._timer.pump.post(self._run_steps, steps[1:], ended)

    def _name(self, volume: Any, series: Any) -> None:
        if volume.GetScene() is None:
            raise CastError("The result is not shown: its volume was taken out of the scene meanwhile.")
        if len(series) == 1:
            name_volume(volume, series[0])
        if self._viewer is None:
            self._viewer = open_viewer()

    def _show_volume(self, volume: Any, prepared: PreparedSegmentation) -> None:
        volume_for([volume], prepared.segmentation)
        if not is_shown(self._viewer, volume):
            show_volume(self._viewer, volume, volume_corners(volume))

    def _show(self, volume: Any, prepared: PreparedSegmentation) -> None:
        show_segmentation(self._viewer, prepared, volume, volume_corners(volume))

    def _results_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="cast-trials-"))
        return self._folder

    def save(self, result: TrialResult, folder: Path, callback: Ended) -> None:
        """Copy a result's files into a folder: ``callback(paths, error)``. A name that is taken gets a number."""

        def work(job: Job) -> list[Path]:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                return [_copy(path, folder) for path in result.paths]
            except OSError as error:
                why = (error.strerror or type(error).__name__).lower()
                raise CastError(f"The files could not be saved in {folder}: {why}.") from None

        self._background.start("Saving a result", work, callback)

    def close(self) -> None:
        """Show nothing any more, and delete the results."""
        self._closed = True
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _copy(path: Path, folder: Path) -> Path:
    name = path.name.partition("-")[2] or path.name  # a result is kept under a number of its own
    stem, dot, ending = name.partition(".")
    free, number = folder / name, 2
    while free.exists():
        free, number = folder / f"{stem}-{number}{dot}{ending}", number + 1
    return Path(shutil.copyfile(path, free))


def can_be_written(volume: Any) -> bool:
    """Whether a volume node has an image with one value a voxel."""
    image = volume.GetImageData() if volume is not None else None
    return image is not None and image.GetNumberOfScalarComponents() == 1 and min(image.GetDimensions()) > 0


def files_to_write(volume: Any, folder: Path) -> tuple[NodeFiles, Callable[[], object]]:
    """The files of a series that is yet to be written, and what writes them, on any thread. Main thread only.

    A volume without UIDs gets some, so that a result is known to belong to it.
    """
    uids = _uids(volume)
    image = volume.GetImageData()
    # No copy: numpy's view keeps the voxels as they are now alive, and Slicer then gives the volume others.
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    ijk_to_ras, name = geometry_of(volume), volume.GetName() or "Volume"
    files = NodeFiles(DICOM_SEND, tuple(series_paths(folder, len(array))), {})
    return files, lambda: write_series(folder, array, ijk_to_ras, name, uids)


def _uids(volume: Any) -> SeriesUids:
    new = SeriesUids()
    found = []
    for attribute, uid in ((STUDY, new.study), (SERIES, new.series), (FRAME_OF_REFERENCE, new.frame_of_reference)):
        if not volume.GetAttribute(attribute):
            volume.SetAttribute(attribute, uid)
        found.append(volume.GetAttribute(attribute))
    return SeriesUids(*found)
