"""Whether the hub still confirms the study that is shown: after a loss of the connection the worklist may be elsewhere.

A short loss is made up for: the hub keeps what comes meanwhile. After a longer one, and after every connect that did
not resume, what is shown counts as not confirmed until the worklist says what is open, or an event does.
Main thread only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from CastInterfaceLib.study.open_study import OpenStudy
from CastInterfaceLib.study.sources import open_elsewhere, worklists_say
from CastLib.actors import WORKLIST_CLIENT
from CastLib.client import Pump, Session, State
from CastLib.client.state import OFFLINE, ONLINE, REFUSED
from CastLib.data_types import STATUS
from CastLib.errors import CastError, FieldError
from CastLib.events import IMAGING_STUDY_CLOSE, IMAGING_STUDY_OPEN
from CastLib.message import Message, Target, make_message, parse_publish
from CastLib.study_context import parse_study
from CastSlicerLib.jobs import Job, Jobs

Context = list[Any] | dict[str, Any]
log = logging.getLogger("cast.display")

# Seconds without a connection after which nothing is confirmed any more: as long as a hub keeps events by default.
RESUMED_WITHIN = 30.0

# Seconds until the worklist is asked again when none has answered: after a hub's restart it may connect later than we.
ASK_AGAIN = 5.0


class Confirmation:
    """Follows the connection.

    Args:
        session: whose connection.
        jobs: runs the thread that asks.
        pump: hands over to the main thread.
        study: the study that is open.
        handle: takes an event that opens another, or closes what is open.
        mark: takes the local time since when nothing is confirmed, "" when all is again.
    """

    def __init__(
        self,
        session: Session,
        jobs: Jobs,
        pump: Pump,
        study: Callable[[], OpenStudy | None],
        handle: Callable[[Message], object],
        mark: Callable[[str], object],
    ) -> None:
        self._session = session
        self._jobs = jobs
        self._pump = pump
        self._study = study
        self._handle = handle
        self._mark = mark
        self._timer: threading.Timer | None = None
        self._closed = False
        self._online = False
        self._lost = ""  # the local time at which the connection went
        self._known = False  # what is open was told on this connection
        self._stale = False  # a connect did not resume, and nothing was told since
        session.on_state(self._state_changed)
        session.on_presence(self._answered)

    def confirm(self) -> None:
        """The hub has just said what is open."""
        self._known = True
        self._all_is_well()

    def lose(self) -> None:
        """The hub is left: from now on nothing is confirmed."""
        self._lost = self._lost or time.strftime("%H:%M:%S")
        self._online = False
        self._give_up()

    def close(self) -> None:
        """Wait and ask no more."""
        self._closed = True
        self._wait(None)

    def _state_changed(self, state: State) -> None:
        if state.kind == ONLINE:
            self._online, self._known = True, False
            self._stale = self._stale or (not state.resumed and bool(self._lost))
            if self._stale:
                self._mark(self._lost)
                self._wait(ASK_AGAIN, self._ask)
            else:
                self._all_is_well()  # what came meanwhile comes now; the answer to the announcement is compared too
        elif state.kind in (OFFLINE, REFUSED):
            self.lose()
        elif self._online:
            self._online = False
            self._lost = self._lost or time.strftime("%H:%M:%S")
            self._wait(RESUMED_WITHIN, self._give_up)

    def _all_is_well(self) -> None:
        self._stale, self._lost = False, ""
        self._wait(None)
        self._mark("")

    def _give_up(self) -> None:
        self._wait(None)
        if not self._online and self._lost:
            self._mark(self._lost)

    def _answered(self, answer: dict[str, Any]) -> None:
        """An event that came since the connect is newer than this answer, or says the same."""
        if not self._known:
            self.follow(answer)

    def follow(self, answer: dict[str, Any]) -> None:
        """Open or close what a collated STATUS answer says is open.

        With nothing open it is what anybody says; what is open goes only when a worklist says so. A study of the user's
        own stays: it is not the hub's.
        """
        study, said = self._study(), worklists_say(answer)
        if study is None:
            context = open_elsewhere(answer)
            if context is not None:
                self._handle(open_event(self._session, context))
            return
        if study.adopted or not said:
            return
        if any(_means(open_event(self._session, context), study) for context in said if context):
            self.confirm()
            return
        context = next((context for context in said if context), None)
        if context is not None:
            self._handle(open_event(self._session, context))
        else:
            log.info("the worklist says that nothing is open")
            self._handle(_event(IMAGING_STUDY_CLOSE, self._session, study.message.context))

    def _ask(self) -> None:
        self._wait(None)
        if not self._online or self._known or self._study() is None:
            return

        def ended(answer: Any, error: Exception | None) -> None:
            if error is None:
                self._answered(answer)
            if self._online and self._stale:
                self._wait(ASK_AGAIN, self._ask)

        self._jobs.start(Job("Asking what is open", shown=False), self._ask_worklist, ended)

    def _ask_worklist(self) -> dict[str, Any]:
        try:
            return self._session.request(STATUS, target=Target(actor=WORKLIST_CLIENT))
        except CastError:  # it is asked again
            return {}

    def _wait(self, seconds: float | None, then: Callable[[], object] = lambda: None) -> None:
        """Have something done later, or nothing; what was to be done before is not."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is None or self._closed:
            return

        def due() -> None:
            if self._timer is timer:
                then()

        timer = threading.Timer(seconds, lambda: self._pump.post(due))
        timer.daemon = True
        self._timer = timer
        timer.start()


def open_event(session: Session, context: Context) -> Message:
    """An open as if it had come from the hub."""
    return _event(IMAGING_STUDY_OPEN, session, context)


def _event(name: str, session: Session, context: Context) -> Message:
    return parse_publish(make_message(name, session.topic or "*", context))


def _means(message: Message, study: OpenStudy) -> bool:
    try:
        return study.is_meant_by(parse_study(message), by_id=True)
    except FieldError:
        return False
