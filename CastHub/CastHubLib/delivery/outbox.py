"""Frames on their way to sockets: made once for all receivers, joined for each socket, never waited for.

A hub's speed is here. Writing costs a system call a socket whatever its size, so under load the frames that gather
within a millisecond or two go out as one write; when the hub is idle a frame goes out at once. Nobody waits for a slow
socket: what it has not taken lies in its own transport, and past a mark the subscription ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from CastHubLib.delivery.backlog import Backlog
from CastHubLib.routing.resume_queue import Notification, ResumeQueue
from CastHubLib.routing.subscriber import Receivers, Subscriber, Transport
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings

_PAUSE_A_SOCKET = 10e-6  # seconds, about what a write costs: a pause is as long as the writing before it
_TIMER_TICK = 0.0005  # event loops wake by the millisecond; a shorter pause is not worth a timer
_SOCKETS_A_TURN = 500  # that are written to before others have their turn
_BYTES_A_TURN = 8 * 1024 * 1024
_MAX_JOIN = 1024 * 1024  # bytes gathered before they are written without waiting for the timer
_MAX_SILENT = 64  # notifications after which a subscriber that has acknowledged none is taken for one that never does


def text_frame(text: bytes) -> bytes:
    """Return one whole WebSocket text frame from a server: unmasked, uncompressed (RFC 6455, 5.2)."""
    length = len(text)
    if length < 126:
        return b"\x81" + length.to_bytes(1, "big") + text
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + text
    return b"\x81\x7f" + length.to_bytes(8, "big") + text


def frame_text(frame: bytes) -> bytes:
    """Return the text of a frame that ``text_frame`` has made."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def write_frame(socket: Transport, frame: bytes) -> None:
    """Write to a socket, unless its connection has broken unnoticed: uvloop takes writing to that for a mistake."""
    if not socket.is_closing():
        socket.write(frame)


