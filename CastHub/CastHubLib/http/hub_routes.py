"""Subscribe, unsubscribe, publish, batch and request: the addresses under ``/api/hub`` that take a POST.

The same hub also stands at ``/fhircast``, where it is FHIRcast STU3 to the letter: no ``*``, no batches and requests,
targets mean nothing, and a publish is always answered with 202.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from CastHubLib import log
from CastHubLib.aside import MAX_AT_ONCE, long_json
from CastHubLib.delivery.connection import Connection
from CastHubLib.delivery.publication import Publication, check_names, check_publish, read_publish
from CastHubLib.errors import Denied
from CastHubLib.http.hub import Hub
from CastHubLib.responses import JSON, json_response, text_refusal
from CastHubLib.routing.subscriber import UNSUBSCRIBE, Owner, Subscriber
from CastLib.errors import CastError, FieldError
from CastLib.events import EVERY, is_response
from CastLib.fields import need_object, parse_json
from CastLib.forms import FORM, FORM_DATA, parse_fields
from CastLib.message import Message, Response, parse_publish, parse_request, parse_response
from CastLib.subscription import Subscription, UnsubscribeForm, parse_subscribe, parse_unsubscribe

_NO_KIND = "application/octet-stream"  # some HTTP clients say so of no body at all
_RECEIVED = b'{"status":"received"}'
_PATH, _STRICT_PATH = "/api/hub", "/fhircast"

#: Names that the existing Cast hub takes as well; it also reads them from the address.
_UNDERSCORED = {
    name.replace(".", "_"): name
    for name in (
        "hub.channel.type",
        "hub.channel.endpoint",
        "hub.mode",
        "hub.topic",
        "hub.events",
        "hub.lease_seconds",
        "subscriber.name",
    )
}


class HubRoutes:
    """The handlers of one hub at ``/api/hub``, or with ``strict`` at ``/fhircast``."""

    def __init__(self, hub: Hub, *, strict: bool = False) -> None:
        self._hub = hub
        self._strict = strict

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        path = _STRICT_PATH if self._strict else _PATH
        of_cast = [
            web.post(f"{path}/request", self.request),
            web.post(f"{path}/request/", self.request),
            web.get(f"{path}/admin", self.no_portal),
        ]
        return [
            web.get((path if self._strict else "") + "/bind/{id}", self.bind, allow_head=False),
            *(() if self._strict else of_cast),
            web.post(f"{path}/", self.post),  # as clients write it: the first is found first
            web.post(path, self.post),
            web.post(path + "/{topic}", self.post),
            web.get(path + "/{topic}", self.context, allow_head=False),
        ]

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Tell by content type and body what is wanted."""
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "multipart/related" and not self._strict:
            return await self._batch(request, self._hub.owner(request))
        if kind == _NO_KIND and not request.can_read_body:
            kind = ""
        if kind in ("", FORM) or (kind == FORM_DATA and not self._strict):
            return await self._subscribing(self._form(request))
        if not kind.endswith("json"):
            known = "form and JSON" if self._strict else "form, JSON and multipart/related"
            raise Denied(415, f"Content-Type: {kind[:80]!r} is none of {known}")
        owner = self._hub.owner(request)
        body = await self._hub.read(request, self._hub.settings.max_body_bytes)
        found = await self._hub.aside.run(len(body), partial(self._read, body, owner))
        if isinstance(found, Publication):
            return self._publish(request, found, owner)
        return await self._subscribing(self._mode(request, found))

    def _read(self, body: bytes, owner: Owner) -> Publication | dict[str, Any]:
        """Return the event in a JSON body, or the fields of a subscription."""
        value, settings = need_object(parse_json(body), "body"), self._hub.settings
        if "hub.mode" in value or (not self._strict and "hub_mode" in value):
            if len(body) > settings.max_form_bytes:
                raise Denied(413, f"the body has {len(body)} bytes, a form may have {settings.max_form_bytes}")
            return value
        meant = partial(self._hub.meant_topic, owner=owner)
        return read_publish(value, body, meant, strict=self._strict, max_files=settings.max_files)

    async def _subscribing(self, answer: Awaitable[web.Response]) -> web.Response:
        """To the letter of FHIRcast, subscribing or unsubscribing wrongly is answered in plain text (2.4.4)."""
        try:
            return await answer
        except CastError as error:
            if not self._strict:
                raise
            return text_refusal(error)

    async def _form(self, request: web.Request) -> web.Response:
        body = await self._hub.read(request, self._hub.settings.max_form_bytes)
        fields = parse_fields(body, request.headers.get("Content-Type", ""))
        if not self._strict:
            fields |= parse_fields(request.rel_url.raw_query_string.encode(), "", known=fields)
        return await self._mode(request, fields)

    async def _mode(self, request: web.Request, fields: Mapping[str, Any]) -> web.Response:
        """Subscribe or unsubscribe."""
        self._hub.check_open()
        if not self._strict:
            fields = {_UNDERSCORED.get(key, key): value for key, value in fields.items()}
        owner, address = self._hub.owner(request), self._hub.address.of(request)
        topic = request.match_info.get("topic")
        if topic is not None and fields.get("hub.topic", topic) != topic:
            raise FieldError("hub.topic", "is not the topic in the address")
        mode = str(fields.get("hub.mode", "")).strip().lower()
        if mode == "subscribe":
            subscriber = self._subscribe(fields, owner, self._hub.token_seconds(request))
        elif mode == "unsubscribe":
            subscriber = self._unsubscribe(fields, owner)
        elif "event" in fields:
            raise Denied(415, "Content-Type: an event is sent as application/json")
        else:
            raise FieldError("hub.mode", "must be subscribe or unsubscribe")
        path = _STRICT_PATH if subscriber.strict else ""
        return json_response({"hub.channel.endpoint": f"{address.web_socket}{path}/bind/{subscriber.id}"}, 202)

    def _subscribe(self, fields: Mapping[str, Any], owner: Owner, max_lease_seconds: float) -> Subscriber:
        form = parse_subscribe(fields)
        subscription = form.subscription
        if self._strict:
            subscription = _plain(fields, subscription)
        subscription = replace(subscription, topic=self._hub.meant_topic(subscription.topic, owner))
        self._hub.check_topic(subscription.topic, owner, "hub.topic")
        if not form.endpoint_id:
            return self._hub.subscriptions.subscribe(
                subscription, owner, strict=self._strict, max_lease_seconds=max_lease_seconds
            )
        subscriber = self._own(form.endpoint_id, owner, "subscribe without it")
        if subscriber.strict != self._strict:
            raise FieldError("hub.channel.endpoint", "is of a subscription made at the hub's other address: use that")
        if subscriber.subscription.topic != subscription.topic:
            raise FieldError("hub.topic", "must be the topic of the subscription at hub.channel.endpoint")
        self._hub.subscriptions.renew(subscriber, subscription, max_lease_seconds=max_lease_seconds)
        return subscriber

    def _unsubscribe(self, fields: Mapping[str, Any], owner: Owner) -> Subscriber:
        form = parse_unsubscribe(fields, by_topic=self._strict)
        if form.endpoint_id:
            subscriber = self._own(form.endpoint_id, owner, "it has ended, or is another's")
        else:
            subscriber = self._only_one(form, owner)
        self._hub.subscriptions.end(subscriber, UNSUBSCRIBE, "unsubscribed")
        return subscriber

    def _only_one(self, form: UnsubscribeForm, owner: Owner) -> Subscriber:
        """Return the one subscription of this token that a form without an endpoint can mean."""
        table, topic = self._hub.table, self._hub.meant_topic(form.topic, owner)
        found = table.named(topic, form.name, owner) if form.name else table.owned(topic, owner)
        found = [each for each in found if each.strict or not self._strict]
        found = [each for each in found if each.connected] or found  # not one that its client has lost
        if len(found) != 1:
            count = "no subscription" if not found else f"{len(found)} subscriptions"
            raise Denied(404, f"hub.topic and subscriber.name: {count} of this token; give hub.channel.endpoint")
        return found[0]

    def _own(self, id: str, owner: Owner, otherwise: str) -> Subscriber:
        subscriber = self._hub.table.get(id)
        if subscriber is None or subscriber.owner != owner:
            raise Denied(404, f"hub.channel.endpoint: no such subscription of this token; {otherwise}")
        return subscriber

    def _publish(self, request: web.Request, publication: Publication, owner: Owner) -> web.Response:
        self._check_publish(request, publication.message, owner)
        self._deliver(publication, owner)
        return self._received(publication.message)

    def _received(self, message: Message) -> web.Response:
        """A publisher that names itself is Cast and expects 200, a plain one 202."""
        cast = bool(message.sender.name) and not self._strict
        return web.Response(body=_RECEIVED, status=200 if cast else 202, content_type=JSON)

    def _check_publish(self, request: web.Request, message: Message, owner: Owner) -> None:
        request[log.MESSAGE] = message.id
        topic = request.match_info.get("topic")
        if topic is not None and self._hub.meant_topic(topic, owner) != message.topic:
            raise FieldError("event.hub.topic", "is not the topic in the address")
        self._hub.check_topic(message.topic, owner, "event.hub.topic")
        if message.topic == EVERY:  # one user's images must never reach all the others
            raise FieldError("event.hub.topic", "must be one user's topic: * is for subscriptions and requests")

    def _deliver(self, publication: Publication, owner: Owner) -> None:
        self._hub.check_open()
        message, context = publication.message, self._hub.context
        if context is not None:
            context.check(message)
        receivers = self._hub.publisher.publish(message, publication.frame)
        if publication.payload_ids:  # nobody can ask for them before: the loop has not had another turn
            self._hub.payloads.share(publication.payload_ids, owner, (subscriber.owner for subscriber in receivers))
        if context is not None:
            context.published(publication, owner)
        log.published(message, owner, len(receivers))

    async def _batch(self, request: web.Request, owner: Owner) -> web.Response:
        def admit(wire: dict[str, Any]) -> None:
            if is_response(str(wire["event"]["hub.event"])):
                self._answering(parse_response(wire), owner)
            else:
                message = parse_publish(wire)
                topic = wire["event"]["hub.topic"] = self._hub.meant_topic(message.topic, owner)
                message = replace(message, topic=topic)
                check_publish(message)
                self._check_publish(request, message, owner)

        self._hub.check_open()
        upload = await self._hub.uploads.take(request, owner, admit)
        batch = upload.batch
        log.info("batch", id=batch.message_id, by=log.holder(owner), chunks=len(batch.ids), bytes=batch.size)
        try:
            if isinstance(upload.content, Publication):
                self._deliver(upload.content, owner)
            else:
                self._answer(upload.content, owner, batch.readers, upload.size)
        except CastError:
            self._hub.payloads.discard(batch)  # nobody will ever hear of it
            raise
        return web.Response(body=_RECEIVED, content_type=JSON)

    def _answering(self, response: Response, owner: Owner) -> tuple[Subscriber, Owner]:
        answering = self._hub.requests.answering(owner, response)
        if answering is None:
            raise Denied(409, "event.context.id: no open request waits for an answer from this subscriber")
        return answering

    def _answer(self, response: Response, owner: Owner, readers: set[Owner], size: int) -> None:
        subscriber, asker = self._answering(response, owner)
        readers.add(asker)
        self._hub.requests.answer(subscriber, response, size)

    async def request(self, request: web.Request) -> web.Response:
        """Ask other subscribers and give their answers as one (protocol: request and response)."""
        owner = self._hub.owner(request)
        self._hub.check_open()
        body = await self._hub.read(request, self._hub.settings.max_body_bytes)
        question = parse_request(await self._hub.aside.run(len(body), partial(parse_json, body)))
        check_names(question.message)
        request[log.MESSAGE] = question.message.id
        topic = self._hub.meant_topic(question.message.topic, owner)
        question = replace(question, message=replace(question.message, topic=topic))
        self._hub.check_topic(question.message.topic or owner.topic, owner, "event.hub.topic")
        assert isinstance(request.protocol, Connection)
        gone = request.protocol.ended
        answer, size = await self._hub.requests.ask(question, owner, gone)
        if size <= MAX_AT_ONCE:
            return json_response(answer)
        text = await self._hub.aside.run(size, partial(long_json, answer))
        return web.Response(body=text, content_type=JSON)

    async def no_portal(self, request: web.Request) -> web.Response:
        """Say that there is no such page, rather than take it for a topic's context."""
        raise web.HTTPNotFound

    async def context(self, request: web.Request) -> web.Response:
        """Give a topic's current context, where the hub keeps one (FHIRcast 2.9); the well-known document says it."""
        owner = self._hub.owner(request)
        topic = request.match_info["topic"]
        if self._hub.context is None:
            off = "this hub keeps no current context (context is off): ask the applications by status-request"
            raise Denied(404, off)
        self._hub.check_topic(topic, owner, "topic")
        if topic == EVERY:
            raise FieldError("topic", "must be one user's topic")
        return web.Response(body=self._hub.context.answer(topic), content_type=JSON)

    async def bind(self, request: web.Request) -> web.StreamResponse:
        """Open a subscription's socket; an address that no subscription was given is refused before the upgrade.

        On the strict path it is opened, gets a denial, and is closed: some FHIRcast clients read frames only.
        """
        self._hub.check_open()
        subscriber = self._hub.table.get(request.match_info["id"])
        if subscriber is not None and subscriber.strict == self._strict:
            return await self._hub.sockets.serve(request, subscriber)
        gone = "no subscription has this endpoint (it has ended, or never was): subscribe again"
        if self._strict:
            return await self._hub.sockets.deny(request, gone)
        raise Denied(403, gone)


def _plain(fields: Mapping[str, Any], subscription: Subscription) -> Subscription:
    """Return a subscription of the strict path; raises FieldError for what FHIRcast does not have (2.3.2, 2.4.1)."""
    if not fields.get("hub.channel.type"):
        raise FieldError("hub.channel.type", "is missing: it must be websocket")
    if subscription.everyone:
        raise FieldError("hub.topic", "must be a topic: FHIRcast has no *")
    if subscription.wants(EVERY):
        raise FieldError("hub.events", "must name events: FHIRcast has no *")
    return replace(subscription, cast=False)
