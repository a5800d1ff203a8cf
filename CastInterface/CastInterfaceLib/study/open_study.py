"""The study that is open, or being opened: what the display keeps of it on the main thread."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from CastInterfaceLib.study.identity import OTHER_STUDY, Claim, Contradiction, contradiction_among
from CastLib.dicom.series import Series
from CastLib.message import Message
from CastLib.patient import Patient
from CastLib.study_context import StudyReference, study_resource
from CastSlicerLib.jobs import Job

OPENING = "opening"
AWAITED = "awaited"  # refused for want of images, shown as soon as they are sent
SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class ShownSeries:
    """A series in the scene: its volume node, and the corners of the body's box in RAS mm (8, 3)."""

    series: Series
    volume: Any
    body: np.ndarray
    node_id: str

    @property
    def title(self) -> str:
        """What a person calls it."""
        described = self.series.description or f"series {self.series.uid}"
        return f"{described} ({self.series.modality or 'images'}, {len(self.series.files)} files)"


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
        result_files: where each SEG shown was read from, by its SOPInstanceUID.
        contents: what each segmentation held when it was shown, by the node's id.
        in_views: it has taken the views: something of it is drawn there.
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
    result_files: dict[str, Path] = field(default_factory=dict)
    contents: dict[str, object] = field(default_factory=dict)
    in_views: bool = False

    @property
    def resource(self) -> dict[str, Any]:
        """The study in the words of its open; what was found where those name none."""
        return study_resource(self.message) or {
            "resourceType": "ImagingStudy",
            "id": self.study_uid,
            "uid": self.study_uid,
            "status": "available",
        }

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What is known of which study and patient it is: by its open, and by the images shown."""
        asked = Claim.of_reference(self.reference)
        patients = dict.fromkeys(shown.series.patient for shown in list(self.series.values()))
        return (
            Claim(self.study_uid or asked.study_uid, asked.accession, asked.patient),
            *(Claim(patient=patient) for patient in patients),
        )

    @property
    def patient(self) -> Patient:
        """Whose images are shown: of the series, which contradict each other in nothing, the one that says most."""
        patients = (one.series.patient for one in self.series.values())
        return max(patients, key=lambda one: bool(one.id) + bool(one.name), default=Patient())

    @property
    def accessions(self) -> set[str]:
        """The accession numbers by which it is known."""
        shown = (one.series.accession for one in list(self.series.values()))
        return {self.reference.accession, *shown} - {""}

    def is_meant_by(self, reference: StudyReference, *, by_id: bool = False) -> bool:
        """Whether a reference means this study: by study UID or accession number, with nothing that speaks against it.

        ``by_id`` takes the id of the open's resource too, as closes do; for an open it is no identifier.
        """
        asked = Claim.of_reference(reference)
        if self.contradiction(asked):
            return False
        if (asked.study_uid and asked.study_uid == self.study_uid) or asked.accession in self.accessions:
            return True
        return by_id and bool(reference.resource_id) and reference.resource_id == self.reference.resource_id

    def is_opened_again_by(self, reference: StudyReference) -> bool:
        """Whether an open says nothing new: it means this study, whose images are there or come for the same words."""
        if self.state == AWAITED or not self.is_meant_by(reference):
            return False
        return self.state == SHOWN or Claim.of_reference(reference) == Claim.of_reference(self.reference)

    def is_named_by(self, claims: Iterable[Claim]) -> bool:
        """Whether somebody says of something that it is of this study."""
        return any(claim.agrees(mine) for claim in claims for mine in self.claims)

    def may_have(self, claims: Sequence[Claim]) -> bool:
        """Whether a batch may be of this study: some of its files contradict nothing. The first claim is of all."""
        files = claims[1:] or claims
        return not self.contradiction(claims[0]) and any(not self.contradiction(claim) for claim in files)

    def contradiction(self, *claims: Claim) -> Contradiction | None:
        """What shows that something is not of this study, None when nothing does."""
        found = contradiction_among(claims, self.claims)
        mine = self.accessions
        other = next((claim.accession for claim in claims if mine and claim.accession not in ("", *mine)), "")
        if found is None and other:
            return Contradiction(OTHER_STUDY, f"accession number {other} and accession number {min(mine)}")
        return found

    @property
    def segmentations(self) -> list[dict[str, Any]]:
        """What STATUS tells of each segmentation shown; ``nodeID`` is its node's."""
        return [told for _node, told in self.results]

    def add_result(self, node: Any, told: dict[str, Any]) -> None:
        """A segmentation is shown for it."""
        if node not in self.nodes:
            self.nodes.append(node)
        self.results.append((node, {**told, "nodeID": node.GetID()}))
        self.contents[node.GetID()] = _content_of(node)

    def is_changed(self, node: Any) -> bool:
        """Whether somebody has drawn in a segmentation that was shown for it."""
        return node.GetID() in self.contents and self.contents[node.GetID()] != _content_of(node)

    def forget_removed(self) -> list[ShownSeries]:
        """Leave out what somebody else has taken out of the scene; without any image it waits to be opened again.

        Returns:
            the series that are left out.
        """
        gone = [shown for shown in self.series.values() if shown.volume.GetScene() is None]
        self.nodes = [node for node in self.nodes if node.GetScene() is not None]
        self.results = [(node, told) for node, told in self.results if node.GetScene() is not None]
        told = {str(one.get("sopInstanceUID")) for one in self.segmentations}
        self.result_files = {uid: path for uid, path in self.result_files.items() if uid in told}
        self.series = {key: one for key, one in self.series.items() if one.volume.GetScene() is not None}
        if self.state == SHOWN and not self.series:
            self.state = AWAITED
        return gone

    def known_files(self) -> dict[str, Path]:
        """The file of each instance that is shown, by SOPInstanceUID."""
        images = {
            uid: path
            for shown in self.series.values()
            for uid, path in zip(shown.series.instance_uids, shown.series.files, strict=True)
        }
        return images | self.result_files

    def remove_folder(self) -> None:
        """Delete the payloads, when no thread writes there any more."""
        if not self.busy:
            shutil.rmtree(self.folder, ignore_errors=True)


def _content_of(node: Any) -> object:
    """A value that is another one when a segmentation node has other segments, or one of them other voxels."""
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    images = [node.GetBinaryLabelmapInternalRepresentation(id) for id in ids]
    return tuple(zip(ids, (image.GetMTime() if image is not None else 0 for image in images), strict=True))
