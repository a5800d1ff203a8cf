"""What is written into a picture of a view, and where. Plain values: nothing here touches a scene, all on any thread.

Marks go across the top, then titles and words in the corners and a letter at each edge. Each text gets a box of its
own; one that finds no room is elided in the middle or left out, marks never. Sizes follow the picture's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageDraw

from CastInterfaceLib.scene.image_words import ImageWords
from CastInterfaceLib.views.lettering import Color, clean, draw_text, elide, line_height, text_width

GREY: Color = (205, 209, 217)
WHITE: Color = (255, 255, 255)
LETTER_COLOR: Color = (250, 219, 128)
STALE: Color = (190, 24, 24)  # of a mark's stripe; its text is white on it
AMBER: Color = (255, 191, 0)
AMBER_STRIPE: Color = (48, 36, 0)

# A line of text as a share of the picture's shorter side, and no smaller than can be read.
_LINE = 1 / 44
_LEAST = 10
_LETTERS_BEFORE_LINE = 1.3  # how much larger than a line the letters at the edges are
_MARGIN = 1 / 70

_LIGHT = 130  # of 255: text that is darker is made lighter

# In pictures smaller than this only marks, title and edge letters are told.
SMALL = 200

# More segments than this would cover the view; the last line then tells how many are left out.
MAX_LEGEND = 12

SLICE_MISSING = "slice missing"


@dataclass(frozen=True, slots=True)
class Annotations:
    """What is told in a picture.

    ``letters`` stand at the left, right, top and bottom edge; ``position`` is where the slice lies; ``legend`` are the
    segments' names with their colours. Colours are RGB 0 to 255.
    """

    title: str
    title_color: Color
    words: ImageWords = field(default_factory=ImageWords)
    letters: tuple[str, str, str, str] = ("", "", "", "")
    position: str = ""
    window: str = ""
    missing_slice: bool = False
    legend: tuple[tuple[str, Color], ...] = ()

    def without_patient(self) -> Annotations:
        """The same with nothing that tells who the patient is."""
        return replace(self, words=self.words.without_patient())


@dataclass(frozen=True, slots=True)
class Text:
    """One text in its box (``left``, ``top``, ``width``, ``height`` in pixels); a ``stripe`` fills the box first."""

    text: str
    size: int
    color: Color
    left: int
    top: int
    width: int
    height: int
    stripe: Color | None = None

    def overlaps(self, other: Text) -> bool:
        """Whether the boxes of two texts share a pixel."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


def rgb(color: Sequence[float]) -> Color:
    """A colour of VTK's, 0 to 1 each, as one of 0 to 255."""
    red, green, blue = (round(255 * part) for part in color[:3])
    return red, green, blue


def annotate(pixels: np.ndarray, annotations: Annotations) -> np.ndarray:
    """The pixels (rows from the top, columns, 3) uint8 with the texts on them; the given ones stay as they are."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for text in lay_out(annotations, image.width, image.height):
        draw_boxed(draw, text)
    return np.asarray(image)


def draw_boxed(draw: ImageDraw.ImageDraw, text: Text) -> None:
    """Draw one text where it was laid out."""
    if text.stripe is not None:
        draw.rectangle((text.left, text.top, text.left + text.width - 1, text.top + text.height - 1), fill=text.stripe)
        drawn = text_width(text.text, text.size)
        draw_text(draw, text.left + (text.width - drawn) // 2, text.top, text.text, text.size, text.color)
        return
    draw_text(draw, text.left, text.top, text.text, text.size, text.color)


def readable(color: Color) -> Color:
    """The colour, so much lighter as text with a dark outline must be."""
    light = (2 * color[0] + 5 * color[1] + color[2]) / 8
    share = 0.0 if light >= _LIGHT else (_LIGHT - light) / (255 - light)
    red, green, blue = (round(part + (255 - part) * share) for part in color)
    return red, green, blue


def marks_of(words: ImageWords) -> Iterator[tuple[str, str, Color, Color]]:
    """What must not be overlooked: the text, a shorter one, its colour, its stripe's."""
    if words.not_confirmed_since:
        yield f"NOT CONFIRMED since {words.not_confirmed_since}", "NOT CONFIRMED", WHITE, STALE
    if words.warning:
        yield words.warning, words.warning, AMBER, AMBER_STRIPE


