"""What is given to those who want to be called: a function that ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Entry = TypeVar("Entry")


def remover(entries: list[Entry], entry: Entry) -> Callable[[], None]:
    """A function that takes an entry out of a list: once, and also when the list was emptied meanwhile."""
    present = True

    def remove() -> None:
        nonlocal present
        if present and entry in entries:
            entries.remove(entry)
        present = False

    return remove
