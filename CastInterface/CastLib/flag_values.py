"""What a flag may hold, as argparse's ``type``: a wrong value is wrong usage, and the sentence names the flag.

A flag that is there and empty is mostly ``--study "$UID"`` with a variable that is not set: to take it for no flag
would open nothing, or tell everybody what was meant for one.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path


def given(text: str) -> str:
    """A text that is not empty."""
    if not text.strip():
        raise ArgumentTypeError("is empty; leave it out, or look whether a variable is not set")
    return text


def folder(text: str) -> Path:
    """A folder to write to, which need not be there yet."""
    path = Path(given(text))
    there = next((place for place in (path, *path.absolute().parents) if os.path.exists(place)), path)
    if not there.is_dir():
        raise ArgumentTypeError(f"{there} is a file, no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ArgumentTypeError(f"{there} may not be written to")
    return path


def whole(text: str) -> int:
    """A whole number, 1 or more."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"must be a whole number, 1 or more, not {text!r}")
    return number


def above_0(text: str) -> float:
    """A number above 0."""
    number = _number(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return number


def seconds(text: str) -> float:
    """A time in seconds, 0 or more."""
    number = _number(text)
    if not 0 <= number < float("inf"):
        raise ArgumentTypeError(f"must be seconds, 0 or more, not {text!r}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
