"""A connected socket that one thread reads and any thread writes, with few system calls.

Inside Slicer each system call of a background thread may cost it the interpreter lock for a whole tick of the pump
(see ``pump``). So input is read in large pieces, and what the reading thread writes while it still has input
(acknowledgements) is sent in one piece before it waits again. And a TLS connection must not be read and written at the
same moment by two threads: a lock sees to it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import sys
import threading
import time

_PIECE = 256 * 1024
_WAIT_READ = (BlockingIOError, ssl.SSLWantReadError)
_WAIT_WRITE = (BlockingIOError, ssl.SSLWantWriteError)


class BufferedSocket:
    """Wraps a connected socket; has the few methods of a socket that websocket-client calls on one.

    ``recv`` and ``send`` raise TimeoutError after the time set by ``settimeout``. ``send`` always sends all.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._timeout = connection.gettimeout()
        connection.setblocking(False)
        self._input = b""
        self._position = 0
        self._held = bytearray()
        self._reader = 0
        self._io = threading.Lock()
        self._out = threading.Lock()

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end; only one thread may call it."""
        self._reader = threading.get_ident()
        if self._position >= len(self._input):
            self._flush()
            self._input, self._position = self._read(), 0
        piece = self._input[self._position : self._position + size]
        self._position += len(piece)
        return piece

    def send(self, data: bytes) -> int:
        """Send all of ``data``, or, on the reading thread with input left, soon."""
        with self._out:
            if threading.get_ident() == self._reader and self._position < len(self._input):
                self._held += data
            elif self._held:
                held, self._held = self._held, bytearray()
                self._write(bytes(held + data))
            else:
                self._write(data)
        return len(data)

    def has_input(self) -> bool:
        """Tell whether bytes wait to be read; from any thread."""
        if self._position < len(self._input):
            return True
        try:
            return self._ready(0.0, writing=False)
        except (OSError, ValueError):  # closed meanwhile
            return False

    def gettimeout(self) -> float | None:
        """Return the seconds that ``recv`` and ``send`` wait."""
        return self._timeout

    def settimeout(self, seconds: float | None) -> None:
        """Set the seconds that ``recv`` and ``send`` wait."""
        self._timeout = seconds

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._connection.fileno()

    def interrupt(self) -> None:
        """End the connection from any thread; a ``recv`` that waits returns ``b""``."""
        with contextlib.suppress(OSError):
            # Of the plain socket below TLS: the TLS object may be in use by the reading thread.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the socket; safe twice."""
        self._connection.close()

    def _flush(self) -> None:
        with self._out:
            if self._held:
                held, self._held = self._held, bytearray()
                self._write(bytes(held))

    def _read(self) -> bytes:
        end = self._deadline()
        while True:
            try:
                with self._io:
                    return self._connection.recv(_PIECE)
            except _WAIT_READ:
                self._wait(end, writing=False)
            except ssl.SSLWantWriteError:
                self._wait(end, writing=True)
            except ssl.SSLEOFError:
                return b""

    def _write(self, data: bytes) -> None:
        end = self._deadline()
        view = memoryview(data)
        while view:
            try:
                with self._io:
                    sent = self._connection.send(view)
            except _WAIT_WRITE:
                self._wait(end, writing=True)
            except ssl.SSLWantReadError:
                self._wait(end, writing=False)
            else:
                view = view[sent:]

    def _deadline(self) -> float | None:
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _wait(self, end: float | None, *, writing: bool) -> None:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not self._ready(left, writing=writing):
            raise TimeoutError("timed out")

    def _ready(self, seconds: float | None, *, writing: bool) -> bool:
        if sys.platform == "win32":
            mine = [self._connection]
            return any(select.select([] if writing else mine, mine if writing else [], [], seconds))
        else:
            # Not select(): here it fails for descriptors over 1023.
            poll = select.poll()
            poll.register(self._connection, select.POLLOUT if writing else select.POLLIN)
            return bool(poll.poll(None if seconds is None else seconds * 1000))
