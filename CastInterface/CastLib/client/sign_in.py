"""Signing in: the mock's two calls, or client credentials for providers (protocol: sign-in)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from CastLib.client.errors import HubUnusable, without_hub
from CastLib.client.http import Http, json_object
from CastLib.client.settings import SessionSettings
from CastLib.errors import Refused
from CastLib.events import EVERY

T = TypeVar("T")

#: As whom providers sign in at hubs that know no client credentials (protocol: subscribe, ``hub.topic=*``).
_PROVIDERS_NAME = "3dslicer-server"
_NOT_KNOWN = frozenset({400, 422, 501})  # how such a hub refuses ``grant_type``; a wrong secret is another status


class SignIn:
    """Keeps one token in memory, and last time's ``id_token``, which brings user and topic back after a new sign-in."""

    def __init__(self, http: Http, settings: SessionSettings) -> None:
        self._http = http
        self._settings = settings
        self._lock = threading.Lock()
        self._token = ""
        self._id_token = ""
        self._topic = ""

    @property
    def topic(self) -> str:
        """The topic of this user; ``""`` before the first sign-in unless the settings name it."""
        if self._settings.topic:
            return self._settings.topic
        return EVERY if self._settings.provider else self._topic

    def token(self) -> str:
        """Return the token, signing in first when there is none; raises Refused, HubNotReachable, TimedOut."""
        with self._lock:
            return self._token or self._sign_in()

    def authorised(self, call: Callable[[str], T]) -> T:
        """Return ``call(token)``; when it is refused with 401, sign in again and call once more."""
        token = self.token()
        try:
            return call(token)
        except Refused as error:
            if error.status != 401:
                raise
        with self._lock:
            # Several calls may meet the same expired token: only the first signs in.
            token = self._token if self._token and self._token != token else self._sign_in()
        return call(token)

    def _sign_in(self) -> str:
        self._token = ""
        answer = self._by_credentials() if self._settings.provider else self._by_code()
        token, topic, id_token = (answer.get(key) for key in ("access_token", "topic", "id_token"))
        if not isinstance(token, str) or not token:
            raise HubUnusable(f"{self._http.address} is no hub: its sign-in answers no access_token")
        self._token = token
        if isinstance(id_token, str):
            self._id_token = id_token
        if isinstance(topic, str) and topic:
            self._topic = topic
        return token

    def _by_code(self) -> dict[str, Any]:
        settings = self._settings
        return self._with_code(
            {
                "user_name": settings.user,
                "topic": settings.topic,
                "id_token": self._id_token,
                "client_product_name": settings.product,
            }
        )

    def _with_code(self, asked: dict[str, str]) -> dict[str, Any]:
        code = self._post("/oauth/authorize", asked).get("code")
        if not isinstance(code, str) or not code:
            raise HubUnusable(f"{self._http.address} is no hub: its sign-in answers no code")
        return self._post("/oauth/token", {"grant_type": "authorization_code", "code": code, **self._client()})

    def _by_credentials(self) -> dict[str, Any]:
        """Sign in as a provider: by client credentials, else as older hubs know providers."""
        try:
            return self._post("/oauth/token", {"grant_type": "client_credentials", **self._client()})
        except Refused as error:
            if error.status not in _NOT_KNOWN:
                raise
            first = error
        asked = {"user_name": _PROVIDERS_NAME, "topic": EVERY, "client_product_name": self._settings.product}
        try:
            return self._with_code(asked)
        except Refused as error:
            raise Refused(error.status, f"{error.reason} (client credentials: {first.reason})") from None
        except HubUnusable:  # it has no such way
            raise first from None

    def _client(self) -> dict[str, str]:
        settings = self._settings
        return {
            "client_id": settings.client_id or settings.product,
            "client_secret": settings.client_secret,
            "client_product_name": settings.product,
        }

    def _post(self, path: str, fields: dict[str, str]) -> dict[str, Any]:
        form = {key: value for key, value in fields.items() if value}
        try:
            response = self._http.send("POST", self._http.address.url(path), data=form)
        except Refused as error:
            raise without_hub(str(self._http.address), error, "sign-in") from None
        return json_object(response, self._http.address)
