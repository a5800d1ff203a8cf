"""The hub on the network: routes, the gate before them, start and stop."""

from __future__ import annotations

import asyncio
import errno
import socket

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from CastHubLib import log
from CastHubLib.access.origins import is_loopback_name, opened_by
from CastHubLib.delivery.connection import Runner
from CastHubLib.http.document_routes import DocumentRoutes
from CastHubLib.http.group_routes import ConferenceRoutes
from CastHubLib.http.hub import Hub
from CastHubLib.http.hub_routes import HubRoutes
from CastHubLib.http.payload_routes import PayloadRoutes
from CastHubLib.http.sample_routes import SampleRoutes
from CastHubLib.http.sign_in_routes import SignInRoutes
from CastHubLib.http.status_routes import StatusRoutes
from CastHubLib.payloads.request_bodies import check_expectation, close_if_body_missing
from CastHubLib.responses import error_response, refusal
from CastHubLib.settings import HubSettings, check
from CastLib.errors import CastError

_BACKLOG = 1024  # connections that may knock at once


class HubServer:
    """A hub that listens. ``await start()``, then it serves until ``await stop()``."""

    def __init__(self, settings: HubSettings) -> None:
        check_settings(settings)
        self.settings = settings
        self.hub = Hub(settings)
        self.url = ""
        app = web.Application(client_max_size=settings.max_body_bytes, middlewares=[self._gate()])
        for routes in (
            ConferenceRoutes(self.hub),
            StatusRoutes(self.hub),
            SignInRoutes(self.hub),
            PayloadRoutes(self.hub),
            SampleRoutes(self.hub),
            DocumentRoutes(),
            HubRoutes(self.hub),
            HubRoutes(self.hub, strict=True),
        ):
            for route in routes.routes():
                route.kwargs["expect_handler"] = check_expectation
                app.add_routes((route,))
        self._runner = Runner(
            app,
            access_log=None,
            shutdown_timeout=settings.shutdown_seconds,
            keepalive_timeout=settings.idle_seconds,
            settings=settings,
            incoming=self.hub.incoming,
            turns=self.hub.turns,
            auto_decompress=False,  # a megabyte of zeros would keep the loop for seconds
        )

    async def start(self) -> None:
        """Listen, and set ``url``; raises CastError when the address cannot be had."""
        host, port = self.settings.host.strip("[]"), self.settings.port
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise CastError(_why_not_listening(host, port, error)) from None
        self.hub.turns.begin()
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._runner.addresses[0][1]}"
        if not is_loopback_name(host):
            log.warning("anyone who reaches this address may sign in as anyone", host=host)
        log.info("listening", port=self._runner.addresses[0][1], auth=self.settings.auth)

    async def stop(self) -> None:
        """Take no more connections, let sockets have what waits for them, close them, drop payloads."""
        self.hub.ending = True
        for site in list(self._runner.sites):
            await site.stop()
        await self.hub.close()
        await self._runner.cleanup()
        self.hub.payloads.close()
        log.info("stopped")

    def _gate(self) -> Middleware:
        """Return the middleware: who may speak at all, and the shape of every error."""
        origins = self.hub.origins

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            headers = request.headers
            if self.hub.ending:
                ending = refusal(503, "the hub is ending: try again when it is back")
                ending.force_close()
                return ending
            refused = origins.refusal(headers)
            if refused:
                _log_refusal(request, 403)
                return refusal(403, refused)
            if headers.get("Content-Encoding", "identity").lower() != "identity":
                _log_refusal(request, 415)
                return refusal(415, "Content-Encoding: this hub takes bodies as they are, not compressed")
            if request.method == "OPTIONS":
                return web.Response(status=204, headers=origins.headers(headers) | origins.preflight_headers(headers))
            answer = await _handle(request, handler)
            if answer.status >= 400:
                _log_refusal(request, answer.status)
            close_if_body_missing(request, answer)
            if "Origin" in headers and not answer.prepared:
                answer.headers.update(origins.headers(headers))
            return answer

        return gate


def _log_refusal(request: web.Request, status: int) -> None:
    """The address is logged as the hub knows it, without what stands in it; the id when it was that of an event."""
    resource = request.match_info.route.resource
    known: dict[str, object] = {"status": status, "method": request.method}
    known["address"] = resource.canonical if resource else "unknown"
    if log.HOLDER in request:
        known["by"] = log.holder(request[log.HOLDER])
    if log.MESSAGE in request:
        known["id"] = request[log.MESSAGE]
    log.info("denied", **known)


async def _handle(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CastError as error:
        return error_response(error)
    except web.HTTPException as error:
        return _http_error(request, error)
    except (ConnectionError, asyncio.CancelledError):
        raise  # the client has gone
    except Exception as error:
        log.failure("mistake", error)
        return refusal(500, "the hub made a mistake; its log says where")


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    if error.status == 404:
        return refusal(404, f"no such address: {request.path[:80]}")
    reason, allowed = error.text or error.reason, error.headers.get("Allow")
    if error.status == 400:  # the library's own are those of a WebSocket's handshake alone
        reason = "this address takes WebSockets only, with the handshake of RFC 6455, version 13"
    elif allowed is not None:
        reason = f"{request.method}: this address takes {allowed.replace(',', ', ')}"
    answer = refusal(error.status, reason)
    if allowed is not None:
        answer.headers["Allow"] = allowed
    return answer


def check_settings(settings: HubSettings) -> None:
    """Raise CastError for a hub without real sign-in that others could reach without a setting that allows it.

    Also, as WrongUsage, for values that are wrong.
    """
    check(settings)
    opened = "" if settings.insecure_mock else opened_by(settings)
    if opened:
        raise CastError(
            f"{opened} is refused: with --auth {settings.auth} anyone who reaches the hub may sign in as anyone and"
            " read every image; stay on 127.0.0.1 without a proxy, or say --insecure-mock on a network you trust"
        )


def _why_not_listening(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken, perhaps by another hub: stop it, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user: choose one over 1023 with --port"
    if isinstance(error, socket.gaierror):
        return f"--host {host} is no address of this machine"
    return f"the hub cannot listen on {host}:{port}: {error.strerror or error}"
