"""The client's small rules: backoff, remembered ids, addresses, certificates and proxies, names of fetched files."""

from __future__ import annotations

import os
import random
import threading

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from CastLib.client.address import HubAddress
from CastLib.client.backoff import Backoff
from CastLib.client.batch import choose_entries, fetch_into
from CastLib.client.errors import HubUnusable, is_passing, not_reachable, refusal
from CastLib.client.hub_api import dump
from CastLib.client.network import CA_VARIABLES, Network, find_ca_bundle, find_proxy
from CastLib.client.recent_ids import RecentIds
from CastLib.client.settings import SessionSettings
from CastLib.client.state import State
from CastLib.client.upload import BatchBody, manifest_context
from CastLib.client.workers import Workers
from CastLib.errors import FieldError, FileRefused, HubNotReachable, Refused, TimedOut, TransferError
from CastLib.manifest import parse_manifest, parse_received_manifest
from CastLib.message import make_message
from CastLib.multipart import BatchParser, Data, lay_out_batch


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# Backoff


@given(st.floats(0.01, 5), st.floats(1, 100), st.integers(0, 2**32))
def test_waits_lie_between_zero_and_a_doubling_bound(first, factor, seed):
    most = first * factor
    bounds: list[float] = []
    backoff = Backoff(first, most, lambda low, high: (bounds.append(high), random.Random(seed).uniform(low, high))[1])
    waits = [backoff.next() for _ in range(12)]
    assert all(0 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert bounds == [min(first * 2**n, most) for n in range(12)]
    backoff.reset()
    backoff.next()
    assert bounds[-1] == first


# Remembered ids


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 5))
def test_the_last_ids_are_remembered_and_no_more(ids, most):
    remembered, model = RecentIds(most), []
    for id in ids:
        assert remembered.add(id) == (id not in model)
        if id not in model:
            model = [*model, id][-most:]
    assert all(id in remembered for id in model)
    assert sum(id in remembered for id in "abcdefgh") == len(model)


# Addresses


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://127.0.0.1:2018", "http://127.0.0.1:2018"),
        ("127.0.0.1:2018", "http://127.0.0.1:2018"),
        ("http://localhost:2018/", "http://127.0.0.1:2018"),
        ("http://127.0.0.1:2018/api/hub", "http://127.0.0.1:2018"),
        ("http://127.0.0.1:2018/api/hub/", "http://127.0.0.1:2018"),
        ("https://localhost:2018", "https://localhost:2018"),
        ("https://hospital.org/cast/", "https://hospital.org/cast"),
        ("https://hospital.org/cast/api/hub", "https://hospital.org/cast"),
        ("http://[::1]:2018", "http://[::1]:2018"),
    ],
)
def test_a_hub_address_as_people_write_it(text, base):
    assert HubAddress(text).base == base


@pytest.mark.parametrize(
    "text", ["", "ftp://a", "http://", "http://a b", "http://a:port", "http://u:p@a", "http://a?x", "http://a:99999"]
)
def test_no_hub_address(text):
    with pytest.raises(FieldError, match=r"^The hub's address .+\.$") as caught:
        HubAddress(text)
    assert caught.value.field == "hub"


@pytest.mark.parametrize(
    ("hub", "endpoint", "socket"),
    [
        ("http://localhost:1", "ws://inner:9/bind/x", "ws://127.0.0.1:1/bind/x"),
        ("https://h.org", "ws://inner/bind/x?y=1", "wss://h.org/bind/x?y=1"),
        ("https://h.org/cast", "ws://inner/bind/x", "wss://h.org/cast/bind/x"),
        ("https://h.org/cast", "wss://h.org/cast/bind/x", "wss://h.org/cast/bind/x"),
    ],
)
def test_an_endpoint_gets_the_hubs_own_origin(hub, endpoint, socket):
    assert HubAddress(hub).socket(endpoint) == socket


@pytest.mark.parametrize("endpoint", ["", "http://a/bind/x", "ws://a", "ws://[", "/bind/x"])
def test_an_endpoint_that_is_none(endpoint):
    with pytest.raises(FieldError, match=r"hub\.channel\.endpoint"):
        HubAddress("http://a").socket(endpoint)


# Certificates and proxies


def test_certificates_are_found_in_order(monkeypatch):
    known = requests.certs.where()
    assert find_ca_bundle(None) == known
    for name in reversed(CA_VARIABLES):
        copy = os.path.join(os.path.dirname(known), ".", os.path.basename(known) if name == "SSL_CERT_FILE" else "")
        monkeypatch.setenv(name, copy)
        assert find_ca_bundle(None) == copy
    assert find_ca_bundle(known) == known


def test_a_missing_or_wrong_authority_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CAST_CA_BUNDLE", str(tmp_path / "no.pem"))
    with pytest.raises(FieldError, match=r"^CAST_CA_BUNDLE: there is no file"):
        find_ca_bundle(None)
    (tmp_path / "no.pem").write_text("nonsense")
    with pytest.raises(FieldError, match="holds no certificate"):
        find_ca_bundle(None)


