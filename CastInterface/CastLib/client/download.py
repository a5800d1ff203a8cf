"""Fetching payloads to disk: as they come, several at once, taken up again where they broke."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO

import requests
import urllib3

from CastLib.client.backoff import Backoff
from CastLib.client.errors import HubUnusable, cause, is_passing
from CastLib.client.hub_api import HubApi
from CastLib.client.upload import Progress
from CastLib.errors import CastError, HubNotReachable, Refused, TransferError

_log = logging.getLogger("cast.client")

_PIECE = 1024 * 1024  # bytes read and written at once
_LOOK = 0.05  # seconds between looks at progress and cancel
_RETRY_FIRST, _MAX_RETRY = 0.2, 2.0  # seconds


class TransferCancelled(TransferError):
    """The one who asked for the transfer called it off; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Part:
    """Payloads that stand one after the other in a file from ``offset`` on.

    ``length`` is their bytes together; None when the manifest does not tell. ``file_name`` is for people.
    """

    file_name: str
    path: Path
    payload_ids: tuple[str, ...]
    offset: int
    length: int | None


class Download:
    """Fetches parts with up to ``parallel`` threads, each payload taken up again up to ``retries`` times.

    ``progress(done, total)`` in bytes and ``cancelled()`` are called on the thread of ``run``.
    """

    def __init__(
        self,
        api: HubApi,
        *,
        parallel: int,
        retries: int,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._api = api
        self._parallel = parallel
        self._retries = retries
        self._progress = progress
        self._cancelled = cancelled
        self._queue: SimpleQueue[Part] = SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0
        self._error: CastError | None = None
        self._open: set[requests.Response] = set()

    def run(self, parts: list[Part]) -> None:
        """Fetch all parts into their files, which exist; raises the first failure, TransferError or HubNotReachable.

        When it returns or raises, no thread of it is left.
        """
        self._total = sum(part.length or 0 for part in parts)
        for part in parts:
            self._queue.put(part)
        count = min(self._parallel, len(parts))
        threads = [threading.Thread(target=self._work, name=f"cast fetch {n}", daemon=True) for n in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LOOK)
                    self._look()
        finally:
            self._stop.set()
            self._interrupt()
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error
        self._look()

    def _look(self) -> None:
        if self._progress is not None:
            done = self._done
            self._progress(done, max(self._total, done))
        if self._cancelled is not None and self._cancelled():
            raise TransferCancelled("the transfer was cancelled")

    def _interrupt(self) -> None:
        """Wake threads that wait for bytes."""
        with self._lock:
            waiting = list(self._open)
        for response in waiting:
            connection = getattr(getattr(response.raw, "connection", None), "sock", None)
            if connection is not None:
                with contextlib.suppress(OSError):
                    # Of the plain socket below TLS: the TLS object may be in use by the thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                part = self._queue.get_nowait()
            except Empty:
                return
            try:
                self._fetch(part)
            except CastError as error:
                self._fail(error)
            except OSError as error:
                words = (error.strerror or type(error).__name__).lower()
                self._fail(TransferError(f"{part.path.parent} cannot be written to: {words}"))
            except Exception as error:
                _log.exception("a download failed inside")
                self._fail(TransferError(f"{part.file_name} could not be fetched: {type(error).__name__}"))

    def _fail(self, error: CastError) -> None:
        with self._lock:
            if self._error is None:
                self._error = error
        self._stop.set()

    def _fetch(self, part: Part) -> None:
        position = part.offset
        single = part.length if len(part.payload_ids) == 1 else None
        with open(part.path, "r+b", buffering=0) as file:
            for payload_id in part.payload_ids:
                position += self._fetch_payload(part.file_name, payload_id, file, position, single)
        if part.length is not None and position - part.offset != part.length:
            raise _length_lies(part.file_name, position - part.offset, part.length)

    def _fetch_payload(self, name: str, payload_id: str, file: BinaryIO, start: int, expected: int | None) -> int:
        """Write one payload at ``start`` of the file; return its bytes."""
        backoff = Backoff(_RETRY_FIRST, _MAX_RETRY)
        have = 0
        retries = self._retries
        while True:
            try:
                with self._open_payload(payload_id, have) as response:
                    if response.status_code != 206:
                        self._count(-have)
                        have = 0
                    whole = _whole_length(response, have)
                    if expected is not None and whole is not None and whole != expected:
                        raise _length_lies(name, whole, expected)
                    file.seek(start + have)
                    for piece in _pieces(response):
                        if self._stop.is_set():
                            raise TransferCancelled("the transfer was stopped")
                        have += len(piece)
                        if expected is not None and have > expected:
                            raise _length_lies(name, have, expected)
                        file.write(piece)
                        self._count(len(piece))
                    if whole is None or have == whole:
                        return have
                    raise HubNotReachable(f"the connection broke while {name} was fetched")
            except CastError as error:
                if retries == 0 or not is_passing(error):
                    raise _for_file(name, error) from None
                _log.info("payload %s is taken up again at byte %d: %s", payload_id, have, error)
            retries -= 1
            if self._stop.wait(backoff.next()):
                raise TransferCancelled("the transfer was stopped")

    @contextlib.contextmanager
    def _open_payload(self, payload_id: str, offset: int) -> Iterator[requests.Response]:
        response = self._api.payload(payload_id, offset)
        with self._lock:
            self._open.add(response)
        try:
            with response:
                yield response
        finally:
            with self._lock:
                self._open.discard(response)

    def _count(self, size: int) -> None:
        with self._lock:
            self._done += size


def _pieces(response: requests.Response) -> Iterator[bytes]:
    while True:
        try:
            piece = response.raw.read(_PIECE, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise HubNotReachable(f"the connection broke during a transfer ({cause(error)})") from None
        if not piece:
            return
        yield piece


def _whole_length(response: requests.Response, offset: int) -> int | None:
    """Return the payload's whole length by the answer's headers; HubUnusable for a range that was not asked for."""
    length = response.headers.get("Content-Length", "")
    if response.status_code == 206:
        given = response.headers.get("Content-Range", "").replace("bytes", "").strip().partition("-")[0]
        if given != str(offset):
            raise HubUnusable(f"the hub answered another range of a payload than byte {offset} and after")
    return offset + int(length) if length.isdigit() else None


def _length_lies(name: str, came: int, said: int) -> TransferError:
    return TransferError(f"{name} has {came} bytes at the hub where its manifest says {said}: it is not kept")


def _for_file(name: str, error: CastError) -> CastError:
    """Return the error as one of this file; an unreachable hub stays what it is."""
    if isinstance(error, Refused) and error.status == 404:
        return TransferError(f"{name} is no longer at the hub: it has expired; have it sent again")
    if isinstance(error, Refused):
        return TransferError(f"{name} may not be fetched: {error}")
    return error
