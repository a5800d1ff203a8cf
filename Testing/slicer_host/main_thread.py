"""Refuses what is done off the main thread."""

from __future__ import annotations

import threading

MAIN = threading.main_thread().ident


class WrongThread(RuntimeError):
    """A Qt object was touched off the main thread; under PythonQt this crashes later."""


def check_thread(what: str) -> None:
    """Raise WrongThread unless this is the main thread."""
    if threading.get_ident() != MAIN:
        name = threading.current_thread().name
        raise WrongThread(f"{what} on thread {name}: Qt objects belong to the main thread; post to the pump instead")
