"""One connection at a time, with the role Image Display on it. Main thread only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from CastInterfaceLib.display.image_display import ImageDisplay
from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.display.unsaved_question import ASK, KEEP
from CastInterfaceLib.scene.foreign_nodes import leave_views
from CastInterfaceLib.scene.volumes import remove_nodes
from CastInterfaceLib.views.window_viewer import SlicerViewer, patient_text_allowed
from CastLib.client import Session, SessionSettings, State
from CastLib.message import Message
from CastLib.patient import Patient
from CastSlicerLib.background import Background
from CastSlicerLib.pump_timer import PumpTimer

log = logging.getLogger("cast.display")


class Connection:
    """Connects, shows what the hub says, and disconnects without ever making the main thread wait.

    Args:
        timer: the process's pump.
        background: where closing takes place.
        open_viewer: makes the viewer; called at the first connect.
        sent: who sends images out over it.
        on_state, on_message, on_sent, on_presence: called with each change of state, each message received and
            sent, and the answers to the announcement after connecting.

    Attributes:
        session, display: what is connected now, or None.
        state: of the session, or offline.
        since: ``time.monotonic()`` when the state began.
    """

    def __init__(
        self,
        timer: PumpTimer,
        background: Background,
        open_viewer: Callable[[], SlicerViewer],
        sent: SentImages,
        *,
        on_state: Callable[[State], object],
        on_message: Callable[[Message], object],
        on_sent: Callable[[Message], object],
        on_presence: Callable[[dict[str, Any]], object],
    ) -> None:
        self._timer = timer
        self._background = background
        self._open_viewer = open_viewer
        self._sent = sent
        self._on_state = on_state
        self._on_message = on_message
        self._on_sent = on_sent
        self._on_presence = on_presence
        self._viewer: SlicerViewer | None = None
        self._leftover: list[Any] = []
        self._leftover_of = ("", Patient())
        self.session: Session | None = None
        self.display: ImageDisplay | None = None
        self.state = State()
        self.since = time.monotonic()

    @property
    def viewer(self) -> SlicerViewer:
        """The scene and its views."""
        if self._viewer is None:
            self._viewer = self._open_viewer()
        return self._viewer

    def connect(self, settings: SessionSettings) -> None:
        """Begin to connect; `state` tells how it goes. Raises FieldError for settings that cannot be."""
        session = Session(settings, self._timer.pump)
        self.disconnect()
        viewer = self.viewer
        if self._leftover:
            # What the connection before left on the screen is the hub's again: whoever has it open says so now.
            leave_views(viewer, *self._leftover_of, self._leftover)
            remove_nodes(viewer.scene, reversed(self._leftover))
            self._leftover = []
        self._timer.acquire()
        self.session = session
        session.on_state(lambda state: self._session_state(session, state))
        session.on_event(self._on_message, requests=True)
        session.on_sent(self._on_sent)
        session.on_presence(self._on_presence)
        studies = viewer.studies(self._timer.pump)
        display = ImageDisplay(
            viewer,
            session,
            self._timer.pump,
            studies,
            self._sent,
            patient_text=patient_text_allowed(),
            on_unsaved=ASK if viewer.has_window else KEEP,
        )
        self.display = display
        self._set_state(State("connecting"))
        session.start()

    def disconnect(self) -> None:
        """Leave the hub. What is shown stays until the next connect; a thread waits for the hub."""
        session, display = self.session, self.display
        if session is None or display is None:
            return
        self.session = self.display = None
        self._keep(display)
        display.cancel()

        def close(job: object) -> None:
            session.close()
            display.close()

        self._background.start("Disconnecting", close, lambda value, error: None)
        self._timer.release()  # the background keeps it until the session has ended
        self._set_state(State())

    def close(self) -> None:
        """Leave the hub and wait for it: for the end of the module, when no event loop may come any more.

        What the hub has opened goes too: nobody would know any more that it was the hub's.
        """
        session, display = self.session, self.display
        self.session = self.display = None
        if session is not None and display is not None:
            display.close_study()
            session.close()
            display.close()
            self._timer.release()
        if self._viewer is not None:
            remove_nodes(self._viewer.scene, reversed(self._leftover))
            self._viewer.close()
            self._viewer = None
        self._leftover = []
        self.state = State()

    def forget_study(self) -> None:
        """The scene was emptied: nothing is open any more."""
        self._leftover = []
        if self.display is not None:
            self.display.close_study()

    def node_removed(self) -> None:
        """A node has gone from the scene, whoever took it out."""
        if self.display is not None:
            self.display.forget_removed()

    def _keep(self, display: ImageDisplay) -> None:
        study = display.study
        if study is not None and not study.adopted:
            # What the user has drawn in is his.
            self._leftover = [node for node in study.nodes if not study.is_changed(node)]
            self._leftover_of = (study.study_uid, study.patient)
            display.leave()

    def _session_state(self, session: Session, state: State) -> None:
        if session is self.session:
            self._set_state(state)

    def _set_state(self, state: State) -> None:
        if state.kind != self.state.kind or state.reason != self.state.reason:
            log.info("%s", state)
        self.state, self.since = state, time.monotonic()
        self._on_state(state)
