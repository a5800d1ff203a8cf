"""The demo's worklist: one step after another, each with its own error, all through the hub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from CastCLI.demo_processes import Applications
from CastCLI.output import Steps
from CastLib.actors import EVIDENCE_CREATOR, IMAGE_DISPLAY, WORKLIST_CLIENT
from CastLib.client import Pump, Session, SessionSettings
from CastLib.data_types import SCENEVIEW, STATUS
from CastLib.dicom.series import Series, read_series
from CastLib.errors import CastError, TimedOut
from CastLib.events import DICOM_SEND, IMAGING_STUDY_OPEN, STATUS_UPDATE
from CastLib.message import Message, Target
from CastLib.study_context import make_study_context

T = TypeVar("T")

USER = "demo"
VIEW_SIZE = "1024x1024"
SAGITTAL = "15"  # mm beside the midline, where all that is segmented can be seen
COUNT_OF_STEPS = 9
_TIMEOUT = 120.0  # seconds that one step may take
_ASK_EVERY = 0.1


@dataclass(slots=True)
class Played:
    """What the demo has to show: the study, the scene view before and after, the segmentation's file."""

    series: Series
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    segmentation: Path = Path()


class Worklist:
    """Plays the worklist, and an observer beside it that receives the result as any second display would."""

    def __init__(self, applications: Applications) -> None:
        self._applications = applications
        self._pump = Pump()
        self._hub = ""
        self._sessions: list[Session] = []
        self._result: Message | None = None
        self._failure = ""

    def play(self, steps: Steps) -> Played:
        """Play all steps; raises CastError that begins with the step's name."""
        self._steps = steps
        with self._step("reading the sample study"):
            played = Played(_sample_series())
        with self._step("starting the hub"):
            hub = self._applications.start("hub", "CastHubLib", "--port", "0", "--state", "state")
            self._hub = hub.first_line()
        with self._step("starting the display and the provider"):
            self._start_applications()
            worklist = self._join("WORKLIST", WORKLIST_CLIENT, ("*",), self._on_worklist)
            observer = self._join("OBSERVER", IMAGE_DISPLAY, (DICOM_SEND,), self._on_observer)
            provider = self._await(lambda: self._present(worklist))
        with self._step("opening the study on the display"):
            self._open(worklist, played.series)
            self._await(lambda: self._shows_study(worklist, played.series.study_uid))
        with self._step("asking for the scene view"):
            played.before = self._scene_view(worklist)
        with self._step(f"sending the study to {provider} and waiting for the segmentation"):
            self._send(worklist, played.series, provider)
            self._await(lambda: self._result is not None)
        with self._step("fetching the segmentation, and waiting until the display shows it"):
            played.segmentation = self._fetch(observer)
            self._await(lambda: self._shows_segmentation(worklist))
        with self._step("asking for the scene view again"):
            played.after = self._scene_view(worklist)
        return played

    def addresses(self) -> str:
        """Return where everything is, for a person."""
        return f"hub at {self._hub}, topic and user {USER!r}; try `cast request STATUS --hub {self._hub} --user {USER}`"

    def stay(self) -> None:
        """Keep everything running until Ctrl-C."""
        while True:
            self._pump.run_once(0.5)
            self._applications.check()

    def __enter__(self) -> Worklist:
        return self

    def __exit__(self, *error: object) -> None:
        for session in self._sessions:
            session.close()

    # --- the steps

    def _start_applications(self) -> None:
        common = ("--hub", self._hub, "--user", USER)
        self._applications.start("display", "CastInterfaceLib", *common, "--size", VIEW_SIZE, "--sagittal", SAGITTAL)
        script = _example_script()
        self._applications.start("provider", "CastServiceProviderLib", str(script), *common)

    def _join(self, product: str, actor: str, events: tuple[str, ...], handler: Callable[[Message], None]) -> Session:
        settings = SessionSettings(
            hub=self._hub, user=USER, topic=USER, product=product, actors=(actor,), events=events, announce=False
        )
        session = Session(settings, self._pump)
        self._sessions.append(session)
        session.on_event(handler)
        session.start()
        session.wait_online(_TIMEOUT)
        return session

    def _present(self, worklist: Session) -> str:
        """Return the provider's product name once both it and the display answer STATUS."""
        answers = worklist.request(STATUS, target=Target(actor="*")).get("responses") or []
        actors = {_actor(answer): str(answer.get("productName") or "") for answer in answers}
        return actors.get(EVIDENCE_CREATOR, "") if IMAGE_DISPLAY in actors else ""

    def _open(self, worklist: Session, series: Series) -> None:
        study = make_study_context(series.study_uid)[0]["resource"]
        worklist.send_files(
            IMAGING_STUDY_OPEN,
            series.files,
            context={"study": study},
            target=Target(actor=IMAGE_DISPLAY),
            progress=self._steps.progress,
        )

    def _shows_study(self, worklist: Session, study_uid: str) -> bool:
        views = self._ask(worklist, SCENEVIEW).get("viewports") or []
        return any(view.get("studyInstanceUID") == study_uid for view in views)

    def _shows_segmentation(self, worklist: Session) -> bool:
        context = self._ask(worklist, STATUS).get("context") or []
        return any(item.get("resource", {}).get("segmentations") for item in context if item["key"] == "segmentation")

    def _scene_view(self, worklist: Session) -> dict[str, Any]:
        view = self._await(lambda: self._ask(worklist, SCENEVIEW, timeout=30.0))
        if not view.get("viewports"):
            raise CastError("the display's scene view holds no views")
        return view

    def _send(self, worklist: Session, series: Series, provider: str) -> None:
        target = Target(product=provider)
        worklist.send_files(DICOM_SEND, series.files, target=target, progress=self._steps.progress)

    def _fetch(self, observer: Session) -> Path:
        folder = self._applications.folder("result")
        assert self._result is not None
        files = observer.fetch_files(self._result, folder, progress=self._steps.progress)
        if len(files) != 1:
            raise CastError(f"the provider sent {len(files)} files, not one segmentation")
        return files[0]

    # --- what comes in

    def _on_worklist(self, message: Message) -> None:
        if message.key != STATUS_UPDATE or message.sender.name == self._sessions[0].name:
            return
        context = message.context_dict()
        sentence, fraction = str(context.get("message") or ""), context.get("fraction")
        if context.get("level") == "error":
            self._failure = f"the provider says: {sentence}"
        self._steps.note(sentence)
        if isinstance(fraction, (int, float)):
            self._steps.progress(fraction, 1.0)

    def _on_observer(self, message: Message) -> None:
        if EVIDENCE_CREATOR in message.sender.actors:
            self._result = message

    def _ask(self, worklist: Session, data_type: str, timeout: float = 5.0) -> dict[str, Any]:
        """Return the display's answer, ``{}`` while it has none."""
        collated = worklist.request(data_type, target=Target(actor=IMAGE_DISPLAY), timeout=timeout)
        for answer in collated.get("responses") or []:
            if isinstance(answer.get("data"), dict):
                return dict(answer["data"])
        return {}

    def _await(self, answer: Callable[[], T]) -> T:
        """Ask again and again until there is an answer; raises when an application ends, fails or takes too long."""
        end = time.monotonic() + _TIMEOUT
        while not (found := answer()):
            self._pump.run_until(lambda: bool(self._failure), _ASK_EVERY)
            self._applications.check()
            if self._failure:
                raise CastError(self._failure)
            if time.monotonic() > end:
                raise TimedOut(f"nothing came within {_TIMEOUT:g} s")
        return found

    @contextmanager
    def _step(self, sentence: str) -> Iterator[None]:
        """Time a step; its errors begin with what it was doing."""
        try:
            with self._steps.step(sentence):
                yield
        except (CastError, OSError) as error:
            raise CastError(f"{sentence} failed: {error}") from error


def _actor(answer: dict[str, Any]) -> str:
    actor = answer.get("actor")
    return str(actor[0]) if isinstance(actor, list) and actor else str(actor or "")


def _sample_series() -> Series:
    from CastSample import folder

    return read_series(sorted(folder().rglob("*.dcm")))[0]


def _example_script() -> Path:
    from CastScripts import folder

    return Path(folder()) / "BrainTissue.py"
