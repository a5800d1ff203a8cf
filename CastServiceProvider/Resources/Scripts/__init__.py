"""The example services, each a file that a user copies and changes. Installed as the package ``CastScripts``."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """The folder that holds the scripts."""
    return Path(__file__).resolve().parent