def json_frame(value: Any) -> bytes:
    """Return the frame of a JSON value."""
    return text_frame(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


class Outbox:
    """Takes frames for subscribers and writes them to their sockets.

    A subscriber is too slow when more than ``max_backlog_bytes`` bytes wait in its socket, or more in its queue for a
    socket to come back than that may hold, or more than ``max_waiting_bytes`` for everyone and most of it for this one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: HubSettings, table: Table) -> None:
        self._loop = loop
        self._settings = settings
        self._backlog = Backlog(settings.max_waiting_bytes, table)
        self.kept = self._backlog.kept
        self._gathered: list[_Run] = []
        self._gathered_bytes = 0
        self._timer: asyncio.Handle | None = None
        self._writing: Iterator[None] | None = None
        self._sockets_written = 0
        self._not_before = 0.0
        self.deliveries = 0
        self.forgotten = 0
        """Notifications that left a queue without having been acknowledged."""

    def attach(self, subscriber: Subscriber, socket: Transport, first: bytes) -> None:
        """Let a subscriber's frames go to this socket from now on, after ``first`` and what is kept for it."""
        self.flush()
        subscriber.transport = socket
        kept = list(subscriber.queue or ())
        if not socket.is_closing():
            socket.writelines([first, *(notification.frame for notification in kept)])
        subscriber.written, subscriber.proven = len(kept), 0
        self.deliveries += 1 + len(kept)

    def post(self, receivers: Receivers, frame: bytes) -> None:
        """Send one frame to these subscribers, in the order of the calls; it is nothing that they may need again."""
        self._gather(receivers, frame, None)

    def notify(self, receivers: Receivers, notification: Notification) -> None:
        """Send an event to these subscribers, in the order of the calls; it is kept for those that have a queue."""
        self._gather(receivers, notification.frame, notification)

    def _gather(self, receivers: Receivers, frame: bytes, notification: Notification | None) -> None:
        if not receivers:
            return
        if not self._gathered or self._gathered[-1].receivers is not receivers:  # routing keeps its answers
            self._gathered.append(_Run(receivers))
        self._gathered[-1].add(frame, notification)
        self._gathered_bytes += len(frame)
        if self._writing is not None:
            return  # that comes first
        if self._timer is None:
            pause = self._not_before - perf_counter()
            if pause < _TIMER_TICK:
                self._write_some()
            else:
                self._timer = self._loop.call_later(pause, self._write_some)
        elif self._gathered_bytes > _MAX_JOIN:
            self._write_some()

    def flush(self) -> None:
        """Write all that has gathered, now: for who is about to change what goes where."""
        while self._gathered or self._writing is not None:
            self._write_some(all_of_it=True)

    def _write_some(self, *, all_of_it: bool = False) -> None:
        """Write what has gathered, as much of it as one turn of the loop may take, and go on in the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is None:
            runs, self._gathered, self._gathered_bytes = self._gathered, [], 0
            self._sockets_written = 0
            self._writing = self._write_all(runs[0]) if len(runs) == 1 else self._write_each(runs)
        for _ in self._writing:
            if not all_of_it:
                self._timer = self._loop.call_soon(self._write_some)
                return
        self._writing = None
        self._backlog.check()
        self._not_before = perf_counter() + min(self._settings.join_seconds, _PAUSE_A_SOCKET * self._sockets_written)
        if self._gathered:
            self._timer = self._loop.call_soon(self._write_some)

    def _write_all(self, run: _Run) -> Iterator[None]:
        """The common case, one topic in a burst: the joined bytes are the same object for every socket.

        Yields where a turn has lasted long enough.
        """
        joined, notifications = run.join(), len(run.notifications)
        self._backlog.written(len(joined))
        step = max(1, min(_SOCKETS_A_TURN, _BYTES_A_TURN // len(joined)))
        for begin in range(0, len(run.receivers), step):
            if begin:
                yield
            written = 0
            for subscriber in run.receivers[begin : begin + step]:
                socket = subscriber.transport
                if socket is not None and self._write(subscriber, socket, joined):
                    subscriber.written += notifications
                    written += 1
                if subscriber.queue is not None and notifications:
                    self._keep(subscriber, subscriber.queue, run)
            self.deliveries += len(run.frames) * written
            self._sockets_written += written

    def _write_each(self, runs: list[_Run]) -> Iterator[None]:
        shares: dict[Subscriber, list[_Run]] = {}
        for run in runs:
            self._backlog.written(len(run.join()))
            for subscriber in run.receivers:
                shares.setdefault(subscriber, []).append(run)
        size = count = 0
        for subscriber, its in shares.items():
            socket = subscriber.transport
            if socket is not None:
                data = b"".join([run.joined for run in its])
                size, count = size + len(data), count + 1
                if self._write(subscriber, socket, data):
                    subscriber.written += sum(len(run.notifications) for run in its)
                    self.deliveries += sum(len(run.frames) for run in its)
            for run in its:
                if subscriber.queue is not None and run.notifications:
                    self._keep(subscriber, subscriber.queue, run)
            if size > _BYTES_A_TURN or count > _SOCKETS_A_TURN:
                self._sockets_written += count
                size = count = 0
                yield
        self._sockets_written += count

    def _write(self, subscriber: Subscriber, socket: Transport, data: bytes) -> bool:
        if socket.is_closing():
            subscriber.manager.lost(subscriber)
        elif (backlog := socket.get_write_buffer_size()) > self._settings.max_backlog_bytes:
            subscriber.manager.too_slow(subscriber)
        else:
            if backlog:
                self._backlog.seen(subscriber, backlog)
            socket.write(data)
            return True
        return False

    def _keep(self, subscriber: Subscriber, queue: ResumeQueue, run: _Run) -> None:
        fits = queue.add(run.notifications, run.size)
        if not subscriber.connected:
            if not fits:
                subscriber.manager.too_slow(subscriber)
        elif not subscriber.acknowledges_some:
            if len(queue) > _MAX_SILENT or queue.size > self._settings.max_queued_bytes:
                subscriber.queue = None
        elif not fits:
            self.forgotten += queue.trim()


class _Run:
    """Frames that follow one another to the same receivers."""

    __slots__ = ("frames", "joined", "notifications", "receivers", "size")

    def __init__(self, receivers: Receivers) -> None:
        self.receivers = receivers
        self.frames: list[bytes] = []
        self.joined = b""
        self.notifications: list[Notification] = []
        self.size = 0

    def add(self, frame: bytes, notification: Notification | None) -> None:
        self.frames.append(frame)
        if notification is not None:
            self.notifications.append(notification)
            self.size += len(frame)

    def join(self) -> bytes:
        """Return all frames as one, for every socket the same object."""
        self.joined = b"".join(self.frames)
        return self.joined
