"""The hub's calls, each with a token (protocol: endpoints)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import requests

from CastLib.client.errors import HubUnusable, without_hub
from CastLib.client.http import Http, json_object
from CastLib.client.sign_in import SignIn
from CastLib.client.upload import BatchBody, JsonBody
from CastLib.errors import CastError, FieldError, Refused
from CastLib.subscription import Subscription, make_subscribe_form, make_unsubscribe_form

_REQUEST_MARGIN = 10.0  # seconds past a request's own time-out: the hub answers then, however late its peers


class HubApi:
    """Subscribe, unsubscribe, publish, request, payload, status; all raise Refused, HubNotReachable, TimedOut."""

    def __init__(self, http: Http, sign_in: SignIn) -> None:
        self.http = http
        self.sign_in = sign_in
        self._address = http.address

    def subscribe(self, subscription: Subscription, endpoint: str = "") -> str:
        """Return the endpoint of a new subscription, or of the one at ``endpoint``, whose events are replaced."""
        form = make_subscribe_form(subscription, endpoint)
        response = self.sign_in.authorised(
            lambda token: self.http.send("POST", self._address.api(), token=token, data=form)
        )
        found = json_object(response, self._address).get("hub.channel.endpoint")
        if not isinstance(found, str):
            raise HubUnusable(f"{self._address} is no hub: its answer names no hub.channel.endpoint")
        return found

    def unsubscribe(self, subscription: Subscription, endpoint: str, timeout: float) -> None:
        """End the subscription at ``endpoint``."""
        form = make_unsubscribe_form(subscription, endpoint)
        token = self.sign_in.token()
        self.http.send("POST", self._address.api(), token=token, timeout=timeout, data=form)

    def publish(self, body: JsonBody) -> None:
        """Publish an event."""
        self._post_json(self._address.api(), body)

    def publish_batch(self, body: BatchBody) -> None:
        """Publish an event with its files."""
        headers = {"Content-Type": body.content_type}
        self.sign_in.authorised(
            lambda token: self.http.send(
                "POST", self._address.api(), token=token, headers=headers, patient=True, data=body
            )
        )

    def request(self, body: JsonBody, timeout: float) -> dict[str, Any]:
        """Return the collated answer to a request whose own time-out is ``timeout`` seconds."""
        response = self._post_json(self._address.api("/request"), body, timeout=timeout + _REQUEST_MARGIN)
        return json_object(response, self._address)

    def payload(self, payload_id: str, offset: int = 0) -> requests.Response:
        """Return the open answer with a payload's bytes, from ``offset`` on; the caller reads and closes it."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        url = self._address.api(f"/payloads/{quote(payload_id, safe='')}")
        return self.sign_in.authorised(
            lambda token: self.http.send("GET", url, token=token, headers=headers, stream=True)
        )

    def status(self) -> dict[str, Any]:
        """Return the hub's health and version; needs no token."""
        try:
            response = self.http.send("GET", self._address.api("/status"))
        except Refused as error:
            raise self._what_it_is(without_hub(str(self._address), error, "status")) from None
        return json_object(response, self._address)

    def _what_it_is(self, error: CastError) -> CastError:
        """Say of a server without our status what it is, when it answers as Cast hubs of another make do."""
        if not isinstance(error, HubUnusable):
            return error
        for path in ("/conference", "/admin/metrics"):
            try:
                found = self.http.send("GET", self._address.api(path)).json()
            except (CastError, ValueError):
                continue
            if isinstance(found, (list, dict)):
                lacks = "it has no /api/hub/status, which would tell its version and health"
                return HubUnusable(f"{self._address} is a Cast hub of another make (it answers {path[1:]}): {lacks}")
        return error

    def _post_json(self, url: str, body: JsonBody, timeout: float | None = None) -> requests.Response:
        headers = {"Content-Type": "application/json"}
        return self.sign_in.authorised(
            lambda token: self.http.send("POST", url, token=token, headers=headers, timeout=timeout, data=body)
        )


def dump(wire: dict[str, Any]) -> bytes:
    """Return a message as UTF-8 JSON; FieldError when a value in it is none that JSON has."""
    try:
        return json.dumps(wire, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FieldError("event.context", f"cannot be written as JSON: {error}") from None
