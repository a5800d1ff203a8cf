"""What "Cast Interface" does, without any widget: the API for panels and for other extensions.

Everything here is called on the main thread and returns at once; what waits for the network runs on threads, and every
callback comes on the main thread. A callback with two parameters gets ``(value, error)``: one of them is None.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import slicer

from CastInterfaceLib.display.open_now import OpenNow, open_now
from CastInterfaceLib.logic.hub_logic import HubLogic
from CastInterfaceLib.logic.sending import Progress, Result, Sending, Sendings
from CastInterfaceLib.scene.known_files import known_files
from CastInterfaceLib.scene.volume_files import NodeFiles, files_of_node, volumes_with_image
from CastLib.errors import CastError
from CastLib.events import DICOM_SEND, STATUS_UPDATE, event_key
from CastLib.message import Message, Target
from CastSlicerLib.background import Background, Ended
from CastSlicerLib.jobs import Job
from CastSlicerLib.pump_timer import slicer_timer


class InterfaceLogic(HubLogic):
    """Connects Slicer to a hub as an image display, asks, sends, and tells what comes.

    Connecting, callbacks, publishing and asking are `HubLogic`'s; here stands what has to do with images.
    """

    def __init__(self) -> None:
        timer = slicer_timer()
        background = Background(timer)
        self._sendings = Sendings(background, timer.pump, lambda: self._connection.display)
        super().__init__(timer, background, self._sendings)
        scene = slicer.mrmlScene
        self._scene = scene
        self._observations = (
            scene.AddObserver(slicer.vtkMRMLScene.EndCloseEvent, lambda *_: self._sceneClosed()),
            scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, lambda *_: self._nodeRemoved()),
        )

    def sendNode(
        self,
        node: Any,
        event: str = "",
        *,
        peer: str = "",
        actor: str = "",
        context: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        result: Result | None = None,
        callback: Ended | None = None,
    ) -> Job:
        """Send a loaded volume: ``callback(id, error)`` when the hub has it.

        A volume that was read from DICOM files is sent as these; any other is written as NRRD. A result that comes back
        is shown over it.

        Args:
            node: the ``vtkMRMLVolumeNode``.
            event: "dicom-send", "nrrd-send" or "nifti-send"; "" chooses.
            peer, actor: whom it is for, such as a service's name or "EC".
            context: what stands beside the files.
            progress: ``progress(text, fraction)`` with each line that tells how it goes, also of the service's work
                (``fraction`` 0 to 1, or None).
            result: ``result(names, problem)`` whenever something came back, or nothing will: the names of what is shown
                now, and why something is not, else "". Without it ``progress`` is told of a failure.

        Raises:
            NotConnected: connect first.
            CastError: the node cannot be sent like this.
        """
        session = self._online()
        folder = Path(tempfile.mkdtemp(prefix="cast-send-"))
        try:
            files = files_of_node(node, event, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        target = Target(actor, "", peer)
        return self._sendings.start(Sending(session, files, folder, node, target, context, progress, result, callback))

    def sendStudy(
        self,
        *,
        peer: str = "",
        actor: str = "",
        context: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        result: Result | None = None,
        callback: Ended | None = None,
    ) -> Job:
        """Send all images of the study that is open, as `sendNode` does with one volume.

        Raises:
            NotConnected: connect first.
            CastError: no study is open, or its files are gone.
        """
        session = self._online()
        study = self._connection.display.study if self._connection.display is not None else None
        paths = tuple(path for shown in study.series.values() for path in shown.series.files) if study else ()
        if study is None or not paths:
            raise CastError("No study is open.")
        if not all(path.is_file() for path in paths):
            raise CastError("The files of the study that is open are not there any more.")
        files = NodeFiles(DICOM_SEND, paths, {"studyInstanceUID": study.study_uid})
        target = Target(actor, "", peer)
        return self._sendings.start(Sending(session, files, None, None, target, context, progress, result, callback))

    # What is open

    @property
    def openNow(self) -> OpenNow:
        """What is open now, and what is done for it."""
        return open_now(self._connection.display)

    def cancelOpening(self) -> None:
        """Call off what is read or fetched now; what is shown stays."""
        if self._connection.display is not None:
            self._connection.display.cancel()

    def answerUnsaved(self, answer: str) -> None:
        """Say what becomes of work that is not saved, for which `openNow.unsaved` asks.

        Args:
            answer: "keep" (in the scene, hidden) or "discard", and the study goes; or "stay".
        """
        if self._connection.display is not None:
            self._connection.display.answer_unsaved(answer)

    def knownFiles(self, node: Any) -> list[Path]:
        """The DICOM files that a volume node was read from.

        They are in Slicer's database, or received over the hub and kept as long as their study is open. Empty when not
        all of them are known and still there.
        """
        return list(known_files(node))

    def volumes(self) -> list[Any]:
        """The volume nodes of the scene that can be sent."""
        return volumes_with_image(self._scene)

    def cleanup(self) -> None:
        """End everything: for the end of the module or of Slicer. The logic cannot be used again.

        What the hub has opened is taken out of the scene.
        """
        for observation in self._observations:
            self._scene.RemoveObserver(observation)
        super().cleanup()
        self._sendings.close()

    # Inside

    def _received(self, message: Message) -> None:
        if message.key == event_key(STATUS_UPDATE):
            self._sendings.on_progress(message)
        super()._received(message)

    def _sceneClosed(self) -> None:
        self._connection.forget_study()
        self._timer.changed()

    def _nodeRemoved(self) -> None:
        self._connection.node_removed()
        self._timer.changed()
