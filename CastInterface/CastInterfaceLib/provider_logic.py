"""What "Cast Service Provider" does in Slicer, without any widget: a list of services that is kept, and trials.

The services themselves are handed in: this package does not know the provider's (an import only goes down). Main thread
only; everything returns at once.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import slicer

from CastInterfaceLib.background import Background, Ended
from CastInterfaceLib.host_slicer import open_host
from CastInterfaceLib.jobs import Job
from CastInterfaceLib.known_files import known_files
from CastInterfaceLib.node_files import files_of_node
from CastInterfaceLib.pump_timer import slicer_timer
from CastInterfaceLib.segmentation_display import (
    PreparedSegmentation,
    prepare_segmentation,
    show_segmentation,
    volume_for,
)
from CastInterfaceLib.slices_in_3d import box_corners
from CastInterfaceLib.study_loading import geometry_of, is_shown, name_volume, show_volume
from CastInterfaceLib.study_source import segmentation_files
from CastInterfaceLib.trial_files import can_be_written, files_to_write
from CastInterfaceLib.user_settings import read_setting, read_texts, write_setting
from CastLib.dicom_series import scan
from CastLib.errors import CastError
from CastLib.events import DICOM_SEND, NIFTI_SEND

log = logging.getLogger("cast.provider")

_SERVICES = "CastServiceProvider/Services"
_ACCESS = "CastServiceProvider/Access"


class TrialResult:
    """What a trial brought.

    Attributes:
        paths: the result's files; they are kept as long as the module is loaded.
        segments: the names of the segments that are shown now.
    """

    def __init__(self, paths: list[Path], segments: tuple[str, ...]) -> None:
        self.paths = paths
        self.segments = segments


class ProviderLogic:
    """Services that are kept in the user's settings, and trials of them on loaded volumes.

    Args:
        make_services: called with the pump, a function that runs work on a thread, and a context that keeps the pump
            going; returns the list of services (`CastServiceProviderLib.services.Services`).
        make_access: called with hub, client ID and secret.
        write_skeleton: writes a script to begin with.
        examples: scripts that are listed as long as the user has not changed the list.
    """

    def __init__(
        self,
        make_services: Callable[[Any, Any, Any], Any],
        make_access: Callable[[str, str, str], Any],
        write_skeleton: Callable[[str], Path],
        examples: tuple[Path, ...] = (),
    ) -> None:
        self._timer = slicer_timer()
        self._background = Background(self._timer)
        self._make_access = make_access
        self._write_skeleton = write_skeleton
        self._folder: Path | None = None
        self._host: Any = None  # the room for the scene and its views, opened when a result is to be shown
        self._closed = False
        self.services = make_services(self._timer.pump, self._in_background, self._holding)
        kept = read_setting(_SERVICES)
        self.services.restore(kept)
        if kept is None:
            for path in examples:
                with contextlib.suppress(CastError):
                    self.services.add(path)

    # The list

    def add(self, path: str | Path) -> Any:
        """List a script as a service. Raises CastError."""
        service = self.services.add(path)
        self._keep()
        return service

    def add_new(self, path: str | Path) -> Any:
        """Write a commented script to begin with, and list it. Raises CastError."""
        return self.add(self._write_skeleton(str(path)))

    def remove(self, service: Any) -> None:
        """Stop a service and list it no longer."""
        self.services.remove(service)
        self._keep()

    def start(self, service: Any, hub: str, client_id: str = "", secret: str = "") -> None:
        """Start a service at a hub; hub and client ID are kept, the secret is not. Raises CastError."""
        self.services.start(service, self._make_access(hub, client_id, secret))
        write_setting(_ACCESS, {"hub": hub, "client_id": client_id})

    def stop(self, service: Any) -> None:
        """Stop a service."""
        self.services.stop(service)

    def last_access(self) -> tuple[str, str]:
        """Hub and client ID of the last start; empty before."""
        hub, client_id = read_texts(_ACCESS, "hub", "client_id")
        return hub, client_id

    def cancel(self, record: Any) -> None:
        """Call off a job."""
        self._background.start("Calling off a job", lambda job: record.cancel())

    # Trials

    def volumes(self) -> list[Any]:
        """The volume nodes of the scene that a service can be tried on."""
        scene = slicer.mrmlScene
        count = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = [scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode") for index in range(count)]
        return [node for node in nodes if node.GetImageData() is not None]

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
        trial = self.services.try_out(service, files.event, files.paths, folder, prepare)

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
        if self._host is None:
            self._host = open_host()

    def _show_volume(self, volume: Any, prepared: PreparedSegmentation) -> None:
        volume_for([volume], prepared.segmentation)
        if not is_shown(self._host, volume):
            show_volume(self._host, volume, _box_of(volume))

    def _show(self, volume: Any, prepared: PreparedSegmentation) -> None:
        show_segmentation(self._host, prepared, volume, _box_of(volume))

    def _results_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="cast-trials-"))
        return self._folder

    # The end

    def cleanup(self) -> None:
        """End everything and wait for it: for the end of the module or of Slicer."""
        self._closed = True
        self.services.close()
        self._background.close()
        if self._host is not None:
            self._host.close()
            self._host = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # Inside

    def _keep(self) -> None:
        write_setting(_SERVICES, self.services.to_wire())

    def _in_background(self, text: str, work: Callable[[], object]) -> None:
        self._background.start(text, lambda job: work())

    @contextlib.contextmanager
    def _holding(self) -> Iterator[None]:
        self._timer.acquire()
        try:
            yield
        finally:
            self._timer.release()


def _box_of(volume: Any) -> Any:
    columns, rows, slices = volume.GetImageData().GetDimensions()
    return box_corners(geometry_of(volume), ((0, columns - 1), (0, rows - 1), (0, slices - 1)))
