"""Images on their way to a service: the batch, what the service tells, the volume that waits for a result."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from CastInterfaceLib.display.image_display import ImageDisplay
from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.logic.message_log import cut
from CastInterfaceLib.scene.volume_files import NodeFiles
from CastInterfaceLib.scene.volumes import array_of, name_volume
from CastInterfaceLib.study.grids import Box
from CastInterfaceLib.study.look import body_of
from CastLib.client import Pump, Session
from CastLib.dicom.series import Series, scan
from CastLib.events import DICOM_SEND, EVERY
from CastLib.fields import share_of
from CastLib.message import Message, Sender, Target, new_id
from CastLib.status_update import answered_id
from CastSlicerLib.background import Background, Ended
from CastSlicerLib.jobs import Job

Progress = Callable[[str, "float | None"], object]
Result = Callable[[Sequence[str], str], object]

ADOPT_PATIENCE = 30.0  # seconds that the sending thread waits for the main thread
REMEMBERED = 50  # batches whose services may still tell something


@dataclass(eq=False, slots=True)
class Sending:
    """One batch, and whom to tell of it.

    Attributes:
        files: what is sent.
        folder: of a file that was written for it; deleted when it is sent.
        volume: the node that is sent, over which a result is to be shown; None for the study that is open.
        target: whom it is for.
        extra: what stands beside the files.
        progress: called with a line of text and a fraction from 0 to 1, or None.
        result: called with the names of what came into the scene as a result, and why something did not, or why there
            is none (else "").
        ended: called with the event's id or an error.
        id: of the event.
        answered: a result came, or the word that there will be none.
    """

    session: Session
    files: NodeFiles
    folder: Path | None
    volume: Any
    target: Target
    extra: Mapping[str, Any] | None
    progress: Progress | None
    result: Result | None
    ended: Ended | None
    id: str = field(default_factory=new_id)
    answered: bool = False

    @property
    def context(self) -> dict[str, Any]:
        """What stands beside the list of files."""
        return {**(self.extra or {}), **self.files.context}

    def remove_folder(self) -> None:
        """Delete the file that was written for it."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def may_come_from(self, sender: Sender) -> bool:
        """Whether one who does not say what he speaks of may speak of this batch."""
        name, product = self.target.name.casefold(), self.target.product.casefold()
        return name in ("", EVERY, sender.name.casefold()) and product in ("", EVERY, sender.product.casefold())


class Sendings(SentImages):
    """Sends batches on threads. Main thread only.

    Services say which batch they speak of (``inReplyTo``). Of one that does not, a line is taken for the oldest batch
    sent to it that has no result yet, and a result only when it can be of one volume alone.

    Args:
        background: runs the threads.
        pump: the process's pump.
        display: returns the display that shows results; None while there is no connection.
    """

    def __init__(self, background: Background, pump: Pump, display: Callable[[], ImageDisplay | None]) -> None:
        self._background = background
        self._pump = pump
        self._display = display
        self._under_way: list[Sending] = []
        self._remembered: deque[Sending] = deque(maxlen=REMEMBERED)

    def start(self, sending: Sending) -> Job:
        """Send a batch."""
        files, session = sending.files, sending.session
        text = f"Sending {len(files.paths)} file{'s' if len(files.paths) != 1 else ''}"

        def work(job: Job) -> str:
            if sending.volume is not None and files.event == DICOM_SEND:
                found = scan(files.paths).series
                array = self._pump.call(lambda: array_of(sending.volume), ADOPT_PATIENCE)
                body = body_of(array)
                self._pump.call(lambda: self._adopt(sending.volume, found, body), ADOPT_PATIENCE)

            def told(done: int, total: int) -> None:
                job.check()
                job.report(text, done, total)

            return session.send_files(
                files.event,
                files.paths,
                context=sending.context,
                target=sending.target,
                progress=told,
                id=sending.id,
            )

        def ended(id: Any, error: Exception | None) -> None:
            self._under_way.remove(sending)
            sending.remove_folder()
            if error is not None:
                sending.answered = True
            if sending.ended is not None:
                sending.ended(id, error)

        self._under_way.append(sending)
        self._remembered.append(sending)
        return self._background.start(text, work, ended)

    def on_progress(self, message: Message) -> None:
        """Hand on what a service tells of its work."""
        sending = next(iter(self._meant(message)), None)
        if sending is None:
            return
        context = message.context_dict()
        text = str(context.get("message", ""))
        who = message.sender.product or message.sender.name
        line = str(cut(f"{who}: {text}" if who else text))  # one line of a megabyte would hold the window for seconds
        if context.get("level") == "error":
            sending.answered = True
            if sending.result is not None:
                sending.result((), line)
                return
        if sending.progress is not None:
            sending.progress(line, share_of(context.get("fraction")))

    def volume_of(self, message: Message) -> Any:
        """The volume node that was sent out and whose result a message brings; None when it is not certain."""
        meant = self._meant(message)
        waiting = [sending for sending in meant if not sending.answered]
        nodes = [self._node(sending) for sending in waiting or meant]
        return nodes[0] if nodes and all(node is nodes[0] for node in nodes) else None

    def on_result(self, message: Message, names: Sequence[str], problem: str) -> None:
        """Something of a batch that came was shown, or could not be."""
        sending = next(iter(self._meant(message)), None)
        if sending is not None:
            sending.answered = True
            if sending.result is not None:
                sending.result(names, problem)

    def close(self) -> None:
        """Tell nobody any more, and delete what was written."""
        self._remembered.clear()
        for sending in self._under_way:
            sending.remove_folder()

    def _meant(self, message: Message) -> list[Sending]:
        """The batches that a message may speak of, oldest first and those without a result before the others."""
        about = answered_id(message)
        if about:
            return [sending for sending in self._remembered if sending.id == about]
        return sorted(
            (
                sending
                for sending in self._remembered
                if sending.may_come_from(message.sender)
                and message.target.name.casefold() == sending.session.name.casefold()
            ),
            key=lambda sending: sending.answered,
        )

    def _node(self, sending: Sending) -> Any:
        if sending.volume is not None:
            return sending.volume
        display = self._display()
        study = display.study if display is not None else None
        if study is None or not study.series or study.study_uid != sending.files.context.get("studyInstanceUID"):
            return None
        return next(iter(study.series.values())).volume

    def _adopt(self, volume: Any, series: Sequence[Series], body: Box) -> None:
        display = self._display()
        if len(series) == 1 and volume.GetScene() is not None:
            name_volume(volume, series[0])
            if display is not None:
                display.adopt(series[0], volume, body)
