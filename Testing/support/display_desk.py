"""A display on the engine with a hub that is faked: what the tests of the role Image Display share."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from display_parts import SIGHTS, decode

from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.study import reader
from CastInterfaceLib.study.local_studies import StudyFiles
from CastLib.client import Pump
from CastLib.errors import TransferError
from CastLib.message import Message, make_message, parse_publish
from CastLib.study_context import make_study_context

if TYPE_CHECKING:
    from CastInterfaceLib.display.image_display import ImageDisplay
    from CastInterfaceLib.views.engine_viewer import EngineViewer
    from CastLib.manifest import FileEntry


PATIENCE = 120.0


class FakeSession:
    """What a display asks of a session; payloads are files on this machine."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(product="3DSLICER-ID")
        self.topic = "T"
        self.refused: list[tuple[str, int]] = []
        self.published: list[tuple[str, Any, Any]] = []  # event, context, target
        self.answers: dict[str, Callable[[Message], Any]] = {}
        self.payloads: dict[str, Path] = {}
        self.name = "DISPLAY-1"
        self.asked, self.answer = 0, dict[str, Any]()  # of requests, and what they are answered with
        self.gate = threading.Event()
        self.gate.set()

    def on_event(self, handler: Any) -> None:
        self.event = handler

    def on_presence(self, handler: Any) -> None:
        self.presence = handler

    def on_state(self, handler: Any) -> None:
        self.state = handler

    def publish(self, event: str, context: Any, *, target: Any = None, topic: str) -> None:
        assert topic == self.topic
        self.published.append((event, context, target))

    def request(self, data_type: str, *, target: Any) -> dict[str, Any]:
        self.asked += 1
        return self.answer

    def on_request(self, data_type: str, answer: Callable[[Message], Any], in_background: bool = False) -> None:
        self.answers[data_type] = answer
        assert in_background  # pictures are made while the main thread does something else

    def on_other_requests(self, answer: Callable[[Message], Any]) -> None:
        self.other = answer

    def refuse(self, message: Message, status: int, reason: str) -> None:
        assert reason
        self.refused.append((message.id, status))

    def fetch_files(
        self, message: Message, directory: Path, *, choose: Any, progress: Any, cancelled: Any
    ) -> list[Path]:
        entries = [entry for entry in message.files if choose(entry)]
        return self.fetch_entries(entries, directory, progress=progress, cancelled=cancelled)

    def fetch_entries(self, entries: list[FileEntry], directory: Path, *, progress: Any, cancelled: Any) -> list[Path]:
        while not self.gate.wait(0.01):
            if cancelled():
                raise TransferError("called off")
        directory.mkdir(parents=True)
        for done, entry in enumerate(entries):
            shutil.copy(self.payloads[entry.payload_ids[0]], directory / entry.file_name)
            progress(done, len(entries))
        return [directory / entry.file_name for entry in entries]


class Sent(SentImages):
    """A sender that has sent one volume, when a test says which; ``came`` has names and problem of each result."""

    def __init__(self) -> None:
        self.volume: Any = None
        self.came: list[tuple[list[str], str]] = []

    def volume_of(self, message: Message) -> Any:
        return self.volume

    def on_result(self, message: Message, names: Sequence[str], problem: str) -> None:
        self.came.append((list(names), problem))


class Desk:
    """A display on the engine, its fake session, and what a test does with them."""

    def __init__(self, host: EngineViewer, display: ImageDisplay, session: FakeSession, pump: Pump, sent: Sent) -> None:
        self.host, self.display, self.session, self.pump, self.sent = host, display, session, pump, sent

    def send(self, event: str, context: Any) -> str:
        message = parse_publish(make_message(event, "T", context))
        self.display.handle(message)
        return message.id

    def open(self, uid: str = "", **more: str) -> str:
        return self.send("ImagingStudy-open", make_study_context(uid, **more))

    def send_files(self, event: str, files: list[Path], *, tell: bool = False, **more: Any) -> str:
        entries = []
        for file in files:
            payload = f"payload-{len(self.session.payloads)}"
            self.session.payloads[payload] = file
            entry: dict[str, Any] = {"fileName": file.name, "byteLength": file.stat().st_size, "payloadIds": [payload]}
            if tell:
                header = pydicom.dcmread(file, stop_before_pixels=True)
                entry["dicomMetadata"] = {
                    "0020000D": {"vr": "UI", "Value": [str(header.StudyInstanceUID)]},
                    "00080018": {"vr": "UI", "Value": [str(header.SOPInstanceUID)]},
                }
            entries.append(entry)
        return self.send(event, {**more, "files": entries})

    def until(self, done: Callable[[], object]) -> None:
        assert self.pump.run_until(done, PATIENCE), self.status()

    def until_shown(self, uid: str) -> None:
        self.until(lambda: self.display.study and self.display.study.state == "shown" and not self.display.study.busy)
        assert self.display.study is not None
        assert self.display.study.study_uid == uid

    def until_refused(self, id: str, status: int) -> None:
        self.until(lambda: self.session.refused)
        assert self.session.refused.pop(0) == (id, status)
        assert not self.session.refused

    def status(self) -> dict[str, Any]:
        return dict(self.session.answers["STATUS"](parse_publish(make_message("status-request", "T", {"id": "r1"}))))

    def items(self, key: str) -> list[dict[str, Any]]:
        return [item for item in self.status()["items"] if item["key"] == key]

    def segmentations(self) -> list[dict[str, Any]]:
        found = [
            item["resource"]["segmentations"] for item in self.status()["context"] if item["key"] == "segmentation"
        ]
        return found[0] if found else []

    def viewports(self) -> list[dict[str, Any]]:
        answer = self.session.answers["SCENEVIEW"](parse_publish(make_message("sceneview-request", "T", {"id": "r"})))
        return list(answer["viewports"])

    def shows(self, uid: str) -> bool:
        """Whether every slice view shows bright pixels of this study."""
        views = [view for view in self.viewports() if view["orientation"] in SIGHTS]
        bright = [bool((decode(view["picture"])[40:-40] > 200).any()) for view in views]
        assert len(set(bright)) == 1
        return bright[0] and {view["studyInstanceUID"] for view in views} == {uid}

    def node_count(self) -> int:
        return int(self.host.scene.GetNumberOfNodes())


def volumes_of(desk: Desk) -> list[Any]:
    from CastInterfaceLib.scene.viewer import nodes_of_class

    return nodes_of_class(desk.host.scene, "vtkMRMLScalarVolumeNode")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "studies"


@pytest.fixture
def desk(engine: EngineViewer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    from CastInterfaceLib.display.image_display import ImageDisplay

    monkeypatch.setattr(reader, "PAYLOAD_GRACE", 0.1)
    folder.mkdir()
    session, pump = FakeSession(), Pump()
    sent = Sent()
    display = ImageDisplay(engine, session, pump, StudyFiles([folder]), sent)  # type: ignore[arg-type]
    desk = Desk(engine, display, session, pump, sent)
    desk.until(lambda: desk.items("job") == [{"key": "job", "value": "idle"}])
    yield desk
    study = display.study
    if study is not None and study.study_uid:
        desk.send("ImagingStudy-close", make_study_context(study.study_uid))
    folder_of_payloads = display._temporary.path
    display.close()
    assert not folder_of_payloads.exists()
