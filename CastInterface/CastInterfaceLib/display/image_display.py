"""The role Image Display: opens and closes studies, shows results over them, answers what is on the screen.

All methods run on the main thread unless they say otherwise. What takes time runs on threads that touch no scene
(`study.reader`) and post each finished piece to the pump; a piece for a study that is no longer open is dropped.
"""

from __future__ import annotations

import itertools
import logging
import time
from pathlib import Path
from typing import Any

from CastInterfaceLib.display.answers import PATIENCE, StatusAnswer, answer_requests
from CastInterfaceLib.display.confirmation import Confirmation, open_event
from CastInterfaceLib.display.image_results import is_image_result
from CastInterfaceLib.display.notifier import Notifier
from CastInterfaceLib.display.problems import Problems
from CastInterfaceLib.display.result_matching import Results
from CastInterfaceLib.display.scene_update import follow
from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.display.status import in_no_view, problem_item
from CastInterfaceLib.display.study_scene import StudyScene
from CastInterfaceLib.display.unsaved_question import DISCARD, KEEP, STAY, UnsavedQuestion
from CastInterfaceLib.scene.known_files import note_files
from CastInterfaceLib.scene.viewer import Viewer
from CastInterfaceLib.scene.volumes import geometry_of, name_volume
from CastInterfaceLib.study.batch_files import KeptBatches
from CastInterfaceLib.study.grids import Box, box_corners
from CastInterfaceLib.study.local_studies import StudyFiles
from CastInterfaceLib.study.open_study import AWAITED, OPENING, SHOWN, OpenStudy, ShownSeries
from CastInterfaceLib.study.reader import StudyReader
from CastInterfaceLib.study.sources import (
    FETCHES_NOTHING,
    NotShown,
    as_not_shown,
    claims_of_batch,
    names_a_study,
    of_another,
    payload_entries,
)
from CastInterfaceLib.study.temporary_folders import TemporaryFolder
from CastInterfaceLib.views.scene_view import SceneViews
from CastLib.client import Pump, Session
from CastLib.dicom.series import Series
from CastLib.errors import FieldError
from CastLib.events import DICOM_SEND, IMAGING_STUDY_CLOSE, IMAGING_STUDY_OPEN, SCENE_UPDATE, event_key
from CastLib.message import Message
from CastLib.study_context import make_study_context, parse_study
from CastSlicerLib.jobs import Job, Jobs

log = logging.getLogger("cast.display")


