"""A service provider on the wire: takes sends that are meant for it, answers STATUS, returns results."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from CastLib.client import Session
from CastLib.data_types import STATUS
from CastLib.errors import CastError, FieldError
from CastLib.events import DICOM_SEND, NIFTI_SEND, NRRD_SEND, event_key, request_event
from CastLib.message import Message, Sender
from CastServiceProviderLib.addressing import FETCHES_NOTHING, is_meant_for, is_only_an_address
from CastServiceProviderLib.delivery import Delivery
from CastServiceProviderLib.job_records import JobRecords
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.jobs import Jobs, QueueFull
from CastServiceProviderLib.result_check import check_results
from CastServiceProviderLib.script import Script

_log = logging.getLogger("cast.provider")

#: What a provider subscribes to.
EVENTS = (DICOM_SEND, NIFTI_SEND, NRRD_SEND, request_event(STATUS))

_BAD_MESSAGE, _FORM_NOT_SUPPORTED, _BUSY = 400, 422, 503


class Provider:
    """Runs ``script`` for what the session receives. Make it before ``session.start``; ``close`` it before the session.

    It is the ``Host`` of its jobs: they reach the hub through this session and nothing else. ``records`` are where the
    jobs are noted, for those who look on.
    """

    def __init__(
        self, session: Session, script: Script, settings: JobSettings, records: JobRecords | None = None
    ) -> None:
        self._session = session
        own = session.settings
        self._own = Sender(own.name, own.product, own.version, own.actors)
        description = {
            "script": str(script.path),
            "hub_name": session.hub,
            "product_name": own.product,
            "product_version": own.version,
            "description": script.description,
        }
        self._records = records or JobRecords()
        self._delivery = Delivery(session, settings.hub_away, self._records.note)
        self.jobs = Jobs(description, self, settings, self._records)
        session.on_event(self._on_event)
        session.on_request(STATUS, self._status, in_background=True)

    def close(self) -> None:
        """End all jobs, with a word to their askers."""
        self.jobs.stop()
        self._delivery.close()

    # What comes in

    def _on_event(self, message: Message) -> None:
        if message.key not in map(event_key, EVENTS) or not is_meant_for(message, self._own):
            return
        try:
            if not message.files:
                raise FieldError("event.context.files", "is missing: there is nothing to work on")
            if all(map(is_only_an_address, message.files)):
                self._refuse(message, _FORM_NOT_SUPPORTED, f"The files are only addresses, but {FETCHES_NOTHING}.")
                return
            number = self.jobs.submit(message)
        except QueueFull as error:
            self._refuse(message, _BUSY, str(error))
        except FieldError as error:
            self._refuse(message, _BAD_MESSAGE, str(error))
        except CastError as error:
            self._refuse(message, _BUSY, str(error))
        else:
            _log.info("job %d: %s from %s: id %s", number, message.event, message.sender.product or "?", message.id)

    def _refuse(self, message: Message, status: int, reason: str) -> None:
        self._session.refuse(message, status, reason)
        self.notify(message, reason, level="error", fraction=None, last=True)

    def _status(self, request: Message) -> dict[str, Any]:
        """Protocol: data types, STATUS."""
        items = [{"key": "availability", "value": "online"}]
        if self.jobs.running:
            items.append({"key": "job", "value": "running"})
        if self.jobs.waiting:
            items.append({"key": "waiting", "value": str(self.jobs.waiting)})
        return {"source": "status", "product": self._own.product, "items": items}

    # What jobs ask for

    def fetch(self, message: Message, entries: list[int], folder: Path, cancelled: Callable[[], bool]) -> list[Path]:
        """Fetch files of the message, by their places in its manifest, into ``folder``; CastError for addresses."""
        wanted = [message.files[index] for index in entries]
        elsewhere = next(filter(is_only_an_address, wanted), None)
        if elsewhere is not None:
            raise CastError(f"{elsewhere.file_name or 'a file'} is only an address, but {FETCHES_NOTHING}")
        return self._session.fetch_entries(wanted, folder, cancelled=cancelled)

    def send(
        self, message: Message, event: str, paths: list[Path], context: dict[str, Any], cancelled: Callable[[], bool]
    ) -> str:
        """Send a result to whom it belongs (`Delivery.send`); FieldError when a file is not what the event says."""
        check_results(event, paths)
        return self._delivery.send(message, event, paths, context, cancelled)

    def notify(self, message: Message, text: str, *, level: str, fraction: float | None, last: bool = False) -> None:
        """Tell the asker alone; see `Delivery.notify`."""
        self._delivery.notify(message, text, level=level, fraction=fraction, last=last)
