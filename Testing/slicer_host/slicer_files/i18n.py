"""``slicer.i18n``: texts go through ``slicer.app.translate``, by the name of the file they stand in."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import slicer

_PLACEHOLDER = re.compile(r"(?<!\{)\{([^{}]+)\}(?!\})")


def translate(context: str, text: str) -> str:
    """The text in the application's language."""
    return str(slicer.app.translate(context, text))


def getContext(sourceFile: str) -> str:
    """The translation context of a file: its name, after its package's when it is in one."""
    path = Path(sourceFile)
    in_package = path.is_file() and (path.parent / "__init__.py").is_file()
    return f"{path.parent.name}.{path.stem}" if in_package else path.stem


def tr(text: str) -> str:
    """The text in the application's language; the context is the calling file."""
    if not isinstance(text, str):
        raise TypeError(f"tr() takes a text, not a {type(text).__name__}")
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    translated = translate(getContext(frame.f_back.f_code.co_filename), text)
    return translated if set(_PLACEHOLDER.findall(translated)) == set(_PLACEHOLDER.findall(text)) else text
