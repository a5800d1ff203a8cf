"""A display that lost its hub for longer than it may resume: it follows the worklist, or is marked."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from display_desk import volumes_of
from display_parts import study_uid_of, write_phantom
from hub_process import HubProcess
from relay import Relay

from CastInterfaceLib.display import confirmation
from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.study import reader
from CastInterfaceLib.study.local_studies import StudyFiles
from CastLib.client import Pump, Session, SessionSettings
from CastLib.message import make_message, parse_publish
from CastLib.study_context import make_study_context

if TYPE_CHECKING:
    from CastInterfaceLib.views.engine_viewer import EngineViewer

PATIENCE = 40.0
SMALL = (24, 24, 8)
NOTHING: dict[str, Any] = {"context.type": "", "context": []}


class Place:
    """A real hub, a display at it through a relay, and a worklist that answers STATUS with ``open``."""

    def __init__(self, host: EngineViewer, hub: HubProcess, studies: Path) -> None:
        from CastInterfaceLib.display.image_display import ImageDisplay

        self.host, self.pump, self.topic = host, Pump(), f"topic-{secrets.token_hex(4)}"
        self.uids = [study_uid_of(write_phantom(studies / name, counts=SMALL)[0]) for name in "ab"]
        self.hub, self.open = hub, dict[str, Any](NOTHING)
        self.relay = Relay(int(hub.url.rpartition(":")[2]))
        self.relay.__enter__()
        self.port = self.relay.port
        self.session = self._session(f"http://127.0.0.1:{self.port}", "3DSLICER-ID", "ID")
        self.display = ImageDisplay(host, self.session, self.pump, StudyFiles([studies]), SentImages())
        self.worklist = self._session(hub.url, "WORKLIST", "WORKLIST_CLIENT")
        self.worklist.on_request("STATUS", lambda message: self.open, in_background=True)
        for session in (self.worklist, self.session):
            session.start()
            self.until(lambda: session.state.kind == "online")  # noqa: B023

    def _session(self, hub: str, product: str, actor: str) -> Session:
        settings = SessionSettings(
            hub=hub,
            topic=self.topic,
            product=product,
            actors=(actor,),
            announce=actor == "ID",
            reconnect_first=0.05,
            max_reconnect_seconds=0.3,
        )
        return Session(settings, self.pump)

    def until(self, done: Callable[[], object]) -> None:
        assert self.pump.run_until(done, PATIENCE), (self.session.state, self.problems())

    def publish(self, event: str, uid: str) -> None:
        self.worklist.publish(event, make_study_context(uid))

    def says(self, uid: str) -> None:
        """The worklist answers with another study, of which no event comes."""
        self.open = {"context.type": "ImagingStudy", "context": make_study_context(uid)} if uid else NOTHING

    def until_shown(self, uid: str) -> None:
        self.until(lambda: (study := self.display.study) and study.study_uid == uid and study.state == "shown")

    def lose(self) -> None:
        """Pull the display's cable."""
        self.relay.__exit__()

    def find_again(self) -> None:
        """Put it back."""
        self.relay.__init__(self.relay._target)  # type: ignore[misc]
        self.relay.port = self.port
        self.relay.__enter__()

    def problems(self) -> dict[str, str]:
        status = self.display.answer_status(parse_publish(make_message("status-request", "T", {"id": "r"})))
        return {item["value"]: item["message"] for item in status["items"] if item["key"] == "problem"}

    def marks(self) -> set[str]:
        return {volume.GetAttribute("Cast.NotConfirmedSince") or "" for volume in volumes_of(self)}  # type: ignore[arg-type]

    def shown(self) -> set[str]:
        return {volume.GetAttribute("DICOM.StudyInstanceUID") for volume in volumes_of(self)}  # type: ignore[arg-type]

    def close(self) -> None:
        self.display.close_study()
        for session in (self.session, self.worklist):
            session.close()
        self.display.close()
        self.relay.__exit__()


