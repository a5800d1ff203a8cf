"""Garbage is collected on the main thread, as long as threads of ours are at work.

Python's collector runs on whatever thread happens to allocate, and what it frees may be a widget, a timer or a node of
the scene caught in a cycle. Those must die on the main thread: elsewhere their end crashes Qt or VTK sooner or later.
So its own runs are stopped meanwhile, and the main thread makes them up, by the same thresholds.

The main thread may be kept for a while by code that is not ours and makes garbage. A small thread of our own sees that,
and has the interpreter interrupt the main thread's code for a look (`Py_AddPendingCall`, which runs there alone).
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time

from CastSlicerLib.slow_calls import slow_call

_MANY = 10_000  # new objects: an import on a thread makes them, or the headers of a study, and most of them stay
_WHOLE_EVERY = 60.0  # seconds between looks at everything, which may take a tenth of a second in a large process
_WATCH_EVERY = 0.02  # seconds between the watching thread's looks at how much there is

_add_pending_call = ctypes.pythonapi.Py_AddPendingCall
_PendingCall = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_add_pending_call.argtypes = [_PendingCall, ctypes.c_void_p]


class MainThreadCollector:
    """Stops the collector's own runs between `begin` and `end`; where they are stopped already, all is left so.

    Main thread only.
    """

    def __init__(self) -> None:
        self._instead = False
        self._whole_next = 0.0
        self._over = threading.Event()
        self._asked = False  # for a look that has not come yet
        self._pending_call = _PendingCall(self._interrupt)  # kept: the interpreter only has its address

    def begin(self) -> None:
        """Collect here from now on."""
        if gc.isenabled():
            gc.disable()
            self._instead = True
            self._whole_next = time.monotonic() + _WHOLE_EVERY
            self._over, self._asked = threading.Event(), False
            threading.Thread(target=self._watch, args=(self._over,), name="cast garbage", daemon=True).start()

    def end(self) -> None:
        """Let the collector run by itself again."""
        if self._instead:
            gc.enable()
            self._instead = False
            self._over.set()

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(_WATCH_EVERY):
            if not self._asked and _is_due(0):
                self._asked = _add_pending_call(self._pending_call, None) == 0

    def _interrupt(self, nothing: object) -> int:
        self._asked = False
        if self._instead:
            self.look()
        return 0

    def look(self) -> None:
        """Collect what is due; to be called again and again, from `begin` to `end`."""
        if not self._instead:
            self.begin()  # another of this kind, as there are two when one module was reloaded, may have ended
        if not self._instead:
            return
        if not _is_due(0):
            return
        if _is_due(2) and time.monotonic() > self._whole_next:
            with slow_call("Python's collector looks at everything"):
                gc.collect()
            self._whole_next = time.monotonic() + _WHOLE_EVERY
        elif gc.get_count()[0] > _MANY:
            with slow_call("Python's collector looks at many new objects"):
                gc.collect(1)  # they count as old then, and are not looked at again with the next ones
        else:
            gc.collect(1 if _is_due(1) else 0)


def _is_due(generation: int) -> bool:
    """Whether the collector itself would look at a generation now."""
    return gc.get_count()[generation] > gc.get_threshold()[generation] > 0
