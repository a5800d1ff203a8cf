"""What comes in slowly, or is many things at once: it has a bound in sum and an absolute time."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from hub_wire import WAIT, Wire, batch_body, event, hub_in_thread, until_status
from raw_wire import acknowledgement, bound, connected, ended, frame, head, is_served, posted

MOST = 1_000_000
BATCH = 'multipart/related; boundary="b"'


def begin(line: socket.socket, size: int) -> None:
    """Send a message of so many bytes but for its last frame."""
    line.sendall(frame(b"x" * (size // 2), fin=False) + frame(b"x" * (size - size // 2), 0, fin=False))


def test_of_messages_that_do_not_come_whole_the_longest_is_cut(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_incoming_bytes=MOST) as url, Wire(url) as wire:
        lines = [bound(wire, f"S{number}") for number in range(4)]
        for line, size in zip(lines, (300_000, 500_000, 100_000, 200_000), strict=True):
            begin(line, size)
        ended(lines.pop(1))
        until_status(wire, connected=3)
        for line in lines:
            line.sendall(frame(b"x", 0))
            assert is_served(line, wire)
            line.close()


def test_one_frame_that_does_not_come_whole_counts_too(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_incoming_bytes=MOST) as url, Wire(url) as wire:
        first, second = bound(wire, "A"), bound(wire, "B")
        first.sendall(frame(b"x" * 600_000, length=9_000_000))
        second.sendall(frame(b"x" * 500_000, length=9_000_000))
        ended(first)
        assert is_served(second, wire)
        second.close()


def test_what_has_ended_is_counted_no_more(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_incoming_bytes=MOST) as url, Wire(url) as wire:
        stays = bound(wire, "STAYS")
        for number in range(5):
            line = bound(wire, f"S{number}")
            begin(line, 600_000)
            line.close()
            until_status(wire, connected=1)
            begin(stays, 600_000)
            stays.sendall(frame(b"x", 9) + frame(b"x" * 9, 0))  # a ping stands between two frames of a message
            whole = acknowledgement(100)
            stays.sendall(frame(whole) * 9 + frame(whole)[:20])
            stays.sendall(frame(whole)[20:])
            assert is_served(stays, wire)
        stays.close()


def test_of_bodies_that_do_not_come_whole_the_longest_is_refused(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_incoming_bytes=MOST) as url, Wire(url) as wire:
        body = json.dumps(event("a-b", wire.topic)).encode()
        announced = posted(wire, "/api/hub", b"{", length=16_000_000)
        shorter = posted(wire, "/api/hub", body + b" " * 100_000, length=len(body) + 100_001)
        envelope = posted(wire, "/api/hub", batch_body(b"x" * 200_000, [], end=False), BATCH, 300_000)
        socket_too = bound(wire)
        begin(socket_too, 90_000)
        longest = posted(wire, "/api/hub", b"{" * 700_000, length=700_001)
        assert longest.recv(12) == b"HTTP/1.1 503"
        wire.publish(event("a-b", wire.topic), 202)
        shorter.sendall(b" ")
        assert shorter.recv(12) == b"HTTP/1.1 202"
        begin(socket_too, 0)
        for line in (announced, shorter, envelope, socket_too, longest):
            line.close()


def test_a_message_has_its_time(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, body_seconds=0.3) as url, Wire(url) as wire:
        late, quick = bound(wire, "LATE"), bound(wire, "QUICK")
        late.sendall(frame(b"x", fin=False))
        until = time.monotonic() + WAIT
        with pytest.raises(ConnectionError):
            while time.monotonic() < until:
                late.sendall(frame(b"x", 0, fin=False))
                quick.sendall(frame(acknowledgement(5))[:9])
                quick.sendall(frame(acknowledgement(5))[9:])
                time.sleep(0.02)
        assert is_served(quick, wire)
        late.close(), quick.close()


def used(wire: Wire) -> socket.socket:
    """A connection on which a request has been answered, so that it is kept for the next."""
    line = connected(wire.url)
    line.sendall(head(wire, "application/json", 2) + b"{}")
    assert line.recv(65_536).startswith(b"HTTP/1.1 400")
    return line


def trickle(line: socket.socket, piece: bytes) -> None:
    """Send a piece now and then until the hub ends the connection."""
    line.settimeout(0.02)
    until = time.monotonic() + WAIT
    while True:
        assert time.monotonic() < until
        try:
            line.sendall(piece)
            if not line.recv(4096):
                return
        except TimeoutError:
            pass
        except ConnectionError:
            return


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("piece", [b"G", b"\r\n", b"a: b\r\n"])
def test_headers_have_their_time_however_they_come(tmp_path: Path, piece: bytes, kept: bool) -> None:
    with hub_in_thread(tmp_path, header_seconds=0.3) as url, Wire(url) as wire:
        with used(wire) if kept else connected(url) as line:
            if piece.startswith(b"a"):
                line.sendall(b"GET /api/hub/status HTTP/1.1\r\nHost: localhost\r\n")
            trickle(line, piece)


def test_a_first_request_has_its_time_and_a_next_one_is_waited_for(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, header_seconds=0.3) as url, Wire(url) as wire:
        kept, silent = used(wire), connected(url)
        assert silent.recv(1) == b""
        kept.sendall(head(wire, "application/json", 2) + b"{}")
        assert kept.recv(12) == b"HTTP/1.1 400"
        kept.close(), silent.close()


def test_connections_have_a_bound(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, max_connections=3) as url, Wire(url) as wire:
        lines = [bound(wire), connected(url)]
        assert ended(connected(url)) == b""
        assert is_served(lines[0], wire)
        lines.pop().close()
        until = time.monotonic() + WAIT
        while True:
            assert time.monotonic() < until
            lines.append(connected(url))
            lines[-1].sendall(b"GET /api/hub/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                if lines[-1].recv(12) == b"HTTP/1.1 200":
                    break
            except ConnectionError:
                pass
        for line in lines:
            line.close()
