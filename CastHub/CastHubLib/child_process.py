"""The hub as another program's child (``--end-with-stdin``): it ends with that and reports who is connected.

That program keeps the hub's stdin open and reads its stdout and stderr. When it ends, crash included, the system closes
stdin, and the hub ends as at SIGTERM. On stdout the address is followed by one JSON object a line, a second::

    {"uptime_seconds": 12.0, "deliveries": 345, "subscriptions": 1, "subscribers": [
        {"name": "…", "product": "…", "version": "…", "actors": ["ID"], "topic": "…", "connected": true}]}

Names and topics go into this pipe only, which nobody else can read; ``GET /api/hub/status``, open to anyone,
has counts alone. The hub never waits for its reader: of what that does not read, the oldest is dropped.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import json
import os
import sys
import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from CastLib.command_line import EXIT_DONE

if TYPE_CHECKING:
    from CastHubLib.http.hub import Hub

EVERY_SECONDS = 1.0
MAX_SUBSCRIBERS = 200  # what a panel shows without its window standing still
MAX_TEXT = 200  # characters of a name, product, version, actor or topic
MAX_ACTORS = 20
_MAX_WAITING = 2000  # writes
_LAST_SECONDS = 1.0  # for a program that still reads when the hub ends


class PipeWriter(io.TextIOBase):
    """A text stream into a file descriptor that never blocks its writer: a thread of its own does the waiting."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[str] = deque(maxlen=_MAX_WAITING)
        self._changed = threading.Condition()
        self._busy = False
        threading.Thread(target=self._run, name="cast-hub-output", daemon=True).start()
        atexit.register(self._finish)

    def write(self, text: str) -> int:
        """Take a text, to be written soon."""
        with self._changed:
            self._waiting.append(text)
            self._changed.notify_all()
        return len(text)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                data = self._waiting.popleft().encode("utf-8", "replace")
                self._busy = True
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:  # nobody reads any more: stdin shows the same
                pass

    def _finish(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._busy), _LAST_SECONDS)


def log_aside() -> None:
    """Have everything meant for stderr written aside. Call it before logging is set up."""
    sys.stderr = PipeWriter(sys.stderr.fileno())


def end_with_stdin(stopped: asyncio.Future[int]) -> None:
    """Set the future to exit code 0 when stdin closes."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(EXIT_DONE)

    def wait() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:  # closed, in Windows' words
            pass
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)

    threading.Thread(target=wait, name="cast-hub-stdin", daemon=True).start()


class Reporting:
    """Writes `report` to stdout now and every second, until `stop`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._out = PipeWriter(sys.stdout.fileno())
        self._write()

    def _write(self) -> None:
        self._out.write(json.dumps(report(self._hub)) + "\n")
        self._next = asyncio.get_running_loop().call_later(EVERY_SECONDS, self._write)

    def stop(self) -> None:
        """Write no more."""
        self._next.cancel()


def report(hub: Hub) -> dict[str, Any]:
    """Who is connected and how much was delivered so far; no token and no endpoint."""
    subscribers = [
        {
            "name": subscriber.subscription.name[:MAX_TEXT],
            "product": subscriber.subscription.product[:MAX_TEXT],
            "version": subscriber.subscription.version[:MAX_TEXT],
            "actors": [actor[:MAX_TEXT] for actor in subscriber.subscription.actors[:MAX_ACTORS]],
            "topic": subscriber.subscription.topic[:MAX_TEXT],
            "connected": subscriber.connected,
        }
        for subscriber in islice(hub.table, MAX_SUBSCRIBERS)
    ]
    return {
        "uptime_seconds": round(hub.uptime_seconds, 3),
        "deliveries": hub.outbox.deliveries,
        "subscriptions": len(hub.table),
        "subscribers": subscribers,
    }
