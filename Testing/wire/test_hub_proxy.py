"""The hub behind a proxy: which address it gives out, and whom it believes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hub_process import HubProcess
from hub_wire import Wire, event
from relay import Authority, ReverseProxy

from CastLib.client import Pump, Session, SessionSettings

PREFIX = "/cast"
#: As nginx sends them by default, but for X-Forwarded-Host and -Prefix, which are to be switched on there.
FORWARDED = {
    "Host": "127.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "{host}",
    "X-Forwarded-Prefix": PREFIX,
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Authority of the test")


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A hub that trusts a proxy on this machine."""
    folder = tmp_path_factory.mktemp("trusting")
    settings = folder / "hub.toml"
    settings.write_text('trusted_proxies = ["127.0.0.0/8", "::1"]\ninsecure_mock = true\n')
    hub = HubProcess(folder, "--settings", str(settings))
    yield hub
    hub.stop()


def port(hub: HubProcess) -> int:
    return int(hub.url.rsplit(":", 1)[1])


def answers(url: str, **headers: str) -> tuple[str, str, str]:
    """What a program is told through these headers: endpoint, hub address, issuer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    code = requests.post(f"{url}/oauth/authorize", json={"user_name": "u"}, headers=named).json()["code"]
    form = {"grant_type": "authorization_code", "code": code}
    token = requests.post(f"{url}/oauth/token", data=form, headers=named).json()
    fields = {"hub.mode": "subscribe", "hub.channel.type": "websocket", "hub.topic": "u", "hub.events": "a"}
    named["Authorization"] = f"Bearer {token['access_token']}"
    endpoint = requests.post(f"{url}/api/hub", data=fields, headers=named).json()["hub.channel.endpoint"]
    configuration = requests.get(f"{url}/realms/r/.well-known/openid-configuration", headers=named).json()
    return endpoint.rpartition("/bind/")[0], token["hub.url"], configuration["issuer"]


def test_a_program_works_through_a_proxy_that_ends_tls(trusting: HubProcess, authority: Authority) -> None:
    with ReverseProxy(port(trusting), authority.server_context("localhost"), PREFIX, FORWARDED) as proxy:
        url = f"https://localhost:{proxy.port}{PREFIX}"
        wire = Wire(url, token="")
        wire.http.verify = str(authority.ca_file)
        wire.sign_in({"user_name": "u", "topic": wire.topic})
        endpoint = wire.subscribe()
        assert endpoint.startswith(f"wss://localhost:{proxy.port}{PREFIX}/bind/")
        listener = wire.bind(endpoint, sslopt={"ca_certs": str(authority.ca_file)})
        body = event("Patient-open", wire.topic)
        wire.publish(body, 202)
        assert listener.event()["id"] == body["id"]
        wire.close()


def test_our_client_works_through_it(trusting: HubProcess, authority: Authority) -> None:
    with ReverseProxy(port(trusting), authority.server_context("localhost"), PREFIX, FORWARDED) as proxy:
        pump, seen = Pump(), []
        settings = SessionSettings(
            hub=f"https://localhost:{proxy.port}{PREFIX}",
            user="ours",
            topic="ours",
            ca_bundle=str(authority.ca_file),
            announce=False,
        )
        session = Session(settings, pump)
        session.on_event(seen.append)
        session.start()
        session.wait_online(10)
        with Wire(trusting.url, "ours") as wire:
            wire.publish(event("a-b", "ours"), 202)
        assert pump.run_until(lambda: bool(seen), 60)
        session.close()


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"X_Forwarded_Proto": "https"}, "https://{own}"),
        ({"X_Forwarded_Proto": "WSS"}, "https://{own}"),
        ({"X_Forwarded_Host": "hub.example"}, "http://hub.example"),
        ({"X_Forwarded_Host": "[2001:db8::1]:8443", "X_Forwarded_Proto": "https"}, "https://[2001:db8::1]:8443"),
        ({"X_Forwarded_Prefix": "/a/b/"}, "http://{own}/a/b"),
        # of several the last: the client itself may have sent the ones before
        ({"X_Forwarded_Host": "evil.example, hub.example"}, "http://hub.example"),
        # what is no scheme, host or path is as if it were not there
        ({"X_Forwarded_Host": "hub.example/x", "X_Forwarded_Proto": "gopher"}, "http://{own}"),
        ({"X_Forwarded_Prefix": "//evil.example"}, "http://{own}"),
        ({"X_Forwarded_Prefix": "?q"}, "http://{own}"),
    ],
)
def test_what_a_trusted_proxy_says(trusting: HubProcess, headers: dict[str, str], address: str) -> None:
    base = address.replace("{own}", urlsplit(trusting.url).netloc)
    endpoint, hub, issuer = answers(trusting.url, **headers)
    assert (endpoint, hub) == (base.replace("http", "ws", 1), base + "/api/hub")
    assert issuer == base + "/realms/r"


def test_nobody_else_is_believed(hub: HubProcess, start_hub: Callable[..., HubProcess], tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text('trusted_proxies = ["10.0.0.0/8"]\ninsecure_mock = true\n')
    headers = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https", "X_Forwarded_Prefix": "/x"}
    for each in (hub, start_hub("--settings", str(tmp_path / "hub.toml"))):
        endpoint, _, _ = answers(each.url, **headers)
        assert endpoint == each.url.replace("http", "ws")


def test_a_told_address_stands_above_all(start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAST_HUB_PUBLIC_URL", "https://hub.example/cast/")
    monkeypatch.setenv("CAST_HUB_TRUSTED_PROXIES", "127.0.0.1")
    told = start_hub("--insecure-mock")
    for headers in ({}, {"X_Forwarded_Host": "other.example"}, {"Host": "hub.example"}):
        endpoint, hub, issuer = answers(told.url, **headers)
        assert endpoint == "wss://hub.example/cast"
        assert (hub, issuer) == ("https://hub.example/cast/api/hub", "https://hub.example/cast/realms/r")
    page = {"Origin": "https://hub.example"}
    assert requests.get(told.url + "/api/hub/status", headers=page).status_code == 200
    rebound = {"Host": "evil.example", "X-Forwarded-Host": "hub.example"}
    assert requests.get(told.url + "/api/hub/status", headers=rebound).status_code == 403


def test_the_host_header_is_checked_behind_a_trusted_proxy_too(trusting: HubProcess) -> None:
    for headers in ({"Host": "evil.example"}, {"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1"}):
        assert requests.get(trusting.url + "/api/hub/status", headers=headers).status_code == 403


def test_a_realm_is_a_word_of_an_address(hub: HubProcess) -> None:
    for realm, status in (("hospital-1.a", 200), ("a%0d%0ab", 404), ("a%2fb", 404), ("%3Cb%3E", 404)):
        answer = requests.get(f"{hub.url}/realms/{realm}/.well-known/openid-configuration")
        assert answer.status_code == status, realm


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6(start_hub: Callable[..., HubProcess]) -> None:
    six = start_hub("--host", "[::1]")  # as in an address, or without its brackets
    assert six.url.startswith("http://[::1]:")
    endpoint, hub, _ = answers(six.url)
    assert endpoint == six.url.replace("http", "ws") and hub == six.url + "/api/hub"
    with Wire(six.url) as wire:
        listener = wire.listen()
        wire.publish(event("Patient-open", wire.topic), 202)
        assert listener.event()["event"]["hub.event"] == "Patient-open"


def raw(hub: HubProcess, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port(hub)), 10) as connection:
        connection.sendall(text.encode())
        data = b""
        while piece := connection.recv(65536):
            data += piece
    return data


def test_beyond_loopback_a_host_that_is_none_is_refused_and_none_is_the_hubs_own(
    start_hub: Callable[..., HubProcess],
) -> None:
    wide = start_hub("--host", "0.0.0.0", "--insecure-mock")
    for host, status in (("a b", 400), ('x"y', 400), ("u@h", 400), ("hub.example", 200)):
        answer = raw(
            wide,
            f"GET /realms/r/.well-known/openid-configuration HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        )
        assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer
    answer = raw(wide, "GET /realms/r/.well-known/openid-configuration HTTP/1.0\r\n\r\n")
    configuration = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert configuration["issuer"] == f"http://127.0.0.1:{port(wide)}/realms/r"
