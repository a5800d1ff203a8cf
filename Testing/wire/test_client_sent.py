"""What a session says that it sent is what a real hub received, byte for byte."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from overhearing import OverhearingRelay

from CastLib.client import Pump, Session, SessionSettings
from CastLib.client.hub_api import dump
from CastLib.errors import FieldError, Refused
from CastLib.message import Message, Target

WAIT = 10.0
AWKWARD = {"name": "Müller — 山田 🙂", "number": 1.0, "small": 1e-7, "large": 2**70, "nested": [None, True, {"": []}]}


class Overheard:
    """A session behind a relay that overhears it, and one that is asked by it and asks it."""

    def __init__(self, hub: str, relay: OverhearingRelay) -> None:
        self.relay = relay
        self.pump = Pump()
        self.topic = "topic-" + secrets.token_hex(4)
        self.sent: list[Message] = []
        self.session = self._session(f"http://127.0.0.1:{relay.port}", "SENDER")
        self.session.on_sent(self.sent.append)
        self.other = self._session(hub, "OTHER")
        for session in (self.session, self.other):
            session.start()
            session.wait_online(WAIT)

    def _session(self, hub: str, product: str) -> Session:
        return Session(SessionSettings(hub=hub, user=self.topic, product=product, announce=False), self.pump)

    def events_heard(self) -> list[bytes]:
        """What the relay heard but acknowledgements."""
        return [text for text in self.relay.messages if b'"event"' in text]

    def until_heard(self, count: int) -> None:
        assert self.pump.run_until(lambda: len(self.sent) >= count and len(self.events_heard()) >= count, WAIT)


@pytest.fixture
def overheard(hub) -> Iterator[Overheard]:
    with OverhearingRelay(int(hub.url.rsplit(":", 1)[1])) as relay:
        one = Overheard(hub.url, relay)
        yield one
        for session in (one.session, one.other):
            session.close()


def test_every_message_sent_is_told_byte_for_byte(overheard, tmp_path):
    file = tmp_path / "a.nrrd"
    file.write_bytes(b"\r\n--cast-" * 1000)
    session = overheard.session
    session.on_request("STATUS", lambda message: {"pictures": "x" * 100_000, **AWKWARD}, in_background=True)
    session.publish("annotation-update", AWKWARD, target=Target(product="OTHER"))
    session.request("SCENEVIEW", {"views": ["R"]}, timeout=0.05)
    session.send_files("nrrd-send", [file], context={"title": "é"})
    overheard.other.request("STATUS", timeout=WAIT, target=Target(name=session.name))
    overheard.until_heard(4)
    assert sorted(dump(message.wire) for message in overheard.sent) == sorted(overheard.events_heard())
    assert [message.key for message in overheard.sent] == [
        "annotation-update",
        "sceneview-request",
        "nrrd-send",
        "status-response",
    ]


def test_what_the_hub_refuses_was_sent_and_what_never_left_was_not(overheard):
    session = overheard.session
    with pytest.raises(FieldError):
        session.publish("annotation-update", {"number": float("nan")})
    deep: dict = {}
    for _ in range(200):
        deep = {"deeper": deep}
    with pytest.raises(Refused):
        session.publish("annotation-update", deep)
    overheard.until_heard(1)
    assert [dump(message.wire) for message in overheard.sent] == overheard.events_heard()


def test_nothing_is_sent_to_a_hub_that_is_not_there():
    pump, sent = Pump(), []
    session = Session(SessionSettings(hub="http://127.0.0.1:9", topic="t"), pump)
    session.on_sent(sent.append)
    with pytest.raises(Exception, match="not reach|refused|nobody"):
        session.publish("annotation-update", {})
    pump.run_once(0)
    assert sent == []
    session.close()


def test_a_message_is_told_before_what_answers_it(overheard):
    order: list[str] = []
    overheard.session.on_sent(lambda message: order.append(f"sent {message.context_dict()['number']}"))
    overheard.session.on_event(lambda message: order.append(f"got {message.context_dict()['number']}"))
    overheard.other.on_event(
        lambda message: overheard.other.publish("annotation-update", {"number": message.context_dict()["number"]})
    )
    for number in range(20):
        overheard.session.publish("measurement-update", {"number": number})
    assert overheard.pump.run_until(lambda: len(order) == 40, WAIT)
    for number in range(20):
        assert order.index(f"sent {number}") < order.index(f"got {number}")
