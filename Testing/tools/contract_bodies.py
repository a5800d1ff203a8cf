"""The bodies of calls that are no messages: signing in, groups, status and samples, as OpenAPI's schemas."""

from __future__ import annotations

from contract_shapes import OPTIONAL, TEXT, Schema, items, shape

SIGN_IN: dict[str, Schema] = {
    "authorize": shape(
        {},
        {
            name: {"type": ["string", "null"]}
            for name in (
                "user_name",
                "topic",
                "id_token",
                "client_product_name",
                "nonce",
                "redirect_uri",
                "state",
            )
        },
    ),
    "code": shape({"user_name": TEXT, "code": TEXT, "expires_in": {"type": "integer"}}, closed=True),
    "token": shape(
        {"grant_type": {"enum": ["authorization_code", "client_credentials"]}},
        {name: {"type": ["string", "null"]} for name in ("code", "client_id", "client_secret", "client_product_name")},
    ),
    "tokens": shape(
        {
            "token_type": {"const": "Bearer"},
            "access_token": TEXT,
            "id_token": TEXT,
            "expires_in": {"type": "integer"},
            "scope": TEXT,
            "topic": TEXT,
            "hub.topic": TEXT,
            "hub.url": TEXT,
        }
    ),
    "sign-in-error": shape({"message": TEXT, "error": TEXT, "error_description": TEXT}),
    "user-info": shape({"sub": TEXT, "user_name": TEXT, "topic": TEXT}),
    "keys": shape({"keys": items(shape({"kty": TEXT, "kid": TEXT, "alg": TEXT, "n": TEXT, "e": TEXT}))}),
    "openid-configuration": shape(
        dict.fromkeys(("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"), TEXT)
    ),
}
TOPICS: Schema = {
    "description": "The attendees' topics; text is a comma list.",
    "anyOf": [items({"type": "string", "not": {"const": "*"}}), {"type": ["string", "null"], "not": {"const": "*"}}],
}
SOME: Schema = {"type": "string", "pattern": r"\S", "not": {"const": "*"}}
GROUPS: dict[str, Schema] = {
    "conference-to-start": shape(
        {"hostTopic": SOME, "title": {"type": "string", "pattern": r"\S"}}, {"topics": TOPICS, "hostUserName": OPTIONAL}
    ),
    "conference-to-join": shape({"hostTopic": SOME, "joinTopic": SOME}, {"joinUserName": OPTIONAL}),
    "conference-to-lead": shape({"hostTopic": SOME, "sceneLeaderTopic": SOME}, {"leaderUserName": OPTIONAL}),
    "conference-to-leave": shape({"hostTopic": SOME}, {"leaveTopic": OPTIONAL}),
    "removed": shape({"removed": {"type": "integer"}, "updated": {"type": "integer"}}, closed=True),
}
OTHERS: dict[str, Schema] = {
    "received": shape({"status": {"const": "received"}}, closed=True),
    "status": shape(
        {"status": {"const": "ok"}, "product": TEXT, "version": TEXT, "started_at": TEXT, "auth": TEXT},
        {
            "uptime_seconds": {"type": "number"},
            "longest_turn_seconds": {"type": "number"},
            "subscriptions": {"type": "integer"},
            "payloads": shape({"count": {"type": "integer"}, "bytes": {"type": "integer"}}),
        },
    ),
    "samples": shape(
        {
            "organization": TEXT,
            "organizationLabel": TEXT,
            "studies": items(
                shape(
                    {
                        "id": TEXT,
                        "name": TEXT,
                        "description": {"type": "string"},
                        "organization": TEXT,
                        "files": items(shape({"url": TEXT, "fileName": {"type": "string"}}, {"mimeType": TEXT})),
                    },
                    dict.fromkeys(("size", "openMode", "format"), TEXT),
                )
            ),
        }
    ),
}
