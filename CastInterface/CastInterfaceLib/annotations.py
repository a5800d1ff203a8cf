"""Text drawn over a view: the letters at its edges and the lines in its corners. Sizes follow the picture's height."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import vtk

GREY = (0.78, 0.80, 0.84)
LETTER_COLOR = (0.98, 0.86, 0.50)

# Height of a line of text and distance from the border, as shares of the picture's height.
_LINE = 1 / 30
_LETTER = 1 / 24
_MARGIN = 1 / 60


def _text_actor(overlay: Any, horizontal: str, vertical: str) -> Any:
    actor = vtk.vtkTextActor()
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    text = actor.GetTextProperty()
    text.SetFontFamilyToArial()
    getattr(text, f"SetJustificationTo{horizontal}")()
    getattr(text, f"SetVerticalJustificationTo{vertical}")()
    overlay.AddViewProp(actor)
    return actor


def _font_size(overlay: Any, share: float) -> int:
    return max(8, round(overlay.GetRenderWindow().GetSize()[1] * share * 0.75))


class EdgeLetters:
    """One letter (or two) at the middle of each edge: which way the patient lies."""

    def __init__(self, overlay: Any) -> None:
        self._overlay = overlay
        places = (
            ("Left", "Centered", _MARGIN, 0.5),
            ("Right", "Centered", 1 - _MARGIN, 0.5),
            ("Centered", "Top", 0.5, 1 - _MARGIN),
            ("Centered", "Bottom", 0.5, _MARGIN),
        )
        self._actors = []
        for horizontal, vertical, x, y in places:
            actor = _text_actor(overlay, horizontal, vertical)
            actor.SetPosition(x, y)
            actor.GetTextProperty().SetColor(*LETTER_COLOR)
            actor.GetTextProperty().BoldOn()
            actor.GetTextProperty().ShadowOn()  # readable where bright tissue reaches the edge
            self._actors.append(actor)

    def show(self, left: str, right: str, top: str, bottom: str) -> None:
        """Draw these letters; empty ones leave their edge free."""
        for actor, letters in zip(self._actors, (left, right, top, bottom), strict=True):
            actor.SetInput(letters)
            actor.GetTextProperty().SetFontSize(_font_size(self._overlay, _LETTER))


class CornerText:
    """Lines in the corners of a view; the first line in the upper left corner is its title."""

    def __init__(self, overlay: Any) -> None:
        self._overlay = overlay
        self._title = _text_actor(overlay, "Left", "Top")
        self._title.SetPosition(_MARGIN, 1 - _MARGIN)
        self._title.GetTextProperty().BoldOn()
        self._corners = {}
        for name, horizontal, vertical, x, y in (
            ("upper_left", "Left", "Top", _MARGIN, 1 - _MARGIN - 1.25 * _LINE),
            ("upper_right", "Right", "Top", 1 - _MARGIN, 1 - _MARGIN),
            ("lower_left", "Left", "Bottom", _MARGIN, _MARGIN),
            ("lower_right", "Right", "Bottom", 1 - _MARGIN, _MARGIN),
        ):
            actor = _text_actor(overlay, horizontal, vertical)
            actor.SetPosition(x, y)
            actor.GetTextProperty().SetColor(*GREY)
            self._corners[name] = actor

    def title(self, text: str, color: Sequence[float]) -> None:
        """Name the view in its own colour."""
        self._title.SetInput(text)
        self._title.GetTextProperty().SetColor(*color)
        self._title.GetTextProperty().SetFontSize(_font_size(self._overlay, _LINE * 1.1))

    def show(self, **corners: str) -> None:
        """Set ``upper_left``, ``upper_right``, ``lower_left``, ``lower_right``; those not named are emptied."""
        for name, actor in self._corners.items():
            actor.SetInput(corners.get(name, ""))
            actor.GetTextProperty().SetFontSize(_font_size(self._overlay, _LINE * 0.9))


class Legend:
    """Names in their own colours, from the upper right corner downward."""

    # More names than this would cover the view; the last line then tells how many are left out.
    MOST = 12

    def __init__(self, overlay: Any) -> None:
        self._overlay = overlay
        self._actors: list[Any] = []

    def show(self, names: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Draw these names with their colours (0 to 1 each)."""
        lines = list(names[: self.MOST])
        if len(names) > self.MOST:
            lines[-1] = (f"and {len(names) - self.MOST + 1} more", GREY)
        while len(self._actors) < len(lines):
            actor = _text_actor(self._overlay, "Right", "Top")
            actor.SetPosition(1 - _MARGIN, 1 - _MARGIN - 1.2 * _LINE * len(self._actors))
            self._actors.append(actor)
        for index, actor in enumerate(self._actors):
            text, color = lines[index] if index < len(lines) else ("", GREY)
            actor.SetInput(text)
            actor.GetTextProperty().SetColor(*color)
            actor.GetTextProperty().SetFontSize(_font_size(self._overlay, _LINE * 0.9))
