"""What is on its way in: bodies, envelopes of batches, messages on sockets. All of it together has a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Arrival:
    """One body or message that is being received; ``size`` is how many bytes of it are in memory."""

    __slots__ = ("_incoming", "give_up", "size")

    def __init__(self, incoming: Incoming, give_up: Callable[[], None]) -> None:
        self._incoming = incoming
        self.give_up = give_up
        self.size = 0

    def came(self, size: int) -> None:
        """Count bytes that have come."""
        self._incoming.add(self, size)

    def end(self) -> None:
        """It has come whole, or will not: nothing more of it is kept."""
        self._incoming.remove(self)


class Incoming:
    """Watches over ``most`` bytes: when there would be more, the longest of what is being received is given up.

    So whoever takes much room loses it, and not the next one who comes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._arrivals: set[Arrival] = set()
        self.bytes = 0

    def begin(self, give_up: Callable[[], None]) -> Arrival:
        """Return what counts for something that begins to come.

        ``give_up`` is called, once at most, to let go of what has come; nothing of it is counted from then on.
        """
        arrival = Arrival(self, give_up)
        self._arrivals.add(arrival)
        return arrival

    @contextmanager
    def counted(self, size: int) -> Iterator[None]:
        """Count something that has come whole and waits to be read."""
        self.bytes += size
        self._make_room()
        try:
            yield
        finally:
            self.bytes -= size

    def add(self, arrival: Arrival, size: int) -> None:
        """Count more of an arrival."""
        if arrival in self._arrivals:
            arrival.size += size
            self.bytes += size
            self._make_room()

    def remove(self, arrival: Arrival) -> None:
        """Count an arrival no more."""
        if arrival in self._arrivals:
            self._arrivals.remove(arrival)
            self.bytes -= arrival.size

    def _make_room(self) -> None:
        while self.bytes > self._most and self._arrivals:
            longest = max(self._arrivals, key=lambda each: each.size)
            self.remove(longest)
            longest.give_up()
