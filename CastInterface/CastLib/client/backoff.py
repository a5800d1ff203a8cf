"""How long to wait before connecting again: exponential, with full jitter.

Full jitter (any time between 0 and the bound) spreads the clients of a hub that has just restarted.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Waits in seconds: random between 0 and ``first``, then twice that, and so on up to ``most``."""

    def __init__(self, first: float, most: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._first = first
        self._most = most
        self._uniform = uniform
        self._bound = first

    def next(self) -> float:
        """Return the next wait."""
        bound = self._bound
        self._bound = min(bound * 2, self._most)
        return self._uniform(0.0, bound)

    def reset(self) -> None:
        """Begin at the first bound again."""
        self._bound = self._first
