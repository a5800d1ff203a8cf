"""Calls into Slicer and VTK that may hold the main thread: each has a name, and its time is logged.

Everything else on the main thread is ours and ends within 50 ms; ``Pump.main_thread`` counts without these calls.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from CastLib.thread_time import Seconds, now

log = logging.getLogger("cast.slow")

NOTABLE = 0.05  # seconds: what takes longer is logged at level info, the rest at debug

_inside: Seconds = (0.0, 0.0)
_depth = 0
_longest: dict[str, float] = {}


@contextmanager
def slow_call(name: str) -> Iterator[None]:
    """Name one call to the host and log how long it took. Main thread only; one within another counts once."""
    global _inside, _depth
    _depth += 1
    began, cpu_began = now()
    try:
        yield
    finally:
        ended, cpu_ended = now()
        took = ended - began
        _depth -= 1
        if not _depth:
            _inside = (_inside[0] + took, _inside[1] + cpu_ended - cpu_began)
        _longest[name] = max(took, _longest.get(name, 0.0))
        log.log(logging.INFO if took > NOTABLE else logging.DEBUG, "%s took %.0f ms", name, took * 1000)


def seconds_inside() -> Seconds:
    """Seconds spent in these calls since the process began, by the clock and of the processor."""
    return _inside


def longest_calls() -> dict[str, float]:
    """The longest time in seconds of each call so far, by name."""
    return dict(_longest)
