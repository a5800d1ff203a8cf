"""Calls into Slicer and VTK that may hold the main thread: each has a name, and its time is logged.

Everything else on the main thread is ours and ends within 50 ms; ``Pump.longest`` counts without these calls.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("cast.slow")

NOTABLE = 0.05  # seconds: what takes longer is logged at level info, the rest at debug

_inside = 0.0
_depth = 0
_longest: dict[str, float] = {}


@contextmanager
def slow_call(name: str) -> Iterator[None]:
    """Name one call to the host and log how long it took. Main thread only; one within another counts once."""
    global _inside, _depth
    _depth += 1
    began = time.perf_counter()
    try:
        yield
    finally:
        took = time.perf_counter() - began
        _depth -= 1
        if not _depth:
            _inside += took
        _longest[name] = max(took, _longest.get(name, 0.0))
        log.log(logging.INFO if took > NOTABLE else logging.DEBUG, "%s took %.0f ms", name, took * 1000)


def seconds_inside() -> float:
    """Seconds spent in these calls since the process began."""
    return _inside


def longest_calls() -> dict[str, float]:
    """The longest time in seconds of each call so far, by name."""
    return dict(_longest)
