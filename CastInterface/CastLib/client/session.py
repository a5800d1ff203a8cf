"""A session at a hub: the one object that applications use."""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from CastLib.client.address import HubAddress
from CastLib.client.batch import Choose, choose_entries, fetch_into
from CastLib.client.download import Download
from CastLib.client.errors import without_frames
from CastLib.client.http import Http
from CastLib.client.hub_api import HubApi, dump
from CastLib.client.network import Network
from CastLib.client.pump import Pump
from CastLib.client.receiver import Receiver
from CastLib.client.recent_ids import RecentIds
from CastLib.client.request_handlers import Answer, Answers
from CastLib.client.settings import SessionSettings
from CastLib.client.sign_in import SignIn
from CastLib.client.state import CONNECTING, OFFLINE, ONLINE, REFUSED, WAITING, State
from CastLib.client.upload import BatchBody, JsonBody, Progress, manifest_context
from CastLib.client.workers import Workers
from CastLib.data_types import STATUS
from CastLib.errors import CastError, FieldError, HubNotReachable, TimedOut
from CastLib.events import EVERY, is_request
from CastLib.manifest import FileEntry, parse_manifest
from CastLib.message import (
    REQUEST_TIMEOUT,
    Message,
    Sender,
    Target,
    make_acknowledgement,
    make_message,
    make_request,
    parse_message,
)
from CastLib.multipart import lay_out_batch
from CastLib.subscription import Subscription, make_subscription

_log = logging.getLogger("cast.client")

_WORKERS = 4  # answers that may be under way at once
_LOOK = 0.5  # seconds


