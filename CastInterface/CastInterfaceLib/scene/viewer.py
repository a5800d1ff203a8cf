"""What the display needs of where it shows things: ``views`` has a viewer for each of three programs.

``engine_viewer`` is Slicer's engine alone, ``headless_viewer`` Slicer without its window, ``window_viewer`` Slicer with
it. Everything else talks to a `Viewer` and never asks which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from CastInterfaceLib.scene.layouts import Split


class View(Protocol):
    """A view that can be drawn."""

    @property
    def name(self) -> str: ...

    @property
    def node(self) -> Any: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def pixels(self) -> Any: ...

    def fit(self) -> None: ...


class Viewer(Protocol):
    """A scene with views.

    Attributes:
        scene: the ``vtkMRMLScene``.
        application_logic: the ``vtkMRMLApplicationLogic``; ``GetModuleLogic("Volumes")`` and the like answer.
    """

    scene: Any
    application_logic: Any

    @property
    def slice_views(self) -> Sequence[Any]: ...

    @property
    def threed_views(self) -> Sequence[Any]: ...

    @property
    def layout(self) -> tuple[str, Split]: ...

    def close(self) -> None: ...


def nodes_of_class(scene: Any, class_name: str) -> list[Any]:
    """The nodes of a class in the scene.

    ``GetNodesByClass`` will not do: outside Slicer its collection is never freed, and with it no node that was in it.
    """
    return [scene.GetNthNodeByClass(index, class_name) for index in range(scene.GetNumberOfNodesByClass(class_name))]
