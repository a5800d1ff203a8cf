"""The study that is open, or being opened: what the display keeps of it on the main thread."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from CastInterfaceLib.jobs import Job
from CastLib.dicom_series import Series
from CastLib.message import Message
from CastLib.study_context import StudyReference

OPENING = "opening"
AWAITED = "awaited"  # refused for want of images, shown as soon as they are sent
SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class ShownSeries:
    """A series in the scene: its volume node, and the corners of the body's box in RAS mm (8, 3)."""

    series: Series
    volume: Any
    body: np.ndarray


@dataclass(eq=False, slots=True)
class OpenStudy:
    """One study from its open to its close.

    Attributes:
        study_uid: "" as long as only an accession number or files are known.
        folder: where its payloads are kept; made when the first one comes.
        batches: messages whose files are still to be fetched.
        arrived: set when a batch came, for a thread that waits for one.
        job: what is done for it now, or was done last.
        busy: a thread works for it.
        adopted: its images were put into the scene by the user, who keeps them and what is shown over them.
        nodes: the volumes and segmentations that were put into the scene for it and go with it.
        results: each segmentation shown, with what STATUS tells of it.
    """

    message: Message
    reference: StudyReference
    study_uid: str
    folder: Path
    state: str = OPENING
    batches: list[Message] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    job: Job = field(default_factory=lambda: Job("Opening the study"))
    busy: bool = False
    adopted: bool = False
    files: tuple[Path, ...] = ()
    series: dict[str, ShownSeries] = field(default_factory=dict)
    results: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    nodes: list[Any] = field(default_factory=list)

    def is_meant_by(self, reference: StudyReference) -> bool:
        """Whether a reference means this study: by study UID, by accession number, or by the id of the open."""
        if reference.study_uid and self.study_uid:
            return reference.study_uid == self.study_uid
        pairs = (
            (reference.resource_id, self.reference.resource_id),
            (reference.accession, self.reference.accession),
        )
        return any(one and one == other for one, other in pairs)

    @property
    def segmentations(self) -> list[dict[str, Any]]:
        """What STATUS tells of each segmentation shown."""
        return [told for _node, told in self.results]

    def forget_removed(self) -> list[ShownSeries]:
        """Leave out what somebody else has taken out of the scene; without any image it waits to be opened again.

        Returns:
            the series that are left out.
        """
        gone = [shown for shown in self.series.values() if shown.volume.GetScene() is None]
        self.nodes = [node for node in self.nodes if node.GetScene() is not None]
        self.results = [(node, told) for node, told in self.results if node.GetScene() is not None]
        self.series = {uid: one for uid, one in self.series.items() if one.volume.GetScene() is not None}
        if self.state == SHOWN and not self.series:
            self.state = AWAITED
        return gone

    def instances(self) -> frozenset[str]:
        """The SOPInstanceUIDs of what is shown."""
        images = (uid for shown in self.series.values() for uid in shown.series.instance_uids)
        return frozenset((*images, *(one["sopInstanceUID"] for one in self.segmentations if "sopInstanceUID" in one)))

    def remove_folder(self) -> None:
        """Delete the payloads, when no thread writes there any more."""
        if not self.busy:
            shutil.rmtree(self.folder, ignore_errors=True)
