"""What a client sends on its WebSocket, on its way to what reads it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from CastHubLib.incoming import Arrival

if TYPE_CHECKING:
    from CastHubLib.delivery.connection import Connection

_FRAMES_A_TURN = 2000  # of one socket that are handed on before others have their turn
_PIECE_COSTS = 64  # bytes of memory that a piece of a message takes beside its own


class Frames:
    """Hands on what a client sends, as long as its frames are masked (RFC 6455, 5.1): proxies rely on it.

    What has come of a message that is not whole is counted, and has its time. Of very many frames that come in one
    piece some are handed on, and the others in the next turns of the loop.
    """

    __slots__ = (
        "_arrival",
        "_connection",
        "_goes_on",
        "_head",
        "_parser",
        "_payload",
        "_refused",
        "_rest",
        "_since",
        "_timer",
    )

    def __init__(self, parser: Any, connection: Connection) -> None:
        self._parser = parser
        self._connection = connection
        self._head = b""  # of a frame, as far as it has come
        self._payload = 0  # bytes of the present frame that are still to come
        self._goes_on = False  # the message of the last data frame has more frames
        self._since: int | None = None  # where in the last piece the message began that is under way, if it did there
        self._refused = False
        self._rest = b""  # what has come and waits for its turn
        self._arrival: Arrival | None = None
        self._timer: asyncio.TimerHandle | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what has come."""
        if self._rest:
            self._rest += data
            return False, b""
        return self._feed(data)

    def _feed(self, data: bytes) -> tuple[bool, bytes]:
        checked = 0 if self._refused else self._masked(data)
        if checked is None:
            self._refused = True
            self._end_arrival()
            self._connection.refuse_frames()
        if self._refused or checked is None:
            return False, b""
        if checked < len(data):
            self._rest, data = data[checked:], data[:checked]
            self._connection.hold()
            self._connection._loop.call_soon(self._go_on)
        taken: tuple[bool, bytes] = self._parser.feed_data(data)
        if self._since is not None or not (self._payload or self._goes_on):
            self._end_arrival()
        if self._payload or self._goes_on:
            self._is_coming(len(data) - (self._since or 0))
        return taken

    def _go_on(self) -> None:
        rest, self._rest = self._rest, b""
        self._connection.release()
        broken, _ = self._feed(rest) if rest else (False, b"")
        if broken:
            self._connection.close()

    def feed_eof(self) -> None:
        """Nothing more will come; what waits for its turn is thrown away with the connection."""
        self._rest = b""
        self._end_arrival()
        self._parser.feed_eof()

    def _is_coming(self, size: int) -> None:
        """Count a piece of a message that is not whole."""
        if self._arrival is None:
            connection = self._connection
            self._arrival = connection.incoming.begin(partial(connection.cut, "room"))
            seconds = connection.settings.body_seconds
            self._timer = connection._loop.call_later(seconds, connection.cut, "message")
        self._arrival.came(size + _PIECE_COSTS)

    def _end_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.end()
            self._arrival = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _masked(self, data: bytes) -> int | None:
        """Return how many bytes may be handed on now; None when there is a frame that is not masked."""
        position, left, self._since = 0, _FRAMES_A_TURN, None
        while True:
            step = min(self._payload, len(data) - position)
            self._payload -= step
            position += step
            if position == len(data) or not left:
                return position
            left -= 1
            head = self._head + data[position : position + 14 - len(self._head)]
            if len(head) < 2:
                self._head = head
                return len(data)
            if not head[1] & 0x80:
                return None
            length = head[1] & 0x7F
            size = 6 + {126: 2, 127: 8}.get(length, 0)
            if len(head) < size:
                self._head = head
                return len(data)
            if not head[0] & 0x08:  # control frames stand between those of a message
                self._goes_on = not head[0] & 0x80
                if head[0] & 0x0F:
                    self._since = position
            position += size - len(self._head)
            self._head = b""
            self._payload = length if length < 126 else int.from_bytes(head[2 : size - 4], "big")
