"""Images on their way to a service: the batch, what the service tells, the volume that waits for a result."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from CastInterfaceLib.background import Background, Ended
from CastInterfaceLib.connection import Connection
from CastInterfaceLib.jobs import Job
from CastInterfaceLib.node_files import NodeFiles
from CastLib.client import Pump, Session
from CastLib.dicom_series import Series, scan
from CastLib.message import Message, Sender, Target, make_message

Progress = Callable[[str, "float | None"], object]

ADOPT_PATIENCE = 30.0  # seconds that the sending thread waits for the main thread


@dataclass(eq=False, slots=True)
class Sending:
    """One batch, and whom to tell of it.

    Attributes:
        files: what is sent.
        folder: of a file that was written for it; deleted when it is sent.
        volume: the node that a result is to be shown over, when it is known by its DICOM files.
        target: whom it is for.
        extra: what stands beside the files.
        progress: called with a line of text and a fraction from 0 to 1, or None.
        ended: called with the event's id or an error.
    """

    session: Session
    files: NodeFiles
    folder: Path | None
    volume: Any
    target: Target
    extra: Mapping[str, Any] | None
    progress: Progress | None
    ended: Ended | None

    @property
    def context(self) -> dict[str, Any]:
        """What stands beside the list of files."""
        return {**(self.extra or {}), **self.files.context}

    def remove_folder(self) -> None:
        """Delete the file that was written for it."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class Sendings:
    """Sends batches on threads. Main thread only.

    Args:
        background: runs the threads.
        pump: the process's pump.
        connection: whose display shows results.
        sent: called with the wire form of what was sent.
    """

    def __init__(
        self, background: Background, pump: Pump, connection: Connection, sent: Callable[[dict[str, Any]], object]
    ) -> None:
        self._background = background
        self._pump = pump
        self._connection = connection
        self._told_sent = sent
        self._under_way: list[Sending] = []
        self._last: Sending | None = None

    def start(self, sending: Sending) -> Job:
        """Send a batch; what the service tells afterwards goes to the last one's ``progress``."""
        files, session = sending.files, sending.session
        text = f"Sending {len(files.paths)} file{'s' if len(files.paths) != 1 else ''}"

        def work(job: Job) -> tuple[str, dict[str, Any]]:
            if sending.volume is not None:
                found = scan(files.paths).series
                self._pump.call(lambda: self._adopt(sending.volume, found), ADOPT_PATIENCE)
            manifest = [{"fileName": path.name, "byteLength": path.stat().st_size} for path in files.paths]

            def told(done: int, total: int) -> None:
                job.check()
                job.tell(text, done, total)

            id = session.send_files(
                files.event, files.paths, context=sending.context, target=sending.target, progress=told
            )
            context = {**sending.context, "files": manifest}
            return id, make_message(
                files.event, session.topic, context, sender=sender_of(session), target=sending.target, id=id
            )

        def ended(value: Any, error: Exception | None) -> None:
            self._under_way.remove(sending)
            sending.remove_folder()
            id = None
            if error is None:
                id, wire = value
                self._told_sent(wire)
            if sending.ended is not None:
                sending.ended(id, error)

        self._under_way.append(sending)
        self._last = sending
        return self._background.start(text, work, ended)

    def tell_progress(self, message: Message) -> None:
        """Hand on what a service tells of its work. It does not say which batch it means: the last one is told."""
        sending = self._last
        if sending is None or sending.progress is None:
            return
        if message.target.name.casefold() != sending.session.name.casefold():
            return
        context = message.context_dict()
        text, fraction = str(context.get("message", "")), context.get("fraction")
        who = message.sender.product or message.sender.name
        line = f"{who}: {text}" if who else text
        sending.progress(line, float(fraction) if isinstance(fraction, (int, float)) else None)

    def close(self) -> None:
        """Tell nobody any more, and delete what was written."""
        self._last = None
        for sending in self._under_way:
            sending.remove_folder()

    def _adopt(self, volume: Any, series: tuple[Series, ...] | list[Series]) -> None:
        display = self._connection.display
        if display is not None and len(series) == 1 and volume.GetScene() is not None:
            display.adopt(series[0], volume)


def sender_of(session: Session) -> Sender:
    """How a session names itself in what it sends."""
    settings = session.settings
    return Sender(settings.name, settings.product, settings.version, settings.actors)
