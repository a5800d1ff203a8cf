"""One picture of the whole demo: the four views before and after, and the segments with their volumes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

_VIEW = 480  # pixels of a view's side on the sheet
_MARGIN = 48
_GAP = 14
_HEADER = 132
_ROW_TITLE = 46
_LEGEND = 118
_BACKGROUND = (17, 19, 24)
_TEXT = (236, 238, 242)
_FAINT = (150, 156, 168)
_LINE = (58, 63, 74)
_AMBER = (255, 191, 0)

NOT_FOR_DIAGNOSIS = "Not for diagnosis"


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One segment of the legend: ``colour`` is RGB 0 to 255, ``volume_ml`` in millilitres."""

    label: str
    colour: tuple[int, int, int]
    volume_ml: float


def write_contact_sheet(
    path: Path,
    *,
    title: str,
    subtitle: str,
    rows: Sequence[tuple[str, Sequence[bytes]]],
    segments: Sequence[SegmentLine],
) -> None:
    """Write the sheet as PNG. Each row is a title and its views, encoded pictures of any size."""
    from CastInterfaceLib.views.lettering import clean, draw_text, elide

    columns = max(len(views) for _, views in rows)
    width = 2 * _MARGIN + columns * _VIEW + (columns - 1) * _GAP
    height = _HEADER + len(rows) * (_ROW_TITLE + _VIEW + _GAP) + _LEGEND
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    inner = width - 2 * _MARGIN
    draw_text(draw, _MARGIN, 28, elide(clean(title), 34, inner), 34, _TEXT)
    _draw_warning(draw, width)
    draw_text(draw, _MARGIN, 82, elide(clean(subtitle), 19, inner), 19, _FAINT)
    top = _HEADER
    for row_title, views in rows:
        draw_text(draw, _MARGIN, top + 4, row_title, 21, _TEXT)
        top += _ROW_TITLE
        for column, data in enumerate(views):
            _place_view(sheet, draw, (_MARGIN + column * (_VIEW + _GAP), top), data)
        top += _VIEW + _GAP
    _draw_legend(draw, (_MARGIN, top + 22), inner, segments)
    sheet.save(path)


def _draw_warning(draw: ImageDraw.ImageDraw, width: int) -> None:
    """Say in the upper right corner what the sheet is not."""
    from CastInterfaceLib.views.lettering import draw_text, text_width

    across = text_width(NOT_FOR_DIAGNOSIS, 24)
    left = width - _MARGIN - across - 32
    draw.rounded_rectangle((left, 30, width - _MARGIN, 76), 8, outline=_AMBER, width=2)
    draw_text(draw, left + 16, 33, NOT_FOR_DIAGNOSIS, 24, _AMBER)


def _place_view(sheet: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], data: bytes) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.thumbnail((_VIEW, _VIEW), Image.Resampling.LANCZOS)
    left, top = at[0] + (_VIEW - picture.width) // 2, at[1] + (_VIEW - picture.height) // 2
    sheet.paste(picture, (left, top))
    draw.rectangle((at[0], at[1], at[0] + _VIEW - 1, at[1] + _VIEW - 1), outline=_LINE)


def _draw_legend(draw: ImageDraw.ImageDraw, at: tuple[int, int], width: int, segments: Sequence[SegmentLine]) -> None:
    """Draw the segments side by side: colour, name, volume."""
    from CastInterfaceLib.views.lettering import clean, draw_text, elide

    if not segments:
        return
    step = width // len(segments)
    for number, segment in enumerate(segments):
        left, top = at[0] + number * step, at[1]
        draw.rounded_rectangle((left, top, left + 40, top + 40), 8, fill=segment.colour)
        draw_text(draw, left + 54, top - 8, elide(clean(segment.label), 20, step - 70), 20, _TEXT)
        draw_text(draw, left + 54, top + 20, f"{segment.volume_ml:,.0f} ml", 17, _FAINT)
