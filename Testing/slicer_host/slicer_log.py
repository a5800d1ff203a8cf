"""Slicer's own log: its root logger takes everything, from DEBUG on, and a handler keeps it in a file."""

from __future__ import annotations

import logging
from collections import deque

MOST = 10_000  # rows kept

# "LEVEL logger: message", oldest first
rows: deque[str] = deque(maxlen=MOST)


class SlicerLogHandler(logging.Handler):
    """Keeps what Slicer would write into its file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a row."""
        rows.append(f"{record.levelname} {record.name}: {record.getMessage()}")


def install() -> None:
    """Have everything that is logged kept from here on."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    root.addHandler(SlicerLogHandler())
