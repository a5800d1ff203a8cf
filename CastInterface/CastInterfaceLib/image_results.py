"""Results as NIfTI or NRRD, or as a SEG for a volume of the user's, shown over the volume they were made from.

A file of labels becomes a segmentation, any other an image laid over the volume. Slicer's loader for segmentations is
handed only what its loader for volumes could read: a broken file would have it end the process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from CastInterfaceLib.foreign_nodes import patient_of
from CastInterfaceLib.host import Host
from CastInterfaceLib.jobs import Job
from CastInterfaceLib.nifti_check import is_whole
from CastInterfaceLib.segmentation_display import prepare_segmentation, set_segmentation_look, show_segmentation
from CastInterfaceLib.segmentation_display import volume_for as series_of
from CastInterfaceLib.segmentation_reading import PALETTE
from CastInterfaceLib.slow_calls import slow_call
from CastInterfaceLib.status import label_map_item, segmentation_item
from CastInterfaceLib.study_loading import SERIES, STUDY, array_of, is_shown, remove_node, show_volume, volume_corners
from CastInterfaceLib.study_source import NotShown, segmentation_files
from CastLib.client import Pump, Session
from CastLib.dicom_series import scan
from CastLib.errors import TransferError
from CastLib.events import event_key
from CastLib.message import Message

FAMILIES = ("nifti", "nrrd")

PATIENCE = 60.0  # seconds that a thread waits for the main thread to take a step
OVERLAY_OPACITY = 0.5
SEGMENTS_MOST = 1000  # more labels than that make no segmentation
LABEL_HIGHEST = 65_535
# Of the voxels inside a label map nearly all are like their neighbour; of an image's hardly any.
ALIKE = 0.8


@dataclass(slots=True)
class ShownResult:
    """What came of a batch: nodes in the scene, names, and the segmentations with what STATUS tells of each."""

    nodes: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    results: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)


def is_image_result(message: Message) -> bool:
    """Whether a message belongs to a family that is read here."""
    return event_key(message.event).replace("_", "-").partition("-")[0] in FAMILIES


class ImageResults:
    """Shows results; `show` runs on a worker thread and has the main thread do what touches the scene.

    Attributes:
        may_take_views: whether a volume may be brought into the views: not while a study of the hub's is there.
        was_added: called with the volume after each step on the main thread, while it is not in the views.
    """

    def __init__(self, host: Host, session: Session, pump: Pump) -> None:
        self._host = host
        self._session = session
        self._pump = pump
        self.may_take_views: Callable[[Any], bool] = lambda volume: True
        self.was_added: Callable[[Any], object] = lambda volume: None

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
                progress=lambda done, total: job.tell("Fetching a result", done, total),
                cancelled=job.cancelled,
            )
        except TransferError:
            job.check()
            raise
        job.tell("Showing a result")
        if is_image_result(message):
            for path in paths:
                self._show_image(path, volume, job, shown)
            return
        series = scan(paths).series
        segmentations = segmentation_files(series)
        people = next((both for one in series if (both := one.patient.contradiction(patient_of(volume)))), "")
        if people:
            raise NotShown(409, "other-patient", f"The result is of another patient than its volume: {people}.")
        if not segmentations:
            raise NotShown(422, "unreadable", "There is no segmentation among the files.")
        for path in segmentations:
            prepared = prepare_segmentation(path)
            job.check()
            self._on_main(volume, lambda: self._show_seg(prepared, volume, shown))  # noqa: B023

    def _on_main(self, volume: Any, step: Callable[[], Any]) -> Any:
        def guarded() -> Any:
            if volume.GetScene() is None:
                raise NotShown(409, "other-study", "The result's volume was taken out of the scene meanwhile.")
            value = step()
            if not is_shown(self._host, volume):
                self.was_added(volume)
            return value

        return self._pump.call(guarded, PATIENCE)

    # A SEG for a volume of the user's

    def _show_seg(self, prepared: Any, volume: Any, shown: ShownResult) -> None:
        series_of([volume], prepared.segmentation)
        body = self._bring_up(volume)
        node = show_segmentation(self._host, prepared, volume, body)
        shown.nodes.append(node)
        shown.names += [segment.label for segment in prepared.segmentation.segments]
        shown.results.append((node, segmentation_item(prepared.segmentation, "")))

    # NIfTI and NRRD

    def _show_image(self, path: Path, volume: Any, job: Job, shown: ShownResult) -> None:
        job.check()
        if path.name.lower().endswith((".nii", ".nii.gz")) and not is_whole(path):
            raise NotShown(422, "unreadable", f"{path.name} is damaged or not whole.")
        loaded, voxels = self._on_main(volume, lambda: self._load_volume(path, volume))
        kept = False
        try:
            labels = is_label_map(voxels)
            job.check()
            if not labels:
                self._on_main(volume, lambda: self._lay_over(loaded, volume, path, shown))
                kept = True
                return
        finally:
            if not kept:
                self._pump.call(lambda: remove_node(self._host.scene, loaded), PATIENCE)
        node, series, segments = self._on_main(volume, lambda: self._load_segmentation(path, volume, shown))
        # Counted on this thread, in numpy's views of the voxels as they are now.
        told = label_map_item(path.name, series, [segment.counted() for segment in segments])
        shown.results.append((node, told))

    def _load_volume(self, path: Path, volume: Any) -> tuple[Any, np.ndarray]:
        """Its node, and its voxels as numpy sees them without a copy."""
        logic = self._host.application_logic.GetModuleLogic("Volumes")
        with slow_call("Slicer's volumes logic reads a NIfTI or NRRD file"):
            node = logic.AddArchetypeVolume(str(path), _name_of(path), 0)
        if node is None or node.GetImageData() is None:
            raise NotShown(422, "unreadable", f"{path.name} cannot be read as an image.")
        _forget_file(self._host.scene, node)
        if not _meet(volume_corners(node), volume_corners(volume)):
            remove_node(self._host.scene, node)
            raise NotShown(409, "other-study", f"{path.name} lies in another place than the volume it is sent for.")
        return node, array_of(node)

    def _load_segmentation(self, path: Path, volume: Any, shown: ShownResult) -> tuple[Any, str, list[_Segment]]:
        """Show it; its node, the series it lies over, and its segments."""
        logic = self._host.application_logic.GetModuleLogic("Segmentations")
        with slow_call("Slicer's segmentations logic reads a file"):
            node = logic.LoadSegmentationFromFile(str(path), True, _name_of(path))
        if node is None:
            raise NotShown(422, "unreadable", f"{path.name} cannot be read as a segmentation.")
        shown.nodes.append(node)
        _forget_file(self._host.scene, node)
        self._name(node, volume)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), volume.GetID())
        self._bring_up(volume)
        segmentation = node.GetSegmentation()
        for number in range(segmentation.GetNumberOfSegments()):
            segment = segmentation.GetNthSegment(number)
            if segment.GetColorAutoGenerated() or not path.name.lower().endswith(".seg.nrrd"):
                segment.SetColor(*PALETTE[number % len(PALETTE)])
            shown.names.append(segment.GetName())
        with slow_call("Slicer makes the surfaces of a segmentation"):
            node.CreateClosedSurfaceRepresentation()
        set_segmentation_look(node)
        for view in self._host.threed_views:
            view.fit()
        return node, volume.GetAttribute(SERIES) or "", _segments_of(node)

    def _lay_over(self, node: Any, volume: Any, path: Path, shown: ShownResult) -> None:
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        shown.nodes.append(node)
        shown.names.append(path.name)
        self._name(node, volume)
        self._bring_up(volume)
        if not is_shown(self._host, volume):
            return
        with slow_call("Slicer's logics lay an image over a volume"):
            for view in self._host.slice_views:
                composite = view.logic.GetSliceCompositeNode()
                composite.SetForegroundVolumeID(node.GetID())
                composite.SetForegroundOpacity(OVERLAY_OPACITY)

    def _name(self, node: Any, volume: Any) -> None:
        study = volume.GetAttribute(STUDY)
        if study:
            node.SetAttribute(STUDY, study)

    def _bring_up(self, volume: Any) -> np.ndarray:
        """Have the volume in the slice views; the corners of its box in RAS mm."""
        corners = volume_corners(volume)
        if not is_shown(self._host, volume) and self.may_take_views(volume):
            show_volume(self._host, volume, corners)
        return corners


def is_label_map(array: np.ndarray) -> bool:
    """Whether an array (slices, rows, columns[, components]) holds labels: whole numbers, in patches.

    Slice by slice, so that a large image takes little memory beside itself.
    """
    if array.dtype.kind not in "iub" or not array.size or array.min() < 0 or not 0 < array.max() <= LABEL_HIGHEST:
        return False
    seen = np.zeros(int(array.max()) + 1, bool)
    pairs = alike = 0
    for part in array:
        seen[part] = True
        before, after = part[:, :-1], part[:, 1:]
        inside = (before > 0) & (after > 0)
        pairs += int(np.count_nonzero(inside))
        alike += int(np.count_nonzero(inside & (before == after)))
    return pairs > 0 and alike >= ALIKE * pairs and int(np.count_nonzero(seen)) <= SEGMENTS_MOST


def _meet(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two boxes share any place, as far as their bounds along the patient's axes tell."""
    return bool(np.all(one.min(axis=0) < other.max(axis=0)) and np.all(other.min(axis=0) < one.max(axis=0)))


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment, and the voxels that it may share with others, in which it has a value of its own."""

    number: int
    label: str
    color: tuple[float, float, float]
    voxels: np.ndarray
    value: int
    voxel_volume: float

    def counted(self) -> tuple[int, str, tuple[float, float, float], int, float]:
        """As `label_map_item` wants it."""
        return self.number, self.label, self.color, int(np.count_nonzero(self.voxels == self.value)), self.voxel_volume


def _segments_of(node: Any) -> list[_Segment]:
    segmentation = node.GetSegmentation()
    found = []
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        image = node.GetBinaryLabelmapInternalRepresentation(segmentation.GetNthSegmentID(index))
        scalars = image.GetPointData().GetScalars() if image is not None else None
        voxels = vtk_to_numpy(scalars) if scalars is not None else np.empty(0)
        volume = float(np.prod(image.GetSpacing())) if image is not None else 0.0
        color = tuple(float(part) for part in segment.GetColor())
        found.append(_Segment(index + 1, segment.GetName(), color, voxels, segment.GetLabelValue(), volume))  # type: ignore[arg-type]
    return found


def _name_of(path: Path) -> str:
    name = path.name
    for ending in (".gz", ".nii", ".nrrd", ".seg"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name or path.name


def _forget_file(scene: Any, node: Any) -> None:
    """The file goes soon, so Slicer must not take the node for saved."""
    storage = node.GetStorageNode()
    if storage is not None:
        node.SetAndObserveStorageNodeID(None)
        scene.RemoveNode(storage)
