"""Fonts for the texts in pictures: those that this machine has, asked one character at a time.

No font is brought along: Slicer's engine depends on a package that holds DejaVu Sans (Latin, Greek, Cyrillic, Hebrew,
Arabic), every desktop system has fonts for the scripts its users write, and where neither is found Pillow's own draws
plain Latin letters. Any thread.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# Files that are tried first, by their names without ending, in lower case: plain faces, then those of large scripts.
PREFERRED = (
    "dejavusans",
    "notosans-regular",
    "segoeui",
    "arial",
    "helvetica",
    "liberationsans-regular",
    "arialunicode",
    "arial unicode",
    "notosanscjk-regular",
    "pingfang",
    "hiragino sans gb",
    "applesdgothicneo",
    "msyh",
    "meiryo",
    "yugothr",
    "malgun",
    "simsun",
    "wqy-microhei",
    "wqy-zenhei",
    "droidsansfallbackfull",
    "droidsansfallback",
    "ipag",
    "nanumgothic",
    "seguisym",
    "seguiemj",
    "unifont",
)

# Font files looked into for a character that the preferred ones lack. A system may have thousands.
MAX_FONTS = 200

_ENDINGS = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_NO_LETTERS = "lastresort"  # has a box for every character there is
_PROBE = 16  # pixels; any size tells which characters a font has
_NO_CHARACTER = "\uffff"  # is in no font: what is drawn for it is drawn for all that are missing

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font_folders() -> list[Path]:
    """Where this system keeps fonts, the user's own with them."""
    home = Path.home()
    if sys.platform == "win32":
        folders = [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
        folders.append(home / "AppData" / "Local" / "Microsoft" / "Windows" / "Fonts")
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    else:
        folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts"]
    return folders


def _font_of_the_engine() -> Iterator[Path]:
    """DejaVu Sans, in a package that VTK depends on; that is not imported, which would take a second."""
    package = find_spec("matplotlib")
    if package is not None and package.origin:
        path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            yield path


@functools.lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """The font files to try, in their order, looked for once in a process."""
    found = {*_font_of_the_engine(), *(path for folder in font_folders() for path in _files_below(folder))}

    def order(path: Path) -> tuple[int, int, str]:
        name = path.stem.lower()
        rank = PREFERRED.index(name) if name in PREFERRED else len(PREFERRED)
        return rank, len(name), str(path)  # a plain face has a shorter name than its bold and italic ones

    return tuple(sorted(found, key=order)[:MAX_FONTS])


def _files_below(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            lower = name.lower()
            if os.path.splitext(lower)[1] in _ENDINGS and not lower.startswith(_NO_LETTERS):
                yield Path(root, name)


@functools.lru_cache(maxsize=512)
def load_font(path: Path | None, size: int) -> Font | None:
    """A font at a size in pixels, Pillow's own for None; None when the file is none that can be drawn with."""
    try:
        if path is None:
            return ImageFont.load_default(size)
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, ValueError):  # bitmaps of one size only, damaged files
        return None


@functools.lru_cache(maxsize=4096)
def has_character(path: Path | None, character: str) -> bool:
    """Whether a font draws a character as anything but the sign for a missing one."""
    font = load_font(path, _PROBE)
    if font is None:
        return False
    try:
        return _drawn(font, character) != _drawn(font, _NO_CHARACTER)
    except (OSError, UnicodeError):
        return False


def _drawn(font: Font, character: str) -> tuple[object, ...]:
    mask = font.getmask(character, "L")
    return (mask.size, bytes(mask), font.getbbox(character))


@functools.lru_cache(maxsize=4096)
def font_for(characters: str) -> Path | None:
    """The first font that has all of some characters. Raises LookupError when there is none."""
    wanted = [character for character in dict.fromkeys(characters) if not character.isspace()]
    for path in (*font_files(), None):
        if all(has_character(path, character) for character in wanted):
            return path
    raise LookupError(characters)
