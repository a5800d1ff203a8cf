"""One picture of the whole demo: the four views before and after, and the segments with their volumes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

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
    columns = max(len(views) for _, views in rows)
    width = 2 * _MARGIN + columns * _VIEW + (columns - 1) * _GAP
    height = _HEADER + len(rows) * (_ROW_TITLE + _VIEW + _GAP) + _LEGEND
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 34), title, fill=_TEXT, font=ImageFont.load_default(38))
    draw.text((_MARGIN, 88), subtitle, fill=_FAINT, font=ImageFont.load_default(21))
    top = _HEADER
    for row_title, views in rows:
        draw.text((_MARGIN, top + 8), row_title, fill=_TEXT, font=ImageFont.load_default(24))
        top += _ROW_TITLE
        for column, data in enumerate(views):
            _place_view(sheet, draw, (_MARGIN + column * (_VIEW + _GAP), top), data)
        top += _VIEW + _GAP
    _draw_legend(draw, (_MARGIN, top + 22), width - 2 * _MARGIN, segments)
    sheet.save(path)


def _place_view(sheet: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], data: bytes) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.thumbnail((_VIEW, _VIEW), Image.Resampling.LANCZOS)
    left, top = at[0] + (_VIEW - picture.width) // 2, at[1] + (_VIEW - picture.height) // 2
    sheet.paste(picture, (left, top))
    draw.rectangle((at[0], at[1], at[0] + _VIEW - 1, at[1] + _VIEW - 1), outline=_LINE)


def _draw_legend(draw: ImageDraw.ImageDraw, at: tuple[int, int], width: int, segments: Sequence[SegmentLine]) -> None:
    """Draw the segments side by side: colour, name, volume."""
    if not segments:
        return
    step = width // len(segments)
    for number, segment in enumerate(segments):
        left, top = at[0] + number * step, at[1]
        draw.rounded_rectangle((left, top, left + 40, top + 40), 8, fill=segment.colour)
        draw.text((left + 56, top - 4), segment.label, fill=_TEXT, font=ImageFont.load_default(22))
        draw.text((left + 56, top + 24), f"{segment.volume_ml:,.0f} ml", fill=_FAINT, font=ImageFont.load_default(18))
