"""Sentences about several files at once: which are left out, and why."""

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
    by_reason: dict[str, list[str]] = {}
    for path, why in files:
        by_reason.setdefault(why, []).append(path.name)
    return [
        f"{name_some(names)} {'is' if len(names) == 1 else f'({len(names)} files) are'} left out: {why}."
        for why, names in by_reason.items()
    ]
