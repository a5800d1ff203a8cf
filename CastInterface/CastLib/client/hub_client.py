"""What an application does at a hub by calls of its own: publish, ask, send batches and fetch them."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from CastLib.client.address import HubAddress
from CastLib.client.batch import Choose, choose_entries, fetch_into
from CastLib.client.download import Download
from CastLib.client.http import Http
from CastLib.client.hub_api import HubApi, dump
from CastLib.client.network import Network
from CastLib.client.pump import Pump
from CastLib.client.recent_ids import RecentIds
from CastLib.client.settings import SessionSettings
from CastLib.client.sign_in import SignIn
from CastLib.client.upload import BatchBody, JsonBody, Progress, manifest_context
from CastLib.data_types import STATUS
from CastLib.errors import FieldError
from CastLib.events import EVERY
from CastLib.manifest import FileEntry, parse_manifest
from CastLib.message import REQUEST_TIMEOUT, Message, Sender, Target, make_message, make_request, parse_message
from CastLib.multipart import lay_out_batch

_log = logging.getLogger("cast.client")


class HubClient:
    """Signs in and calls the hub; a `Session` subscribes and receives too.

    All of it waits for the hub, and may be called on any thread. It raises Refused, HubNotReachable or TimedOut, and
    FieldError for what it was given.
    """

    def __init__(self, settings: SessionSettings, pump: Pump) -> None:
        self.settings = settings
        self._pump = pump
        address = HubAddress(settings.hub)
        network = Network.for_hub(address, settings.ca_bundle)
        self._http = Http(address, network, settings.connect_timeout, settings.call_timeout, calling=pump.connected)
        self._sign_in = SignIn(self._http, settings)
        self._api = HubApi(self._http, self._sign_in)
        self._sender = Sender(settings.name, settings.product, settings.version, settings.actors)
        self._sent_ids = RecentIds(settings.remembered_ids)
        self._sent_handlers: list[Callable[[Message], object]] = []
        self._closed = False

    @property
    def hub(self) -> str:
        """The hub's address as it is used."""
        return self._http.address.base

    @property
    def topic(self) -> str:
        """The topic of this session; ``""`` before sign-in when the settings name none."""
        return self._sign_in.topic

    @property
    def name(self) -> str:
        """The subscriber name of this session."""
        return self.settings.name

    def on_sent(self, handler: Callable[[Message], object]) -> None:
        """Have every message that goes out handed to ``handler``: events, requests, batches and answers.

        It is read from the very bytes that the hub gets, as these leave: whatever the hub then says of them. An
        acknowledgement is no message.
        """
        self._sent_handlers.append(self._unless_closed(handler))

    def publish(
        self,
        event: str,
        context: list[Any] | dict[str, Any],
        *,
        target: Target | None = None,
        topic: str | None = None,
        id: str | None = None,
    ) -> str:
        """Publish an event on ``topic``, the session's own by default; return its id, ``id`` when one is given."""
        wire = make_message(event, self._topic_for(topic), context, sender=self._sender, target=target, id=id)
        text = self._written(wire)
        self._api.publish(JsonBody(text, lambda: self._report_sent(text)))
        return str(wire["id"])

    def request(
        self,
        data_type: str,
        context: Mapping[str, Any] | None = None,
        *,
        target: Target | None = None,
        timeout: float = REQUEST_TIMEOUT,
        topic: str | None = None,
    ) -> dict[str, Any]:
        """Ask other subscribers and return the collated answer, also when its ``ok`` is false.

        ``timeout`` is the time in seconds that the hub gives them; TimedOut is raised only when the hub itself is late.
        """
        asked_topic = self._topic_for(topic, everyone=True)
        wire = make_request(data_type, asked_topic, context, sender=self._sender, target=target, timeout=timeout)
        text = dump(wire)
        return self._api.request(JsonBody(text, lambda: self._report_sent(text)), timeout)

    def announce(self) -> dict[str, Any]:
        """Ask everybody for STATUS, by which they learn of this session too; return the collated answer."""
        return self.request(STATUS, target=Target(actor=EVERY))

    def send_files(
        self,
        event: str,
        paths: Iterable[Path | str],
        *,
        names: Iterable[str] | None = None,
        context: Mapping[str, Any] | None = None,
        target: Target | None = None,
        topic: str | None = None,
        progress: Progress | None = None,
        id: str | None = None,
    ) -> str:
        """Send files as one batch, streamed from disk; return the event's id, which is ``id`` when one is given.

        ``names`` are those they travel under, their own by default. ``context`` holds what stands beside ``files``.
        ``progress(done, total)`` counts the files' bytes. Raises TransferError for a file that cannot be read or that
        changes meanwhile, FileRefused for its name.
        """
        manifest, files = manifest_context(paths, context, names)
        wire = make_message(event, self._topic_for(topic), manifest, sender=self._sender, target=target, id=id)
        entries = parse_manifest(manifest)
        text = self._written(wire)
        body = BatchBody(lay_out_batch(text, entries), entries, files, progress, lambda: self._report_sent(text))
        with self._pump.moving():
            self._api.publish_batch(body)
        return str(wire["id"])

    def fetch_files(
        self,
        message: Message,
        directory: Path | str,
        *,
        choose: Choose | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Path]:
        """Fetch the files of a batch that ``choose(entry)`` wants into ``directory``; return them in its order.

        All or none: on any failure nothing stays. Raises TransferError (TransferCancelled when ``cancelled()`` became
        true), FileRefused, HubNotReachable.
        """
        return self.fetch_entries(message.files, directory, choose=choose, progress=progress, cancelled=cancelled)

    def fetch_entries(
        self,
        entries: Iterable[FileEntry],
        directory: Path | str,
        *,
        choose: Choose | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Path]:
        """Fetch files as ``fetch_files`` does, by the entries of a manifest."""
        chosen = choose_entries(entries, choose)
        download = Download(
            self._api,
            parallel=self.settings.parallel,
            retries=self.settings.download_retries,
            progress=progress,
            cancelled=cancelled,
        )
        with self._pump.moving():
            return fetch_into(Path(directory), chosen, download)

    def status(self) -> dict[str, Any]:
        """Return the hub's health and version; needs no sign-in."""
        return self._api.status()

    # Inside

    def _topic_for(self, topic: str | None, *, everyone: bool = False) -> str:
        """Return the topic to use; ``""`` means every topic the asker may see, which only requests can."""
        if topic is None:
            if not self.topic:
                self._sign_in.token()
            topic = self.topic
        if topic == EVERY:
            topic = ""
        if not topic and not everyone:
            raise FieldError("topic", "must be named: this session belongs to no single topic")
        return topic

    def _written(self, wire: dict[str, Any]) -> bytes:
        """Return an event as JSON, and know it again: the hub may return it before it answers."""
        text = dump(wire)
        self._sent_ids.add(str(wire["id"]))
        return text

    def _report_sent(self, text: bytes) -> None:
        """Tell what goes out. On the thread that sends it, so that reading it costs the main thread nothing."""
        if not self._sent_handlers:
            return
        try:
            message = parse_message(json.loads(text))
        except FieldError as error:
            _log.info("what is sent is no message: %s", error)  # the hub refuses it
            return
        for handler in self._sent_handlers:
            self._pump.post(handler, message)

    def _unless_closed(self, handler: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(handler)
        def handle(*args: Any) -> None:
            if not self._closed:
                handler(*args)

        return handle
