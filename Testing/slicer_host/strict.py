"""What all stand-ins for Slicer's own objects share: a closed list of attributes, and the main thread only."""

from __future__ import annotations

from typing import Any

from slicer_host.pythonqt import check_thread


class Strict:
    """An object of Slicer's that is no widget. Its class body is the list of what it has; ``LIST`` is the file."""

    LIST = "slicer_host"

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            check_thread(f"{type(self).__name__}.{name}")
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(missing(type(self).__name__, name, self.LIST))

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            check_thread(f"{type(self).__name__}.{name} set")
            if not isinstance(getattr(type(self), name, None), property):
                raise AttributeError(
                    f"'{name}' does not exist on {type(self).__name__}: creating new attributes is not allowed"
                )
        object.__setattr__(self, name, value)


def missing(owner: str, name: str, place: str) -> str:
    """The sentence for an attribute that is not in a stand-in's list."""
    return f"{owner} of the stand-in has no '{name}'; if Slicer has it and a module needs it, add it to {place}"


def refuse_unlisted(name: str) -> Any:
    """``slicer.<name>`` that neither the engine nor the host has."""
    raise AttributeError(missing("slicer", name, "slicer_host/host.py"))
