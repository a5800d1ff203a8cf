"""What the hub says of itself: health, version, counts, and FHIRcast's configuration."""

from __future__ import annotations

from aiohttp import web

from CastHubLib.http.hub import Hub
from CastHubLib.responses import json_response
from CastLib.events import (
    BINARY_FAMILIES,
    DATA_TYPES,
    DICOM_SEND,
    NIFTI_SEND,
    STATUS_UPDATE,
    SUBSCRIPTION_REMOVED,
    request_event,
)
from CastLib.version import __version__

FHIRCAST_VERSION = "3.0.0"
_FHIRCAST_EVENTS = [
    f"{resource}-{suffix}"
    for resource in ("Patient", "Encounter", "ImagingStudy", "DiagnosticReport")
    for suffix in ("open", "close")
]
_FHIRCAST_EVENTS += ["DiagnosticReport-update", "DiagnosticReport-select", "SyncError"]
_FHIRCAST_EVENTS += ["UserLogout", "UserHibernate", "Home-open"]
_CAST_EVENTS = [DICOM_SEND, NIFTI_SEND, STATUS_UPDATE, SUBSCRIPTION_REMOVED, *map(request_event, DATA_TYPES)]


class StatusRoutes:
    """The handlers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses served here."""
        return [
            web.get("/api/hub/status", self.status),
            web.get("/api/hub/admin/metrics", self.metrics),
            web.get("/api/hub/.well-known/fhircast-configuration", self.configuration),
            web.get("/fhircast/.well-known/fhircast-configuration", self.strict_configuration),
        ]

    async def status(self, request: web.Request) -> web.Response:
        """Give health, version and counts; no name and no topic."""
        hub = self._hub
        return json_response(
            {
                "status": "ok",
                "product": "Cast Hub",
                "version": __version__,
                "started_at": hub.started_at,
                "uptime_seconds": round(hub.uptime_seconds, 3),
                "longest_turn_seconds": round(hub.turns.longest, 3),
                "auth": hub.settings.auth,
                "subscriptions": len(hub.table),
                "connected": len(hub.subscriptions),
                "acknowledging": sum(subscriber.acknowledges_some for subscriber in hub.table),
                "topics": hub.table.topic_count,
                "open_requests": len(hub.requests),
                "groups": len(hub.conferences),
                "deliveries": hub.outbox.deliveries,
                "waiting": sum(len(each.queue or ()) for each in hub.table if not each.connected),
                "unacknowledged": sum(len(each.queue or ()) for each in hub.table if each.acknowledges_some),
                "unproven": hub.subscriptions.unproven + hub.outbox.forgotten,
                "undelivered": hub.subscriptions.undelivered,
                "payloads": {"count": len(hub.payloads), "bytes": hub.payloads.size},
            }
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """Give the time of the start, by which worklists notice that a hub is another than before."""
        return json_response({"started_at": self._hub.started_at})

    async def configuration(self, request: web.Request) -> web.Response:
        """Give FHIRcast's discovery document (2.7.1), with what Cast adds under a key of its own.

        The lists name what has a meaning to somebody; an event with any other name is passed on as well.
        """
        cast = {
            "version": __version__,
            "anyEvent": True,
            "strictFhircast": "/fhircast",
            "dataTypes": list(DATA_TYPES),
            "binaryFamilies": list(BINARY_FAMILIES),
        }
        return json_response(self._fhircast(_FHIRCAST_EVENTS + _CAST_EVENTS) | {"org.cast": cast})

    async def strict_configuration(self, request: web.Request) -> web.Response:
        """Give FHIRcast's discovery document and nothing else."""
        return json_response(self._fhircast(_FHIRCAST_EVENTS))

    def _fhircast(self, events: list[str]) -> dict[str, object]:
        keeps = self._hub.context is not None
        return {
            "eventsSupported": events,
            "websocketSupport": True,
            "fhircastVersion": FHIRCAST_VERSION,
            "getCurrentSupport": keeps,
            "capabilities": {"supportsGetCurrentContext": keeps, "supportsNonCurrentContextUpdates": False},
        }
