"""Mock sign-in: anyone may be anyone, tokens are real (protocol: sign-in).

It stands for a real OpenID provider during development: the same addresses, the same claims, tokens that outlive a
restart. Only the provider flow and ``client_credentials`` give a token for every user's topic.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from CastHubLib.access.signing_key import AUDIENCE, SigningKey
from CastHubLib.errors import SignInRefused
from CastHubLib.routing.subscriber import Owner
from CastHubLib.settings import SINGLE_USER, HubSettings
from CastLib.errors import CastError
from CastLib.events import EVERY
from CastLib.fields import need_text, optional_text, refuse_unseen

PROVIDER_USER = "3dslicer-server"  # the name under which existing providers ask for topic *
SINGLE_USER_TOPIC = "SINGLE-USER"
USERS_FILE = "unnamed-users"
_KIND, _ACCESS, _IDENTITY = "typ", "Bearer", "ID"  # as Keycloak distinguishes them: who somebody is is no right
SCOPE = "openid profile fhircast/*.*"
_TOKENS_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in, and to which topic."""

    user: str
    topic: str
    product: str = ""
    nonce: str = ""


class SignIn:
    """Codes, tokens, and whom a token speaks for."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self._codes: OrderedDict[str, tuple[float, Person]] = OrderedDict()
        self._owners: OrderedDict[str, tuple[float, Owner]] = OrderedDict()
        self._users = UnnamedUsers(settings.state)
        self.key = SigningKey(settings.state)

    def authorize(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``{user_name, code, expires_in}``; raises FieldError and SignInRefused."""
        person = self._person(fields)
        if person.topic == EVERY and person.user != PROVIDER_USER:
            raise SignInRefused(403, "access_denied", f"topic: * is for providers, which sign in as {PROVIDER_USER}")
        code = secrets.token_urlsafe(24)
        self._codes[code] = time.time() + self._settings.code_seconds, person
        while len(self._codes) > self._settings.max_codes:
            self._codes.popitem(last=False)
        return {"user_name": person.user, "code": code, "expires_in": self._settings.code_seconds}

    def token(self, fields: Mapping[str, Any], issuer: str) -> dict[str, Any]:
        """Return the token answer for a code or for a client's own credentials; raises FieldError, SignInRefused."""
        grant = need_text(fields, "grant_type")
        if grant == "authorization_code":
            person = self._redeem(need_text(fields, "code"))
            if person.topic == EVERY:
                _need_client(fields)
        elif grant == "client_credentials":
            product = optional_text(fields, "client_product_name")
            person = Person("service-account-" + _need_client(fields), EVERY, product)
        else:
            raise SignInRefused(400, "unsupported_grant_type", "grant_type: authorization_code or client_credentials")
        return self._answer(person, issuer)

    def owner(self, token: str) -> Owner | None:
        """Return whom a bearer token speaks for, None when it is not (or no longer) good."""
        known = self._owners.get(token)
        if known is not None:
            expires, owner = known
            if expires > time.time():
                return owner
            del self._owners[token]
        claims = self.key.claims(token)
        if claims is None or claims.get(_KIND) != _ACCESS:
            return None
        owner = _owner_of(claims)
        if self._settings.auth == SINGLE_USER:
            owner = Owner(owner.subject, SINGLE_USER_TOPIC)
        self._owners[token] = float(claims["exp"]), owner
        if len(self._owners) > _TOKENS_REMEMBERED:
            self._owners.popitem(last=False)
        return owner

    def seconds_left(self, token: str) -> float:
        """Return how long a token is still good, 0 when it is not."""
        if self.owner(token) is None:
            return 0.0
        return self._owners[token][0] - time.time()

    def _person(self, fields: Mapping[str, Any]) -> Person:
        user, topic, product = (
            refuse_unseen(optional_text(fields, name), name) for name in ("user_name", "topic", "client_product_name")
        )
        nonce = optional_text(fields, "nonce")
        id_token = optional_text(fields, "id_token")
        earlier = self.key.claims(id_token) if id_token and not user else None
        if earlier is not None:
            user, earlier_topic = _owner_of(earlier)
            topic = topic or earlier_topic
        user = user or self._users.next()
        if self._settings.auth == SINGLE_USER:
            topic = SINGLE_USER_TOPIC
        return Person(user, topic or user, product, nonce)

    def _redeem(self, code: str) -> Person:
        expires, person = self._codes.pop(code, (0.0, None))
        if person is None or expires < time.time():
            raise SignInRefused(400, "invalid_grant", "code: unknown, used or expired; sign in again")
        return person

    def _answer(self, person: Person, issuer: str) -> dict[str, Any]:
        if self._settings.auth == SINGLE_USER:
            person = Person(person.user, SINGLE_USER_TOPIC, person.product, person.nonce)
        seconds, now = self._settings.token_seconds, int(time.time())
        claims = {
            "iss": issuer,
            "aud": AUDIENCE,
            "sub": person.user,
            "user_name": person.user,
            "preferred_username": person.user,
            "topic": person.topic,
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_hex(8),
        }
        if person.product:
            claims["client_product_name"] = person.product
        identity = {**claims, _KIND: _IDENTITY, **({"nonce": person.nonce} if person.nonce else {})}
        return {
            "token_type": "Bearer",
            "access_token": self.key.sign({**claims, _KIND: _ACCESS, "scope": SCOPE}),
            "id_token": self.key.sign(identity),
            "expires_in": seconds,
            "scope": SCOPE,
            "topic": person.topic,
            "hub.topic": person.topic,
        }


class UnnamedUsers:
    """Counts ``USER-1``, ``USER-2`` … across restarts, so that nobody gets the name of one who may come back."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / USERS_FILE

    def next(self) -> str:
        """Return a name that this installation has not given yet."""
        try:
            number = int(self._path.read_text()) + 1
        except (OSError, ValueError):
            number = 1
        temporary = self._path.with_name(f"{USERS_FILE}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(str(number))
            temporary.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise CastError(f"the hub cannot write to {self._path.parent}: {error.strerror or error}") from None
        return f"USER-{number}"


def _owner_of(claims: Mapping[str, Any]) -> Owner:
    """Claims are read as the existing hub reads them (protocol: sign-in)."""
    subject = str(claims.get("user_name") or claims.get("preferred_username") or claims["sub"])
    return Owner(subject, str(claims.get("topic") or claims.get("cast_topic") or subject))


def _need_client(fields: Mapping[str, Any]) -> str:
    id = optional_text(fields, "client_id")
    if not id or not optional_text(fields, "client_secret"):
        raise SignInRefused(401, "invalid_client", "client_id and client_secret: both are needed for topic *")
    return id
