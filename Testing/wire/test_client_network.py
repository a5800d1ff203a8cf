"""The way to the hub: TLS with a private authority, through a CONNECT proxy, for calls and socket alike."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator

import pytest
from relay import Authority, ConnectProxy, Relay

from CastLib.client import HubUnusable, Pump, Session, SessionSettings
from CastLib.client.network import CA_VARIABLES
from CastLib.errors import HubNotReachable

WAIT = 10.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Authority of the test")


@pytest.fixture(scope="module")
def secure(hub, authority) -> Iterator[Relay]:
    """The hub behind a server that ends TLS."""
    port = int(hub.url.rsplit(":", 1)[1])
    with Relay(port, authority.server_context("localhost", "127.0.0.1")) as relay:
        yield relay


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def session(request) -> Iterator:
    made: list[Session] = []

    def make(hub: str, **more) -> Session:
        topic = "topic-" + secrets.token_hex(4)
        made.append(Session(SessionSettings(hub=hub, user=topic, product="TLS", announce=False, **more), Pump()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def exercise(session: Session, pump: Pump, folder) -> None:
    """Go online, get an own event back through the socket, send and fetch a batch."""
    got = []
    session.on_event(got.append)
    session.start()
    session.wait_online(WAIT)
    settings = session.settings
    other = Session(SessionSettings(hub=settings.hub, user=settings.user, ca_bundle=settings.ca_bundle), pump)
    try:
        other.publish("a-b", {"text": "ü" * 100_000})
        assert pump.run_until(lambda: got, WAIT)
        file = folder / "a.dcm"
        file.write_bytes(os.urandom(5_000_000))
        other.send_files("dicom-send", [file])
        assert pump.run_until(lambda: len(got) == 2, WAIT)
        (fetched,) = session.fetch_files(got[1], folder / "fetched")
        assert fetched.read_bytes() == file.read_bytes()
    finally:
        other.close()


@pytest.mark.parametrize("variable", ["CAST_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", None])
def test_https_and_wss_trust_a_private_authority(variable, authority, secure, session, monkeypatch, tmp_path):
    if variable:
        monkeypatch.setenv(variable, str(authority.ca_file))
    one = session(f"https://localhost:{secure.port}", ca_bundle=None if variable else str(authority.ca_file))
    exercise(one, one._pump, tmp_path)


def test_tls_is_read_and_written_at_once(authority, secure, session):
    """Large answers leave while many events come: two threads on one TLS connection."""
    one = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
    got: list[int] = []
    one.on_event(lambda message: got.append(message.context["number"]))
    one.on_request("STATUS", lambda message: "x" * 1_000_000, in_background=True)
    one.start()
    one.wait_online(WAIT)
    other = Session(SessionSettings(hub=one.hub, user=one.topic, ca_bundle=str(authority.ca_file)), one._pump)

    def publish() -> None:
        for number in range(150):
            other.publish("a-b", {"number": number, "text": "y" * 20_000})

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        for _ in range(8):
            answer = other.request("STATUS", timeout=WAIT)
            assert answer["ok"] and len(answer["responses"][0]["data"]) == 1_000_000
    finally:
        publisher.join()
        other.close()
    assert one._pump.run_until(lambda: len(got) == 150, WAIT)
    assert got == list(range(150)) and one.state.kind == "online"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_an_authority_nobody_named_is_refused(name, secure, session):
    one = session(f"https://{name}:{secure.port}")
    one.start()
    with pytest.raises(HubUnusable, match=r"certificate of https://.* is not trusted .*CAST_CA_BUNDLE"):
        one.wait_online(WAIT)
    assert one.state.kind == "refused" and "CAST_CA_BUNDLE" in one.state.reason


def test_another_authority_is_refused(secure, session, tmp_path):
    other = Authority(tmp_path / "other", "Another authority")
    one = session(f"https://localhost:{secure.port}", ca_bundle=str(other.ca_file))
    with pytest.raises(HubUnusable, match="is not trusted"):
        one.publish("a-b", [])


def test_the_socket_checks_the_certificate_by_itself(authority, hub, secure, session, tmp_path):
    """Calls go to a trusted server; the socket's server has a certificate of another authority."""
    other = Authority(tmp_path / "other", "Another authority")
    with Relay(int(hub.url.rsplit(":", 1)[1]), other.server_context("localhost")) as untrusted:
        one = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
        socket_address = one._http.address.socket
        one._http.address.socket = lambda endpoint: socket_address(endpoint).replace(
            str(secure.port), str(untrusted.port)
        )
        one.start()
        with pytest.raises(HubUnusable, match="is not trusted"):
            one.wait_online(WAIT)


def test_a_certificate_of_another_name_is_refused(authority, hub, session):
    with Relay(int(hub.url.rsplit(":", 1)[1]), authority.server_context("elsewhere.org")) as relay:
        one = session(f"https://localhost:{relay.port}", ca_bundle=str(authority.ca_file))
        with pytest.raises(HubUnusable, match=r"is not trusted \(.*localhost"):
            one.status()


def test_tls_where_there_is_none(hub, session, authority):
    one = session(hub.url.replace("http", "https"), ca_bundle=str(authority.ca_file))
    with pytest.raises(HubUnusable, match="does not speak TLS"):
        one.status()


def test_calls_and_socket_go_through_the_proxy(authority, secure, session, monkeypatch, tmp_path):
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        before = secure.connections
        one = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
        one.publish("a-b", [])
        assert proxy.seen == [f"CONNECT localhost:{secure.port}"]  # https
        one.start()
        one.wait_online(WAIT)
        assert proxy.seen == [f"CONNECT localhost:{secure.port}"] * 2  # and wss
        exercise(one, one._pump, tmp_path)
        assert len(proxy.seen) == secure.connections - before  # nothing went beside it


def test_a_proxy_that_wants_a_password(authority, secure, session, monkeypatch, tmp_path):
    with ConnectProxy("jane", "p@ss") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:p%40ss@127.0.0.1:{proxy.port}")
        one = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
        exercise(one, one._pump, tmp_path)

        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:wrong@127.0.0.1:{proxy.port}")
        other = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
        with pytest.raises(HubNotReachable, match=r"the proxy 127\.0\.0\.1:\d+ does not lead to .*407") as caught:
            other.status()
        assert "wrong" not in str(caught.value)


def test_no_proxy_is_heeded(authority, secure, session, monkeypatch, tmp_path):
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "example.org,localhost")
        one = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
        exercise(one, one._pump, tmp_path)
        assert proxy.seen == []


def test_a_proxy_that_is_not_there(authority, secure, session, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    one = session(f"https://localhost:{secure.port}", ca_bundle=str(authority.ca_file))
    one.start()
    with pytest.raises(HubNotReachable, match=r"the proxy 127\.0\.0\.1:1 does not lead to .*refused"):
        one.wait_online(WAIT)
    assert one.state.kind == "waiting to reconnect"


def test_a_local_hub_is_never_asked_for_through_a_proxy(hub, session, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    one = session(hub.url)
    exercise(one, one._pump, tmp_path)
