"""How long pieces of work held a thread: by the clock, and by the processor.

A window stands still as long as the clock says. The processor's time says what the work itself cost, also on a machine
that has other things to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Seconds = tuple[float, float]  # by the clock, and of the processor in this thread


def now() -> Seconds:
    """Return both times of this thread, in seconds since some moment."""
    return time.perf_counter(), time.thread_time()


class MainThreadTime:
    """The longest pieces of work of one thread since `reset`.

    Args:
        elsewhere: tells how many seconds were spent so far in calls that do not count as the work's own.

    Attributes:
        longest, longest_name: seconds by the clock, and the name of that work.
        longest_cpu, longest_cpu_name: seconds of the processor; mostly the same work, not always.
        pieces: how many there were.
    """

    def __init__(self, elsewhere: Callable[[], Seconds] = lambda: (0.0, 0.0)) -> None:
        self._elsewhere = elsewhere
        self.reset()

    def reset(self) -> None:
        """Forget what was measured."""
        self.longest, self.longest_name = 0.0, ""
        self.longest_cpu, self.longest_cpu_name = 0.0, ""
        self.pieces = 0

    @contextmanager
    def by(self, work: object) -> Iterator[None]:
        """Measure what is done meanwhile, in the name of a function."""
        clock, cpu = self._own()
        try:
            yield
        finally:
            clock_after, cpu_after = self._own()
            if clock_after - clock > self.longest:
                self.longest, self.longest_name = clock_after - clock, name_of(work)
            self.pieces += 1
            if cpu_after - cpu > self.longest_cpu:
                self.longest_cpu, self.longest_cpu_name = cpu_after - cpu, name_of(work)

    def __str__(self) -> str:
        return (
            f"{self.longest * 1000:.0f} ms ({self.longest_name}), "
            f"of the processor {self.longest_cpu * 1000:.0f} ms ({self.longest_cpu_name})"
        )

    def _own(self) -> Seconds:
        clock, cpu = now()
        clock_elsewhere, cpu_elsewhere = self._elsewhere()
        return clock - clock_elsewhere, cpu - cpu_elsewhere


def name_of(work: object) -> str:
    """Return how a function calls itself."""
    return str(getattr(work, "__qualname__", type(work).__qualname__))
