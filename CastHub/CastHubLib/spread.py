"""Work on many things, spread over turns of the loop: in between everybody else has a turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Spread(Generic[T]):
    """Gives what is added to ``work``, in order, ``a_turn`` of them in each turn; none while ``after`` has any."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        a_turn: int,
        work: Callable[[Sequence[T]], None],
        after: Spread[Any] | None = None,
    ) -> None:
        self._loop = loop
        self._a_turn = a_turn
        self._work = work
        self._after = after
        self._items: deque[T] = deque()
        self._called = False

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> None:
        """Have something worked on from the next turn on."""
        self._items.append(item)
        self._call()

    def all_now(self) -> None:
        """Wait for no turn."""
        while self._items:
            self._some()

    def _call(self) -> None:
        if self._items and not self._called:
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        if not self._after:
            self._some()
        self._call()

    def _some(self) -> None:
        some = [self._items.popleft() for _ in range(min(self._a_turn, len(self._items)))]
        if some:
            self._work(some)
