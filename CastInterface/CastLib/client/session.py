"""A session at a hub: the one object that applications use. What it does by calls of its own is `HubClient`'s."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from CastLib.client.errors import without_frames
from CastLib.client.hub_api import dump
from CastLib.client.hub_client import HubClient
from CastLib.client.pump import Pump
from CastLib.client.receiver import Receiver
from CastLib.client.request_handlers import Answer, Answers
from CastLib.client.settings import SessionSettings
from CastLib.client.state import CONNECTING, OFFLINE, ONLINE, REFUSED, WAITING, State
from CastLib.client.workers import Workers
from CastLib.errors import CastError, FieldError, HubNotReachable, TimedOut
from CastLib.events import is_request
from CastLib.message import Message, make_acknowledgement
from CastLib.subscription import Subscription, make_subscription

_log = logging.getLogger("cast.client")

_WORKERS = 4  # answers that may be under way at once
_LOOK = 0.5  # seconds


class Session(HubClient):
    """Signs in, subscribes, receives, publishes, asks and answers, sends and fetches batches.

    Handlers are called by the pump on the main thread; the calls that wait for the hub may be made on any thread, also
    before ``start``. They raise Refused, HubNotReachable or TimedOut, and FieldError for what they were given.
    """

    def __init__(self, settings: SessionSettings, pump: Pump) -> None:
        super().__init__(settings, pump)
        self._workers = Workers(f"cast answer {settings.name}", _WORKERS)
        self._senders = Workers(f"cast send {settings.name}", 1)
        self._answers = Answers(
            pump,
            self._workers,
            self._senders,
            self._sender,
            send=self._send_frame,
            refuse=self._acknowledge,
            largest=settings.largest_frame,
        )
        self._receiver = Receiver(
            settings,
            self._api,
            pump,
            subscription=self._subscription,
            sent_ids=self._sent_ids,
            on_message=self._receive,
            on_state=self._change_state,
        )
        self._event_handlers: list[Callable[[Message], object]] = []
        self._message_handlers: list[Callable[[Message], object]] = []
        self._state_handlers: list[Callable[[State], object]] = []
        self._presence_handlers: list[Callable[[dict[str, Any]], object]] = []
        self._changed = threading.Condition()
        self._state = State()
        self._last_error: CastError | None = None

    # Where it stands

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    def describe(self, state: State) -> dict[str, Any]:
        """Return a state as one JSON value, with whose it is; ``retry_in`` is in seconds."""
        told = {"state": state.kind, "reason": state.reason, "retry_in": state.retry_in}
        kept = {key: value for key, value in told.items() if value}
        return {**kept, "hub": self.hub, "topic": self.topic, "name": self.name}

    # What is to be called

    def on_event(self, handler: Callable[[Message], object], *, requests: bool = False) -> None:
        """Have every event handed to ``handler``; those that are requests only when it wants ``requests`` too."""
        handlers = self._message_handlers if requests else self._event_handlers
        handlers.append(self._unless_closed(handler))

    def on_request(self, data_type: str, answer: Answer, in_background: bool = False) -> None:
        """Have requests for ``data_type`` answered with what ``answer(message)`` returns, any JSON value.

        None is no answer. An exception, which is logged, is answered with ``{"error": "…"}``. ``in_background`` runs
        it on a thread of its own, at once and whatever the main thread does: for STATUS during a load.
        """
        self._answers.add(data_type, answer, in_background)

    def on_other_requests(self, answer: Answer) -> None:
        """Have all requests that no other function answers answered by this one, on a thread of its own."""
        self._answers.add_others(answer)

    def on_state(self, handler: Callable[[State], object]) -> None:
        """Have every change of state handed to ``handler``, until ``close``."""
        self._state_handlers.append(self._unless_closed(handler))

    def on_presence(self, handler: Callable[[dict[str, Any]], object]) -> None:
        """Have the collated answers to this session's own announcement handed to ``handler``."""
        self._presence_handlers.append(self._unless_closed(handler))

    # Its life

    def start(self) -> None:
        """Begin to connect, and stay connected until ``close`` or until the hub refuses; returns at once."""
        if self._closed:
            raise CastError("this session is closed; make a new one")
        with self._changed:
            self._last_error = None
            if self._state.kind in (OFFLINE, REFUSED):
                self._state = State(CONNECTING)
        self._receiver.start()

    def wait_online(self, timeout: float, *, patient: bool = False) -> None:
        """Wait until online: for command lines, not for a thread that draws a window.

        Raises Refused or HubNotReachable as soon as connecting failed (a ``patient`` caller waits on while it is tried
        again, and HubNotReachable comes at the end), TimedOut after ``timeout`` seconds.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while self._state.kind != ONLINE:
                kind, error = self._state.kind, self._last_error
                if kind == REFUSED or (kind == WAITING and not patient):
                    raise error or HubNotReachable(self._state.reason)
                if kind == OFFLINE:
                    raise HubNotReachable("the session was closed" if self._closed else "the session was not started")
                left = end - time.monotonic()
                if left <= 0:
                    raise error or TimedOut(f"{self.hub} did not confirm the subscription within {timeout:g} s")
                self._changed.wait(min(left, _LOOK))  # on Windows no signal ends a wait

    def close(self) -> None:
        """Unsubscribe, close the socket with 1000, end all threads; no handler is called afterwards.

        Safe twice and from a handler. It waits for the hub and the threads, ``close_timeout`` seconds at most.
        """
        if self._closed:
            return
        self._closed = True
        end = time.monotonic() + self.settings.close_timeout
        self._workers.stop()
        self._senders.stop()
        self._receiver.stop()
        if not self._join(self._receiver.join, min(1.0, self.settings.close_timeout / 2)):
            self._receiver.interrupt()
        ended = self._join(self._receiver.join, end - time.monotonic())
        for workers in (self._workers, self._senders):
            ended = self._join(workers.join, end - time.monotonic()) and ended
        if not ended:
            _log.warning("a thread of %s still ends: it waits for the hub or for an answer", self.settings.name)
        self._http.close()
        self._change_state(State(OFFLINE))

    def refuse(self, message: Message, status: int, reason: str) -> None:
        """Take back the acknowledgement of an event: it could not be followed (409, 404 …) or failed (500 …).

        The hub tells the others. ``reason`` is logged here; the acknowledgement carries the status only.
        """
        if not 400 <= status <= 599:
            raise FieldError("status", f"must be 400 to 599, not {status}")
        _log.info("%s refused with %d: %s: id %s", message.event, status, reason, message.id)
        self._acknowledge(message, status)

    # Inside

    def _subscription(self) -> Subscription:
        settings = self.settings
        return make_subscription(
            self.topic,
            settings.events,
            name=settings.name,
            product=settings.product,
            version=settings.version,
            actors=settings.actors,
            acknowledges=True,
        )

    def _receive(self, message: Message) -> None:
        asked = is_request(message.key)
        for handler in self._message_handlers + ([] if asked else self._event_handlers):
            self._pump.post(handler, message)
        if asked:
            self._answers.take(message)

    def _change_state(self, state: State, error: CastError | None = None) -> None:
        with self._changed:
            if self._closed and state.kind != OFFLINE:
                return
            self._state = state
            if error is not None:
                self._last_error = without_frames(error)
            self._changed.notify_all()
        for handler in self._state_handlers:
            self._pump.post(handler, state)
        if state.kind == ONLINE and self.settings.announce:
            self._workers.submit(self._announce)

    def _announce(self) -> None:
        try:
            answer = self.announce()
        except CastError as error:
            _log.info("not announced: %s", error)
            return
        for handler in self._presence_handlers:
            self._pump.post(handler, answer)

    def _send_frame(self, frame: bytes) -> None:
        self._receiver.send(frame)
        self._report_sent(frame)

    def _acknowledge(self, message: Message, status: int) -> None:
        try:
            self._receiver.send(dump(make_acknowledgement(message.id, status)))
        except HubNotReachable as error:
            _log.info("the acknowledgement %d was not sent: %s: id %s", status, error, message.id)

    def _join(self, join: Callable[[float], bool], timeout: float) -> bool:
        """Wait for threads; on the main thread, meanwhile run what they ask it for, since they wait for that."""
        if not self._pump.on_main_thread():
            return join(max(0.0, timeout))
        end = time.monotonic() + timeout
        while not join(0.01):
            if time.monotonic() > end:
                return False
            self._pump.serve_calls()
        return True
