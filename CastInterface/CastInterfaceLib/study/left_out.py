"""Sentences about several files or things at once: what they are called, and why some are left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

MAX_NAMES = 3  # names of files or things in one sentence


def name_some(names: Iterable[str]) -> str:
    """A few names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return ", ".join(found[:MAX_NAMES]) + more


def left_out_sentences(files: Iterable[tuple[Path, str]]) -> list[str]:
    """One sentence for all files that are left out for the same reason."""
    return [
        f"{name_some(names)} {'is' if len(names) == 1 else f'({len(names)} files) are'} left out: {why}."
        for why, names in _by_reason(files).items()
    ]


def not_decoded_sentences(files: Iterable[tuple[Path, str]]) -> list[str]:
    """What is wrong with files whose pixels are left out, those with the same fault in one sentence."""
    return [f"{name_some(names)} cannot be decoded: {why}" for why, names in _by_reason(files).items()]


def _by_reason(files: Iterable[tuple[Path, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, why in files:
        found.setdefault(why, []).append(path.name)
    return found
