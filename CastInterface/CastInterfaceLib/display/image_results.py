"""Results as NIfTI or NRRD, or as a SEG for a volume of the user's, shown over the volume they were made from.

A file of labels becomes a segmentation, any other an image laid over the volume. Files are read by `image_file`, in
pure Python: no native reader sees what came over the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from CastInterfaceLib.display.status import label_map_item, segmentation_item
from CastInterfaceLib.scene.foreign_nodes import patient_of
from CastInterfaceLib.scene.image_overlay import PreparedImage, add_image, lattice, prepare_image
from CastInterfaceLib.scene.segmentation_source import grid_of, odd_about, volume_for
from CastInterfaceLib.scene.segmentations import show_segmentation
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import FRAME_OF_REFERENCE, SERIES, STUDY, is_shown, show_volume, volume_corners
from CastInterfaceLib.study.grids import Grid, Misplaced, check_other_grid, fit_places
from CastInterfaceLib.study.image_file import read_image_file
from CastInterfaceLib.study.label_reading import IMAGE, read_labels, said
from CastInterfaceLib.study.prepared_segmentation import PreparedSegmentation, prepare_segmentation, prepare_segments
from CastInterfaceLib.study.source_grids import Source
from CastInterfaceLib.study.sources import NotShown, as_not_shown, payload_entries, segmentation_files
from CastLib.client import Pump, Session
from CastLib.dicom.series import scan
from CastLib.errors import CastError, TransferError
from CastLib.events import event_key
from CastLib.manifest import FileEntry
from CastLib.message import Message
from CastSlicerLib.jobs import Job

FAMILIES = ("nifti", "nrrd")

PATIENCE = 60.0  # seconds that a thread waits for the main thread to take a step


@dataclass(slots=True)
class ShownResult:
    """What came of a batch: nodes in the scene, names, the segmentations with what STATUS tells of each, warnings."""

    nodes: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    results: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def is_image_result(message: Message) -> bool:
    """Whether a message belongs to a family that is read here."""
    return event_key(message.event).replace("_", "-").partition("-")[0] in FAMILIES


def prepare_image_file(path: Path, role: str, label: str, source: Grid) -> PreparedSegmentation | PreparedImage:
    """Everything of a NIfTI or NRRD file that takes time: reading, whether it is of labels, surfaces. Any thread.

    Args:
        path: the file.
        role, label: what its sender calls it.
        source: the grid of the volume that it is of.

    Raises:
        CastError: why it cannot be shown.
    """
    image = read_image_file(path)
    shape = (image.volumes[0].shape[0], image.volumes[0].shape[1], image.volumes[0].shape[2])
    places = [(place.name, place.ijk_to_ras) for place in image.places]
    fit = fit_places(image.name, shape, places, image.no_place, source)
    asked = said(path.name, role, label, image)
    segmentation, why_not = read_labels(image, fit, asked, label)
    if segmentation is None:
        prepared = prepare_image(image, fit, source)
        words = () if asked == IMAGE else (f"it is laid over its series as an image: {why_not}",)
        return replace(prepared, warnings=(*prepared.warnings, *words))
    made = prepare_segments(segmentation)
    if fit.is_source:
        return made
    odd = check_other_grid(image.name, fit.grid, source, segmentation.marked or [(lattice(fit.grid), 1.0)])
    return replace(made, segmentation=replace(segmentation, warnings=(*segmentation.warnings, *odd)))


class ImageResults:
    """Shows results; `show` runs on a worker thread and has the main thread do what touches the scene.

    Args:
        viewer: where to show them.
        session: where to fetch them.
        pump: the session's pump.
        is_apart: whether a volume may not be brought into the views: they are kept for a study of the hub's.
        was_added: called with the volume after each step on the main thread, while it is not in the views.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        pump: Pump,
        *,
        is_apart: Callable[[Any], bool],
        was_added: Callable[[Any], object],
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._pump = pump
        self._is_apart = is_apart
        self._was_added = was_added

    def show(self, message: Message, volume: Any, folder: Path, job: Job, shown: ShownResult) -> None:
        """Fetch a batch and show it over a volume. Worker thread only.

        Args:
            message: the batch.
            volume: the volume node that it belongs to.
            folder: where its files are kept meanwhile.
            job: what others see of it.
            shown: gets what is shown, also of a batch of which a part fails.

        Raises:
            NotShown, CastError: why something of it is not shown.
        """
        try:
            paths = self._session.fetch_files(
                message,
                folder,
                choose=lambda entry: bool(entry.payload_ids),
                progress=lambda done, total: job.report("Fetching a result", done, total),
                cancelled=job.cancelled,
            )
        except TransferError:
            job.check()
            raise
        job.report("Showing a result")
        steps: list[Callable[[], object]]
        if is_image_result(message):
            entries = payload_entries(message)
            steps = [
                partial(self._show_image, path, entry, volume, job, shown)
                for path, entry in zip(paths, entries, strict=True)
            ]
        else:
            series = scan(paths).series
            people = next((both for one in series if (both := one.patient.contradiction(patient_of(volume)))), "")
            if people:
                raise NotShown(409, "other-patient", f"The result is of another patient than its volume: {people}.")
            steps = [partial(self._show_seg, path, volume, job, shown) for path in segmentation_files(series)]
            if not steps:
                raise NotShown(422, "unreadable", "There is no segmentation among the files.")
        _each(steps, job)

    def _on_main(self, volume: Any, step: Callable[[], Any]) -> Any:
        def guarded() -> Any:
            if volume.GetScene() is None:
                raise NotShown(409, "other-study", "The result's volume was taken out of the scene meanwhile.")
            value = step()
            if not is_shown(self._viewer, volume):
                self._was_added(volume)
            return value

        return self._pump.call(guarded, PATIENCE)

    # A SEG for a volume of the user's

    def _show_seg(self, path: Path, volume: Any, job: Job, shown: ShownResult) -> None:
        source = self._on_main(volume, lambda: grid_of(volume))
        named, frame = (volume.GetAttribute(key) or "" for key in (SERIES, FRAME_OF_REFERENCE))
        prepared = prepare_segmentation(path, [Source(named, frame, source)])
        job.check()

        def show() -> None:
            try:
                volume_for([volume], prepared.segmentation)
            except CastError as error:
                raise NotShown(409, "other-study", str(error)) from None
            node = show_segmentation(self._viewer, prepared, volume, self._bring_up(volume))
            shown.nodes.append(node)
            shown.names += [segment.label for segment in prepared.segmentation.segments]
            shown.results.append((node, segmentation_item(prepared.segmentation, "")))
            shown.warnings += odd_about(prepared.segmentation, volume)

        self._on_main(volume, show)

    # NIfTI and NRRD

    def _show_image(self, path: Path, entry: FileEntry, volume: Any, job: Job, shown: ShownResult) -> None:
        job.check()
        source = self._on_main(volume, lambda: grid_of(volume))
        role, label = (str(entry.wire.get(key) or "") for key in ("role", "label"))
        try:
            prepared = prepare_image_file(path, role, label, source)
        except Misplaced as error:
            raise NotShown(409, "not-shown", str(error)) from None
        job.check()
        if isinstance(prepared, PreparedImage):
            self._on_main(volume, lambda: self._lay_over(path.name, prepared, volume, shown))
        else:
            self._on_main(volume, lambda: self._show_labels(path.name, prepared, volume, shown))

    def _show_labels(self, name: str, prepared: PreparedSegmentation, volume: Any, shown: ShownResult) -> None:
        segmentation = prepared.segmentation
        node = show_segmentation(self._viewer, prepared, volume, self._bring_up(volume))
        shown.nodes.append(node)
        shown.names += [segment.label for segment in segmentation.segments] or [f"{name}: nothing was found"]
        shown.results.append((node, label_map_item(segmentation, volume.GetAttribute(SERIES) or "")))
        shown.warnings += [f"{name}: {warning}." for warning in segmentation.warnings]

    def _lay_over(self, name: str, prepared: PreparedImage, volume: Any, shown: ShownResult) -> None:
        self._bring_up(volume)
        node = add_image(self._viewer, prepared, is_shown(self._viewer, volume))
        shown.nodes.append(node)
        shown.names.append(name)
        study = volume.GetAttribute(STUDY)
        if study:
            node.SetAttribute(STUDY, study)
        shown.warnings += [f"{name}: {warning}." for warning in prepared.warnings]

    def _bring_up(self, volume: Any) -> np.ndarray:
        """Have the volume in the slice views; the corners of its box in RAS mm."""
        corners = volume_corners(volume)
        if not is_shown(self._viewer, volume) and not self._is_apart(volume):
            show_volume(self._viewer, volume, corners)
        return corners


def _each(steps: list[Callable[[], object]], job: Job) -> None:
    """Take every step, also after one that failed; raises NotShown with all that could not be shown."""
    failures: list[CastError] = []
    for step in steps:
        try:
            step()
        except CastError as error:
            job.check()
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        first = as_not_shown(failures[0])
        raise NotShown(first.status, first.problem, " ".join(str(failure) for failure in failures))
