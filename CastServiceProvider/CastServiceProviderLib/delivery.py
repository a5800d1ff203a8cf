"""What goes to the asker, also when the hub is away for a moment: results and last words are tried until it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from CastLib.client import Session
from CastLib.client.errors import is_passing
from CastLib.data_types import STATUS
from CastLib.errors import CastError
from CastLib.events import STATUS_UPDATE
from CastLib.message import Message, Target, new_id
from CastLib.status_update import IN_REPLY_TO, make_status_update, progress_target
from CastServiceProviderLib.addressing import result_target

_log = logging.getLogger("cast.provider")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds between attempts
_LOOK = 0.1
_LINES_WAITING = 200  # more are not told one by one, which is what a flood would want
_BEFORE_A_RESULT = 5.0  # seconds that lines told before a result may take to go out before it
_BACK = 15.0  # seconds for which a hub that is back is asked whether the asker is, too
_CLOSE = 10.0


@dataclass(slots=True)
class _StatusUpdate:
    message: Message
    target: Target
    context: dict[str, Any]
    last: bool
    until: float
    id: str


class Delivery:
    """Sends results and tells lines through ``session``.

    A result is sent on the calling thread and tried again for ``hub_away`` seconds. Lines go out from a thread of their
    own: while the hub is away those of progress are dropped, as newer ones come; a job's last one is kept and tried
    again. ``note(message, text)`` is told of what does not go as it should.
    """

    def __init__(self, session: Session, hub_away: float, note: Callable[[Message, str], object]) -> None:
        self._session = session
        self._hub_away = hub_away
        self._note = note
        self._changed = threading.Condition()
        self._lines: deque[_StatusUpdate] = deque()
        self._busy = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cast status lines", daemon=True)
        self._thread.start()

    def send(
        self, message: Message, event: str, paths: list[Path], context: dict[str, Any], cancelled: Callable[[], bool]
    ) -> str:
        """Send a result on the asker's topic to whom it belongs; return the event's id.

        It keeps its id however often it is sent, by which a receiver knows it again. Raises CastError when the hub
        refuses it, and when it stays away or ``cancelled()`` becomes true while it is.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._busy, _BEFORE_A_RESULT)
        target, id = result_target(message), new_id()
        context = {IN_REPLY_TO: message.id, **context}
        until, pause = time.monotonic() + self._hub_away, _FIRST_PAUSE
        while True:
            try:
                return self._session.send_files(
                    event, paths, context=context, target=target, topic=message.topic, id=id
                )
            except CastError as error:
                if not is_passing(error):
                    raise
                if cancelled() or time.monotonic() >= until:
                    raise CastError(f"the result could not be sent: {error}") from None
                if pause == _FIRST_PAUSE:
                    self._note(message, "The hub is away: the result goes out when it is back")
                    _log.warning("a result could not be sent and is tried again: %s", error)
            _wait(pause, cancelled)
            self._until_the_asker_is_back(message, target, min(until, time.monotonic() + _BACK), cancelled)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def notify(self, message: Message, text: str, *, level: str, fraction: float | None, last: bool = False) -> None:
        """Have a ``status-update`` go out to the asker alone; returns at once."""
        target = progress_target(message)
        if target is None:
            return
        context = make_status_update(message, text, level=level, fraction=fraction, ended=last)
        with self._changed:
            if len(self._lines) < _LINES_WAITING:
                until = time.monotonic() + self._hub_away
                self._lines.append(_StatusUpdate(message, target, context, last, until, new_id()))
                self._changed.notify_all()

    def close(self) -> None:
        """Let what waits go out, each line once, and end."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(_CLOSE)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines or self._closing.is_set())
                if not self._lines:
                    return
                line, self._busy = self._lines.popleft(), True
            try:
                self._publish(line)
            except Exception:
                _log.exception("a line for an asker was lost inside")

    def _publish(self, line: _StatusUpdate) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                self._session.publish(
                    STATUS_UPDATE, line.context, target=line.target, topic=line.message.topic, id=line.id
                )
                return
            except CastError as error:
                lost = not is_passing(error) or self._closing.is_set() or time.monotonic() >= line.until
                if not line.last:
                    _log.info("a line of progress did not go out: %s", error)
                    return
                if lost:
                    _log.warning("an asker could not be told how its job ended: %s", error)
                    self._note(line.message, f"The asker could not be told how it ended: {error}")
                    return
            _wait(pause, self._closing.is_set)
            self._until_the_asker_is_back(
                line.message, line.target, min(line.until, time.monotonic() + _BACK), self._closing.is_set
            )
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _until_the_asker_is_back(
        self, message: Message, target: Target, until: float, cancelled: Callable[[], bool]
    ) -> None:
        """A hub that was started anew takes a message before its subscribers have found it again, for nobody."""
        while time.monotonic() < until and not cancelled():
            try:
                answer = self._session.request(STATUS, target=target, topic=message.topic, timeout=1.0)
                if answer.get("expected") or answer.get("connected") or answer.get("responses"):
                    return
            except CastError as error:
                if is_passing(error):
                    return  # still away
            _wait(_FIRST_PAUSE, cancelled)


def _wait(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not cancelled():
        time.sleep(_LOOK)
