"""What "Cast Service Provider" does in Slicer, without any widget: a list of services that is kept, and trials.

The services themselves are handed in: this package does not know the provider's (an import only goes down). Main thread
only; everything returns at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from CastLib.errors import CastError
from CastServiceProviderWidgets.trials import Trials
from CastSlicerLib.background import Background
from CastSlicerLib.pump_timer import PumpTimer, slicer_timer
from CastSlicerLib.user_settings import read_setting, read_texts, write_setting

_SERVICES = "CastServiceProvider/Services"
_ACCESS = "CastServiceProvider/Access"
_LIMITS = "CastServiceProvider/Limits"


class ProviderLogic:
    """Services that are kept in the user's settings, and trials of them on loaded volumes.

    Args:
        make_services: called with the pump, a function that runs work on a thread, and a context that keeps the pump
            going; returns the list of services (`CastServiceProviderLib.services.Services`).
        make_access: called with hub, client ID and secret.
        write_skeleton: writes a script to begin with.
        examples: scripts that are listed as long as the user has not changed the list.

    Attributes:
        services: the list.
        trials: runs on loaded volumes.
    """

    def __init__(
        self,
        make_services: Callable[[Any, Any, Any], Any],
        make_access: Callable[[str, str, str], Any],
        write_skeleton: Callable[[str], Path],
        examples: tuple[Path, ...] = (),
    ) -> None:
        self._timer = slicer_timer()
        self._background = Background(self._timer)
        self._make_access = make_access
        self._write_skeleton = write_skeleton
        self.services = make_services(self._timer.pump, self._in_background, self._holding)
        self.trials = Trials(self._timer, self._background, self.services)
        limits = read_setting(_LIMITS)
        with contextlib.suppress(CastError, TypeError):  # TypeError: written by something else
            self.services.limit(**(limits if isinstance(limits, dict) else {}))
        kept = read_setting(_SERVICES)
        self.services.restore(kept)
        if kept is None:
            for path in examples:
                with contextlib.suppress(CastError):
                    self.services.add(path)

    @property
    def timer(self) -> PumpTimer:
        """The process's pump, by which a panel hears of changes."""
        return self._timer

    # The list

    def add(self, path: str | Path) -> Any:
        """List a script as a service. Raises CastError."""
        service = self.services.add(path)
        self._keep()
        return service

    def add_new(self, path: str | Path) -> Any:
        """Write a commented script to begin with, and list it. Raises CastError."""
        return self.add(self._write_skeleton(str(path)))

    def remove(self, service: Any) -> None:
        """Stop a service and list it no longer."""
        self.services.remove(service)
        self._keep()

    def rename(self, service: Any, product: str) -> None:
        """Offer a service under another name. Raises CastError: it is started, or the name is empty or taken."""
        self.services.rename(service, product)
        self._keep()

    def limit(self, slots: int, queue: int, timeout: float) -> None:
        """Jobs at once, jobs waiting, and seconds that a job may take.

        They are kept, and taken up by a service at its next start.
        """
        self.services.limit(slots=slots, queue=queue, timeout=timeout)
        write_setting(_LIMITS, {"slots": slots, "queue": queue, "timeout": timeout})

    def start(self, service: Any, hub: str, client_id: str = "", secret: str = "") -> None:
        """Start a service at a hub; hub and client ID are kept, the secret is not. Raises CastError."""
        self.services.start(service, self._make_access(hub, client_id, secret))
        write_setting(_ACCESS, {"hub": hub, "client_id": client_id})
        self._timer.changed()

    def stop(self, service: Any) -> None:
        """Stop a service."""
        self.services.stop(service)
        self._timer.changed()

    def last_access(self) -> tuple[str, str]:
        """Hub and client ID of the last start; empty before."""
        hub, client_id = read_texts(_ACCESS, "hub", "client_id")
        return hub, client_id

    def cancel(self, record: Any) -> None:
        """Call off a job."""
        self._background.start("Calling off a job", lambda job: record.cancel())

    # The end

    def cleanup(self) -> None:
        """End everything and wait for it: for the end of the module or of Slicer."""
        self.services.close()
        self._background.close()
        self.trials.close()

    # Inside

    def _keep(self) -> None:
        write_setting(_SERVICES, self.services.to_wire())
        self._timer.changed()

    def _in_background(self, text: str, work: Callable[[], object]) -> None:
        self._background.start(text, lambda job: work())

    @contextlib.contextmanager
    def _holding(self) -> Iterator[None]:
        self._timer.acquire()
        try:
            yield
        finally:
            self._timer.release()
