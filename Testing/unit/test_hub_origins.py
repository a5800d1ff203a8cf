"""Which pages may speak to the hub (protocol: pages elsewhere), and where it may listen."""

from __future__ import annotations

from typing import Any

import pytest

from CastHubLib.access.origins import Origins, is_loopback_name
from CastHubLib.http.server import check_settings
from CastHubLib.settings import HubSettings
from CastLib.errors import CastError

HOST = {"Host": "127.0.0.1:2018"}


def refusal(headers: dict[str, str], **settings: Any) -> str:
    return Origins(HubSettings(**settings)).refusal(headers)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:2018", "LOCALHOST", "[::1]:2018", "a.localhost"]
)
def test_loopback_hosts_pass(host: str) -> None:
    assert not refusal({"Host": host})


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:2018", "localhost.evil.example", "", "[::1", "10.0.0.1"]
)
def test_other_host_headers_are_refused_on_loopback(host: str) -> None:
    assert "Host" in refusal({"Host": host})


def test_the_public_address_passes_and_nothing_like_it() -> None:
    told: dict[str, Any] = {"public_url": "https://Hub.example:8443/cast"}
    assert not refusal({"Host": "hub.example:8443"}, **told)
    assert not refusal({**HOST, "Origin": "https://hub.example:8443"}, **told)
    for host in ("evil.hub.example", "hub.example.evil", ""):
        assert "Host" in refusal({"Host": host}, **told)
    assert "Origin" in refusal({**HOST, "Origin": "https://hub.example"}, **told)


def test_what_a_proxy_forwards_is_no_excuse_for_the_host_header() -> None:
    forwarded = {"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1:2018"}
    assert "Host" in refusal(forwarded, trusted_proxies=("127.0.0.1",))


def test_beyond_loopback_the_host_header_may_be_any() -> None:
    assert not refusal({"Host": "hub.hospital.example"}, host="0.0.0.0", insecure_mock=True)


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080", "http://app.localhost"]
)
def test_pages_on_loopback_pass(origin: str) -> None:
    assert not refusal({**HOST, "Origin": origin})


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://", "http://", "http://[", ""]
)
def test_other_pages_are_refused(origin: str) -> None:
    assert "Origin" in refusal({**HOST, "Origin": origin})


def test_other_pages_pass_when_allowed_by_name_or_all() -> None:
    page = {**HOST, "Origin": "https://viewer.example"}
    assert not refusal(page, allowed_origins=("https://Viewer.example/",))
    assert not refusal(page, allowed_origins=("*",))
    assert refusal(page, allowed_origins=("https://viewer.example:8443",))


def test_programs_without_origin_pass() -> None:
    assert not refusal(HOST)
    assert Origins(HubSettings()).headers(HOST) == {}


def test_loopback_names() -> None:
    assert is_loopback_name("127.8.8.8") and is_loopback_name("::1")
    assert not is_loopback_name("0.0.0.0") and not is_loopback_name("")


def test_a_mock_hub_beyond_loopback_must_be_wanted() -> None:
    check_settings(HubSettings())
    check_settings(HubSettings(host="0.0.0.0", insecure_mock=True))
    for auth in ("mock", "single-user"):
        with pytest.raises(CastError, match="--insecure-mock"):
            check_settings(HubSettings(host="0.0.0.0", auth=auth))


def test_a_mock_hub_behind_a_proxy_must_be_wanted() -> None:
    check_settings(HubSettings(public_url="http://localhost:8080/cast"))
    for opened in ({"public_url": "https://hub.example"}, {"trusted_proxies": ("127.0.0.1",)}):
        with pytest.raises(CastError, match="--insecure-mock"):
            check_settings(HubSettings(**opened))
        check_settings(HubSettings(insecure_mock=True, **opened))


@pytest.mark.parametrize("origin", ["viewer.example", "https://viewer.example/path", "", "null"])
def test_an_allowed_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(CastError, match="allowed_origins: "):
        check_settings(HubSettings(allowed_origins=(origin,)))
