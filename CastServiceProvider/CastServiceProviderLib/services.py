"""A list of services, each a script that can be started at a hub and stopped: for a host with a window, as Slicer is.

Everything here is called on the host's main thread and returns at once; sessions and jobs have threads of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from CastLib.actors import EVIDENCE_CREATOR
from CastLib.client import Pump, Session, SessionSettings, State
from CastLib.errors import CastError
from CastLib.events import EVERY
from CastServiceProviderLib.job_records import RUNNING, WAITING, JobRecord, JobRecords
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.provider import EVENTS, Provider
from CastServiceProviderLib.script import Script, read_script
from CastServiceProviderLib.secrecy import ANY_SECRET
from CastServiceProviderLib.trial import Trial

InBackground = Callable[[str, Callable[[], object]], object]


@dataclass(frozen=True, slots=True)
class HubAccess:
    """Which hub services sign in at, and as whom; an empty ``client_id`` is each service's product."""

    hub: str
    client_id: str = ""
    secret: str = field(default="", repr=False)


class Service:
    """One service.

    Attributes:
        path, product: its script, and the name under which it is offered.
        script: what the script says of itself, None while it cannot be read.
        problem: why it cannot be read, or "".
        state: of its session; "offline" while it is stopped.
        records: its last jobs.
    """

    def __init__(self, path: Path, product: str) -> None:
        self.path = path
        self.product = product
        self.script: Script | None = None
        self.problem = ""
        self.state = State()
        self.records = JobRecords()
        self.session: Session | None = None
        self.provider: Provider | None = None
        self.holding = ExitStack()

    @property
    def on(self) -> bool:
        """Whether it was started and not stopped."""
        return self.session is not None

    @property
    def running(self) -> int:
        """How many jobs run."""
        return sum(record.state == RUNNING for record in self.records.all())

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return sum(record.state == WAITING for record in self.records.all())

    @property
    def last(self) -> JobRecord | None:
        """The job that ended last, None before."""
        over = [record for record in self.records.all() if record.over]
        return max(over, key=lambda record: record.began + record.took, default=None)

    def read(self) -> Script:
        """Read the script anew; raises CastError, and keeps the reason as ``problem``."""
        try:
            self.script = read_script(self.path)
        except CastError as error:
            self.problem = str(error)
            raise
        self.problem = ""
        return self.script


class Services:
    """The services of one host.

    Args:
        pump: the host's.
        settings: limits of each service's jobs.
        in_background: runs ``work()`` on a thread and keeps the pump going until it has ended.
        holding: a context that keeps the pump going, entered as long as a service is on.
    """

    def __init__(
        self,
        pump: Pump,
        settings: JobSettings,
        in_background: InBackground,
        holding: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._pump = pump
        self._settings = settings
        self._in_background = in_background
        self._holding = holding
        self._services: list[Service] = []

    def all(self) -> list[Service]:
        """The services, in the order in which they were added."""
        return list(self._services)

    def add(self, path: str | Path, product: str = "") -> Service:
        """Add a script as a service; its name, or another like it, is the product unless one is given.

        Raises CastError when it cannot be read, or is in the list already under this product.
        """
        script = read_script(path)
        taken = {service.product.casefold() for service in self._services}
        if product.casefold() in taken:
            raise CastError(f"There is a service {product} already.")
        service = Service(script.path, product or _free_name(script.name, taken))
        service.script = script
        self._services.append(service)
        return service

    def remove(self, service: Service) -> None:
        """Stop a service and forget it; its script stays where it is."""
        self.stop(service)
        for record in service.records.all():
            if not record.over:
                self._in_background("Calling off a job", record.cancel)
        self._services.remove(service)

    def rename(self, service: Service, product: str) -> None:
        """Offer a service under another product. Raises CastError: it is on, or the name is empty or taken."""
        product = product.strip()
        if service.on:
            raise CastError(f"Stop {service.product} first: others know it by this name.")
        if product in ("", EVERY):
            raise CastError(f"A service needs a name{'; * means everybody' if product else ''}.")
        if product.casefold() in {other.product.casefold() for other in self._services if other is not service}:
            raise CastError(f"There is a service {product} already.")
        service.product = product

    def limit(self, **limits: Any) -> None:
        """Change limits of `JobSettings`; a service takes them up at its next start. Raises FieldError, TypeError."""
        self._settings = replace(self._settings, **limits)

    @property
    def limits(self) -> JobSettings:
        """The limits of each service's jobs."""
        return self._settings

    def start(self, service: Service, access: HubAccess) -> None:
        """Sign a service in at a hub; ``service.state`` tells how it goes. Raises CastError for what cannot be."""
        if service.on:
            return
        script = service.read()
        settings = SessionSettings(
            hub=access.hub,
            user=access.client_id,
            product=service.product,
            version=script.version,
            actors=(EVIDENCE_CREATOR,),
            events=EVENTS,
            provider=True,
            client_id=access.client_id,
            client_secret=access.secret or ANY_SECRET,
        )
        session = Session(settings, self._pump)
        service.holding.enter_context(self._holding())
        service.provider = Provider(session, script, self._settings, service.records)
        service.session = session
        session.on_state(lambda state: self._note(service, session, state))
        service.state = State("connecting")
        session.start()

    def stop(self, service: Service) -> None:
        """Take a service from its hub; what it works on is cancelled, and its askers are told."""
        session, provider = service.session, service.provider
        if session is None or provider is None:
            return
        service.session = service.provider = None
        service.state = State()
        self._in_background(f"Stopping {service.product}", lambda: _close(provider, session))
        service.holding.close()

    def try_out(
        self,
        service: Service,
        event: str,
        files: Sequence[Path],
        folder: Path,
        prepare: Callable[[], object] | None = None,
    ) -> Trial:
        """A run of a service's script on local files, to be run on a thread; see `Trial`. Raises CastError."""
        script = service.read()
        return Trial(script, service.product, event, files, folder, self._settings, service.records, prepare)

    def close(self) -> None:
        """End everything and wait for it: for the end of the host, when no main loop comes any more."""
        for service in self._services:
            for record in service.records.all():
                if record.trial and not record.over:
                    record.cancel()
        on = [service for service in self._services if service.on]
        closing = []
        for service in on:
            session, provider = service.session, service.provider
            assert session is not None and provider is not None
            service.session = service.provider = None
            service.state = State()
            closing.append(threading.Thread(target=_close, args=(provider, session)))
            closing[-1].start()
        for thread in closing:
            thread.join()
        for service in on:
            service.holding.close()

    def to_wire(self) -> list[dict[str, Any]]:
        """The list as a JSON value."""
        return [{"product": service.product, "script": str(service.path)} for service in self._services]

    def restore(self, value: object) -> None:
        """Take up a list from `to_wire`; what is no service is left out. A script that is gone is kept and told."""
        for entry in value if isinstance(value, list) else ():
            product, path = (entry.get("product"), entry.get("script")) if isinstance(entry, dict) else (None, None)
            if not (isinstance(product, str) and product and isinstance(path, str) and path):
                continue
            if product.casefold() in {service.product.casefold() for service in self._services}:
                continue
            service = Service(Path(path), product)
            try:
                service.read()
            except CastError:
                pass  # it is told beside the service
            self._services.append(service)

    def _note(self, service: Service, session: Session, state: State) -> None:
        if service.session is session:
            service.state = state


def _close(provider: Provider, session: Session) -> None:
    provider.close()
    session.close()


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free.casefold() in taken:
        free, number = f"{name}-{number}", number + 1
    return free