def lay_out(annotations: Annotations, width: int, height: int) -> list[Text]:
    """The texts for a picture of this size, none over another."""
    page = _Page(width, height)
    for long, short, color, stripe in marks_of(annotations.words):
        page.stripe(clean(long), clean(short), color, stripe)
    page.letters(annotations.letters)
    small = min(width, height) < SMALL
    title = annotations.title.split(",")[0] if small else annotations.title
    page.corner(title, annotations.title_color, right=False, share=1.15)
    if annotations.missing_slice:
        page.middle(SLICE_MISSING, AMBER, 1.6)
    if small:
        return page.texts
    words = annotations.words
    page.corner(words.description, GREY, right=True)
    page.corner(words.study_date, GREY, right=True)
    page.corner(words.patient_name, WHITE, right=False)
    page.corner(words.patient_id, WHITE, right=False)
    page.corner(annotations.position, GREY, right=False, bottom=True)
    page.corner(annotations.window, GREY, right=True, bottom=True)
    page.legend(annotations.legend)
    return page.texts


class _Page:
    """Gives each text a box; a text for which there is no free one is left out."""

    def __init__(self, width: int, height: int) -> None:
        self.texts: list[Text] = []
        self._width, self._height = width, height
        self._line = max(_LEAST, round(min(width, height) * _LINE))
        self._margin = max(2, round(min(width, height) * _MARGIN))
        self._top = 0  # below the marks
        self._next = {(right, bottom): self._margin for right in (False, True) for bottom in (False, True)}

    def stripe(self, long: str, short: str, color: Color, stripe: Color) -> None:
        """A mark across the top."""
        size = max(_LEAST, round(self._line * (1.15 if min(self._width, self._height) >= SMALL else 1)))
        room = self._width - 2 * self._margin
        # From its end: the middle may hold the word that matters ("uneven slices" would become "even slices").
        text = long if text_width(long, size) <= room else elide(short, size, room, from_end=True)
        height = line_height(size) + self._margin // 2
        self.texts.append(Text(text, size, color, 0, self._top, self._width, height, stripe))
        self._top += height

    def letters(self, letters: tuple[str, str, str, str]) -> None:
        """Left, right, top, bottom."""
        size = round(self._line * _LETTERS_BEFORE_LINE)
        middle = self._height // 2
        for text, x, y in zip(
            letters,
            (0.0, 1.0, 0.5, 0.5),
            (middle, middle, self._top + self._margin, self._height - self._margin),
            strict=True,
        ):
            across, high = text_width(text, size), line_height(size)
            left = round(self._margin + x * (self._width - 2 * self._margin - across))
            below = 0 if y < middle else (high // 2 if y == middle else high)
            self._add(text, size, LETTER_COLOR, left, y - below)

    def middle(self, text: str, color: Color, share: float) -> None:
        """A text in the middle of the view, or where there is room below it."""
        room = self._width - 2 * (text_width("WW", round(self._line * _LETTERS_BEFORE_LINE)) + 2 * self._margin)
        size = round(self._line * share)
        while size > _LEAST and text_width(text, size) > room:
            size -= 1
        shown = elide(clean(text), size, room)
        top = (self._height - line_height(size)) // 2
        while top + line_height(size) < self._height and not self._add(
            shown, size, color, (self._width - text_width(shown, size)) // 2, top
        ):
            top += line_height(size)

    def corner(self, text: str, color: Color, *, right: bool, bottom: bool = False, share: float = 1.0) -> bool:
        """The next line in a corner, counted from its edge. Returns whether there is room for it."""
        text = clean(text)
        size = max(_LEAST, round(self._line * share))
        # A letter may stand in the middle of the edge, so that each corner has somewhat less than half of it.
        letter = text_width("WW", round(self._line * _LETTERS_BEFORE_LINE))
        shown = elide(text, size, (self._width - letter) / 2 - 2 * self._margin)
        if not shown:
            return not text
        at, high = self._next[(right, bottom)], line_height(size)
        top = self._height - at - high if bottom else self._top + at
        left = self._width - self._margin - text_width(shown, size) if right else self._margin
        if not self._add(shown, size, color, left, top):
            return False
        self._next[(right, bottom)] = at + high
        return True

    def legend(self, names: tuple[tuple[str, Color], ...]) -> None:
        """Names down from the upper right corner; the last line tells how many more there are."""
        shown = len(names) if len(names) <= MAX_LEGEND else MAX_LEGEND - 1
        kept, start = list(self.texts), self._next[(True, False)]
        while shown:
            lines = [*names[:shown]]
            if shown < len(names):
                lines.append((f"and {len(names) - shown} more", GREY))
            if all(self.corner(text, readable(color), right=True) for text, color in lines):
                return
            self.texts, self._next[(True, False)] = list(kept), start
            shown -= 1

    def _add(self, text: str, size: int, color: Color, left: int, top: int) -> bool:
        """Take a box when it lies in the picture and is free."""
        box = Text(text, size, color, left, top, text_width(text, size), line_height(size))
        inside = left >= 0 and top >= 0 and left + box.width <= self._width and top + box.height <= self._height
        if not text or not inside or any(box.overlaps(other) for other in self.texts):
            return False
        self.texts.append(box)
        return True
