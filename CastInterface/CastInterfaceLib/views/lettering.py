"""Text as runs that can be drawn: each in a font that has its characters, in the order they are read from the left.

What no font on this machine can draw is written as its code, ``U+982D``: it is never left out.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from PIL import ImageDraw

from CastInterfaceLib.views.bidi import in_visual_order
from CastInterfaceLib.views.fonts import Font, font_for, load_font

Color = tuple[int, int, int]

OUTLINE: Color = (0, 0, 0)

# Share of a text's size that is drawn dark around each letter, so that it is read on white too.
_OUTLINE_SHARE = 1 / 9

_ELLIPSIS = "…"

# Above and below the baseline, as shares of the size; with them letters of all scripts find room.
_ASCENT, _DESCENT = 1.05, 0.35


class Run(NamedTuple):
    """Characters in one font."""

    text: str
    font: Font


def line_height(size: int) -> int:
    """Pixels from the top of a text's box to its bottom, its outline with it."""
    return round(size * (_ASCENT + _DESCENT)) + 2 * outline_width(size)


def outline_width(size: int) -> int:
    """Pixels of dark around each letter."""
    return max(1, round(size * _OUTLINE_SHARE))


def clean(text: str) -> str:
    """Text in one line: composed characters (NFC), nothing that controls or formats, blanks single."""
    shown: list[str] = []
    for one in text:
        category = unicodedata.category(one)
        if category in ("Cc", "Zl", "Zp"):
            shown.append(" ")
        elif category not in ("Cf", "Cs") and not _is_selector(one):
            shown.append(one)
    return " ".join(unicodedata.normalize("NFC", "".join(shown)).split())


def _is_selector(character: str) -> bool:
    """Whether it only chooses how the character before is drawn."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def drawable(text: str) -> str:
    """The same text with each stretch of characters that no font here has as their codes."""
    words: list[str] = []
    missing = False
    for one in text:
        if _has_font(one):
            words.append(" " + one if missing and not one.isspace() else one)
            missing = False
        else:
            words.append((" " if words and not words[-1].endswith(" ") else "") + f"U+{ord(one):04X}")
            missing = True
    return "".join(words)


def _has_font(character: str) -> bool:
    try:
        font_for(character)
    except LookupError:
        return False
    return True


def text_runs(text: str, size: int) -> list[Run]:
    """The runs of a text of a size in pixels, from left to right."""
    return list(_runs(text, size))


@functools.lru_cache(maxsize=512)
def _runs(text: str, size: int) -> tuple[Run, ...]:
    shown = in_visual_order(drawable(text))
    try:
        return (Run(shown, _load(shown, size)),) if shown else ()
    except LookupError:
        pass
    runs: list[Run] = []
    for one in shown:
        font = runs[-1].font if runs and one.isspace() else _load(one, size)
        if runs and runs[-1].font is font:
            runs[-1] = Run(runs[-1].text + one, font)
        else:
            runs.append(Run(one, font))
    return tuple(runs)


def _load(characters: str, size: int) -> Font:
    font = load_font(font_for(characters), size)
    if font is None:
        raise LookupError(characters)
    return font


def text_width(text: str, size: int) -> int:
    """How many pixels a text takes in its line, its outline with it."""
    return round(sum(run.font.getlength(run.text) for run in text_runs(text, size)) + 0.5) + 2 * outline_width(size)


def elide(text: str, size: int, width: float, *, from_end: bool = False) -> str:
    """The text when it fits into a width in pixels, else its beginning and end; "" when not even a letter fits.

    What distinguishes names stands at either end of them: "T1 MPRAGE … contrast". ``from_end`` keeps the beginning.
    """
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text) - 1  # how many characters can be kept
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(_shortened(text, middle, from_end), size) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return _shortened(text, low, from_end) if low else ""


def _shortened(text: str, kept: int, from_end: bool) -> str:
    head = kept if from_end else (kept + 1) // 2
    tail = kept - head
    end = text[len(text) - tail :].lstrip()
    while end and unicodedata.combining(end[0]):
        end = end[1:]
    return text[:head].rstrip() + _ELLIPSIS + end


def draw_text(draw: ImageDraw.ImageDraw, left: float, top: float, text: str, size: int, color: Sequence[int]) -> None:
    """Draw a text, outlined, with the upper left corner of its box there."""
    outline = outline_width(size)
    x, baseline = left + outline, top + outline + round(size * _ASCENT)
    for run in text_runs(text, size):
        draw.text(
            (x, baseline),
            run.text,
            font=run.font,
            fill=tuple(color),
            anchor="ls",
            stroke_width=outline,
            stroke_fill=OUTLINE,
        )
        x += run.font.getlength(run.text)
