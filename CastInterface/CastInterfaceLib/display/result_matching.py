"""Where results arrive that are not simply DICOM files of the open study: to which volume each belongs, if to any.

Main thread only. A result is shown only when it is certain whose it is: it answers a batch that was sent out from here
(``inReplyTo``), or names the study that is open.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from CastInterfaceLib.display.image_results import ImageResults, ShownResult
from CastInterfaceLib.display.problems import Problems
from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.display.status import problem_item
from CastInterfaceLib.scene.foreign_nodes import note_study, patient_of, study_of
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import SERIES, remove_nodes
from CastInterfaceLib.study.identity import OTHER_STUDY, Claim, contradiction_among, uid_in_manifest
from CastInterfaceLib.study.open_study import OpenStudy
from CastInterfaceLib.study.sources import (
    NotShown,
    as_not_shown,
    claims_of_batch,
    of_another,
    payload_entries,
    unknown_series,
)
from CastLib.client import Pump, Session
from CastLib.fhir_resource import bare_uid
from CastLib.message import Message
from CastSlicerLib.jobs import Job, Jobs

log = logging.getLogger("cast.display")


class Results:
    """Takes results in.

    Args:
        viewer: where to show them.
        session: where they come from; its name is the one that a sender names us by.
        pump: the session's pump.
        jobs: runs the threads.
        sent: who sends images out.
        problems: takes what STATUS shall tell of a result that is shown.
        open_study: the study that is open.
        new_folder: a folder to be made for files.
        refuse: takes a message of which something is not shown, why, and the study's UID.
        shown: called when the views may have changed.
        keep_apart: has nothing drawn that is not of a study.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        pump: Pump,
        jobs: Jobs,
        sent: SentImages,
        problems: Problems,
        open_study: Callable[[], OpenStudy | None],
        new_folder: Callable[[], Path],
        refuse: Callable[[Message, NotShown, str], object],
        shown: Callable[[], object],
        keep_apart: Callable[[OpenStudy], object],
    ) -> None:
        self._scene = viewer.scene
        self._session = session
        self._jobs = jobs
        self._sent = sent
        self._problems = problems
        self._open = open_study
        self._new_folder = new_folder
        self._refuse = refuse
        self._shown = shown
        self._keep_apart = keep_apart
        self._images = ImageResults(viewer, session, pump, is_apart=self._is_apart, was_added=self._was_added)

    def receive(self, message: Message) -> None:
        """A NIfTI or NRRD batch. It is shown only when it is certain to which volume it belongs."""
        if not payload_entries(message):
            log.debug("%s without files ignored: id %s", message.event, message.id)
            return
        claims = claims_of_batch(message)
        uid = next((claim.study_uid for claim in claims if claim.study_uid), "")
        try:
            volume = self._volume_for(message, claims)
        except NotShown as why:
            self._refuse(message, why, uid)
            return
        if volume is not None:
            self.show(message, volume)
        elif uid or message.target.name.casefold() == self._session.name.casefold():
            study = self._open()
            here = f"study {study.study_uid} is open here" if study is not None else "no study is open here"
            what = f"are of study {uid}, and {here}" if uid else "do not say to which open study they belong"
            self._refuse(message, NotShown(409, OTHER_STUDY, f"The files {what}."), uid)
        else:
            log.info("%s: not known to belong to what is open: id %s", message.event, message.id)

    def other_volume_for(self, message: Message) -> Any:
        """The volume that was sent out and whose result a message brings, when it is not one of the open study's."""
        asked = self._sent.volume_of(message)
        if asked is None or asked.GetScene() is None:
            return None
        study = self._open()
        return None if study is not None and _is_of(study, asked) else asked

    def _volume_for(self, message: Message, claims: Sequence[Claim]) -> Any:
        """The volume that a result is of: the one sent out for it, else the study's that it names; None for neither.

        Raises:
            NotShown: it names another study, patient or series than what it is sent for.
        """
        asked, study = self._sent.volume_of(message), self._open()
        named = _series_named(message)
        if asked is not None and (study is None or not _is_of(study, asked) or not named):
            if asked.GetScene() is None:
                return None
            mine = Claim(study_of(asked) or "", patient=patient_of(asked))
            contradiction = contradiction_among(claims, [mine])
            if contradiction is not None:
                raise of_another(contradiction)
            series = asked.GetAttribute(SERIES) or ""
            if series and named and series != named:
                sentence = f"The result is of series {named}, and what was sent for it is of series {series}."
                raise NotShown(409, OTHER_STUDY, sentence)
            return asked
        if study is None or not study.series or not (asked is not None or study.is_named_by(claims)):
            return None
        contradiction = study.contradiction(*claims)
        if contradiction is not None:
            raise of_another(contradiction)
        shown = [one for one in study.series.values() if named in ("", one.series.uid)]
        if not shown:
            raise unknown_series(named, study.study_uid)
        if len({one.series.frame_of_reference_uid for one in shown}) > 1:
            which = f"which of the {len(shown)} series of study {study.study_uid}"
            raise NotShown(409, OTHER_STUDY, f"The result does not say to {which} it belongs.")
        return shown[0].volume

    def _was_added(self, volume: Any) -> None:
        """Something came of a result for a volume that is not in the views: it is kept in the scene, hidden."""
        study = self._open()
        if study is not None and self._is_apart(volume):
            note_study(volume)
            self._keep_apart(study)

    def _is_apart(self, volume: Any) -> bool:
        """Whether a volume is not of the study that the hub has opened, and that the views are kept for."""
        study = self._open()
        return study is not None and not study.adopted and study.in_views and not _is_of(study, volume)

    def show(self, message: Message, volume: Any) -> None:
        """Show a batch over a volume, which may be one of the open study or the user's own."""
        study, job, shown = self._open(), Job("Fetching a result"), ShownResult()
        if study is not None and (study.adopted or not _is_of(study, volume)):
            study = None
        folder = self._new_folder()

        def ended(value: Any, error: Exception | None) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            if study is not None and study is not self._open():
                remove_nodes(self._scene, shown.nodes)
                return
            if study is not None:
                study.nodes += shown.nodes
                for node, told in shown.results:
                    study.add_result(node, told)
            for warning in shown.warnings:
                self._problems.add(problem_item("warning", warning, study.study_uid if study is not None else ""))
            if shown.names:
                self._sent.on_result(message, shown.names, "")
            if error is not None:
                self._refuse(message, as_not_shown(error), study.study_uid if study is not None else "")
            self._shown()

        log.info("%s: a result: id %s", message.event, message.id)
        self._jobs.start(job, lambda: self._images.show(message, volume, folder, job, shown), ended)


def _series_named(message: Message) -> str:
    """The series that a result says it is of, in its context or in its files' metadata; "" for none."""
    told = str(message.context_dict().get("seriesInstanceUID") or "")
    of_files = (uid_in_manifest(entry, "SeriesInstanceUID") for entry in payload_entries(message))
    return bare_uid(told) or next(filter(None, of_files), "")


def _is_of(study: OpenStudy, volume: Any) -> bool:
    return any(one.volume is volume for one in study.series.values())
