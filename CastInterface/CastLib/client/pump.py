"""The one door from background threads to the host's main thread, and the feeder of those threads.

Inside Slicer, Qt's event loop keeps Python's interpreter lock between Python callbacks, so a background thread runs
only while some Python code on the main thread sleeps. ``Pump.drain``, called by a QTimer about every 10 ms, therefore
ends with a short sleep while there are threads to feed. Without Qt, ``run_once`` in a loop does the same work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar, cast

from CastLib.errors import TimedOut
from CastLib.thread_time import MainThreadTime, Seconds, name_of

_log = logging.getLogger("cast.pump")

T = TypeVar("T")

BUDGET = (
    0.02  # seconds of one tick: with the one callback that goes beyond it, a window stands still for less than 50 ms
)
FEED_CONNECTED = 0.001  # seconds: 10 % of the main thread at a tick of 10 ms, and frames come within it
FEED_MORE = 0.004  # at most, on a busy machine: while a thread has not yet taken all that came for it
FEED_MOVING = 0.002  # seconds: while a batch is sent or fetched, so that it is not ten times slower


class _Call(Generic[T]):
    """One ``Pump.call``: a function to run on the main thread, and the thread that waits for its value."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.__qualname__ = name_of(function)  # by which it is known when it held the main thread
        self._function = function
        self._taken = threading.Lock()
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    def take(self) -> bool:
        """Claim the right to run it, or to give it up; whoever is first has it."""
        return self._taken.acquire(blocking=False)

    def __call__(self) -> None:
        if not self.take():
            return
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._done.set()

    def wait(self, timeout: float) -> T:
        if not self._done.wait(timeout) and self.take():
            raise TimedOut(f"the main thread did not come to it within {timeout:g} s")
        self._done.wait()
        if self._error is not None:
            raise self._error
        return cast(T, self._value)


class Pump:
    """Runs callbacks on the main thread in the order in which they were posted.

    ``main_thread`` tells how long the longest callback so far took, without what was spent in calls to the host that
    ``elsewhere()`` tells of. An exception in a callback is logged and stops nothing.
    """

    def __init__(self, elsewhere: Callable[[], Seconds] = lambda: (0.0, 0.0)) -> None:
        self.main_thread = MainThreadTime(elsewhere)
        self._queue: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self._owner = threading.get_ident()
        self._depth = 0
        self._lock = threading.Lock()
        self._calls: set[_Call[Any]] = set()
        self._connected = 0
        self._hungry: tuple[Callable[[], bool], ...] = ()
        self._moving = 0

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function(*args)`` run on the main thread; returns at once, from any thread."""
        self._queue.put((function, args))

    def call(self, function: Callable[[], T], timeout: float) -> T:
        """Run ``function`` on the main thread and return its value; on the main thread itself it runs at once.

        Raises TimedOut when the main thread did not begin it within ``timeout`` seconds (it is then not run at all),
        and whatever the function raises.
        """
        if self.on_main_thread():
            return function()
        pending = _Call(function)
        with self._lock:
            self._calls.add(pending)
        self._queue.put((pending, ()))
        try:
            return pending.wait(timeout)
        finally:
            with self._lock:
                self._calls.discard(pending)

    def on_main_thread(self) -> bool:
        """Tell whether this is the thread that runs the callbacks: the last to do so, at first the pump's maker."""
        return threading.get_ident() == self._owner

    def drain(self, budget_seconds: float = BUDGET) -> int:
        """Run what is there until the budget is used, feed the threads, run what that brought; return how many ran.

        For a QTimer's slot. No callback is begun after the budget: what is left waits for the next tick. One callback
        runs even when the budget is zero. Called from within a callback (a handler
        that lets Qt process events) it only feeds the threads: events are never handled in the midst of another one.
        """
        if self._depth and self.on_main_thread():
            self._feed()
            return 0
        self._owner = threading.get_ident()
        end = time.perf_counter() + budget_seconds
        done = self._run_until(end, least=1)
        if self._feed():
            done += self._run_until(end)
        return done

    def run_once(self, timeout: float = 0.02) -> int:
        """Wait up to ``timeout`` seconds for a callback, run those that are there, return how many ran.

        For a host without Qt. It releases the interpreter lock while it waits, so threads need no other feeding.
        """
        self._owner = threading.get_ident()
        try:
            function, args = self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except Empty:
            return 0
        waiting = self._queue.qsize()
        self._run(function, args)
        done = 1
        while done <= waiting and self._run_next():
            done += 1
        return done

    def run_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        """Run callbacks until ``predicate()`` is true or ``timeout`` seconds have passed; return whether it became so.

        For a host without Qt.
        """
        end = time.monotonic() + timeout
        while not predicate():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.run_once(min(0.02, left))
        return True

    def serve_calls(self) -> None:
        """Run the ``call`` of every thread that waits for one now: for a main thread that is about to join it."""
        with self._lock:
            pending = list(self._calls)
        for call in pending:
            self._run(call, ())

    @contextmanager
    def connected(self, hungry: Callable[[], bool] | None = None) -> Iterator[None]:
        """Feed threads as long as this lasts: something is connected or connecting.

        ``hungry()`` tells, on the main thread, whether the thread behind it has not yet taken all that came for it.
        """
        more = () if hungry is None else (hungry,)
        with self._lock:
            self._connected += 1
            self._hungry += more
        try:
            yield
        finally:
            with self._lock:
                self._connected -= 1
                self._hungry = tuple(one for one in self._hungry if one not in more)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Feed threads more as long as this lasts: bytes are sent or fetched."""
        with self._lock:
            self._moving += 1
        try:
            yield
        finally:
            with self._lock:
                self._moving -= 1

    def _feed(self) -> bool:
        if self._moving:
            time.sleep(FEED_MOVING)
        elif self._connected:
            time.sleep(FEED_CONNECTED)
        else:
            return False
        end = time.perf_counter() + FEED_MORE
        while any(hungry() for hungry in self._hungry) and time.perf_counter() < end:
            time.sleep(FEED_CONNECTED)
        return True

    def _run_until(self, end: float, least: int = 0) -> int:
        done = 0
        while (done < least or time.perf_counter() < end) and self._run_next():
            done += 1
        return done

    def _run_next(self) -> bool:
        try:
            function, args = self._queue.get_nowait()
        except Empty:
            return False
        self._run(function, args)
        return True

    def _run(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._depth += 1
        try:
            with self.main_thread.by(function):
                function(*args)
        except Exception:
            _log.exception("%s raised", name_of(function))
        finally:
            self._depth -= 1