@pytest.mark.parametrize(
    ("hub", "environment", "proxy"),
    [
        ("https://h.org", {}, None),
        ("https://h.org", {"HTTPS_PROXY": "http://p:8080"}, ("p", 8080, "", "")),
        ("https://h.org", {"HTTPS_PROXY": "p:8080"}, ("p", 8080, "", "")),
        ("https://h.org", {"HTTPS_PROXY": "http://u:a%40b@p"}, ("p", 80, "u", "a@b")),
        ("https://h.org", {"HTTPS_PROXY": "http://p:8080", "NO_PROXY": "h.org"}, None),
        ("https://h.org", {"HTTPS_PROXY": "http://p:8080", "NO_PROXY": ".org"}, None),
        ("https://h.org", {"HTTP_PROXY": "http://p:8080"}, None),
        ("http://h.org", {"HTTP_PROXY": "http://p:8080"}, ("p", 8080, "", "")),
        ("http://127.0.0.1:2018", {"HTTP_PROXY": "http://p:8080"}, None),
        ("https://h.org", {"ALL_PROXY": "http://p:8080"}, ("p", 8080, "", "")),
    ],
)
def test_the_proxy_is_that_of_the_environment(hub, environment, proxy, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = find_proxy(HubAddress(hub))
    assert (found and (found.host, found.port, found.user, found.password)) == proxy


def test_a_proxy_of_another_kind_is_refused(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://p:1080")
    with pytest.raises(FieldError, match="^HTTPS_PROXY: must be http"):
        Network.for_hub(HubAddress("https://h.org"))


# Settings, state, failures


def test_a_name_is_made_of_the_product():
    first, second = SessionSettings(product="P"), SessionSettings(product="P")
    assert first.name.startswith("P-") and len(first.name) == 8
    assert first.name != second.name


def test_secrets_are_not_shown():
    assert "hush" not in repr(SessionSettings(client_secret="hush"))


@pytest.mark.parametrize(
    "wrong", [{"parallel": 0}, {"parallel": 26}, {"reconnect_first": 0.0}, {"product": ""}, {"ping_interval": 0.0}]
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(FieldError, match=next(iter(wrong))):
        SessionSettings(**wrong)


def test_a_state_reads_as_a_sentence():
    assert str(State()) == "offline"
    assert str(State("waiting to reconnect", "gone", 1.25)) == "waiting to reconnect in 1.2 s: gone"
    assert str(State("refused", "no")) == "refused: no"


def test_which_failures_pass():
    assert all(is_passing(e) for e in (HubNotReachable(""), TimedOut(""), Refused(503, ""), Refused(429, "")))
    assert not any(is_passing(e) for e in (HubUnusable(""), Refused(401, ""), Refused(403, ""), FieldError("a", "b")))


def test_an_unreachable_hub_is_told_in_one_sentence():
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get("http://127.0.0.1:1/", timeout=1)
    told = str(not_reachable("http://127.0.0.1:1", caught.value, None))
    assert told.startswith("no hub answers at http://127.0.0.1:1 (connection refused)")


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("text/plain", b"hub.topic: is missing\n", "hub.topic: is missing"),
        ("application/json", b'{"message":"full"}', "full"),
        ("application/json", b'{"error":"invalid","error_description":"no code"}', "no code"),
        ("application/json", b"[]", "Bad Request"),
        ("text/html", b"<html>", "Bad Request"),
        ("text/plain", b"x" * 1000, "x" * 300),
    ],
)
def test_a_refusals_words(kind, body, reason):
    response = requests.Response()
    response.status_code, response.reason, response._content = 400, "Bad Request", body
    response.headers["Content-Type"] = kind
    assert refusal(response).reason == reason


# Sending


def batch(paths, progress=None):
    context, files = manifest_context(paths, {"task": "t"})
    entries = parse_manifest(context)
    layout = lay_out_batch(dump(make_message("dicom-send", "t", context)), entries)
    return layout, BatchBody(layout, entries, files, progress)


@settings(deadline=None)  # the first file brings pydicom in
@given(sizes=st.lists(st.sampled_from([1, 2, 1023, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20]), min_size=1, max_size=4))
def test_a_body_is_the_batch_it_announces(sizes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    paths = []
    for index, size in enumerate(sizes):
        paths.append(folder / f"{index}.dcm")
        paths[-1].write_bytes(os.urandom(size))
    steps: list[tuple[int, int]] = []
    layout, body = batch(paths, lambda done, total: steps.append((done, total)))
    whole = b"".join(bytes(piece) for piece in body)
    assert len(whole) == len(body) == layout.content_length
    parser, data = BatchParser(layout.content_type), [b""] * len(sizes)
    for found in parser.feed(whole):
        if isinstance(found, Data):
            data[found.index] += bytes(found.data)
    parser.close()
    assert data == [path.read_bytes() for path in paths]
    assert steps[0] == (0, sum(sizes)) and steps[-1] == (sum(sizes), sum(sizes)) and steps == sorted(steps)


@pytest.mark.parametrize(("change", "word"), [(b"12", "shorter"), (b"1234", "longer")])
def test_a_file_that_changes_while_it_is_sent(change, word, tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(b"123")
    _, body = batch([path])
    path.write_bytes(change)
    with pytest.raises(TransferError, match=word):
        list(body)


def test_a_file_that_cannot_be_sent(tmp_path):
    with pytest.raises(TransferError, match="cannot be read: no such file"):
        manifest_context([tmp_path / "none.dcm"], None)
    with pytest.raises(TransferError, match="is no file"):
        manifest_context([tmp_path], None)
    with pytest.raises(FieldError, match="files"):
        manifest_context([], {"files": []})
    with pytest.raises(FieldError, match="^names: must be one for each of the 0 files"):
        manifest_context([], None, ["a.dcm"])
    (tmp_path / "a.exe").write_bytes(b"1")
    with pytest.raises(FileRefused):
        batch([tmp_path / "a.exe"])
    (tmp_path / "a.dcm").write_bytes(b"")
    with pytest.raises(FieldError, match="empty file"):
        batch([tmp_path / "a.dcm"])


# Names of fetched files


class NoDownload:
    """Stands for a download: writes each part's payload ids, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: list[str] = []

    def run(self, parts) -> None:
        for part in parts:
            self.seen.extend(path.name for path in part.path.parent.iterdir())
            with open(part.path, "r+b") as file:
                file.seek(part.offset)
                file.write("".join(part.payload_ids).encode())
        if self.error:
            raise self.error


def entries(*names, **more):
    files = [{"fileName": name, "byteLength": 1, "payloadIds": [str(n)], **more} for n, name in enumerate(names)]
    return list(parse_received_manifest({"files": files}))


def test_names_that_are_taken_get_a_number(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"mine")
    download = NoDownload()
    found = fetch_into(tmp_path, entries("a.nii.gz", "a.nii.gz", "b.dcm", "b.dcm"), download)
    assert [path.name for path in found] == ["a-2.nii.gz", "a-3.nii.gz", "b.dcm", "b-2.dcm"]
    assert [path.read_text() for path in found] == ["0", "1", "2", "3"]
    assert (tmp_path / "a.nii.gz").read_bytes() == b"mine"
    assert all(name.endswith(".part") for name in set(download.seen) - {"a.nii.gz"})


def test_nothing_stays_of_a_failed_batch(tmp_path):
    with pytest.raises(TransferError):
        fetch_into(tmp_path, entries("a.dcm", "b.dcm"), NoDownload(TransferError("broken")))
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_still_fits(tmp_path):
    found = fetch_into(tmp_path, entries("ü" * 250 + ".dcm", "ü" * 250 + ".dcm"), NoDownload())
    assert len(found) == 2 and all(path.is_file() and path.suffix == ".dcm" for path in found)


@pytest.mark.parametrize("name", ["../a.dcm", "a/b.dcm", "a\\b.dcm", "..", "", "a\0.dcm", "run.exe", "study.exe.dcm"])
def test_a_name_never_leaves_the_folder(name, tmp_path):
    with pytest.raises(FileRefused):
        choose_entries(entries(name), None)


@given(name=st.text(max_size=20).map(lambda text: text + ".dcm"))
def test_whatever_its_name_a_file_lands_in_the_folder(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    try:
        chosen = choose_entries(entries(name), None)
    except FileRefused:
        return
    (found,) = fetch_into(folder, chosen, NoDownload())
    assert found.parent == folder and list(folder.iterdir()) == [found]


def test_entries_without_bytes_at_the_hub_are_named():
    with pytest.raises(TransferError, match=r"a\.dcm is only an address"):
        choose_entries(entries("a.dcm", url="https://elsewhere/a.dcm", payloadIds=None), None)
    with pytest.raises(TransferError, match=r"a\.dcm was announced without its bytes"):
        choose_entries(entries("a.dcm", payloadIds=None), None)
    assert choose_entries(entries("a.dcm", payloadIds=None), lambda entry: False) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TransferError, match="cannot be written to"):
        fetch_into(tmp_path / "file" / "deeper", entries("a.dcm"), NoDownload())


# Workers


def test_work_runs_side_by_side_and_ends():
    workers, meet = Workers("test", 2), threading.Barrier(2)
    met: list[int] = []
    for _ in range(2):
        workers.submit(lambda: met.append(meet.wait(60)))
    workers.submit(lambda: 1 / 0)
    done = threading.Event()
    workers.submit(done.set)
    assert done.wait(60)
    workers.stop()
    assert workers.join(60) and sorted(met) == [0, 1]
    workers.submit(lambda: pytest.fail("ran after stop"))
