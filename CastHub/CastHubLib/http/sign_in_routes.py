"""Sign-in addresses: the field's own and Keycloak's, so that a real Keycloak changes a base URL only."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from CastHubLib import log
from CastHubLib.access.signing_key import ALGORITHM
from CastHubLib.errors import Denied
from CastHubLib.http.hub import Hub
from CastHubLib.responses import json_response
from CastHubLib.web_addresses import origin_of
from CastLib.errors import FieldError
from CastLib.fields import optional_text
from CastLib.forms import parse_fields

_REALM = "cast"
_IN_REALM = "/realms/{realm:[A-Za-z0-9][A-Za-z0-9._~-]*}"  # it stands in the issuer's address as it is
_OPENID = _IN_REALM + "/protocol/openid-connect"


class SignInRoutes:
    """The handlers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [
            web.post("/oauth/authorize", self.authorize),
            web.post("/oauth/token", self.token),
            web.get(_OPENID + "/auth", self.authorize),
            web.post(_OPENID + "/auth", self.authorize),
            web.post(_OPENID + "/token", self.token),
            web.get(_OPENID + "/certs", self.certificates),
            web.get(_OPENID + "/userinfo", self.user_info),
            web.get(_OPENID + "/logout", self.log_out),
            web.post(_OPENID + "/logout", self.log_out),
            web.get(_IN_REALM + "/.well-known/openid-configuration", self.configuration),
        ]

    async def authorize(self, request: web.Request) -> web.Response:
        """Give a code; to a browser that was sent here with ``redirect_uri`` by way of that address."""
        fields = await self._fields(request)
        back = optional_text(fields, "redirect_uri")
        if back and origin_of(back) is None:
            raise FieldError("redirect_uri", "is no address of a page: write it as https://viewer.example/path")
        if back and not self._hub.origins.allows_page(back):
            raise Denied(403, "redirect_uri: pages of this origin may not use the hub; start it with --allow-origin")
        answer = self._hub.sign_in.authorize(fields)
        log.info("code given", user=log.Hidden(answer["user_name"]))
        if not back:
            return json_response(answer)
        fields = {"code": answer["code"], "state": optional_text(fields, "state")}
        query = urlencode({key: value for key, value in fields.items() if value})
        return web.Response(status=302, headers={"Location": f"{back}{'&' if '?' in back else '?'}{query}"})

    async def token(self, request: web.Request) -> web.Response:
        """Give tokens for a code or for a client's credentials, which may also stand in the header (RFC 6749, 2.3)."""
        fields = {**await self._fields(request), **_client_in_header(request)}
        answer = self._hub.sign_in.token(fields, self._issuer(request))
        answer["hub.url"] = f"{self._hub.address.of(request).http}/api/hub"
        log.info("signed in", by=log.holder(self._hub.sign_in.owner(answer["access_token"])))
        response = json_response(answer)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def certificates(self, request: web.Request) -> web.Response:
        """Give the public key (JSON Web Key Set)."""
        return json_response(self._hub.sign_in.key.key_set())

    async def user_info(self, request: web.Request) -> web.Response:
        """Say who the token's holder is."""
        owner = self._hub.owner(request)
        return json_response({"sub": owner.subject, "user_name": owner.subject, "topic": owner.topic})

    async def log_out(self, request: web.Request) -> web.Response:
        """End a session, of which the mock keeps none."""
        return web.Response(status=204)

    async def configuration(self, request: web.Request) -> web.Response:
        """Give OpenID Connect's discovery document."""
        issuer = self._issuer(request)
        base = issuer + "/protocol/openid-connect"
        return json_response(
            {
                "issuer": issuer,
                "authorization_endpoint": base + "/auth",
                "token_endpoint": base + "/token",
                "jwks_uri": base + "/certs",
                "userinfo_endpoint": base + "/userinfo",
                "end_session_endpoint": base + "/logout",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    def _issuer(self, request: web.Request) -> str:
        return f"{self._hub.address.of(request).http}/realms/{request.match_info.get('realm', _REALM)}"

    async def _fields(self, request: web.Request) -> dict[str, Any]:
        if request.method == "GET":
            return parse_fields(request.rel_url.raw_query_string.encode(), "")
        body = await self._hub.read(request, self._hub.settings.max_form_bytes)
        return parse_fields(body, request.headers.get("Content-Type", ""))


def _client_in_header(request: web.Request) -> dict[str, str]:
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith("basic "):
        return {}
    try:
        id, _, secret = base64.b64decode(header[6:].strip(), validate=True).decode().partition(":")
    except ValueError:
        raise FieldError("Authorization", "is no basic authentication") from None
    return {"client_id": id, "client_secret": secret}
