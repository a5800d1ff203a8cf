"""Frames on their way to sockets: made once for all receivers, joined for each socket, never waited for.

A hub's speed is here. Writing costs a system call a socket whatever its size, so under load the frames that gather
within a millisecond or two go out as one write; when the hub is idle a frame goes out at once. Nobody waits for a slow
socket: what it has not taken lies in its own transport, and past a mark the subscription ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

from CastHubLib.core import Receivers

_PAUSE_A_SOCKET = 10e-6  # seconds, about what a write costs: a pause is as long as the writing before it
_TIMER_TICK = 0.0005  # event loops wake by the millisecond; a shorter pause is not worth a timer
_JOIN_MOST = 1024 * 1024  # bytes gathered before they are written without waiting for the timer


def text_frame(text: bytes) -> bytes:
    """Return one whole WebSocket text frame from a server: unmasked, uncompressed (RFC 6455, 5.2)."""
    length = len(text)
    if length < 126:
        return b"\x81" + length.to_bytes(1, "big") + text
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + text
    return b"\x81\x7f" + length.to_bytes(8, "big") + text


def json_frame(value: Any) -> bytes:
    """Return the frame of a JSON value."""
    return text_frame(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


class Outbox:
    """Takes frames for subscribers and writes them to their sockets.

    ``on_slow`` is called with a subscriber's id when more than ``backlog_most`` bytes wait for it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        join_seconds: float,
        backlog_most: int,
        on_slow: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._join_seconds = join_seconds
        self._backlog_most = backlog_most
        self._on_slow = on_slow
        self._sockets: dict[str, asyncio.WriteTransport] = {}
        self._gathered: list[tuple[Receivers, bytes]] = []
        self._gathered_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self.deliveries = 0

    def attach(self, id: str, socket: asyncio.WriteTransport) -> None:
        """Let a subscriber's frames go to this socket from now on."""
        self.flush()
        self._sockets[id] = socket

    def detach(self, id: str) -> None:
        """Stop writing to a subscriber's socket; frames for it are dropped."""
        self._sockets.pop(id, None)

    def post(self, receivers: Receivers, frame: bytes) -> None:
        """Send one frame to these subscribers, in the order of the calls."""
        if not receivers:
            return
        self._gathered.append((receivers, frame))
        self._gathered_bytes += len(frame)
        if self._timer is None:
            pause = self._not_before - perf_counter()
            if pause < _TIMER_TICK:
                self.flush()
            else:
                self._timer = self._loop.call_later(pause, self.flush)
        elif self._gathered_bytes > _JOIN_MOST:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._gathered:
            return
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        runs = _runs(gathered)
        if len(runs) == 1:
            receivers, frames = runs[0]
            sockets = self._write_all(receivers, b"".join(frames), len(frames))
        else:
            sockets = self._write_each(runs)
        self._not_before = perf_counter() + min(self._join_seconds, _PAUSE_A_SOCKET * sockets)

    def _write_all(self, receivers: Receivers, joined: bytes, count: int) -> int:
        """The common case, one topic in a burst: the joined bytes are the same object for every socket."""
        written = 0
        for subscriber in receivers:
            socket = self._sockets.get(subscriber.id)
            if socket is not None:
                self._write(subscriber.id, socket, joined)
                written += 1
        self.deliveries += count * written
        return written

    def _write_each(self, runs: list[tuple[Receivers, list[bytes]]]) -> int:
        waiting: dict[str, list[bytes]] = {}
        for receivers, frames in runs:
            joined = b"".join(frames)
            for subscriber in receivers:
                if subscriber.id in self._sockets:
                    waiting.setdefault(subscriber.id, []).append(joined)
                    self.deliveries += len(frames)
        for id, parts in waiting.items():
            socket = self._sockets.get(id)
            if socket is not None:
                self._write(id, socket, b"".join(parts))
        return len(waiting)

    def _write(self, id: str, socket: asyncio.WriteTransport, data: bytes) -> None:
        if socket.is_closing():
            return
        if socket.get_write_buffer_size() > self._backlog_most:
            self._on_slow(id)
        else:
            socket.write(data)


def _runs(gathered: list[tuple[Receivers, bytes]]) -> list[tuple[Receivers, list[bytes]]]:
    """Group frames that follow one another to the same receivers (the same tuple: routing keeps its answers)."""
    runs: list[tuple[Receivers, list[bytes]]] = []
    for receivers, frame in gathered:
        if runs and runs[-1][0] is receivers:
            runs[-1][1].append(frame)
        else:
            runs.append((receivers, [frame]))
    return runs
