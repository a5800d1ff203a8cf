"""The socket below a channel: few system calls, all or nothing sent, waked from any thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from CastLib.client.buffered_socket import BufferedSocket


@pytest.fixture
def ends() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    near, far = socket.socketpair()
    near.settimeout(5)
    far.settimeout(5)
    line = BufferedSocket(near)
    yield line, far
    line.close()
    far.close()


def test_small_reads_are_served_from_one_large_one(ends):
    line, far = ends
    far.sendall(b"abcdef")
    assert [line.recv(2), line.recv(3), line.recv(9)] == [b"ab", b"cde", b"f"]
    far.close()
    assert line.recv(1) == b""


def test_what_is_written_while_input_is_left_leaves_before_the_next_wait(ends):
    line, far = ends
    far.sendall(b"12")
    assert line.recv(1) == b"1" and line.has_input()
    line.send(b"one")
    line.send(b"two")
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(10)
    assert line.recv(1) == b"2" and not line.has_input()
    far.sendall(b"3")
    assert line.has_input()
    assert line.recv(1) == b"3"
    assert far.recv(10) == b"onetwo"


def test_another_thread_sends_what_was_held_first(ends):
    line, far = ends
    far.sendall(b"12")
    line.recv(1)
    line.send(b"held ")
    thread = threading.Thread(target=line.send, args=(b"sent",))
    thread.start()
    thread.join()
    assert far.recv(20) == b"held sent"


def test_a_large_message_is_sent_whole_to_a_slow_reader(ends):
    line, far = ends
    data = bytes(range(256)) * 40_000
    sender = threading.Thread(target=line.send, args=(data,))
    sender.start()
    got = b""
    while len(got) < len(data):
        got += far.recv(65536)
        if len(got) < 500_000:
            time.sleep(0.001)
    sender.join()
    assert got == data


@pytest.mark.parametrize("what", ["recv", "send"])
def test_waiting_ends_in_time(ends, what):
    line, _ = ends
    line.settimeout(0.05)
    assert line.gettimeout() == 0.05
    with pytest.raises(TimeoutError):
        line.recv(1) if what == "recv" else line.send(b"x" * 50_000_000)


def test_a_waiting_reader_is_interrupted_from_another_thread(ends):
    line, _ = ends
    threading.Timer(0.05, line.interrupt).start()
    assert line.recv(1) == b""


def test_a_closed_line_has_no_input(ends):
    line, far = ends
    far.sendall(b"1")
    line.close()
    line.close()
    line.interrupt()
    assert not line.has_input()
