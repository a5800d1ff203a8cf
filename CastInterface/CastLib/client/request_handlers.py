"""Answering other subscribers' requests: which function answers what, and where it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from CastLib.client.hub_api import dump
from CastLib.client.pump import Pump
from CastLib.client.workers import Workers
from CastLib.errors import CastError, FieldError
from CastLib.events import data_type_of_event
from CastLib.message import ANSWERS_NOT, Message, Sender, make_response

_log = logging.getLogger("cast.client")

Answer = Callable[[Message], Any]
_TOO_LARGE = 413


class Answers:
    """The functions that answer, by data type.

    ``workers`` run those for the background, ``senders`` send what the main thread answered. ``send`` sends a frame
    (JSON), ``refuse(message, status)`` says no.
    """

    def __init__(
        self,
        pump: Pump,
        workers: Workers,
        senders: Workers,
        sender: Sender,
        *,
        send: Callable[[bytes], None],
        refuse: Callable[[Message, int], None],
        largest: int,
    ) -> None:
        self._pump = pump
        self._workers = workers
        self._senders = senders
        self._sender = sender
        self._send = send
        self._refuse = refuse
        self._largest = largest
        self._functions: dict[str, tuple[Answer, bool]] = {}
        self._others: Answer | None = None

    def add(self, data_type: str, answer: Answer, in_background: bool) -> None:
        """Have requests for ``data_type`` answered by this function, instead of an earlier one."""
        self._functions[data_type.upper()] = (answer, in_background)

    def add_others(self, answer: Answer) -> None:
        """Have all other requests answered by this function, in the background."""
        self._others = answer

    def take(self, message: Message) -> None:
        """Have a request answered; of one that nobody here answers the hub is told, so that it is not waited for."""
        function, in_background = self._functions.get(data_type_of_event(message.key), (self._others, True))
        if function is None:
            self._refuse(message, ANSWERS_NOT)
            return
        if in_background:
            self._workers.submit(lambda: self._reply(message, _data(function, message)))
        else:
            self._pump.post(self._answer_on_main_thread, function, message)

    def _answer_on_main_thread(self, function: Answer, message: Message) -> None:
        data = _data(function, message)
        self._senders.submit(lambda: self._reply(message, data))  # writing and sending pictures would hold it up

    def _reply(self, message: Message, data: Any) -> None:
        if data is None:
            return
        try:
            frame = self._written(message, data)
            if len(frame) > self._largest:
                _log.warning("the answer to %s is over %d bytes: id %s", message.event, self._largest, message.id)
                self._refuse(message, _TOO_LARGE)
                frame = self._written(message, {"error": f"The answer is over {self._largest} bytes."})
            self._send(frame)
        except CastError as error:
            _log.warning("%s was not answered: %s: id %s", message.event, error, message.id)

    def _written(self, message: Message, data: Any) -> bytes:
        """The answer as JSON; a sentence instead of what cannot be written so."""
        try:
            return dump(make_response(message, data, sender=self._sender))
        except FieldError as error:
            _log.warning("%s was not answered: %s: id %s", message.event, error, message.id)
            return dump(make_response(message, {"error": str(error)}, sender=self._sender))


def _data(function: Answer, message: Message) -> Any:
    """Return what the function answers; why it cannot, where it raises: nobody shall wait for what does not come."""
    try:
        return function(message)
    except CastError as error:
        _log.info("%s cannot be answered: id %s", message.event, message.id)
        return {"error": str(error)}
    except Exception as error:
        _log.exception("%s was not answered: id %s", message.event, message.id)
        return {"error": f"An unexpected {type(error).__name__} came up; the log says where."}
