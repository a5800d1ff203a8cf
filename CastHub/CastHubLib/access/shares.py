"""What one user may hold of what all of them share, so that nobody can take it all."""

from __future__ import annotations

from collections import Counter

from CastHubLib.errors import Denied
from CastHubLib.routing.subscriber import Owner
from CastHubLib.settings import HubSettings


class Shares:
    """Counts subscriptions by user, and those of them that have never had a socket."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self._count = 0
        self._of_owner: Counter[Owner] = Counter()
        self._unbound: Counter[Owner] = Counter()

    def check(self, owner: Owner) -> None:
        """Raise Denied(503) when there is no room for another subscription, or this user has its share already."""
        settings, own = self._settings, self._of_owner[owner]
        if self._count >= settings.max_subscriptions:
            raise Denied(503, f"the hub holds {self._count} subscriptions and takes no more; try again later")
        if own >= settings.max_user_subscriptions:
            raise Denied(503, f"this user holds {own} subscriptions and gets no more: end some of them")
        if self._unbound[owner] >= settings.max_user_unbound:
            waiting = self._unbound[owner]
            raise Denied(503, f"{waiting} subscriptions of this user wait for their sockets: open those first")

    def subscribed(self, owner: Owner) -> None:
        """Count a new subscription."""
        self._count += 1
        self._of_owner[owner] += 1
        self._unbound[owner] += 1

    def bound(self, owner: Owner) -> None:
        """Its first socket has come."""
        _one_less(self._unbound, owner)

    def ended(self, owner: Owner, *, was_bound: bool) -> None:
        """Count it no more."""
        self._count -= 1
        _one_less(self._of_owner, owner)
        if not was_bound:
            _one_less(self._unbound, owner)


def _one_less(counter: Counter[Owner], owner: Owner) -> None:
    counter[owner] -= 1
    if not counter[owner]:
        del counter[owner]
