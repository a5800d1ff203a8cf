"""The one way DICOM files are read: quietly.

pydicom warns of odd values and quotes them, which puts patient data into whatever log the host keeps. Nothing here
depends on those warnings: what is wrong with a file is told by the readers, without its values.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import IO

import pydicom

# For the whole process: values are decoded when they are asked for, long after reading, on any thread.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom(\.|$)")


def read_header(file: str | os.PathLike[str] | IO[bytes], keywords: Sequence[str] | None = None) -> pydicom.FileDataset:
    """Return what stands before the pixels, all of it or the ``keywords`` named.

    Raises InvalidDicomError for a file that is no DICOM, OSError when it cannot be read, and for a damaged one whatever
    its bytes happen to run into, here or when a value is asked for.
    """
    return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=None if keywords is None else list(keywords))


def read_whole(file: str | os.PathLike[str]) -> pydicom.FileDataset:
    """Return a file with its pixels; raises as ``read_header`` does."""
    return pydicom.dcmread(file)
