"""Where results arrive that are not simply DICOM files of the open study: to which volume each belongs, if to any.

Main thread only. A result is shown only when it is certain whose it is: it answers a batch that was sent out from here
(``inReplyTo``), or names the study that is open.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from CastInterfaceLib.image_results import ImageResults, ShownResult
from CastInterfaceLib.jobs import Job, Jobs
from CastInterfaceLib.open_study import OpenStudy
from CastInterfaceLib.status import problem_item
from CastInterfaceLib.study_loading import remove_nodes
from CastInterfaceLib.study_scene import ToldResult
from CastInterfaceLib.study_source import NotShown, as_not_shown, payload_entries, studies_of_batch
from CastLib.client import Session
from CastLib.message import Message

log = logging.getLogger("cast.display")


class ResultDesk:
    """Takes results in.

    Args:
        scene: the MRML scene.
        session: its name is the one that a sender names us by.
        jobs: runs the threads.
        results: shows them.
        open_study: the study that is open.
        new_folder: a folder to be made for files.
        refuse: takes a message of which something is not shown, why, and the study's UID.
        shown: called when the views may have changed.

    Attributes:
        asked_for, told_result: see `ImageDisplay`.
        told_problem: takes what STATUS shall tell of a result that is shown.
    """

    def __init__(
        self,
        scene: Any,
        session: Session,
        jobs: Jobs,
        results: ImageResults,
        open_study: Callable[[], OpenStudy | None],
        new_folder: Callable[[], Path],
        refuse: Callable[[Message, NotShown, str], object],
        shown: Callable[[], object],
    ) -> None:
        self._scene = scene
        self._session = session
        self._jobs = jobs
        self._results = results
        self._open = open_study
        self._new_folder = new_folder
        self._refuse = refuse
        self._shown = shown
        self.asked_for: Callable[[Message], Any] = lambda message: None
        self.told_problem: Callable[[dict[str, Any]], object] = lambda problem: None
        self.told_result: ToldResult = lambda message, names, problem: None

    def receive(self, message: Message) -> None:
        """A NIfTI or NRRD batch. It is shown only when it is certain to which volume it belongs."""
        if not payload_entries(message):
            log.debug("%s without files ignored: id %s", message.event, message.id)
            return
        volume, uids = self.volume_for(message), studies_of_batch(message)
        if volume is not None:
            self.show(message, volume)
        elif uids or message.target.name.casefold() == self._session.name.casefold():
            why = "belong to a study that is not open here" if uids else "do not say to which open study they belong"
            self._refuse(message, NotShown(409, "other-study", f"The files {why}."), next(iter(uids), ""))
        else:
            log.info("%s: not known to belong to what is open: id %s", message.event, message.id)

    def volume_for(self, message: Message) -> Any:
        """The volume that a result is of: the one sent out for it, else the study's that it names; None for neither."""
        asked = self.asked_for(message)
        if asked is not None:
            return asked if asked.GetScene() is not None else None
        study = self._open()
        if study is None or not study.series or study.study_uid not in studies_of_batch(message):
            return None
        named = study.series.get(str(message.context_dict().get("seriesInstanceUID") or ""))
        return (named or next(iter(study.series.values()))).volume

    def show(self, message: Message, volume: Any) -> None:
        """Show a batch over a volume, which may be one of the open study or the user's own."""
        study, job, shown = self._open(), Job("Fetching a result"), ShownResult()
        if study is not None and (study.adopted or all(one.volume is not volume for one in study.series.values())):
            study = None
        folder = self._new_folder()

        def ended(value: Any, error: Exception | None) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            if study is not None and study is not self._open():
                remove_nodes(self._scene, shown.nodes)
                return
            if study is not None:
                study.nodes += shown.nodes
                study.results += shown.results
            for warning in shown.warnings:
                self.told_problem(problem_item("warning", warning, study.study_uid if study is not None else ""))
            if shown.names:
                self.told_result(message, shown.names, "")
            if error is not None:
                self._refuse(message, as_not_shown(error), study.study_uid if study is not None else "")
            self._shown()

        log.info("%s: a result: id %s", message.event, message.id)
        self._jobs.start(job, lambda: self._results.show(message, volume, folder, job, shown), ended)
