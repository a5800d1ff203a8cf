"""The one pump of a Slicer process: a QTimer drives it for as long as somebody uses it.

Usage, on the main thread::

    session = Session(settings, slicer_pump())
    acquire()        # before threads are started: without the timer they would starve
    ...
    release()        # when they have ended; what they posted last is still run
"""

from __future__ import annotations

from collections.abc import Callable

import qt

from CastLib.client import Pump
from CastSlicerLib.garbage import MainThreadCollector
from CastSlicerLib.slots import remover
from CastSlicerLib.slow_calls import seconds_inside

INTERVAL_MS = 10  # with the pump's sleep of 1 ms: frames within 10 ms for 10 % of the main thread


class PumpTimer:
    """A pump and its timer. `slicer_pump`, `acquire` and `release` use the process's own.

    Attributes:
        pump: the pump; may be given to sessions before the first `acquire`.
    """

    def __init__(self) -> None:
        self.pump = Pump(elsewhere=seconds_inside)
        self._users = 0
        self._listeners: list[Callable[[], object]] = []
        self._collector = MainThreadCollector()
        self._timer = qt.QTimer()  # no parent: it lives as long as this object
        self._timer.setInterval(INTERVAL_MS)

    @property
    def users(self) -> int:
        """How many use it."""
        return self._users

    @property
    def running(self) -> bool:
        """Whether the timer ticks."""
        return bool(self._timer.isActive())

    def on_changed(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have ``listener()`` called after the pump has run something; returns what ends it. Main thread only.

        All that comes from threads goes through the pump: messages, states, pieces of a study, the ends of jobs.
        """
        self._listeners.append(listener)
        return remover(self._listeners, listener)

    def changed(self) -> None:
        """Tell the listeners of what was changed on the main thread itself. Main thread only."""
        for listener in list(self._listeners):
            listener()

    def acquire(self) -> None:
        """Begin to use it. Main thread only."""
        self._users += 1
        if not self._timer.isActive():
            self._collector.begin()
            self._timer.connect("timeout()", self._tick)
            self._timer.start()

    def release(self) -> None:
        """End one use; the timer stops when nobody uses it and nothing is left to run. Main thread only."""
        if not self._users:
            raise RuntimeError("released more often than acquired")
        self._users -= 1

    def _tick(self) -> None:
        done = self.pump.drain()
        if done:
            self.changed()
        if not done and not self._users:
            self._timer.stop()
            self._timer.disconnect("timeout()", self._tick)  # it would keep this object alive after a reload
            self._collector.end()
        else:
            self._collector.look()


_own: PumpTimer | None = None


def slicer_timer() -> PumpTimer:
    """The process's own pump and timer, made at the first call. Main thread only."""
    global _own
    if _own is None:
        _own = PumpTimer()
    return _own


def slicer_pump() -> Pump:
    """The process's own pump. Main thread only."""
    return slicer_timer().pump


def acquire() -> None:
    """Have the process's pump run until `release`. Main thread only."""
    slicer_timer().acquire()


def release() -> None:
    """End one use of the process's pump. Main thread only."""
    slicer_timer().release()
