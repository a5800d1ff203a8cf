"""What a display publishes by itself: to the sender why something is not shown, to everybody which segments there are.

Called on the main thread; what goes out does so on threads. A line that cannot go out is lost: STATUS tells the same.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable
from typing import Any

from CastInterfaceLib.display.status import study_context
from CastInterfaceLib.study.open_study import OpenStudy
from CastLib.client import Session
from CastLib.client.recent_ids import RecentIds
from CastLib.events import STATUS_UPDATE, STRUCTURE_REPORT_UPDATE
from CastLib.message import Message
from CastLib.status_update import make_status_update, progress_target
from CastSlicerLib.jobs import Job, Jobs

log = logging.getLogger("cast.display")

# Messages whose sender has been told: each is told of once, however many of its files are not shown.
MAX_REPORTED = 1000

_NONE: list[Any] = [{"segmentations": []}]


class Notifier:
    """Notifies others of one display.

    Args:
        session: whose words they are.
        jobs: runs the threads.
        study: the study that is open.
    """

    def __init__(self, session: Session, jobs: Jobs, study: Callable[[], OpenStudy | None]) -> None:
        self._session = session
        self._jobs = jobs
        self._study = study
        self._reported = RecentIds(MAX_REPORTED)
        self._one_at_a_time = threading.Lock()
        # The open that was told of, not its study: that would keep what was shown after its close.
        self._segments: tuple[Message | None, list[Any]] = (None, _NONE)

    def report_refusal(self, message: Message, sentence: str) -> None:
        """Tell the sender, if it is named, why something of its message is not shown."""
        target = progress_target(message)
        if target is None or message.sender.name.casefold() == self._session.name.casefold():
            return
        if self._reported.add(message.id):
            context = make_status_update(message, sentence, level="error")
            self._start(lambda: self._session.publish(STATUS_UPDATE, context, target=target, topic=message.topic))

    def publish_segments(self) -> None:
        """Tell everybody, above all a reporting client, when there are other segments than when it was told last.

        What has not changed is not told again: whoever answers with a change of the scene gets no answer to that.
        """
        study = self._study()
        if study is not None:
            self._start(lambda: self._publish_segments(study))

    def _publish_segments(self, study: OpenStudy) -> None:
        with self._one_at_a_time:
            known, told = self._segments
            context = study_context(study)
            now = [item["resource"] for item in context if item["key"] == "segmentation"]
            if study is not self._study() or now == (told if known is study.message else _NONE):
                return
            self._session.publish(STRUCTURE_REPORT_UPDATE, context, topic=study.message.topic)
            self._segments = study.message, copy.deepcopy(now)

    def _start(self, publish: Callable[[], object]) -> None:
        def ended(_: Any, error: Exception | None) -> None:
            if error is not None:
                log.info("others were not told: %s", type(error).__name__)

        self._jobs.start(Job("Telling others", shown=False), publish, ended)
