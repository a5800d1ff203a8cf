"""MRML nodes and the scene that refuse any thread but the main one, and observers that can be counted.

VTK gives every node, also those made in C++, the Python class registered for it; registered here are classes that look
at the thread.

What this cannot catch: logics, and plain VTK objects (an image, a matrix, a segmentation's content) that were taken
from a node on the main thread; and what C++ does by itself.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import slicer

from slicer_host.origins import origin
from slicer_host.pythonqt import WrongThread

_main_thread = threading.get_ident()
_observations: weakref.WeakSet[Observation] = weakref.WeakSet()
_kept: list[type] = []


class Observation:
    """A callback that VTK holds: it lives until the observer is removed or the observed object is gone."""

    def __init__(self, callback: Any, what: str, place: str) -> None:
        self.callback, self.what, self.place = callback, what, place

    def __call__(self, *arguments: Any) -> Any:
        return self.callback(*arguments)

    def __getattr__(self, name: str) -> Any:  # VTK asks for CallDataType
        return getattr(self.callback, name)


def guard(kind: type) -> type:
    """A class of the same name whose attributes are for the main thread only, registered in place of `kind`."""
    read = kind.__getattribute__
    add = kind.AddObserver  # type: ignore[attr-defined]

    def __getattribute__(self: Any, name: str) -> Any:
        if threading.get_ident() != _main_thread:
            raise WrongThread(
                f"{kind.__name__}.{name} on thread {threading.current_thread().name}: MRML belongs to the main thread; "
                "post to the pump instead"
            )
        return read(self, name)

    def AddObserver(self: Any, event: Any, callback: Any, *priority: Any) -> int:
        observation = Observation(callback, f"{kind.__name__} {event}", origin())
        _observations.add(observation)
        return int(add(self, event, observation, *priority))

    members = {"__getattribute__": __getattribute__, "AddObserver": AddObserver, "__module__": kind.__module__}
    return kind.override(type(kind.__name__, (kind,), members))  # type: ignore[attr-defined, no-any-return]


def install() -> None:
    """Guard the scene and every class of node; before the first scene is made."""
    kinds = [getattr(slicer, name) for name in dir(slicer) if name.startswith("vtkMRML")]
    nodes = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)]
    _kept.extend(guard(kind) for kind in [*nodes, slicer.vtkMRMLScene])


def observers() -> list[str]:
    """The product's observers on nodes and the scene that have not been removed; after a gc.collect()."""
    return [f"observer of {one.what}, added at {one.place}" for one in _observations if one.place]
