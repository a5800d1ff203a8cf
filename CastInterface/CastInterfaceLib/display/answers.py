"""What a display answers to requests, by data type. Any thread.

``PNGFULLSIZE``, ``JPGFULLSIZE``, ``PNGTHUMBNAIL`` and ``JPGTHUMBNAIL`` are answered with the active view, or with the
one that the asker's ``context.viewId`` names. ``context.patientText: true`` asks for pictures that name the patient:
whether they may is the operator's setting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from CastInterfaceLib.display.problems import Problems
from CastInterfaceLib.display.status import make_status
from CastInterfaceLib.display.view_pictures import asked_view, view_picture
from CastInterfaceLib.study.local_studies import StudyFiles
from CastInterfaceLib.study.open_study import OpenStudy
from CastInterfaceLib.views.scene_view import SceneViews
from CastLib.client import Session
from CastLib.data_types import JPGFULLSIZE, JPGTHUMBNAIL, PNGFULLSIZE, PNGTHUMBNAIL, SCENEVIEW, STATUS
from CastLib.errors import CastError
from CastLib.events import data_type_of_event
from CastLib.message import Message
from CastSlicerLib.jobs import Jobs

Answer = Callable[[Message], dict[str, Any]]

# Seconds that an answer waits for the main thread; askers who want to wait for a busy display name a long time.
PATIENCE = 60.0

# Seconds that STATUS waits for the main thread before it answers with the last scene view; askers wait 2 s.
STATUS_PATIENCE = 1.0

# How often STATUS looks again when another study was opened while it waited for the views.
MAX_LOOKS = 3

NOT_ALLOWED = "This display does not tell who the patient is; its operator can allow it."


def answer_requests(session: Session, views: SceneViews, status: Answer, *, patient_text: bool) -> None:
    """Have a display's requests answered.

    Args:
        session: where they come from.
        views: what is asked for.
        status: answers STATUS.
        patient_text: whether askers who want it are told who the patient is.
    """

    def scene_view(message: Message, tell_patient: bool) -> dict[str, Any]:
        return views.current(PATIENCE, patient_text=tell_patient)

    def picture(content_type: str, *, full: bool) -> Callable[[Message, bool], dict[str, Any]]:
        def answer(message: Message, tell_patient: bool) -> dict[str, Any]:
            view = asked_view(views.shot(PATIENCE), message)
            return view_picture(view, content_type, full, patient_text=tell_patient)

        return answer

    def guarded(answer: Callable[[Message, bool], dict[str, Any]]) -> Answer:
        def answered(message: Message) -> dict[str, Any]:
            wanted = _wants_patient(message)
            data = answer(message, wanted and patient_text)
            return {**data, "patientTextRefused": NOT_ALLOWED} if wanted and not patient_text else data

        return answered

    answers = {
        STATUS: status,
        SCENEVIEW: guarded(scene_view),
        PNGFULLSIZE: guarded(picture("image/png", full=True)),
        JPGFULLSIZE: guarded(picture("image/jpeg", full=True)),
        PNGTHUMBNAIL: guarded(picture("image/png", full=False)),
        JPGTHUMBNAIL: guarded(picture("image/jpeg", full=False)),
    }
    for data_type, answer in answers.items():
        session.on_request(data_type, answer, in_background=True)
    session.on_other_requests(not_answered)


def not_answered(message: Message) -> dict[str, Any]:
    """The answer to a request for what a display does not have: nobody waits for it until his time is over."""
    return {"error": f"This display does not answer {data_type_of_event(message.key)}."}


def _wants_patient(message: Message) -> bool:
    return isinstance(message.context, dict) and message.context.get("patientText") is True


class StatusAnswer:
    """Answers STATUS, also while the main thread is busy: then with the last scene view.

    Args:
        product: the display's.
        views: what is on the screen.
        jobs: what is under way.
        files: the local studies.
        problems: what went wrong.
        open_study: returns the study that is open or being opened.
    """

    def __init__(
        self,
        product: str,
        views: SceneViews,
        jobs: Jobs,
        files: StudyFiles,
        problems: Problems,
        open_study: Callable[[], OpenStudy | None],
    ) -> None:
        self._product = product
        self._views = views
        self._jobs = jobs
        self._files = files
        self._problems = problems
        self._open_study = open_study

    def __call__(self, message: Message) -> dict[str, Any]:
        """The data of the answer."""
        for _ in range(MAX_LOOKS):
            study = self._open_study()
            problems = self._problems.items(study.study_uid if study is not None else "")
            try:
                scene_view = self._views.current(STATUS_PATIENCE)
            except CastError:  # it is late, or the layout has no views
                scene_view = self._views.last
            if study is self._open_study():
                break
        else:
            scene_view = {}  # never the views of one study under another's name
        return make_status(self._product, self._jobs.current, problems, study, self._files.studies(), scene_view)
