"""A verb's connection to the hub."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from CastCLI.watch import NO_RESULTS
from CastLib.client import Pump, Session, SessionSettings
from CastLib.client.state import ONLINE, WAITING, State
from CastLib.command_line import connection
from CastLib.data_types import STATUS
from CastLib.message import Target

if TYPE_CHECKING:
    from CastCLI.output import Output

ONLINE_SECONDS = 15.0
_ANSWER_SECONDS = 1.0


@contextmanager
def a_session(args: argparse.Namespace, **more: Any) -> Iterator[tuple[Session, Pump]]:
    """Yield the session that the connection flags describe, and its pump; it is closed whatever happens.

    It makes calls at once; it receives events only after ``go_online``.
    """
    pump = Pump()
    session = Session(SessionSettings(**{**connection(args), "announce": False, **more}), pump)
    try:
        yield session, pump
    finally:
        session.close()


def go_online(session: Session) -> None:
    """Subscribe and wait for the hub's confirmation; raises what the client raises when there is none."""
    session.start()
    session.wait_online(ONLINE_SECONDS)


def tell_of_hub(session: Session, output: Output) -> None:
    """From now on, while it is online, say when the hub is away and when it is back."""
    away = False

    def tell(state: State) -> None:
        nonlocal away
        if state.kind == WAITING and not away:
            away = True
            output.say(f"the hub is away: {state.reason}")
        elif state.kind == ONLINE and away:
            away = False
            missed = "" if state.resumed else "; what was published meanwhile may be missing"
            output.say(f"the hub is back{missed}")

    session.on_state(tell)


def others_connected(session: Session, target: Target) -> list[str]:
    """The names of the others that a message would reach, as far as they take requests; they are not waited for."""
    expected = session.request(STATUS, target=target, timeout=0).get("expected")
    return [str(name) for name in expected] if isinstance(expected, list) else []


def warn_if_alone(session: Session, target: Target, output: Output) -> None:
    """Say so when a message has reached nobody of whom one knows."""
    if not others_connected(session, target):
        output.say("warning: no other application that answers requests is connected there: does anybody listen?")


def others_that_could_answer(session: Session, target: Target) -> list[str]:
    """The same without those whose STATUS says that no result ever comes from them."""
    names = others_connected(session, target)
    if not names:
        return []
    responses = session.request(STATUS, target=target, timeout=_ANSWER_SECONDS).get("responses") or []
    onlookers = {str(answer.get("subscriber")) for answer in responses if _only_looks_on(answer)}
    return [name for name in names if name not in onlookers]


def _only_looks_on(answer: dict[str, Any]) -> bool:
    data = answer.get("data")
    return isinstance(data, dict) and isinstance(data.get("items"), list) and NO_RESULTS in data["items"]