@pytest.fixture
def place(
    engine: EngineViewer, start_hub: Callable[..., HubProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.setattr(confirmation, "RESUMED_WITHIN", 0.2)
    monkeypatch.setattr(confirmation, "ASK_AGAIN", 0.2)
    monkeypatch.setattr(reader, "PAYLOAD_GRACE", 0.1)
    monkeypatch.setenv("CAST_HUB_GRACE_SECONDS", "1s")
    place = Place(engine, start_hub(), tmp_path / "studies")
    yield place
    place.close()


def test_what_the_worklist_opened_while_the_cable_was_out_is_followed(place: Place) -> None:
    one, two = place.uids
    place.publish("ImagingStudy-open", one)
    place.says(one)
    place.until_shown(one)
    assert (place.marks(), place.problems()) == ({""}, {})
    place.lose()
    place.until(lambda: place.session.state.kind == "waiting to reconnect")
    place.until(lambda: place.marks() != {""})  # past what can be resumed
    (since,) = place.marks()
    assert since in place.problems()["not-confirmed"] and place.display.problems == [place.problems()["not-confirmed"]]
    place.says(two)
    place.publish("ImagingStudy-open", two)
    place.pump.run_until(lambda: False, 2.0)  # longer than the hub keeps anything
    place.find_again()
    place.until_shown(two)
    assert (place.shown(), place.marks(), place.problems()) == ({two}, {""}, {})


def test_what_came_within_the_hubs_patience_is_made_up_for(place: Place) -> None:
    one, two = place.uids
    place.says(one)
    place.publish("ImagingStudy-open", one)
    place.until_shown(one)
    place.relay.cut()
    place.says(two)
    place.publish("ImagingStudy-open", two)
    place.until_shown(two)
    place.until(lambda: place.marks() == {""})
    assert place.shown() == {two}


def test_a_hub_that_was_killed_and_started_again(
    place: Place, start_hub: Callable[..., HubProcess], tmp_path: Path
) -> None:
    one, two = place.uids
    place.says(one)
    place.publish("ImagingStudy-open", one)
    place.until_shown(one)
    place.hub.stop(signal.SIGKILL)
    place.says(two)
    place.until(lambda: place.marks() != {""})
    start_hub("--port", str(place.relay._target), folder=tmp_path / "again")
    place.until_shown(two)
    place.until(lambda: place.marks() == {""})
    assert place.shown() == {two} and place.problems() == {}


def test_a_worklist_that_says_nothing_is_open_closes(place: Place) -> None:
    place.publish("ImagingStudy-open", place.uids[0])
    place.until_shown(place.uids[0])
    place.lose()
    place.until(lambda: place.marks() != {""})
    place.says("")
    place.pump.run_until(lambda: False, 1.5)
    place.find_again()
    place.until(lambda: place.display.study is None)
    assert place.shown() == set() and place.problems() == {}


def test_without_an_answer_it_stays_marked_until_an_event_or_the_worklist_comes(place: Place) -> None:
    one, two = place.uids
    place.publish("ImagingStudy-open", one)
    place.until_shown(one)
    place.open = {"items": []}  # it does not say what is open
    place.lose()
    place.until(lambda: place.marks() != {""})
    place.pump.run_until(lambda: False, 1.5)
    place.find_again()
    place.until(lambda: place.session.state.kind == "online")
    place.pump.run_until(lambda: False, 1.0)
    assert place.shown() == {one} and place.marks() != {""} and "not-confirmed" in place.problems()
    place.says(one)  # asked again
    place.until(lambda: place.marks() == {""})
    assert place.shown() == {one} and place.problems() == {}
    place.open = {"items": []}
    place.lose()
    place.until(lambda: place.marks() != {""})
    place.pump.run_until(lambda: False, 1.5)
    place.find_again()
    place.until(lambda: place.session.state.kind == "online")
    place.publish("ImagingStudy-open", two)
    place.until_shown(two)
    assert (place.shown(), place.marks(), place.problems()) == ({two}, {""}, {})


def test_leaving_the_hub_marks_what_stays(place: Place) -> None:
    place.publish("ImagingStudy-open", place.uids[0])
    place.until_shown(place.uids[0])
    place.display.leave()
    assert "" not in place.marks()