class Session:
    """Signs in, subscribes, receives, publishes, asks and answers, sends and fetches batches.

    Handlers are called by the pump on the main thread; the calls that wait for the hub may be made on any thread, also
    before ``start``. They raise Refused, HubNotReachable or TimedOut, and FieldError for what they were given.
    """

    def __init__(self, settings: SessionSettings, pump: Pump) -> None:
        self.settings = settings
        self._pump = pump
        address = HubAddress(settings.hub)
        network = Network.for_hub(address, settings.ca_bundle)
        self._http = Http(address, network, settings.connect_timeout, settings.call_timeout, calling=pump.connected)
        self._sign_in = SignIn(self._http, settings)
        self._api = HubApi(self._http, self._sign_in)
        self._sender = Sender(settings.name, settings.product, settings.version, settings.actors)
        self._sent_ids = RecentIds(settings.remembered_ids)
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
        self._sent_handlers: list[Callable[[Message], object]] = []
        self._state_handlers: list[Callable[[State], object]] = []
        self._presence_handlers: list[Callable[[dict[str, Any]], object]] = []
        self._changed = threading.Condition()
        self._state = State()
        self._last_error: CastError | None = None
        self._closed = False

    # Where it stands

    @property
    def hub(self) -> str:
        """The hub's address as it is used."""
        return self._http.address.base

    @property
    def topic(self) -> str:
        """The topic of this session; ``""`` before sign-in when the settings name none."""
        return self._sign_in.topic

    @property
    def name(self) -> str:
        """The subscriber name of this session."""
        return self.settings.name

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

    def on_sent(self, handler: Callable[[Message], object]) -> None:
        """Have every message that goes out handed to ``handler``: events, requests, batches and answers.

        It is read from the very bytes that the hub gets, as these leave: whatever the hub then says of them. An
        acknowledgement is no message.
        """
        self._sent_handlers.append(self._unless_closed(handler))

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

    # What it does at the hub

    def publish(
        self,
        event: str,
        context: list[Any] | dict[str, Any],
        *,
        target: Target | None = None,
        topic: str | None = None,
        id: str | None = None,
    ) -> str:
        """Publish an event on ``topic``, the session's own by default; return its id, ``id`` when one is given."""
        wire = make_message(event, self._topic_for(topic), context, sender=self._sender, target=target, id=id)
        text = self._written(wire)
        self._api.publish(JsonBody(text, lambda: self._report_sent(text)))
        return str(wire["id"])

    def request(
        self,
        data_type: str,
        context: Mapping[str, Any] | None = None,
        *,
        target: Target | None = None,
        timeout: float = REQUEST_TIMEOUT,
        topic: str | None = None,
    ) -> dict[str, Any]:
        """Ask other subscribers and return the collated answer, also when its ``ok`` is false.

        ``timeout`` is the time in seconds that the hub gives them; TimedOut is raised only when the hub itself is late.
        """
        asked_topic = self._topic_for(topic, everyone=True)
        wire = make_request(data_type, asked_topic, context, sender=self._sender, target=target, timeout=timeout)
        text = dump(wire)
        return self._api.request(JsonBody(text, lambda: self._report_sent(text)), timeout)

    def announce(self) -> dict[str, Any]:
        """Ask everybody for STATUS, by which they learn of this session too; return the collated answer."""
        return self.request(STATUS, target=Target(actor=EVERY))

    def send_files(
        self,
        event: str,
        paths: Iterable[Path | str],
        *,
        names: Iterable[str] | None = None,
        context: Mapping[str, Any] | None = None,
        target: Target | None = None,
        topic: str | None = None,
        progress: Progress | None = None,
        id: str | None = None,
    ) -> str:
        """Send files as one batch, streamed from disk; return the event's id, which is ``id`` when one is given.

        ``names`` are those they travel under, their own by default. ``context`` holds what stands beside ``files``.
        ``progress(done, total)`` counts the files' bytes. Raises TransferError for a file that cannot be read or that
        changes meanwhile, FileRefused for its name.
        """
        manifest, files = manifest_context(paths, context, names)
        wire = make_message(event, self._topic_for(topic), manifest, sender=self._sender, target=target, id=id)
        entries = parse_manifest(manifest)
        text = self._written(wire)
        body = BatchBody(lay_out_batch(text, entries), entries, files, progress, lambda: self._report_sent(text))
        with self._pump.moving():
            self._api.publish_batch(body)
        return str(wire["id"])

    def fetch_files(
        self,
        message: Message,
        directory: Path | str,
        *,
        choose: Choose | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Path]:
        """Fetch the files of a batch that ``choose(entry)`` wants into ``directory``; return them in its order.

        All or none: on any failure nothing stays. Raises TransferError (TransferCancelled when ``cancelled()`` became
        true), FileRefused, HubNotReachable.
        """
        return self.fetch_entries(message.files, directory, choose=choose, progress=progress, cancelled=cancelled)

    def fetch_entries(
        self,
        entries: Iterable[FileEntry],
        directory: Path | str,
        *,
        choose: Choose | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Path]:
        """Fetch files as ``fetch_files`` does, by the entries of a manifest."""
        chosen = choose_entries(entries, choose)
        download = Download(
            self._api,
            parallel=self.settings.parallel,
            retries=self.settings.download_retries,
            progress=progress,
            cancelled=cancelled,
        )
        with self._pump.moving():
            return fetch_into(Path(directory), chosen, download)

    def refuse(self, message: Message, status: int, reason: str) -> None:
        """Take back the acknowledgement of an event: it could not be followed (409, 404 …) or failed (500 …).

        The hub tells the others. ``reason`` is logged here; the acknowledgement carries the status only.
        """
        if not 400 <= status <= 599:
            raise FieldError("status", f"must be 400 to 599, not {status}")
        _log.info("%s refused with %d: %s: id %s", message.event, status, reason, message.id)
        self._acknowledge(message, status)

    def status(self) -> dict[str, Any]:
        """Return the hub's health and version; needs no sign-in."""
        return self._api.status()

    # Inside

    def _topic_for(self, topic: str | None, *, everyone: bool = False) -> str:
        """Return the topic to use; ``""`` means every topic the asker may see, which only requests can."""
        if topic is None:
            if not self.topic:
                self._sign_in.token()
            topic = self.topic
        if topic == EVERY:
            topic = ""
        if not topic and not everyone:
            raise FieldError("topic", "must be named: this session belongs to no single topic")
        return topic

    def _written(self, wire: dict[str, Any]) -> bytes:
        """Return an event as JSON, and know it again: the hub may return it before it answers."""
        text = dump(wire)
        self._sent_ids.add(str(wire["id"]))
        return text

    def _report_sent(self, text: bytes) -> None:
        """Tell what goes out. On the thread that sends it, so that reading it costs the main thread nothing."""
        if not self._sent_handlers:
            return
        try:
            message = parse_message(json.loads(text))
        except FieldError as error:
            _log.info("what is sent is no message: %s", error)  # the hub refuses it
            return
        for handler in self._sent_handlers:
            self._pump.post(handler, message)

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

    def _unless_closed(self, handler: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(handler)
        def handle(*args: Any) -> None:
            if not self._closed:
                handler(*args)

        return handle

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
