"""A desk for the tests of ``cast``: a user of the test's own, and other applications on that user's topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cast_command import CastCommand, end_commands
from hub_process import HubProcess

from CastLib.client import Pump, Session, SessionSettings


@pytest.fixture(autouse=True)
def _no_command_left() -> Iterator[None]:
    kept = list(CastCommand.started)  # those of the whole module
    yield
    end_commands(kept)


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A user, and so a topic, that no other test has."""
    return f"user-{abs(hash(request.node.nodeid)) % 10**8}"


@pytest.fixture
def peer(hub: HubProcess, user: str) -> Iterator[Callable[..., tuple[Session, Pump]]]:
    """A function that connects another application to the topic, with the settings given."""
    sessions: list[Session] = []

    def join(**settings: Any) -> tuple[Session, Pump]:
        pump = Pump()
        session = Session(SessionSettings(hub=hub.url, user=user, topic=user, announce=False, **settings), pump)
        sessions.append(session)
        session.start()
        session.wait_online(60)
        return session, pump

    yield join
    for session in sessions:
        session.close()
