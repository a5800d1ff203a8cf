"""Mock sign-in (protocol: sign-in)."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from CastHubLib.access.sign_in import SignIn
from CastHubLib.access.signing_key import KEY_FILE, SigningKey
from CastHubLib.errors import SignInRefused
from CastHubLib.routing.subscriber import Owner
from CastHubLib.settings import HubSettings
from CastLib.errors import CastError, FieldError


@pytest.fixture
def state(tmp_path: Path, signing_key: bytes) -> Path:
    (tmp_path / KEY_FILE).write_bytes(signing_key)
    return tmp_path


@pytest.fixture(scope="module")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("key")
    SigningKey(folder).load()
    return (folder / KEY_FILE).read_bytes()


def sign_in(state: Path, **settings: Any) -> SignIn:
    return SignIn(HubSettings(state=state, **settings))


def tokens(mock: SignIn, fields: dict[str, str], **client: str) -> dict[str, Any]:
    code = mock.authorize(fields)["code"]
    return mock.token({"grant_type": "authorization_code", "code": code, **client}, "http://h/realms/cast")


def test_a_named_user_and_topic(state: Path) -> None:
    mock = sign_in(state)
    authorized = mock.authorize({"user_name": "alice"})
    assert authorized["user_name"] == "alice" and authorized["code"] and authorized["expires_in"] > 0
    answer = tokens(mock, {"user_name": "alice", "topic": "room-1"})
    assert {"token_type", "access_token", "id_token", "expires_in", "scope", "topic"} <= set(answer)
    assert answer["token_type"] == "Bearer" and answer["topic"] == "room-1" and answer["expires_in"] == 86_400
    assert mock.owner(answer["access_token"]) == Owner("alice", "room-1")
    assert tokens(mock, {"user_name": "bob"})["topic"] == "bob"


def test_unnamed_users_are_numbered_across_restarts(state: Path) -> None:
    assert sign_in(state).authorize({})["user_name"] == "USER-1"
    again = sign_in(state)
    assert again.authorize({})["user_name"] == "USER-2"
    answer = tokens(again, {})
    assert answer["topic"] == "USER-3"


def test_an_id_token_gives_user_and_topic_back_after_a_restart(state: Path) -> None:
    first = tokens(sign_in(state), {"topic": "room"})
    later = sign_in(state)
    assert later.authorize({"id_token": first["id_token"]})["user_name"] == "USER-1"
    assert tokens(later, {"id_token": first["access_token"]})["topic"] == "room"
    assert later.owner(first["access_token"]) == Owner("USER-1", "room")


def test_an_expired_or_foreign_id_token_gives_nothing_back(
    state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = tokens(sign_in(state, token_seconds=-1), {"user_name": "alice"})
    mock = sign_in(state)
    assert mock.authorize({"id_token": old["id_token"]})["user_name"] == "USER-1"
    assert mock.owner(old["access_token"]) is None
    other = tokens(sign_in(tmp_path_factory.mktemp("other")), {"user_name": "mallory"})
    assert mock.owner(other["access_token"]) is None
    unsigned = jwt.encode({"sub": "x", "aud": "cast-hub", "exp": time.time() + 60}, "", algorithm="none")
    for token in ("", "x", "a.b.c", unsigned):
        assert mock.owner(token) is None


def test_a_remembered_token_ends_with_its_time(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mock = sign_in(state)
    token = tokens(mock, {"user_name": "alice"})["access_token"]
    assert mock.owner(token) is not None
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_401)
    monkeypatch.setattr(mock.key, "claims", lambda token: None)
    assert mock.owner(token) is None


def test_codes_work_once_and_not_for_ever(state: Path) -> None:
    mock = sign_in(state)
    code = mock.authorize({"user_name": "a"})["code"]
    form = {"grant_type": "authorization_code", "code": code}
    mock.token(form, "i")
    with pytest.raises(SignInRefused, match="code") as refused:
        mock.token(form, "i")
    assert (refused.value.status, refused.value.code) == (400, "invalid_grant")
    expired = sign_in(state, code_seconds=-1)
    with pytest.raises(SignInRefused):
        tokens(expired, {"user_name": "a"})


def test_the_provider_flow_and_client_credentials_give_topic_star(state: Path) -> None:
    mock = sign_in(state)
    form = {"user_name": "3dslicer-server", "topic": "*", "client_product_name": "SEG"}
    answer = tokens(mock, form, client_id="id", client_secret="secret")
    assert answer["topic"] == "*" and mock.owner(answer["access_token"]) == Owner("3dslicer-server", "*")
    own = mock.token({"grant_type": "client_credentials", "client_id": "seg", "client_secret": "s"}, "i")
    assert own["topic"] == "*" and mock.owner(own["access_token"]).everyone  # type: ignore[union-attr]


def test_nobody_else_gets_topic_star(state: Path) -> None:
    mock = sign_in(state)
    with pytest.raises(SignInRefused) as refused:
        mock.authorize({"user_name": "alice", "topic": "*"})
    assert refused.value.status == 403
    with pytest.raises(SignInRefused) as refused:
        tokens(mock, {"user_name": "3dslicer-server", "topic": "*"})
    assert refused.value.code == "invalid_client"
    with pytest.raises(SignInRefused):
        mock.token({"grant_type": "client_credentials", "client_id": "seg"}, "i")


def test_single_user_mode(state: Path) -> None:
    mock = sign_in(state, auth="single-user")
    assert tokens(mock, {"user_name": "alice", "topic": "x"})["topic"] == "SINGLE-USER"
    own = mock.token({"grant_type": "client_credentials", "client_id": "seg", "client_secret": "s"}, "i")
    assert own["topic"] == "SINGLE-USER"
    earlier = tokens(sign_in(state), {"user_name": "bob"})
    assert mock.owner(earlier["access_token"]) == Owner("bob", "SINGLE-USER")


def test_claims_can_be_checked_with_the_published_key(state: Path) -> None:
    mock = sign_in(state)
    token = tokens(mock, {"user_name": "alice", "nonce": "n"})["id_token"]
    [key] = mock.key.key_set()["keys"]
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
    claims = jwt.decode(token, jwt.PyJWK(key).key, ["RS256"], audience="cast-hub")
    assert (claims["sub"], claims["user_name"], claims["topic"]) == ("alice", "alice", "alice")
    assert claims["iss"] == "http://h/realms/cast" and claims["nonce"] == "n"


@pytest.mark.parametrize("fields", [{"user_name": ["a"]}, {"topic": 5}, {"id_token": {}}])
def test_wrong_types_name_the_field(state: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(FieldError, match=next(iter(fields))):
        sign_in(state).authorize(fields)


def test_unknown_grant(state: Path) -> None:
    with pytest.raises(SignInRefused) as refused:
        sign_in(state).token({"grant_type": "password"}, "i")
    assert refused.value.code == "unsupported_grant_type"


def test_the_key_is_private_and_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "state"
    first, second = SigningKey(folder), SigningKey(folder)
    first.load()
    second.load()
    assert first.key_set() == second.key_set()
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]
    if sys.platform != "win32":
        assert stat.S_IMODE(os.stat(folder / KEY_FILE).st_mode) == 0o600


def test_a_broken_key_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("no key")
    with pytest.raises(CastError, match="remove it"):
        SigningKey(tmp_path).load()
