"""Garbage is collected on the main thread, as long as threads of ours are at work.

Python's collector runs on whatever thread happens to allocate, and what it frees may be a widget, a timer or a node of
the scene caught in a cycle. Those must die on the main thread: elsewhere their end crashes Qt or VTK sooner or later.
So its own runs are stopped meanwhile, and the main thread makes them up, by the same thresholds.
"""

from __future__ import annotations

import gc
import time

from CastInterfaceLib.slow_calls import slow_call

_MANY = 10_000  # new objects: an import on a thread makes them, or the headers of a study, and most of them stay
_WHOLE_EVERY = 60.0  # seconds between looks at everything, which may take a tenth of a second in a large process


class MainThreadCollector:
    """Stops the collector's own runs between `begin` and `end`; where they are stopped already, all is left so.

    Main thread only.
    """

    def __init__(self) -> None:
        self._instead = False
        self._whole_next = 0.0

    def begin(self) -> None:
        """Collect here from now on."""
        if gc.isenabled():
            gc.disable()
            self._instead = True
            self._whole_next = time.monotonic() + _WHOLE_EVERY

    def end(self) -> None:
        """Let the collector run by itself again."""
        if self._instead:
            gc.enable()
            self._instead = False

    def look(self) -> None:
        """Collect what is due; to be called again and again, from `begin` to `end`."""
        if not self._instead:
            self.begin()  # another of this kind, as there are two when one module was reloaded, may have ended
        if not self._instead:
            return
        young, middle, old = (count > most > 0 for count, most in zip(gc.get_count(), gc.get_threshold(), strict=True))
        if not young:
            return
        if old and time.monotonic() > self._whole_next:
            with slow_call("Python's collector looks at everything"):
                gc.collect()
            self._whole_next = time.monotonic() + _WHOLE_EVERY
        elif gc.get_count()[0] > _MANY:
            with slow_call("Python's collector looks at many new objects"):
                gc.collect(1)  # they count as old then, and are not looked at again with the next ones
        else:
            gc.collect(1 if middle else 0)
