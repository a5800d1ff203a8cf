"""Those who want to be called: functions connected to signals, or given to one of ours, and taken off again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Entry = TypeVar("Entry")


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


def remover(entries: list[Entry], entry: Entry) -> Callable[[], None]:
    """A function that takes an entry out of a list: once, and also when the list was emptied meanwhile."""
    present = True

    def remove() -> None:
        nonlocal present
        if present and entry in entries:
            entries.remove(entry)
        present = False

    return remove
