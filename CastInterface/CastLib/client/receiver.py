"""The thread that keeps one subscription connected, and acknowledges and hands on what comes."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from CastLib.client.backoff import Backoff
from CastLib.client.channel import Channel
from CastLib.client.errors import is_passing
from CastLib.client.hub_api import HubApi, dump
from CastLib.client.pump import Pump
from CastLib.client.recent_ids import RecentIds
from CastLib.client.settings import SessionSettings
from CastLib.client.state import CONNECTING, OFFLINE, ONLINE, REFUSED, WAITING, State
from CastLib.errors import CastError, FieldError, HubNotReachable, Refused
from CastLib.fields import parse_json
from CastLib.frames import parse_frame
from CastLib.message import Message, make_acknowledgement
from CastLib.subscription import Confirmation, Denial, Subscription

_log = logging.getLogger("cast.client")

_CONFIRMATION_WAIT = 2.0  # seconds: existing Cast hubs confirm nothing
_CLOSE_WAIT = 2.0  # seconds, after a denial
_CLOSED_FOR_NOW = (1001, 1012, 1013)  # going away, service restart, try again later
_LEASE_SLACK = 2.0  # seconds: the hub's lease began when it wrote of it
_RECEIVED = 202
_HEARTBEAT = "heartbeat"  # withdrawn from FHIRcast, still sent by some hubs


class Receiver:
    """Keeps the subscription online until stopped or refused.

    ``subscription`` is asked after sign-in, which tells the topic. ``on_message`` gets each new event, ``on_state``
    each state and the error behind it; both are called on this object's thread.
    """

    def __init__(
        self,
        settings: SessionSettings,
        api: HubApi,
        pump: Pump,
        *,
        subscription: Callable[[], Subscription],
        sent_ids: RecentIds,
        on_message: Callable[[Message], None],
        on_state: Callable[[State, CastError | None], None],
    ) -> None:
        self._settings = settings
        self._api = api
        self._pump = pump
        self._make_subscription = subscription
        self._sent_ids = sent_ids
        self._received_ids = RecentIds(settings.remembered_ids)
        self._on_message = on_message
        self._on_state = on_state
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._running = False
        self._thread: threading.Thread | None = None
        self._channel: Channel | None = None
        self._subscription: Subscription | None = None
        self._endpoint = ""
        self._resumed = False
        self._lease_ends = self._renew_at = math.inf
        self._leaving = threading.Lock()
        self._left = False

    def start(self) -> None:
        """Begin to connect, unless that is under way."""
        with self._starting:
            if not self._running:
                self._running = True
                self._thread = threading.Thread(target=self._run, name=f"cast {self._settings.name}", daemon=True)
                self._thread.start()

    def send(self, frame: bytes) -> None:
        """Send a frame (JSON) from any thread; HubNotReachable when there is no connection now."""
        channel = self._channel
        if channel is None:
            raise HubNotReachable("there is no connection to the hub now")
        channel.send(frame)

    def stop(self) -> None:
        """Leave the hub: unsubscribe, close with 1000. Does not wait for the thread; ``join`` does."""
        self._stopping.set()
        channel = self._channel
        if channel is not None:
            self._leave(channel)

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; return whether it did."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def interrupt(self) -> None:
        """End the connection without manners."""
        channel = self._channel
        if channel is not None:
            channel.interrupt()

    def _run(self) -> None:
        with self._pump.connected(self._has_input):
            try:
                final = self._stay_connected()
            except Exception:
                _log.exception("the receiving thread failed")
                final = State(REFUSED, "the client failed inside; the log tells where"), None
        with self._starting:  # who hears of the end may start again at once
            self._running = False
            self._on_state(*final)

    def _stay_connected(self) -> tuple[State, CastError | None]:
        backoff = Backoff(self._settings.reconnect_first, self._settings.max_reconnect_seconds)
        while not self._stopping.is_set():
            self._on_state(State(CONNECTING), None)
            began = time.monotonic()
            try:
                self._serve_one_connection()
            except CastError as error:
                if self._stopping.is_set():
                    break
                if not is_passing(error):
                    _log.warning("refused: %s", error)
                    return State(REFUSED, error.reason if isinstance(error, Refused) else str(error)), error
                if time.monotonic() - began > self._settings.max_reconnect_seconds:
                    backoff.reset()
                wait = backoff.next()
                _log.debug("waiting %.1f s to reconnect: %s", wait, error)  # a service logs its states
                self._on_state(State(WAITING, str(error), wait), error)
                self._stopping.wait(wait)
        return State(OFFLINE), None

    def _serve_one_connection(self) -> None:
        """Connect and receive; ends by an error, always: at last the connection is lost."""
        self._lease_ends = self._renew_at = math.inf
        channel = self._connect()
        self._channel = channel
        try:
            if self._stopping.is_set():
                self._leave(channel)
                return
            self._receive(channel, channel.wait_for_first(_CONFIRMATION_WAIT))
            self._on_state(State(ONLINE, resumed=self._resumed), None)
            while True:
                self._receive(channel, channel.receive())
                if time.monotonic() >= self._renew_at:
                    self._renew()
        finally:
            self._channel = None
            channel.dispose()

    def _connect(self) -> Channel:
        """Return a channel at the endpoint of last time when the hub still knows it, else at a new one."""
        self._api.sign_in.token()
        subscription = self._subscription = self._make_subscription()
        if self._endpoint:
            try:
                before = self._endpoint
                self._endpoint = self._api.subscribe(subscription, before)
                self._resumed = self._endpoint == before
                return self._open()
            except Refused as error:
                if is_passing(error):
                    raise
                _log.info("the hub has forgotten this subscription: %s", error)
        self._endpoint, self._resumed = "", False
        self._endpoint = self._api.subscribe(subscription)
        return self._open()

    def _open(self) -> Channel:
        settings = self._settings
        return Channel(
            self._api.http.address.socket(self._endpoint),
            self._api.http.network,
            connect_timeout=settings.connect_timeout,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
        )

    def _has_input(self) -> bool:
        channel = self._channel
        return channel is not None and channel.has_input()

    def _leave(self, channel: Channel) -> None:
        """Unsubscribe and close with 1000, once: the closing thread and the receiving one may both come here."""
        with self._leaving:
            if self._left or self._subscription is None:
                return
            self._left = True
        try:
            self._api.unsubscribe(self._subscription, self._endpoint, min(1.0, self._settings.close_timeout))
        except CastError as error:
            _log.info("left without unsubscribing: %s", error)
        channel.send_close()

    def _ended(self, channel: Channel, reason: str) -> Refused:
        """Return what a denial means: subscribing anew may help when the hub closes so, or when the lease is over."""
        code = channel.wait_for_close(_CLOSE_WAIT)
        if code in _CLOSED_FOR_NOW or time.monotonic() >= self._lease_ends - _LEASE_SLACK:
            return Refused(503, f"the hub ended the subscription: {reason or 'it says not why'}")
        return Refused(403, reason or "the hub ended the subscription")

    def _granted(self, lease_seconds: int) -> None:
        """Note a confirmation; existing Cast hubs name no lease."""
        now = time.monotonic()
        self._lease_ends = now + lease_seconds if lease_seconds > 0 else math.inf
        self._renew_at = now + lease_seconds / 2 if lease_seconds > 0 else math.inf

    def _renew(self) -> None:
        """Subscribe again at the same endpoint, for which the hub confirms a new lease (FHIRcast 2.4.1)."""
        self._renew_at = math.inf
        try:
            if self._subscription is not None:
                self._api.subscribe(self._subscription, self._endpoint)
        except CastError as error:
            _log.info("the lease was not renewed: %s", error)

    def _receive(self, channel: Channel, data: bytes | None) -> None:
        if data is None:
            return
        try:
            frame = parse_frame(parse_json(data, "frame"))
        except FieldError as error:
            _log.warning("a frame of the hub was ignored: %s", error)
            return
        if isinstance(frame, Denial):
            self._endpoint = ""
            raise self._ended(channel, frame.reason)
        if isinstance(frame, Confirmation):
            self._granted(frame.lease_seconds)
        if not isinstance(frame, Message):
            return
        try:
            channel.send(dump(make_acknowledgement(frame.id, _RECEIVED)))
        finally:
            # Even when the acknowledgement is lost with the connection: the hub then sends it again, as a repeat.
            echo = frame.id in self._sent_ids
            if not echo and frame.key != _HEARTBEAT and self._received_ids.add(frame.id):
                self._on_message(frame)