class ImageDisplay:
    """Shows what the hub's events say.

    Args:
        viewer: where to show it.
        session: the connection; this display registers its handlers there.
        pump: the session's pump.
        files: the local folders.
        sent: who sends images out.
        patient_text: whether those who ask for it are told who the patient is, in pictures and scene views.
        on_unsaved: what becomes of work that is not saved when its study is to go, see `unsaved_question`.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        pump: Pump,
        files: StudyFiles,
        sent: SentImages,
        *,
        patient_text: bool = False,
        on_unsaved: str = KEEP,
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._pump = pump
        self._jobs = Jobs(pump)
        self._scene_views = SceneViews(viewer, session.settings.product, pump)
        self._study: OpenStudy | None = None
        self._kept = KeptBatches()
        self._problems = Problems()
        self._unsaved = UnsavedQuestion(on_unsaved)
        self._temporary = TemporaryFolder()
        self._numbers = itertools.count(1)
        self._sent = sent
        self._notifier = Notifier(session, self._jobs, lambda: self._study)
        self._scene = StudyScene(viewer, lambda study: study is self._study, self._problems, self._refuse, sent)
        self._results = Results(
            viewer,
            session,
            pump,
            self._jobs,
            sent,
            self._problems,
            lambda: self._study,
            self._new_folder,
            self._refuse,
            self._changed,
            self._scene.keep_apart,
        )
        self._reader = StudyReader(session, pump, files, self._scene)
        session.on_event(self.handle)
        self._confirmation = Confirmation(session, self._jobs, pump, lambda: self._study, self.handle, self._mark)
        self.answer_status = StatusAnswer(
            session.settings.product, self._scene_views, self._jobs, files, self._problems, lambda: self._study
        )
        answer_requests(session, self._scene_views, self.answer_status, patient_text=patient_text)
        job = Job("Getting ready")
        self._jobs.start(job, lambda: self._reader.get_ready(job), lambda value, error: None)

    def close(self, seconds: float = 3.0) -> None:
        """Call everything off and delete what was fetched."""
        self._confirmation.close()
        self._scene_views.close()
        self._jobs.close(seconds, self._temporary.remove)

    def leave(self) -> None:
        """The hub is left while what is shown stays: mark it as not confirmed."""
        self._confirmation.lose()

    def _new_folder(self) -> Path:
        """A folder for files, which is made when the first one comes."""
        return self._temporary.path / str(next(self._numbers))

    @property
    def study(self) -> OpenStudy | None:
        """The study that is open or being opened."""
        return self._study

    @property
    def _uid(self) -> str:
        study = self._study
        return study.study_uid if study is not None else ""

    @property
    def job(self) -> Job | None:
        """What is under way."""
        return self._jobs.current

    @property
    def problems(self) -> list[str]:
        """What is not shown or is odd, one sentence each, newest last."""
        told = [*self._problems.items(self._uid), *in_no_view(self._study, self._scene_views.last)]
        return [str(problem["message"]) for problem in told]

    def cancel(self) -> None:
        """Call off what is under way; what is shown stays."""
        job = self._jobs.current
        if job is not None:
            job.cancel()

    def adopt(self, series: Series, volume: Any, body: Box) -> bool:
        """Take a volume that somebody else put into the scene as the open study, so that results are shown over it.

        Args:
            body: what `study.look.body_of` its voxels says.

        Returns:
            whether it was: not while a study is open.
        """
        if self._study is not None:
            return False
        message = open_event(self._session, make_study_context(series.study_uid))
        folder = self._new_folder()
        study = OpenStudy(message, parse_study(message), series.study_uid, folder, state=SHOWN, adopted=True)
        study.files = series.files
        name_volume(volume, series)
        note_files(series)
        corners = box_corners(geometry_of(volume), body)
        study.series[series.key] = ShownSeries(series, volume, corners, volume.GetID())
        self._study = study
        return True

    # Events

    def handle(self, message: Message) -> None:
        """Follow one event; those that mean nothing to a display are ignored."""
        handlers = {
            event_key(IMAGING_STUDY_OPEN): self._open,
            event_key(IMAGING_STUDY_CLOSE): self._close,
            event_key(DICOM_SEND): self._receive,
            event_key(SCENE_UPDATE): self._update_scene,
        }
        handler = self._results.receive if is_image_result(message) else handlers.get(message.key)
        if handler is None:
            log.debug("%s ignored: id %s", message.event, message.id)
            return
        try:
            handler(message)
        except (FieldError, NotShown) as error:
            self._refuse(message, as_not_shown(error), "")

    def _mark(self, since: str) -> None:
        """Note on what is shown since when (local time) the hub has not confirmed it; "" when it has."""
        study = self._study
        hubs = study if study is not None and not study.adopted else None
        self._problems.mark(since if hubs is not None else "")
        self._scene.mark(hubs, since)

    def _open(self, message: Message) -> None:
        reference = parse_study(message)
        with_files = bool(payload_entries(message))
        if not names_a_study(reference) and not with_files:
            raise FieldError("event.context", "names no study: neither a UID, an accession number nor files")
        self._confirmation.confirm()
        study = self._study
        if study is not None and not with_files and study.is_opened_again_by(reference):
            log.info("%s: open already: id %s", message.event, message.id)
            self._unsaved.take()
            try:
                self._scene.bring_up(study, reference.series_uids)
            except NotShown as error:
                self._refuse(message, error, study.study_uid)
            return
        self._leave(message)
        folder = self._new_folder()
        self._study = study = OpenStudy(message, reference, reference.study_uid, folder)
        study.batches = self._kept.of(study)
        log.info("%s: id %s", message.event, message.id)
        self._start_open(study)

    def _close(self, message: Message) -> None:
        reference = parse_study(message)
        study = self._study
        self._confirmation.confirm()
        if study is None or (names_a_study(reference) and not study.is_meant_by(reference, by_id=True)):
            log.info("%s: not open here: id %s", message.event, message.id)
            return
        log.info("%s: id %s", message.event, message.id)
        self._leave(message)

    def _leave(self, message: Message) -> None:
        """Close what is open for an event that asks for it. Raises NotShown when the user has to be asked first."""
        study = self._study
        try:
            discard = self._unsaved.check(lambda: self._scene.unsaved(study) if study is not None else [], message)
        except NotShown:
            self._scene.mark(study, time.strftime("%H:%M:%S"))  # others are elsewhere by now
            self._changed()
            raise
        self.close_study(discard=discard)

    @property
    def unsaved(self) -> tuple[str, ...]:
        """The names of what is not saved, while `answer_unsaved` is waited for."""
        return self._unsaved.names

    def answer_unsaved(self, answer: str) -> None:
        """The user says what becomes of what is not saved: `KEEP`, `DISCARD` or `STAY`."""
        message = self._unsaved.take()
        if message is not None and answer != STAY:
            self.close_study(discard=answer == DISCARD)
            self.handle(message)

    def close_study(self, *, discard: bool = False) -> None:
        """Take what this display has shown out of the scene; also right after somebody else has emptied the scene.

        Args:
            discard: whether what the user has made on it and not saved goes too.
        """
        study, self._study = self._study, None
        self._unsaved.take()
        self._problems.clear()
        if study is not None:
            study.job.cancel()
            self._scene_views.forget()
            self._scene.remove(study, discard=discard)
            study.remove_folder()

    def forget_removed(self) -> None:
        """Somebody else has taken something out of the scene: what was of the open study is not shown any more."""
        study = self._study
        if study is None:
            return
        self._scene.forget_removed(study)
        self._notifier.publish_segments()
        if study.adopted and not study.series:  # the user's own, which no hub has opened
            self.close_study()

    def _receive(self, message: Message) -> None:
        """A batch of DICOM files: images or results for the open study, or for one that is about to be opened."""
        claims = claims_of_batch(message)
        uid = next((claim.study_uid for claim in claims if claim.study_uid), "")
        study, asked = self._study, self._results.other_volume_for(message)
        if not payload_entries(message):
            sentence = f"The files are only addresses, but {FETCHES_NOTHING}."
            self._refuse(message, NotShown(422, "form-not-supported", sentence), uid)
        elif asked is not None:
            self._results.show(message, asked)
        elif study is not None and study.may_have(claims):
            log.info("%s: for the open study: id %s", message.event, message.id)
            if study.is_named_by(claims):
                self._hold(message)  # for when it is closed and opened again
            study.batches.append(message)
            study.arrived.set()
            self._continue(study)
        elif study is None and any(claim.study_uid or claim.accession for claim in claims):
            log.info("%s: kept until its study is opened: id %s", message.event, message.id)
            self._hold(message)
        else:
            contradiction = study.contradiction(*claims) if study is not None else None
            why = NotShown(409, "other-study", "No study is open here.")
            self._refuse(message, of_another(contradiction) if contradiction else why, uid)

    def _hold(self, message: Message) -> None:
        forgotten = self._kept.add(message)
        if forgotten:
            self._problems.add(problem_item("not-shown", forgotten, self._uid))

    def _update_scene(self, message: Message) -> None:
        try:
            follow(self._viewer, self._study, message)
        finally:
            self._changed()

    # Work for the open study

    def _start_open(self, study: OpenStudy) -> None:
        batch = study.batches.pop(0) if study.state == AWAITED else None
        study.state, study.busy, study.job = OPENING, True, Job("Opening the study")
        self._jobs.start(
            study.job,
            lambda: self._reader.open(study, batch),
            lambda value, error: self._ended(study, batch or study.message, error),
        )

    def _continue(self, study: OpenStudy) -> None:
        """Take up the next batch, when nothing else is done for the study."""
        if study.busy or not study.batches:
            return
        if study.state == AWAITED:
            self._start_open(study)
            return
        message = study.batches.pop(0)
        known = study.known_files()
        study.busy, study.job = True, Job("Fetching files")
        self._jobs.start(
            study.job,
            lambda: self._reader.add(study, message, known),
            lambda value, error: self._ended(study, message, error),
        )

    def _ended(self, study: OpenStudy, message: Message, error: Exception | None) -> None:
        study.busy = False
        if study is not self._study:
            study.remove_folder()
            return
        if error is None and not study.series:
            error = NotShown(422, "unreadable", "None of the study's series could be read.")
        if error is not None:
            self._refuse(message, as_not_shown(error), study.study_uid)
        if study.state == OPENING:
            study.state = SHOWN if study.series else AWAITED  # what came before it was called off is shown
        self._changed()
        self._continue(study)

    def _changed(self) -> None:
        """Have the scene view ready before anybody asks and has to wait for it, and tell of new segments."""
        self._notifier.publish_segments()
        job = Job("Taking pictures", shown=False)
        self._jobs.start(job, lambda: self._scene_views.current(PATIENCE), lambda value, error: None)

    def _refuse(self, message: Message, why: NotShown, study_uid: str) -> None:
        problem = problem_item(why.problem, str(why), study_uid)
        self._problems.add(problem)
        self._notifier.report_refusal(message, problem["message"])
        self._sent.on_result(message, (), str(why))
        self._session.refuse(message, why.status, why.problem)  # it is logged: file names may be patients' names
