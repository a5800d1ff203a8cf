"""The role Image Display: opens and closes studies, shows results over them, answers what is on the screen.

All methods run on the main thread unless they say otherwise. What takes time runs on threads that touch no scene
(`study_reading`) and post each finished piece to the pump; a piece for a study that is no longer open is dropped.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from CastInterfaceLib.host import Host
from CastInterfaceLib.image_results import ImageResults, ShownResult, is_image_result
from CastInterfaceLib.jobs import Cancelled, Job, Jobs
from CastInterfaceLib.known_files import forget_files, note_files
from CastInterfaceLib.open_study import AWAITED, OPENING, SHOWN, OpenStudy, ShownSeries
from CastInterfaceLib.scene_view import SceneViews
from CastInterfaceLib.segmentation_display import PreparedSegmentation, show_segmentation, volume_for
from CastInterfaceLib.slices_in_3d import Box, box_corners, hide_slices_in_3d
from CastInterfaceLib.status import make_status, problem_item, segmentation_item
from CastInterfaceLib.study_files import StudyFiles
from CastInterfaceLib.study_loading import (
    PreparedVolume,
    ReadVolume,
    add_volume,
    array_of,
    geometry_of,
    is_shown,
    name_volume,
    remove_node,
    remove_nodes,
    set_look,
    show_volume,
)
from CastInterfaceLib.study_reading import StudyReader
from CastInterfaceLib.study_source import NotShown, names_a_study, open_elsewhere, payload_entries, studies_of_batch
from CastLib.client import Pump, Session
from CastLib.dicom_series import Series
from CastLib.errors import CastError, FieldError, HubNotReachable, Refused, TimedOut, TransferError
from CastLib.events import DICOM_SEND, IMAGING_STUDY_CLOSE, IMAGING_STUDY_OPEN, event_key
from CastLib.message import Message, make_message, parse_publish
from CastLib.study_context import make_study_context, parse_study

log = logging.getLogger("cast.display")

# Seconds that STATUS waits for the main thread before it answers with the last scene view; askers wait 2 s.
STATUS_PATIENCE = 1.0

# Seconds that SCENEVIEW waits for the main thread; askers who want to wait for a busy display name a long time.
SCENE_VIEW_PATIENCE = 60.0

# Problems told in STATUS, and batches for studies not yet opened that are remembered: the newest ones.
PROBLEMS_MOST = 20
HELD_MOST = 8


class ImageDisplay:
    """Shows what the hub's events say.

    Args:
        host: where to show it.
        session: the connection; this display registers its handlers there.
        pump: the session's pump.
        files: the local folders.

    Attributes:
        asked_for: set by who sends images out: the volume node whose result a message brings, None when it is none.
        told_result: called with a message, the names of what came of it into the scene, and why something did not.
    """

    def __init__(self, host: Host, session: Session, pump: Pump, files: StudyFiles) -> None:
        self._host = host
        self._session = session
        self._pump = pump
        self._files = files
        self._product = session.settings.product
        self._jobs = Jobs(pump)
        self._scene_views = SceneViews(host, self._product, pump)
        self._study: OpenStudy | None = None
        self._held: deque[Message] = deque(maxlen=HELD_MOST)
        self._problems: deque[dict[str, Any]] = deque(maxlen=PROBLEMS_MOST)
        self._temporary = Path(tempfile.mkdtemp(prefix="cast-display-"))
        self._numbers = itertools.count(1)
        self._reader = StudyReader(session, pump, files, self)
        self._results = ImageResults(host, session, pump)
        self.asked_for: Callable[[Message], Any] = lambda message: None
        self.told_result: Callable[[Message, Sequence[str], str], object] = lambda message, names, problem: None
        session.on_event(self.handle)
        session.on_presence(self.follow)
        session.on_request("SCENEVIEW", lambda message: self._scene_views.current(SCENE_VIEW_PATIENCE), True)
        session.on_request("STATUS", self.answer_status, in_background=True)
        job = Job("Getting ready")
        self._jobs.start(job, lambda: self._reader.get_ready(job), lambda value, error: None)

    def close(self, seconds: float = 3.0) -> None:
        """Call everything off and delete what was fetched."""
        self._scene_views.close()
        self._jobs.close(seconds)
        shutil.rmtree(self._temporary, ignore_errors=True)

    @property
    def study(self) -> OpenStudy | None:
        """The study that is open or being opened."""
        return self._study

    @property
    def job(self) -> Job | None:
        """What is under way."""
        return self._jobs.current

    @property
    def problems(self) -> list[str]:
        """What could not be shown or is odd, one sentence each, newest last."""
        return [str(problem["message"]) for problem in self._problems]

    def cancel(self) -> None:
        """Call off what is under way; what is shown stays."""
        job = self._jobs.current
        if job is not None:
            job.cancel()

    def adopt(self, series: Series, volume: Any, body: Box) -> bool:
        """Take a volume that somebody else put into the scene as the open study, so that results are shown over it.

        Args:
            body: what `study_loading.body_of` its voxels says.

        Returns:
            whether it was: not while a study is open.
        """
        if self._study is not None:
            return False
        context = make_study_context(series.study_uid)
        message = parse_publish(make_message(IMAGING_STUDY_OPEN, self._session.topic or "*", context))
        folder = self._temporary / str(next(self._numbers))
        study = OpenStudy(message, parse_study(message), series.study_uid, folder, state=SHOWN, adopted=True)
        study.files = series.files
        name_volume(volume, series)
        note_files(series)
        study.series[series.uid] = ShownSeries(series, volume, box_corners(geometry_of(volume), body))
        self._study = study
        return True

    # Events

    def handle(self, message: Message) -> None:
        """Follow one event; those that mean nothing to a display are ignored."""
        handlers = {
            event_key(IMAGING_STUDY_OPEN): self._open,
            event_key(IMAGING_STUDY_CLOSE): self._close,
            event_key(DICOM_SEND): self._receive,
        }
        handler = self._receive_image if is_image_result(message) else handlers.get(message.key)
        if handler is None:
            log.debug("%s ignored: id %s", message.event, message.id)
            return
        try:
            handler(message)
        except FieldError as error:
            self._refuse(message, NotShown(400, "unreadable", str(error)), "")

    def follow(self, answer: dict[str, Any]) -> None:
        """Open what the worklist says is open, when this display has just connected and shows nothing."""
        if self._study is not None:
            return
        context = open_elsewhere(answer)
        if context is not None:
            self.handle(parse_publish(make_message(IMAGING_STUDY_OPEN, self._session.topic or "*", context)))

    def _open(self, message: Message) -> None:
        reference = parse_study(message)
        with_files = bool(payload_entries(message))
        if not names_a_study(reference) and not with_files:
            raise FieldError("event.context", "names no study: neither a UID, an accession number nor files")
        study = self._study
        if study is not None and study.state != AWAITED and study.is_meant_by(reference) and not with_files:
            log.info("%s: open already: id %s", message.event, message.id)
            return
        self.close_study()
        folder = self._temporary / str(next(self._numbers))
        self._study = study = OpenStudy(message, reference, reference.study_uid, folder)
        if study.study_uid:
            study.batches = [held for held in self._held if study.study_uid in studies_of_batch(held)]
        log.info("%s: id %s", message.event, message.id)
        self._start_open(study)

    def _close(self, message: Message) -> None:
        reference = parse_study(message)
        study = self._study
        if study is None or (names_a_study(reference) and not study.is_meant_by(reference)):
            log.info("%s: not open here: id %s", message.event, message.id)
            return
        log.info("%s: id %s", message.event, message.id)
        self.close_study()

    def close_study(self) -> None:
        """Take what this display has shown out of the scene; also right after somebody else has emptied the scene.

        A volume that the user had loaded stays, with the results that he got for it.
        """
        study, self._study = self._study, None
        self._problems.clear()
        if study is not None:
            study.job.cancel()
            self._scene_views.forget()
            for shown in study.series.values():
                forget_files(shown.series)
            if not study.adopted:
                remove_nodes(self._host.scene, reversed(study.nodes))
                hide_slices_in_3d(self._host)
            study.remove_folder()

    def _receive(self, message: Message) -> None:
        """A batch of DICOM files: images or results for the open study, or for one that is about to be opened."""
        uids = studies_of_batch(message)
        study = self._study
        if not payload_entries(message):
            sentence = "The files are only addresses, which this display does not fetch yet."
            self._refuse(message, NotShown(422, "form-not-supported", sentence), next(iter(uids), ""))
        elif study is not None and (not uids or not study.study_uid or study.study_uid in uids):
            log.info("%s: for the open study: id %s", message.event, message.id)
            if uids:
                self._held.append(message)  # for when it is closed and opened again
            study.batches.append(message)
            study.arrived.set()
            self._continue(study)
        elif self._volume_for(message) is not None:
            self._show_result(message, self._volume_for(message))
        elif study is None and uids:
            log.info("%s: kept until its study is opened: id %s", message.event, message.id)
            self._held.append(message)
        else:
            sentence = "The files belong to a study that is not open here." if uids else "No study is open here."
            self._refuse(message, NotShown(409, "other-study", sentence), next(iter(uids), ""))

    def _receive_image(self, message: Message) -> None:
        """A NIfTI or NRRD batch. It is shown only when it is certain to which volume it belongs."""
        if not payload_entries(message):
            log.debug("%s without files ignored: id %s", message.event, message.id)
            return
        volume, uids = self._volume_for(message), studies_of_batch(message)
        if volume is not None:
            self._show_result(message, volume)
        elif uids or message.target.name.casefold() == self._session.name.casefold():
            why = "belong to a study that is not open here" if uids else "do not say to which open study they belong"
            self._refuse(message, NotShown(409, "other-study", f"The files {why}."), next(iter(uids), ""))
        else:
            log.info("%s: not known to belong to what is open: id %s", message.event, message.id)

    def _volume_for(self, message: Message) -> Any:
        """The volume that a result is of: the one sent out for it, else the study's that it names; None for neither."""
        asked = self.asked_for(message)
        if asked is not None:
            return asked if asked.GetScene() is not None else None
        study = self._study
        if study is None or not study.series or study.study_uid not in studies_of_batch(message):
            return None
        named = study.series.get(str(message.context_dict().get("seriesInstanceUID") or ""))
        return (named or next(iter(study.series.values()))).volume

    def _show_result(self, message: Message, volume: Any) -> None:
        """Show a batch over a volume, which may be one of the open study or the user's own."""
        study, job, shown = self._study, Job("Fetching a result"), ShownResult()
        if study is not None and (study.adopted or all(one.volume is not volume for one in study.series.values())):
            study = None
        folder = self._temporary / str(next(self._numbers))

        def ended(value: Any, error: Exception | None) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            if study is not None and study is not self._study:
                remove_nodes(self._host.scene, shown.nodes)
                return
            if study is not None:
                study.nodes += shown.nodes
                study.segmentations += shown.items
            if shown.names:
                self.told_result(message, shown.names, "")
            if error is not None:
                self._refuse(message, _as_not_shown(error), study.study_uid if study is not None else "")
            self._take_pictures()

        log.info("%s: a result: id %s", message.event, message.id)
        self._jobs.start(job, lambda: self._results.show(message, volume, folder, job, shown), ended)

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
        known = study.instances()
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
            self._refuse(message, _as_not_shown(error), study.study_uid)
        if study.state == OPENING:
            study.state = SHOWN if error is None else AWAITED
        self._take_pictures()
        self._continue(study)

    def _take_pictures(self) -> None:
        """Have the scene view ready before anybody asks and has to wait for it."""
        job = Job("Taking pictures", told=False)
        self._jobs.start(job, lambda: self._scene_views.current(SCENE_VIEW_PATIENCE), lambda value, error: None)

    def _refuse(self, message: Message, why: NotShown, study_uid: str) -> None:
        self._problems.append(problem_item(why.problem, str(why), study_uid))
        self.told_result(message, (), str(why))
        self._session.refuse(message, why.status, why.problem)  # it is logged: file names may be patients' names

    # Answers

    def answer_status(self, message: Message) -> dict[str, Any]:
        """The STATUS answer, also while the main thread is busy: then with the last scene view. Any thread."""
        try:
            scene_view = self._scene_views.current(STATUS_PATIENCE)
        except TimedOut:
            scene_view = self._scene_views.last
        return make_status(
            self._product, self._jobs.current, list(self._problems), self._study, self._files.studies(), scene_view
        )

    # What the threads post

    def name_study(self, study: OpenStudy, uid: str, files: tuple[Path, ...]) -> None:
        """The study is found: its UID and its files."""
        study.study_uid, study.files = uid, files

    def add_problem(self, study: OpenStudy, sentence: str) -> None:
        """Tell in STATUS that something of the study could not be read, or is odd."""
        if study is self._study:
            log.warning("STATUS tells what could not be read or is odd")
            self._problems.append(problem_item("unreadable", sentence, study.study_uid))

    def reads(self, series: Series) -> bool:
        """Whether the host reads a series itself, so that it need not be decoded before. Any thread."""
        return self._host.reads(series)

    def read_series(self, study: OpenStudy, series: Series) -> tuple[Any, bool, Any]:
        """Have the host read a series into the scene: what `Host.read` gives, and the voxels. Raises CastError."""
        if study is not self._study:
            raise Cancelled("the study is not open any more")
        volume, looks_good = self._host.read(series)
        return volume, looks_good, array_of(volume)

    def add_series(self, study: OpenStudy, series: Series, came: PreparedVolume | ReadVolume) -> None:
        """Show a series that was decoded on a thread or read by the host."""
        if study is not self._study:
            return
        if isinstance(came, PreparedVolume):
            volume = add_volume(self._host.scene, series, came)
        else:
            volume = came.node
            if not came.looks_good:
                set_look(volume, came.look)
        body = box_corners(geometry_of(volume), came.look.body)
        replaced = study.series.pop(series.uid, None)
        study.series[series.uid] = ShownSeries(series, volume, body)
        study.nodes.append(volume)
        note_files(series)
        if replaced is not None and replaced.volume in study.nodes:
            study.nodes.remove(replaced.volume)
            remove_node(self._host.scene, replaced.volume)
        if replaced is not None or len(study.series) == 1:
            show_volume(self._host, volume, body)
        for warning in (*series.warnings, *came.warnings):
            self.add_problem(study, f"Series {series.uid}: {warning}.")

    def add_segmentation(self, study: OpenStudy, message: Message, prepared: PreparedSegmentation) -> None:
        """Show a decoded SEG over the series it references, or refuse it."""
        segmentation = prepared.segmentation
        if study is not self._study or segmentation.sop_instance_uid in study.instances():
            return
        try:
            volume = volume_for([one.volume for one in study.series.values()], segmentation)
        except CastError as error:
            self._refuse(message, NotShown(409, "other-study", str(error)), segmentation.study_uid)
            return
        shown = next(one for one in study.series.values() if one.volume is volume)
        if not is_shown(self._host, volume):
            show_volume(self._host, volume, shown.body)
        study.nodes.append(show_segmentation(self._host, prepared, volume, shown.body))
        study.segmentations.append(segmentation_item(segmentation, shown.series.uid))
        self.told_result(message, [segment.label for segment in segmentation.segments], "")


def _as_not_shown(error: Exception) -> NotShown:
    if isinstance(error, NotShown):
        return error
    if isinstance(error, Cancelled):
        return NotShown(409, "called-off", "It was called off here.")
    if isinstance(error, FieldError):
        return NotShown(400, "unreadable", str(error))
    if isinstance(error, (TransferError, HubNotReachable, Refused)):
        return NotShown(502, "not-fetched", str(error))
    if isinstance(error, CastError):
        return NotShown(422, "unreadable", str(error))
    return NotShown(500, "failed", f"An unexpected {type(error).__name__} came up.")
