"""Batches through a real hub, and from servers that lie, break and stall."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from CastLib.client import Pump, Session, SessionSettings, TransferCancelled
from CastLib.errors import CastError, FieldError, FileRefused, HubNotReachable, Refused, TransferError
from CastLib.manifest import CHUNK
from CastLib.message import Target, make_message, parse_publish

WAIT = 10.0


@pytest.fixture
def pump() -> Pump:
    return Pump()


@pytest.fixture
def make(hub, pump) -> Iterator[Callable[..., Session]]:
    topic, made = "topic-" + secrets.token_hex(4), []

    def make(**more) -> Session:
        made.append(Session(SessionSettings(**{"hub": hub.url, "user": topic, "announce": False, **more}), pump))
        return made[-1]

    yield make
    for session in made:
        session.close()


def files(folder: Path, *sizes: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{index}.dcm" for index in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(os.urandom(size))
    return paths


def online(session: Session) -> list:
    got: list = []
    session.on_event(got.append)
    session.start()
    session.wait_online(WAIT)
    return got


# The real hub


@pytest.mark.parametrize(
    "sizes",
    [(1,), (CHUNK,), (CHUNK + 1,), (3 * CHUNK - 1, 1, 2 * CHUNK), tuple(range(1, 40)), (20_000_000, 100)],
    ids=lambda sizes: f"{len(sizes)}x{max(sizes)}",
)
def test_a_batch_arrives_as_it_was_sent(sizes, make, pump, tmp_path):
    receiver, sender = make(product="RECEIVER"), make(product="SENDER")
    got, paths = online(receiver), files(tmp_path / "in", *sizes)
    up: list[tuple[int, int]] = []
    down: list[tuple[int, int]] = []
    id = sender.send_files(
        "dicom-send", paths, context={"task": "t"}, progress=lambda done, total: up.append((done, total))
    )
    assert pump.run_until(lambda: got, WAIT)
    assert got[0].id == id and got[0].context["task"] == "t"
    fetched = receiver.fetch_files(got[0], tmp_path / "out", progress=lambda done, total: down.append((done, total)))
    assert [path.name for path in fetched] == [path.name for path in paths]
    assert [path.read_bytes() for path in fetched] == [path.read_bytes() for path in paths]
    assert sorted(tmp_path.joinpath("out").iterdir()) == sorted(fetched)
    for steps in (up, down):
        assert steps[-1] == (sum(sizes), sum(sizes)) and steps == sorted(steps)


def test_only_what_is_chosen_is_fetched(make, pump, tmp_path):
    receiver, sender = make(product="RECEIVER"), make(product="SENDER")
    got = online(receiver)
    sender.send_files("nifti-send", files(tmp_path / "in", 10, 20, 30), target=Target(name=receiver.name))
    assert pump.run_until(lambda: got, WAIT)
    fetched = receiver.fetch_files(got[0], tmp_path / "out", choose=lambda entry: entry.byte_length == 20)
    assert [path.name for path in fetched] == ["1.dcm"]
    assert [path.stat().st_size for path in tmp_path.joinpath("out").iterdir()] == [20]
    assert receiver.fetch_files(got[0], tmp_path / "out", choose=lambda entry: False) == []
    again = receiver.fetch_files(got[0], tmp_path / "out")
    assert [path.name for path in again] == ["0.dcm", "1-2.dcm", "2.dcm"]


def test_files_may_travel_under_other_names(make, pump, tmp_path):
    receiver, sender = make(product="RECEIVER"), make(product="SENDER")
    got, paths = online(receiver), files(tmp_path / "in", 10, 20)
    sender.send_files("dicom-send", paths, names=["one.dcm", "two.dcm"])
    assert pump.run_until(lambda: got, WAIT)
    fetched = receiver.fetch_files(got[0], tmp_path / "out")
    assert [path.name for path in fetched] == ["one.dcm", "two.dcm"]
    assert [path.read_bytes() for path in fetched] == [path.read_bytes() for path in paths]


def test_an_event_without_files_fetches_nothing(make, tmp_path):
    message = parse_publish(make_message("ImagingStudy-open", "t", [{"key": "study", "resource": {}}]))
    assert make().fetch_files(message, tmp_path) == []


def test_a_large_file_is_never_whole_in_memory(make, pump, tmp_path):
    import tracemalloc

    receiver, sender = make(product="RECEIVER", parallel=2), make(product="SENDER")
    got, paths = online(receiver), files(tmp_path / "in", 48 * 2**20)
    tracemalloc.start()
    try:
        sender.send_files("dicom-send", paths)
        assert pump.run_until(lambda: got, WAIT)
        receiver.fetch_files(got[0], tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_a_batch_that_is_no_batch(make, tmp_path):
    with pytest.raises(FieldError, match=r"event\.context\.files"):
        make().send_files("dicom-send", [])
    with pytest.raises(Refused, match="family"):
        make().send_files("a-b", files(tmp_path / "in", 5))
    (tmp_path / "tool.exe").write_bytes(b"1")
    with pytest.raises(FileRefused):
        make().send_files("dicom-send", [tmp_path / "tool.exe"])


def test_a_payload_the_hub_does_not_know(make, tmp_path):
    message = received({"fileName": "a.dcm", "byteLength": 3, "payloadIds": ["../status?x=1"]})
    with pytest.raises(TransferError, match=r"a\.dcm is no longer at the hub"):
        make().fetch_files(message, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_batch_after_the_token_was_lost(make, pump, tmp_path):
    receiver, sender = make(product="RECEIVER"), make(product="SENDER")
    got = online(receiver)
    sender.publish("a-b", [])
    sender._sign_in._token = "spoilt"
    sender.send_files("dicom-send", files(tmp_path / "in", 3 * 2**20, 5))
    assert pump.run_until(lambda: len(got) == 2, WAIT)
    receiver._sign_in._token = "spoilt"
    assert len(receiver.fetch_files(got[1], tmp_path / "out")) == 2


# Servers that lie, break and stall


@dataclass
class Payload:
    """What a stand-in for a hub says and sends of a payload."""

    data: bytes
    length: int | None = None  # said instead of the true one
    breaks: list[int] = field(default_factory=list)  # at these bytes, one for each try
    ranges: bool = True
    status: list[int] = field(default_factory=list)  # answered instead, one for each try
    stall: float = 0.0
    asked: list[str] = field(default_factory=list)
    sent: bool = False  # to the end


class StandIn(ThreadingHTTPServer):
    """Signs in anybody and serves payloads as badly as it is told."""

    daemon_threads = True

    def __init__(self, payloads: dict[str, Payload]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.payloads = payloads
        self.most = 0
        self.now = 0
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        pass  # a client that has left


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"code": "c", "access_token": "t", "topic": "topic"}).encode()
        self.answer(200, body)

    def do_GET(self) -> None:
        payload = self.server.payloads[self.path.rsplit("/", 1)[1]]
        payload.asked.append(self.headers.get("Range", ""))
        if payload.status:
            self.answer(payload.status.pop(0), b"no")
            return
        with self.server.lock:
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        try:
            self.send_payload(payload)
        finally:
            with self.server.lock:
                self.server.now -= 1

    def send_payload(self, payload: Payload) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if payload.ranges else 0
        data = payload.data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(payload.data) - 1}/{len(payload.data)}")
        self.send_header("Content-Length", str(len(data) if payload.length is None else payload.length))
        self.end_headers()
        if payload.breaks:
            self.wfile.write(data[: max(0, payload.breaks.pop(0) - start)])
            self.close_connection = True
            return
        half = len(data) // 2
        self.wfile.write(data[:half])
        time.sleep(payload.stall)
        payload.sent = True
        self.wfile.write(data[half:])
        self.close_connection = payload.length is not None

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json" if status == 200 else "text/plain")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def stand_in(make) -> Iterator[Callable[..., tuple[Session, StandIn]]]:
    servers = []

    def start(payloads: dict[str, Payload], **more) -> tuple[Session, StandIn]:
        server = StandIn(payloads)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return make(hub=f"http://127.0.0.1:{server.server_address[1]}", **more), server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def received(*entries: dict):
    return parse_publish(make_message("dicom-send", "topic", {"files": list(entries)}))


def entry(name: str = "a.dcm", length: int | None = 10, ids: tuple[str, ...] = ("p",), **more) -> dict:
    return {"fileName": name, "byteLength": length, "payloadIds": list(ids), **more}


TEN = b"0123456789"


@pytest.mark.parametrize(
    ("payload", "manifest", "words"),
    [
        (Payload(TEN), entry(length=9), r"a\.dcm has 10 bytes at the hub where its manifest says 9"),
        (Payload(TEN), entry(length=11), r"a\.dcm has 10 bytes at the hub where its manifest says 11"),
        (Payload(TEN), entry(length=None, chunkByteLengths=[9]), "10 bytes at the hub where its manifest says 9"),
        (Payload(TEN), entry(ids=("p", "p"), length=19), "20 bytes at the hub where its manifest says 19"),
        (Payload(TEN, status=[404]), entry(), "no longer at the hub"),
        (Payload(TEN, status=[403]), entry(), r"a\.dcm may not be fetched: refused with 403: no"),
    ],
)
def test_lengths_that_lie_and_refusals_keep_nothing(payload, manifest, words, stand_in, tmp_path):
    session, _ = stand_in({"p": payload})
    with pytest.raises(TransferError, match=words):
        session.fetch_files(received(manifest), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_chunks_that_do_not_add_up_are_refused_before_any_is_fetched(stand_in, tmp_path):
    payload = Payload(TEN)
    session, _ = stand_in({"p": payload})
    with pytest.raises(FieldError, match="do not add up"):
        session.fetch_files(received(entry(length=21, ids=("p", "p"), chunkByteLengths=[10, 10])), tmp_path)
    assert payload.asked == []


@pytest.mark.parametrize(
    "manifest",
    [
        entry(ids=("p", "p"), length=20, chunkByteLengths=[10, 10]),
        entry(ids=("p", "p"), length=20),
        entry(ids=("p", "p"), length=None),
        {"fileName": "a.dcm", "payloadId": "p"},
        {"fileName": "a.dcm", "payloadId": "p", "byteLength": 10},
    ],
)
def test_every_form_of_a_manifest_is_read(manifest, stand_in, tmp_path):
    session, _ = stand_in({"p": Payload(TEN)})
    steps: list[tuple[int, int]] = []
    (path,) = session.fetch_files(received(manifest), tmp_path, progress=lambda *step: steps.append(step))
    expected = TEN * len(manifest.get("payloadIds", [1]))
    assert path.read_bytes() == expected and steps[-1] == (len(expected), len(expected))


def test_a_broken_download_is_taken_up_where_it_broke(stand_in, tmp_path):
    data = os.urandom(3_000_000)
    payload = Payload(data, breaks=[2_000_000, 2_500_000], status=[503])
    session, _ = stand_in({"p": payload})
    (path,) = session.fetch_files(received(entry(length=len(data))), tmp_path)
    assert path.read_bytes() == data
    assert payload.asked[:2] == ["", ""] and len(payload.asked) == 4
    assert all(asked.startswith("bytes=") for asked in payload.asked[2:])


def test_a_server_without_ranges_begins_again(stand_in, tmp_path):
    data = os.urandom(3_000_000)
    session, _ = stand_in({"p": Payload(data, breaks=[2_000_000], ranges=False)})
    steps: list[tuple[int, int]] = []
    (path,) = session.fetch_files(
        received(entry(length=len(data))), tmp_path, progress=lambda *step: steps.append(step)
    )
    assert path.read_bytes() == data and steps[-1] == (len(data), len(data))


def test_a_download_that_keeps_breaking_is_given_up(stand_in, tmp_path):
    payload = Payload(TEN, breaks=[5] * 10)
    session, _ = stand_in({"p": payload}, download_retries=1)
    with pytest.raises(HubNotReachable, match="broke"):
        session.fetch_files(received(entry(), entry("b.dcm")), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert threading.active_count() == 0 or not [t for t in threading.enumerate() if "cast fetch" in t.name]


def test_many_come_at_once_but_no_more_than_set(stand_in, tmp_path):
    session, server = stand_in({"p": Payload(TEN, stall=0.05)}, parallel=3)
    assert len(session.fetch_files(received(*(entry() for _ in range(9))), tmp_path)) == 9
    assert server.most == 3


def test_a_cancelled_transfer_ends_soon_and_keeps_nothing(stand_in, tmp_path):
    slow = Payload(TEN, stall=60)
    session, _ = stand_in({"p": Payload(TEN), "slow": slow})
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(TransferCancelled):
        session.fetch_files(
            received(entry(), entry("b.dcm", ids=("slow",))), tmp_path / "out", cancelled=cancelled.is_set
        )
    assert not slow.sent, "it was not waited for"
    assert list((tmp_path / "out").iterdir()) == []


def test_an_exception_of_the_callers_own_keeps_nothing(stand_in, tmp_path):
    session, _ = stand_in({"p": Payload(TEN)})
    with pytest.raises(ZeroDivisionError):
        session.fetch_files(received(entry()), tmp_path / "out", progress=lambda done, total: 1 // 0)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_address_is_not_followed(stand_in, tmp_path):
    session, _ = stand_in({"p": Payload(TEN)})
    entries = [{"fileName": "volume", "url": "http://127.0.0.1:1/a"}, entry()]
    with pytest.raises(TransferError, match="volume is only an address"):
        session.fetch_files(received(*entries), tmp_path)
    chosen = session.fetch_files(received(*entries), tmp_path, choose=lambda entry: not entry.url)
    assert [path.name for path in chosen] == ["a.dcm"]


def test_a_refused_batch_tells_why(stand_in, make, tmp_path):
    class Full(_Handler):
        def do_POST(self) -> None:
            if "multipart" in self.headers["Content-Type"]:
                self.answer(507, b"the payload store is full")
                self.close_connection = True
            else:
                super().do_POST()

    session, server = stand_in({})
    server.RequestHandlerClass = Full
    with pytest.raises((Refused, HubNotReachable)) as caught:
        session.send_files("dicom-send", files(tmp_path / "in", 100))
    assert isinstance(caught.value, CastError) and "full" in str(caught.value)
