"""What a panel has connected to signals, so that all of it can be disconnected when the panel goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Slots:
    """Connects functions to signals, and takes all of them off again.

    Qt keeps a function that is connected where Python's collector cannot see it. A timer that belongs to an object, and
    calls a method of it, would so keep both alive for ever, and with them the whole panel.
    """

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Callable[..., object]]] = []

    def connect(self, sender: Any, signal: str, function: Callable[..., object]) -> None:
        """Have a function called on a signal, which is named as Qt does: ``clicked()``."""
        sender.connect(signal, function)
        self._made.append((sender, signal, function))

    def disconnect_all(self) -> None:
        """Have nothing called any more."""
        while self._made:
            sender, signal, function = self._made.pop()
            sender.disconnect(signal, function)
