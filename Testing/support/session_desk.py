"""Sessions of one test at a real hub: what the tests of the client share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import pytest
from hub_process import HubProcess

from CastLib.client import Pump, Session, SessionSettings
from CastLib.message import Message

WAIT = 10.0


class Desk:
    """Sessions of one test on one pump and one topic."""

    def __init__(self, hub: str) -> None:
        self.hub = hub
        self.pump = Pump()
        self.topic = "topic-" + secrets.token_hex(4)
        self.sessions: list[Session] = []

    def session(self, product: str = "DISPLAY", *, online: bool = True, **more) -> Session:
        more = {
            "hub": self.hub,
            "user": self.topic,
            "product": product,
            "reconnect_first": 0.05,
            "announce": False,
            **more,
        }
        session = Session(SessionSettings(**more), self.pump)
        self.sessions.append(session)
        if online:
            session.start()
            session.wait_online(WAIT)
        return session

    def receiver(self, product: str = "DISPLAY", **more) -> tuple[Session, list[Message]]:
        session, events = self.session(product, online=False, **more), []
        session.on_event(events.append)
        session.start()
        session.wait_online(WAIT)
        return session, events

    def until(self, predicate: Callable[[], object], timeout: float = WAIT) -> None:
        assert self.pump.run_until(predicate, timeout)

    def close(self) -> None:
        for session in self.sessions:
            session.close()


@pytest.fixture
def desk(hub) -> Iterator[Desk]:
    desk = Desk(hub.url)
    yield desk
    desk.close()


def logged(hub: HubProcess, *words: str) -> bool:
    return any(all(word in line for word in words) for line in hub.log.read_text().splitlines())


def log_comes(hub: HubProcess, *words: str) -> bool:
    end = time.monotonic() + WAIT
    while not logged(hub, *words):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
