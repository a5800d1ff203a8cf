"""Fuzzing: bytes and values changed at random, and a hub that must stand it.

``Target`` is a hub process of the test's own with a healthy subscriber beside the fuzzing. When it is left, the hub
must have made no mistake, kept its subscriber served all the time, and come back to what it held before.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil
import websocket
from hub_process import HubProcess
from hub_wire import Wire, event

STALL_SECONDS = 30.0  # generous: the machine may be busy, a hub that stands still is not
RETURN_SECONDS = 60.0
MAX_RSS = 96 * 1024 * 1024  # growth over what it was after warming up
MAX_DESCRIPTORS = 8  # more than before: the connections of a moment

#: Short times, so that all that the fuzzing leaves behind has ended soon after it.
ENVIRONMENT = {
    "CAST_HUB_PAYLOAD_SECONDS": "2",
    "CAST_HUB_SWEEP_SECONDS": "0.2",
    "CAST_HUB_BIND_SECONDS": "2",
    "CAST_HUB_GRACE_SECONDS": "0.5",
    "CAST_HUB_UPLOAD_IDLE_SECONDS": "2",
    "CAST_HUB_GROUP_DESERTED_SECONDS": "1",
    "CAST_HUB_MAX_PAYLOADS_BYTES": "64MiB",
    "CAST_HUB_LOG_LEVEL": "warning",
}

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**30, -0.0, 2**53, "", " ", "*", "x" * 300, "\x00", "\u202e", "😀", "-request"),
    *("status-request", "dicom-send", "NaN", "1e999", "[", '["ID"]', "a,b", "/bind/x", "../x", "http://[", "%0a"),
    *([], [[]], {}, {"a": 1}, [None], [{}], {"hub.event": "a", "hub.topic": "b"}, {"key": "files", "files": [{}]}),
]


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, drop, double, cut some bytes, or put others in."""
    text = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(6):
            case 0:
                text[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del text[at : at + chance.randint(1, 9)]
            case 2:
                text[at:at] = text[at : at + chance.randint(1, 20)]
            case 3:
                text[at:at] = chance.choice(
                    (b"\r\n", b"\x00", b"\xff", b"--", b'"', b"{", b"[" * 200, b"\\ud800", b":")
                )
            case 4 if text:
                text[at - 1 if at else 0] ^= 1 << chance.randrange(8)
            case _:
                text = text[: max(at, 1)]
    return bytes(text)


def mutated_value(value: Any, chance: random.Random) -> Any:
    """Put something else in the place of one value somewhere inside, or take it out."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {name: inner for name, inner in value.items() if name != key}
        return {**value, key: mutated_value(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        return [*value[:at], mutated_value(value[at], chance), *value[at + 1 :]]
    return chance.choice(VALUES)


class Target:
    """A hub under fire; ``wire`` is a program signed in at it."""

    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        self.wire = Wire(hub.url)
        self.port = urlsplit(hub.url).port or 0
        self.sent = 0
        self.statuses: dict[int, int] = {}
        self._process = psutil.Process(hub.pid)
        self._healthy = _Healthy(hub.url)
        self._rss = self._descriptors = 0

    def answered(self, status: int, what: Callable[[], str]) -> None:
        """Count an answer; fail on a 5xx that means a mistake (507 and 503 say that something is full)."""
        self.sent += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        assert status < 500 or status in (503, 507), f"{status} to {what()}"

    def warmed_up(self) -> None:
        """Take what the hub holds now as what it must come back to."""
        self._until_quiet()
        self._rss, self._descriptors = self._process.memory_info().rss, self._open_descriptors()

    def _open_descriptors(self) -> int:
        return int(self._process.num_fds() if hasattr(self._process, "num_fds") else self._process.num_handles())

    def _held(self) -> dict[str, Any]:
        status = self.wire.status()
        found = {name: status[name] for name in ("subscriptions", "connected", "open_requests", "waiting")}
        return found | {"payloads": status["payloads"]["bytes"]}

    def _until_quiet(self) -> None:
        quiet = {"subscriptions": 1, "connected": 1, "open_requests": 0, "waiting": 0, "payloads": 0}
        until = time.monotonic() + RETURN_SECONDS
        while (held := self._held()) != quiet:
            assert time.monotonic() < until, f"the hub still holds {held}"
            time.sleep(0.1)

    def __enter__(self) -> Target:
        self._healthy.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if error is None:
                self._until_quiet()
                rss, descriptors = self._process.memory_info().rss, self._open_descriptors()
                print(f"{self.sent} sent, answers {dict(sorted(self.statuses.items()))},", end=" ")
                print(
                    f"memory {(rss - self._rss) / 2**20:+.1f} MiB, descriptors {descriptors - self._descriptors:+d},",
                    end=" ",
                )
                print(
                    f"healthy subscriber: {self._healthy.received} events, slowest {self._healthy.slowest:.3f} s,",
                    end=" ",
                )
                print(f"longest turn of the loop {self.wire.status()['longest_turn_seconds']:.3f} s")
                assert rss - self._rss < MAX_RSS
                assert descriptors - self._descriptors <= MAX_DESCRIPTORS
        finally:
            problem = self._healthy.stop()
            self.wire.close()
        if error is None:
            assert problem is None, f"the healthy subscriber was not served: {problem!r}"
            assert "mistake" not in self.hub.log.read_text()


class _Healthy(threading.Thread):
    """A subscriber that publishes to itself and waits for it, again and again."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._wire = Wire(url)
        self._socket = websocket.create_connection(self._wire.subscribe("HEALTHY"), timeout=STALL_SECONDS)
        self._socket.recv()
        self._ended = threading.Event()
        self._problem: BaseException | None = None
        self.received = 0
        self.slowest = 0.0

    def run(self) -> None:
        try:
            while not self._ended.wait(0.02):
                body, begun = event("Patient-open", self._wire.topic), time.monotonic()
                self._wire.publish(body, 202)
                while body["id"] not in self._socket.recv():
                    pass
                self.received += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)
        except BaseException as problem:
            self._problem = problem

    def stop(self) -> BaseException | None:
        self._ended.set()
        self.join(2 * STALL_SECONDS)
        with suppress(Exception):
            self._socket.close()
        self._wire.close()
        return self._problem or (None if self.received else AssertionError("it has received nothing"))
