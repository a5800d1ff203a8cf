"""What "Cast Interface" does at a hub: connects, tells what comes, publishes and asks. `InterfaceLogic` builds on it.

Everything here is called on the main thread and returns at once; what waits for the network runs on threads, and every
callback comes on the main thread. A callback with two parameters gets ``(value, error)``: one of them is None.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from CastInterfaceLib.display.sent_images import SentImages
from CastInterfaceLib.logic.connection import Connection
from CastInterfaceLib.logic.message_log import RECEIVED, SENT, MessageLog
from CastInterfaceLib.logic.peers import Peers
from CastInterfaceLib.views.window_viewer import open_viewer
from CastLib.actors import IMAGE_DISPLAY, SLICER_PRODUCT
from CastLib.client import Session, SessionSettings, State
from CastLib.data_types import STATUS
from CastLib.errors import CastError
from CastLib.events import EVERY, event_key, request_event
from CastLib.message import Message, Target
from CastSlicerLib.background import Background, Ended
from CastSlicerLib.jobs import Job
from CastSlicerLib.local_hub import LOCAL_HUB, hub_status
from CastSlicerLib.pump_timer import PumpTimer
from CastSlicerLib.slots import remover

log = logging.getLogger("cast.display")

Remove = Callable[[], None]

_FAR = 10.0  # seconds a request may take by default when a peer renders its views


class NotConnected(CastError):
    """There is no connection to a hub."""


class HubLogic:
    """What a Slicer does at a hub.

    Args:
        timer: the process's pump.
        background: runs the threads.
        sent: who sends images out over the connection.

    Attributes:
        messages: the last messages received and sent.
        peers: the other subscribers.
    """

    def __init__(self, timer: PumpTimer, background: Background, sent: SentImages) -> None:
        self._timer = timer
        self._background = background
        self.messages = MessageLog()
        self.peers = Peers()
        self._state_callbacks: list[Callable[[State], object]] = []
        self._event_callbacks: list[tuple[str, Callable[[Message], object]]] = []
        self._connection = Connection(
            self._timer,
            self._background,
            open_viewer,
            sent,
            on_state=self._stateChanged,
            on_message=self._received,
            on_sent=lambda message: self.messages.add(SENT, message),
            on_presence=lambda answer: self.peers.take_answer(answer),
        )

    @property
    def timer(self) -> PumpTimer:
        """The process's pump, by which a panel hears of changes."""
        return self._timer

    # The connection

    @property
    def state(self) -> State:
        """Where the connection stands.

        ``state.kind`` is "offline", "connecting", "online", "waiting to reconnect" or "refused", ``state.reason`` a
        sentence.
        """
        return self._connection.state

    @property
    def retryIn(self) -> float:
        """Seconds until it connects again by itself; 0 unless it waits to."""
        left = self._connection.since + self.state.retry_in - time.monotonic()
        return max(0.0, left) if self.state.retry_in else 0.0

    @property
    def hub(self) -> str:
        """The address of the hub, "" while disconnected."""
        session = self._connection.session
        return session.hub if session is not None else ""

    @property
    def topic(self) -> str:
        """The topic of this connection, "" before the hub has told."""
        session = self._connection.session
        return session.topic if session is not None else ""

    @property
    def user(self) -> str:
        """The name that was signed in with, "" when the hub chose or while disconnected."""
        session = self._connection.session
        return session.settings.user if session is not None else ""

    @property
    def askedTopic(self) -> str:
        """The topic that was asked for, "" for the user's own or while disconnected."""
        session = self._connection.session
        return session.settings.topic if session is not None else ""

    @property
    def name(self) -> str:
        """The name by which others know this Slicer, "" while disconnected."""
        session = self._connection.session
        return session.name if session is not None else ""

    def connect(
        self,
        hub: str = LOCAL_HUB,
        user: str = "",
        topic: str = "",
        *,
        name: str = "",
        actors: tuple[str, ...] = (IMAGE_DISPLAY,),
    ) -> None:
        """Connect to a hub and stay connected until `disconnect`; `onStateChanged` tells how it goes.

        Args:
            hub: its address.
            user: the name to sign in with; "" has the hub choose.
            topic: the topic to join; "" means the user's own.
            name: the name by which others shall know this Slicer; "" makes one.
            actors: the roles it plays (IHE keywords).

        Raises:
            FieldError: the address or another value is wrong.
        """
        settings = SessionSettings(hub=hub, user=user, topic=topic, name=name, product=SLICER_PRODUCT, actors=actors)
        self._connection.connect(settings)
        self.peers = Peers(settings.name)

    def disconnect(self) -> None:
        """Leave the hub. What is shown stays; it is the hub's again at the next `connect`."""
        self._connection.disconnect()

    def testHub(self, hub: str, callback: Ended) -> None:
        """Ask an address whether a hub answers there.

        ``callback(status, error)``: ``status`` is a dict with ``product``, ``version`` and counts.
        """
        pump = self._timer.pump
        self._background.start("Looking for a hub", lambda job: hub_status(hub, pump), callback)

    # What happens

    def onStateChanged(self, callback: Callable[[State], object]) -> Remove:
        """Have ``callback(state)`` called with every change of `state`. Call what is returned to end it."""
        self._state_callbacks.append(callback)
        return remover(self._state_callbacks, callback)

    def onEvent(self, callback: Callable[[Message], object], event: str = EVERY) -> Remove:
        """Have ``callback(message)`` called with every message received, or with those of one event.

        ``message.event``, ``message.context`` and ``message.sender.name`` are what one looks at. Call what is returned
        to end it.
        """
        entry = (event_key(event), callback)
        self._event_callbacks.append(entry)
        return remover(self._event_callbacks, entry)

    # What is done at the hub

    def publish(
        self,
        event: str,
        context: list[Any] | dict[str, Any],
        callback: Ended | None = None,
        *,
        peer: str = "",
        actor: str = "",
        product: str = "",
    ) -> None:
        """Publish an event: ``callback(id, error)``. Events reach the hub in the order in which they are published.

        Args:
            event: its name, such as "ImagingStudy-open".
            context: a FHIRcast list of ``{"key", "resource"}``, or an object.
            peer, actor, product: whom it is for; everybody of the topic by default.

        Raises:
            NotConnected: connect first.
        """
        session = self._online()
        target = Target(actor, product, peer)

        def work(job: Job) -> str:
            return session.publish(event, context, target=target)

        ended = callback or (lambda id, error: None)
        self._background.start_in_order(f"Publishing {event}", work, ended)

    def request(
        self,
        dataType: str,
        callback: Ended,
        *,
        peer: str = "",
        actor: str = "",
        context: Mapping[str, Any] | None = None,
        timeout: float = _FAR,
        digest: Callable[[dict[str, Any]], Any] = lambda answer: answer,
    ) -> Job:
        """Ask other applications: ``callback(answer, error)``.

        Args:
            dataType: "STATUS", "SCENEVIEW" or any other word of Cast.
            peer, actor: whom to ask; everybody of the topic by default.
            context: what stands beside the data type.
            timeout: seconds that they have; those that did not answer stand in ``answer["missing"]``.
            digest: turns the answer into what the callback gets, on the thread: for what takes time.

        Returns:
            the job, whose ``cancel()`` ends the waiting.

        Raises:
            NotConnected: connect first.
        """
        session = self._online()
        target = Target(actor, "", peer)
        kept: list[dict[str, Any]] = []

        def work(job: Job) -> Any:
            answer = session.request(dataType, context, target=target, timeout=timeout)
            kept.append(answer)
            return digest(answer)

        def ended(value: Any, error: Exception | None) -> None:
            for answer in kept:
                self.peers.take_answer(answer)
            callback(value, error)

        return self._background.start(f"Asking for {request_event(dataType)}", work, ended)

    def askWhoIsThere(self, callback: Ended | None = None) -> None:
        """Ask everybody for STATUS; `peers` then has all who answered. Raises NotConnected."""
        self.request(STATUS, callback or (lambda value, error: None), actor=EVERY, timeout=2.0)

    def inBackground(self, text: str, work: Callable[[Job], Any], callback: Ended) -> Job:
        """Run ``work(job)`` on a thread, where it may wait but touch neither Qt nor the scene.

        ``callback(value, error)`` is called on the main thread.
        """
        return self._background.start(text, work, callback)

    def cleanup(self) -> None:
        """End everything: for the end of the module or of Slicer. The logic cannot be used again.

        What the hub has opened is taken out of the scene.
        """
        self._state_callbacks.clear()
        self._event_callbacks.clear()
        self._background.close()
        self._connection.close()

    # Inside

    def _online(self) -> Session:
        if self._connection.session is None:
            raise NotConnected("Connect to a hub first.")
        return self._connection.session

    def _stateChanged(self, state: State) -> None:
        for callback in list(self._state_callbacks):
            self._call(callback, state)
        self._timer.changed()

    def _received(self, message: Message) -> None:
        self.messages.add(RECEIVED, message)
        self.peers.take_message(message)
        for event, callback in list(self._event_callbacks):
            if event in (EVERY, message.key):
                self._call(callback, message)

    def _call(self, callback: Callable[[Any], object], value: Any) -> None:
        try:
            callback(value)
        except Exception:
            log.exception("a callback of the Cast Interface failed")
