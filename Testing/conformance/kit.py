"""A hub under test, and the table of rules that it is held to.

Nothing here imports the product: a hub is an address. ``Program`` is one program that speaks to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import hub_wire
import pytest
import requests
import websocket
from hub_wire import Socket, Wire, event, new_topic

# Where a rule holds.
FHIRCAST = "fhircast"  # wherever FHIRcast is spoken
STRICT = "strict"  # where FHIRcast and nothing else is spoken: an address that is not also Cast's
CAST = "cast"  # at the Cast address

# What a hub must be or have for a rule to be looked at.
SIGN_IN = "sign-in"  # anyone may sign in as anyone at /oauth/authorize and /oauth/token (Cast's mock sign-in)
CONTEXT = "context"  # it keeps the current context, and its well-known document says so
NO_CONTEXT = "no context"  # it does not
QUICK = "quick"  # privileged: set up with short times, see README.md

SETTLE = 0.5  # seconds in which a hub that sends no confirmation is taken to have noticed a socket


@dataclass(frozen=True)
class Row:
    """One rule, named after the section that states it."""

    section: str
    rule: str
    check: Callable[[Hub], None]
    where: str
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.section} {self.rule}"


TABLE: list[Row] = []


def row(
    section: str, rule: str, where: str = FHIRCAST, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Hub], None]], Callable[[Hub], None]]:
    """Enter a function into the table; it gets the hub and fails when the hub breaks the rule."""

    def enter(check: Callable[[Hub], None]) -> Callable[[Hub], None]:
        add(section, rule, check, where, needs)
        return check

    return enter


def add(
    section: str, rule: str, check: Callable[[Hub], None], where: str = FHIRCAST, needs: tuple[str, ...] = ()
) -> None:
    """Enter a rule whose check is made from data."""
    made = Row(section, rule, check, where, needs)
    assert made.name not in {each.name for each in TABLE}, made.name
    TABLE.append(made)


class Program(Wire):
    """One program at a hub, signed in where that is possible."""

    def bind(self, endpoint: str, **options: Any) -> Socket:
        """A socket on which the hub has had time to begin. What it sends first is a rule of its own."""
        socket = Socket(endpoint, **options)
        self.sockets.append(socket)
        socket._socket.settimeout(SETTLE)
        with suppress(websocket.WebSocketTimeoutException):
            socket.first = socket.frame()
        socket._socket.settimeout(hub_wire.WAIT)
        return socket

    def send(self, name: str, context: Any = None, **root: Any) -> dict[str, Any]:
        """Publish an event on this program's topic, see it accepted, and return it."""
        body = event(name, self.topic, context, **root)
        answer = self.publish(body)
        assert 200 <= answer.status_code < 300, f"{name} was answered {answer.status_code}: {answer.text[:200]}"
        return body

    def nothing_more(self, *sockets: Socket, name: str = "Patient-open", but: tuple[str, ...] = ()) -> None:
        """Publish one more event, which these sockets have listed: it must be the next that comes.

        Events named in ``but`` may come before it.
        """
        last = self.send(name)
        for socket in sockets:
            frame = socket.event()
            while frame.get("event", {}).get("hub.event", "").casefold() in but:
                frame = socket.event()
            assert frame.get("id") == last["id"], f"nothing more should have come, but this did: {frame}"

    def unsubscribe(self, endpoint: str, **more: str) -> requests.Response:
        form = {"hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": self.topic}
        more = {key.replace("__", "."): value for key, value in more.items()}
        return self.http.post(self.hub, data={**form, "hub.channel.endpoint": endpoint, **more})


@dataclass
class Hub:
    """A hub as one row sees it: an address, and programs that are closed after the row."""

    url: str
    path: str
    token: str | None = None
    quick: bool = False
    own: bool = False
    programs: list[Program] = field(default_factory=list)

    def program(self, topic: str | None = None, user: str = "", path: str = "") -> Program:
        """A program of its own user and topic, or of those given."""
        token = self.token
        if token is None and not has_sign_in(self.url):
            token = ""
        program = Program(self.url, topic or new_topic(), token, user or secrets.token_hex(4), path or self.path)
        if token == "":
            del program.http.headers["Authorization"]
        program.http.request = partial(program.http.request, timeout=60)  # type: ignore[method-assign]
        self.programs.append(program)
        return program

    def provider(self) -> Program:
        """A program signed in for every user's topic, as existing Cast providers do it."""
        program = self.program()
        program.topic = "*"
        program.sign_in({"user_name": "3dslicer-server", "topic": "*", "client_product_name": "P"})
        return program

    def configuration(self) -> requests.Response:
        """The answer to FHIRcast's discovery request, which needs no token."""
        address = f"{self.url}{self.path.rstrip('/')}/.well-known/fhircast-configuration"
        return requests.get(address, timeout=60)

    def keeps_context(self) -> bool:
        answer = self.configuration()
        found = answer.json() if answer.status_code == 200 else {}
        return bool(found.get("capabilities", {}).get("supportsGetCurrentContext"))

    def check(self, need: str) -> None:
        """Skip a row that cannot be looked at here, and say why; this product's own hub must meet every need."""
        amiss = pytest.fail if self.own else pytest.skip
        if need == SIGN_IN and (self.token is not None or not has_sign_in(self.url)):
            amiss("needs a hub at which any user can sign in at /oauth/authorize and /oauth/token")
        if need == QUICK and not self.quick:
            amiss("needs a hub that was set up with short times (README.md), and --quick to say so")
        if need in (CONTEXT, NO_CONTEXT) and self.keeps_context() is not (need == CONTEXT):
            amiss("needs a hub that keeps the current context" if need == CONTEXT else "needs a hub without one")

    def close(self) -> None:
        for program in self.programs:
            with suppress(OSError, websocket.WebSocketException):
                program.close()


_signs_in: dict[str, bool] = {}


def has_sign_in(url: str) -> bool:
    """Whether anyone may sign in at a hub; asked once."""
    if url not in _signs_in:
        answer = requests.post(f"{url}/oauth/authorize", json={"user_name": "conformance"}, timeout=60)
        _signs_in[url] = answer.status_code == 200
    return _signs_in[url]


def refused(socket_endpoint: str) -> int:
    """The HTTP status with which a hub refuses a socket, or the code with which it closes one that it has denied.

    Some FHIRcast clients read frames only, so a hub may open the socket to say so; fails when it does neither.
    """
    try:
        socket = Socket(socket_endpoint)
    except websocket.WebSocketBadStatusException as failure:
        assert 400 <= failure.status_code < 500, failure.status_code
        return int(failure.status_code)
    frame = socket.frame()
    assert frame["hub.mode"] == "denied" and frame["hub.reason"], frame
    return int(socket.frame()["closed"])


def same(frame: dict[str, Any], sent: dict[str, Any]) -> bool:
    """Whether a frame is the event that was sent: the same id, time and event, whatever else stands beside them."""
    return all(frame.get(key) == sent[key] for key in ("id", "timestamp", "event"))


def resource(name: str, id: str, **more: Any) -> list[dict[str, Any]]:
    """The context of an open or close with one resource, keyed as the catalogue has it (FHIRcast 3.3 to 3.6)."""
    type = name.split("-", 1)[0]
    key = {"imagingstudy": "study", "diagnosticreport": "report"}.get(type.lower(), type.lower())
    return [{"key": key, "resource": {"resourceType": type, "id": id, **more}}]
