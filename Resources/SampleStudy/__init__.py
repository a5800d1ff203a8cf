"""The sample study: one person's brain as a DICOM MR series of 181 axial slices (README.md has source and licence).

Installed as the package ``CastSample``.
"""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """The folder that holds the series' DICOM files, and nothing else."""
    return Path(__file__).resolve().parent / "DICOM"
