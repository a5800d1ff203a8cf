"""Wrong bodies by the thousand, in whole HTTP requests: each gets an answer that is no mistake of the hub's."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from fuzzing import ENVIRONMENT, Target, mutated_bytes, mutated_value
from hub_process import HubProcess
from hub_wire import WAIT, batch_body, event

SEED = 20
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.fixture
def target(start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch) -> Target:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Target(start_hub())


#: Headers that some requests have besides.
HEADERS = [
    *(("Authorization", value) for value in ("", "Bearer", "Bearer x", "Bearer a.b", "Basic !", "Basic YTpi", "\xff")),
    *(("Origin", value) for value in ("null", "http://localhost", "http://[", "https://evil.example")),
    *(("Content-Encoding", value) for value in ("gzip", "identity", "x")),
    *(("X-Forwarded-Host", "evil.example"), ("Accept", "\x01"), ("Expect", "x"), ("Range", "bytes=-")),
    *(("Cookie", "a" * 4000), ("If-None-Match", '"'), ("Connection", "close"), ("Connection", "upgrade")),
]


class Caller:
    """One program with a connection that it keeps as long as the hub does."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._token = str(target.wire.http.headers["Authorization"])
        self._connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=WAIT * 3)

    def __call__(self, method: str, path: str, body: bytes, kind: str, **headers: str) -> bytes:
        """Send a request and count its answer; return the answer's body."""
        named = {"Content-Type": kind, "Authorization": self._token, **headers}
        for fresh in (False, True):
            try:
                self._connection.request(method, path, body, named)
                answer = self._connection.getresponse()
                content = answer.read()
                break
            except (ConnectionError, http.client.RemoteDisconnected):
                self._connection.close()  # the hub has closed a connection that it kept: as it may
                assert not fresh, f"no answer to {method} {path} {body[:300]!r}"
        self._target.answered(
            answer.status, lambda: f"{method} {path} {kind} {headers} {body[:600]!r}: {content[:200]!r}"
        )
        return content

    def close(self) -> None:
        self._connection.close()


def bodies(topic: str) -> list[tuple[str, str, str, Any]]:
    """Method, path, content type and right body of what the hub takes."""
    files = {"files": [{"fileName": "a.dcm", "payloadIds": ["x"], "chunkByteLengths": [1], "byteLength": 1}]}
    client = {"client_id": "c", "client_secret": "s"}
    form = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": topic, "hub.events": "a,b"}
    form |= {"subscriber.name": "F", "subscriber.actors": '["ID"]', "hub.lease_seconds": "60"}
    leave = {"hub.mode": "unsubscribe", "hub.channel.endpoint": "ws://h/bind/x", "subscriber.name": "F"}
    asked = event("status-request", topic, {"timeoutSeconds": 0.001}, subscriber_name="A", target_actor="EC")
    group = {"hostTopic": topic, "title": "T", "topics": ["a", "b"], "hostUserName": "U", "joinTopic": "c"}
    group |= {"sceneLeaderTopic": "a", "leaveTopic": "b"}
    return [
        ("POST", "/api/hub", JSON, event("ImagingStudy-open", topic, files, subscriber_name="S", target_actor="ID")),
        (
            "POST",
            "/api/hub/",
            "application/fhir+json",
            event("Patient-open", topic, [{"key": "patient", "resource": {}}]),
        ),
        ("POST", f"/api/hub/{topic}", JSON, event("SyncError", topic, [{"key": "operationoutcome", "resource": {}}])),
        ("POST", "/fhircast", JSON, event("Patient-close", topic, [{"key": "patient", "resource": {"id": "1"}}])),
        ("POST", "/api/hub/request", JSON, asked),
        ("POST", "/api/hub", FORM, form),
        ("POST", "/api/hub", JSON, form),
        ("POST", "/fhircast", FORM, form),
        ("POST", "/api/hub", FORM, leave),
        (
            "POST",
            "/oauth/authorize",
            JSON,
            {"user_name": "u", "topic": "t", "id_token": "x", "redirect_uri": "http://[::1]/"},
        ),
        ("POST", "/oauth/token", FORM, {"grant_type": "authorization_code", "code": "x", **client}),
        ("POST", "/oauth/token", JSON, {"grant_type": "client_credentials", **client}),
        ("POST", "/api/hub/conference", JSON, group),
        ("PATCH", "/api/hub/conference/join", JSON, group),
        ("PATCH", "/api/hub/conference/lead", JSON, group),
        ("DELETE", "/api/hub/conference", JSON, group),
    ]


def written(value: Any, kind: str) -> bytes:
    if kind == FORM and isinstance(value, dict):
        return urlencode(
            {key: inner if isinstance(inner, str) else json.dumps(inner) for key, inner in value.items()}
        ).encode()
    return json.dumps(value).encode()


def test_bodies(target: Target, long: bool) -> None:
    chance, call = random.Random(SEED), Caller(target)
    with target:
        for number in range(61_000 if long else 1000):
            if number == 200:
                target.warmed_up()
            method, path, kind, right = chance.choice(bodies(target.wire.topic))
            body = written(mutated_value(right, chance) if chance.random() < 0.6 else right, kind)
            if chance.random() < 0.5:
                body = mutated_bytes(body, chance)
            call(
                method,
                path,
                body,
                kind if chance.random() < 0.95 else chance.choice((JSON, FORM, "text/x", "", "json;;")),
                **(dict([chance.choice(HEADERS)]) if chance.random() < 0.05 else {}),
            )
        call.close()


def test_batches(target: Target, long: bool) -> None:
    chance, call = random.Random(SEED + 1), Caller(target)
    entry = {"fileName": "a.dcm", "byteLength": 9, "mimeType": "application/dicom", "label": "x", "dicomMetadata": {}}
    with target:
        listener = target.wire.listen("S")
        for number in range(12_000 if long else 300):
            if number == 100:
                listener.close()
                target.warmed_up()
            files = [entry, {**entry, "url": "https://h.example/x"}, {**entry, "fileName": "b.nii.gz", "byteLength": 3}]
            envelope = event("dicom-send", target.wire.topic, {"files": files}, subscriber_name="F")
            if chance.random() < 0.4:
                envelope = mutated_value(envelope, chance)
            body = batch_body(envelope, [b"123456789", b"abc"])
            if chance.random() < 0.7:
                body = mutated_bytes(body, chance)
            kind = 'multipart/related; type="application/dicom"; boundary="b"'
            if chance.random() < 0.1:
                kind = (
                    mutated_bytes(kind.encode(), chance).decode("latin-1").translate(dict.fromkeys([*range(32), 127]))
                )
            call("POST", "/api/hub", body, kind.strip())
        call.close()
